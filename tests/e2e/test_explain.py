"""Explain tells the truth: what it says of a request is what a running gateway then does.

Some hundreds of requests, drawn from methods, paths, hosts and fields, against a route of every
kind; once with every feature that has a word to say, and once with none.
"""

import asyncio
import contextlib
import itertools
import json
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.helpers.clients import PATIENCE, Answer, Client
from tests.helpers.gateway import start_gateway
from tests.helpers.independent_parser import Request
from tests.helpers.recording_upstream import RecordingUpstream, Script, listen_on_loopback
from tta_gateway.node.explain import explain
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load
from tta_gateway.snapshot.model import Snapshot

pytestmark = pytest.mark.e2e

DRAWN: Final = 160
PAGE: Final = "http://page.example"
STATUS: Final = 211
"""What the service answers, so that nothing else is taken for it."""
FROM_SERVICE: Final = {
    "Server": "a service",
    "X-Powered-By": "steam",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Gone": "still here",
    "Access-Control-Allow-Origin": "http://of.the.service.example",
}
ROUTES: Final[list[dict[str, object]]] = [
    {"path": "/", "service": "up"},
    {"path": "/plain/{id}", "service": "up"},
    {"path": "/plain/own", "service": "other"},
    {"path": "/tail/{rest:path}", "service": "up", "max_body": 10},
    {"path": "/methods/{id}", "methods": ["GET", "PUT"], "service": "up"},
    {"path": "/methods/{id}", "methods": ["POST"], "service": "other"},
    {"path": "/fields", "headers": {"x-version": "2"}, "service": "other"},
    {"path": "/fields", "headers": {"x-version": True}, "service": "up"},
    {"path": "/either/{id}", "trailing_slash": "either", "service": "up"},
    {"path": "/encoded/{rest:path}", "allow_encoded": True, "service": "up"},
    {"path": "/rewritten/{a}/{b}", "service": "up", "rewrite": {"path": "/{b}/x/{a}"}},
    {"path": "/verb/{id}", "methods": ["GET"], "service": "up", "rewrite": {"method": "POST"}},
    {"path": "/strip/it/{rest:path}", "service": "up", "rewrite": {"strip_prefix": "/strip"}},
    {"path": "/moved/{id}", "redirect": "/plain/{id}", "redirect_status": 308},
    {"path": "/away/{rest:path}", "redirect": "https://else.example/{rest:path}"},
    {"path": "/told", "respond": {"status": 418, "body": "{}"}},
    {"path": "/missing/{rest:path}", "respond": {"missing_service": "models"}},
    {"path": "/hosted", "host": "api.example", "service": "other"},
    {"path": "/hosted", "host": "*.example", "service": "up"},
    {
        "path": "/changed/{id}",
        "service": "up",
        "request_headers": {"x-set": "there", "x-drop": None, "x-more": {"append": ["a", "b"]}},
        "response_headers": {"x-back": "here", "x-gone": None},
    },
]
SETTINGS: Final[dict[str, dict[str, object]]] = {
    "all": {
        "cors": {"origins": [PAGE, "http://second.example"], "credentials": True},
        "security_headers": {"add": {"x-extra": "1"}, "remove": ["x-powered-by", "server"]},
    },
    "none": {
        "security_headers": {
            "add": {
                "x-content-type-options": None,
                "x-frame-options": None,
                "referrer-policy": None,
                "strict-transport-security": None,
            },
            "remove": [],
        }
    },
}

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
TARGETS: Final = (
    "/",
    "/?a=b",
    "/plain/1",
    "/plain/1?a=b&c",
    "/plain/own",
    "/plain/a%20b",
    "/plain/%61%2e%7E",
    "/plain/%c3%a9",
    "/plain/",
    "/plain/1/",
    "/plain/../plain/own",
    "/tail/",
    "/tail/a/b/c?d#",
    "/tail/a/./b",
    "/methods/1",
    "/fields",
    "/either/1",
    "/either/1/",
    "/encoded/a%2Fb",
    "/encoded/a;b//c",
    "/rewritten/1/2?q=%2F",
    "/verb/1?x",
    "/strip/it/a/b?c",
    "/strip/it",
    "/moved/1?a",
    "/moved/%22",
    "/away/a/b",
    "/told",
    "/missing/x",
    "/hosted",
    "/changed/1",
    "/nowhere",
    "//plain/1",
    "/plain%2f1",
    "/tail/%2e%2e/%2e%2e/x",
    "/tail/a\\b",
    "/tail/%00",
    "/tail/%zz",
    "http://api.example/hosted",
    "*",
)
HOSTS: Final = ("", "api.example", "API.example:8080", "deep.api.example.", "elsewhere.test")
FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    (f"Origin: {PAGE}",),
    ("Origin: http://stranger.example",),
    (f"Origin: {PAGE}", "Access-Control-Request-Method: PUT"),
    ("X-Version: 2",),
    ("X-Version: 1", "X-Drop: this", "X-Set: elsewhere"),
    ("Content-Length: 4",),
    ("Content-Length: 11",),
    ("X-Forwarded-For: 192.0.2.1", "X-Real-IP: 192.0.2.1"),
)
ODD: Final = (
    ("GET", "/hosted", "", ("Host: api.example",)),
    ("GET", "/hosted", "other.example", ()),
    ("POST", "/tail/a", "", ("Content-Length: 11",)),
    ("OPTIONS", "/hosted", "api.example", (f"Origin: {PAGE}",)),
    ("GET", "/plain/a b", "", ()),
    ("GET", '/plain/"', "", ()),
    ("GET", "relative", "", ()),
    ("GET", "http://other.example/", "api.example", ()),
    ("GET", "*", "", ()),
    ("get", "/plain/1", "", ()),
    ("WISH", "/plain/1", "", ()),
    ("CONNECT", "api.example:443", "api.example:443", ()),
    ("GET", "/plain/" + "a" * 9000, "", ()),
    ("GET", "/plain/1", "a b", ()),
    ("GET", "/plain/1", "user@host", ()),
    ("GET", "/plain/1", "api.example", ("Host: second",)),
    ("GET", "/plain/1", "", ("No colon",)),
    ("GET", "/plain/1", "", ("Expect: wonders",)),
    ("GET", "/plain/1", "", ("Upgrade: websocket", "Connection: upgrade", "Content-Length: 1")),
    ("GET", "/plain/1", "", ("Host : x",)),
    ("GET", "/plain/1", "", (f"Cookie: {'c' * 40_000}",)),
    ("GET", "/plain/caf\udce9", "", ()),
    ("POST", "/plain/1", "", ("Content-Length: 1", "Content-Length: 2")),
    ("POST", "/plain/1", "", ("Content-Length: 1", "Transfer-Encoding: chunked")),
    ("POST", "/plain/1", "", ("Content_Length: 1",)),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it is typed behind `routes explain` and as it is sent."""

    method: str
    target: str
    host: str
    fields: tuple[str, ...]
    name: str
    """Its X-Request-ID."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Every field but Host."""
        return (*self.fields, f"X-Request-ID: {self.name}")

    def raw(self) -> bytes:
        """The bytes of it, its body included."""
        is_named = any(field.startswith("Host:") for field in self.fields)
        hosts = [f"Host: {self.host or 'localhost'}"] * (bool(self.host) or not is_named)
        head = [f"{self.method} {self.target} HTTP/1.1", *hosts, *self.headers, "", ""]
        sizes = [field.partition(": ")[2] for field in self.fields if "ontent-Length" in field]
        return "\r\n".join(head).encode(errors="surrogateescape") + b"x" * int((*sizes, "0")[0])


@dataclass(frozen=True, slots=True)
class Said:
    """What explain says, taken apart."""

    lines: tuple[str, ...]

    def after(self, beginning: str) -> str:
        """The rest of the only line that begins so, or nothing."""
        found = [line for line in self.lines if line.startswith(beginning)]
        assert len(found) <= 1
        return "".join(line.removeprefix(beginning) for line in found)

    @property
    def status(self) -> int:
        """The status that the client is to get."""
        words = (
            self.after("answered by cors: "),
            self.after("refused before routing: "),
            self.after("refused: "),
            self.after("no route: "),
            self.after("end: answer "),
            self.after("end: redirect "),
            self.after("end: 503 ") and "503",
            self.after("upstream sees: ") and str(STATUS),
        )
        return int(re.findall(r"[0-9]{3}", next(word for word in words if word))[0])

    @property
    def code(self) -> str:
        """The code of the error that the client is to get, or nothing."""
        if self.after("answered by cors: "):
            return ""
        beginning = r"(?m)^(?:refused[a-z ]*|no route|end): [0-9]{3} ([a-z_]+)"
        return "".join(re.findall(beginning, "\n".join(self.lines))[:1])

    def policy(self, name: str) -> str:
        """The word of a policy."""
        return self.after(f"policy {name}: ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A request, what was said about it, and what came of it."""

    asked: Asked
    said: Said
    answer: Answer
    arrived: tuple[Request, ...]
    log: tuple[Mapping[str, object], ...]

    def upstream(self, name: bytes) -> list[bytes]:
        """What the service got in this field, of all that arrived."""
        return [value for request in self.arrived for value in request.head.values(name)]


def _drawn() -> list[Asked]:
    """Every target, method, host and set of fields at least once, and many together by lot."""
    chance = random.Random(20261)
    every = itertools.zip_longest(METHODS, TARGETS, HOSTS, FIELDS)
    rows = [
        (method or "GET", target or "/", host or "", fields or ())
        for method, target, host, fields in every
    ]
    rows += [
        (
            chance.choice(METHODS),
            chance.choice(TARGETS),
            chance.choice(HOSTS),
            chance.choice(FIELDS),
        )
        for _ in range(DRAWN)
    ]
    named = enumerate(dict.fromkeys([*rows, *ODD]))
    return [Asked(*row, name=f"asked-{number}") for number, row in named]


ASKED: Final = _drawn()


@contextlib.contextmanager
def _recording() -> Iterator[RecordingUpstream]:
    """A recording upstream, with a loop of its own in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    upstream = RecordingUpstream(listen_on_loopback())
    asyncio.run_coroutine_threadsafe(upstream.__aenter__(), loop).result(PATIENCE)
    try:
        yield upstream
    finally:
        ending = upstream.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(ending, loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def _configuration(port: int, log: Path, more: Mapping[str, object]) -> dict[str, object]:
    endpoint = {"endpoints": [f"http://127.0.0.1:{port}"]}
    return {
        "listen": "127.0.0.1:0",
        "state_dir": str(log.parent / "state"),
        "access_log": {"path": str(log), "paths": "whole"},
        "services": {"up": endpoint, "other": endpoint},
        "routes": [{"auth": "none", **route} for route in ROUTES],
        **more,
    }


def _said(snapshot: Snapshot, asked: Asked) -> Said:
    lines = explain(
        snapshot, method=asked.method, target=asked.target, host=asked.host, headers=asked.headers
    )
    return Said(tuple(lines))


def _scripted(said: Said) -> dict[bytes, Script]:
    """How the service answers what is said to reach it."""
    sent = said.after("upstream sees: ")
    if not sent:
        return {}
    method, _, target = sent.partition(" ")
    body = b"" if method == "HEAD" else b"told"
    fields = [f"{name}: {value}" for name, value in FROM_SERVICE.items()]
    head = "\r\n".join([f"HTTP/1.1 {STATUS} Told", *fields, "Content-Length: 4", "", ""])
    return {target.encode(): Script(raw=head.encode() + body)}


def _asked(upstream: RecordingUpstream, port: int, asked: Asked, said: Said) -> Outcome:
    upstream.scripts = _scripted(said)
    mark = upstream.mark()
    with Client(port) as client:
        client.send(asked.raw())
        answer = client.answer(to=asked.method.encode())
    return Outcome(asked, said, answer, upstream.since(mark).requests, ())


@pytest.fixture(scope="module", params=list(SETTINGS))
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Outcome]:
    """What was said of every request, and what came of it."""
    path = tmp_path_factory.mktemp("explain")
    log = path / "access.log"
    with _recording() as upstream:
        config = _configuration(upstream.port, log, SETTINGS[request.param])
        gateway = start_gateway(config, path)
        try:
            snapshot = compile_snapshot(load(path / "gateway.yaml", {}).settings, 1)
            found = [
                _asked(upstream, gateway.port, asked, _said(snapshot, asked)) for asked in ASKED
            ]
        finally:
            gateway.stop()
    return _with_lines(found, log)


def _with_lines(outcomes: list[Outcome], log: Path) -> list[Outcome]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == len(outcomes)
    return [
        Outcome(one.asked, one.said, one.answer, one.arrived, _of(one.answer, lines))
        for one in outcomes
    ]


def _of(answer: Answer, lines: list[dict[str, object]]) -> tuple[dict[str, object], ...]:
    name = (answer.value(b"x-request-id") or b"").decode()
    return tuple(line for line in lines if line["request_id"] == name)


def test_the_requests_are_worth_asking(outcomes: list[Outcome]) -> None:
    said = [line for one in outcomes for line in one.said.lines]
    met = {line for one in outcomes for line in one.said.lines if line.startswith("path: ")}
    ends = {re.sub(r"[0-9]+", "", line) for line in said if line.startswith("end: ")}
    assert met == {f"path: {route['path']}" for route in ROUTES}
    assert len(ends) == 6
    assert {one.answer.status for one in outcomes} >= {
        204, 307, 308, 400, 404, 405, 413, 414, 417, 418, 431, 501, 503, STATUS,
    }  # fmt: skip


def test_the_route_that_is_said_is_the_one_that_is_logged(outcomes: list[Outcome]) -> None:
    differ = [
        one
        for one in outcomes
        if [(line["route"], line["service"]) for line in one.log]
        != [(one.said.after("route: "), one.said.after("end: service "))]
    ]
    assert differ == []


def test_what_is_said_to_reach_the_service_does_and_nothing_else(outcomes: list[Outcome]) -> None:
    differ = [
        one
        for one in outcomes
        if [f"{each.head.method.decode()} {each.head.target.decode()}" for each in one.arrived]
        != [sent for sent in [one.said.after("upstream sees: ")] if sent]
    ]
    assert differ == []


def test_the_client_gets_the_status_and_the_error_that_are_said(outcomes: list[Outcome]) -> None:
    differ = [
        one
        for one in outcomes
        if [(one.answer.status, line["status"], line["code"]) for line in one.log]
        != [(one.said.status, one.said.status, one.said.code)]
    ]
    assert differ == []


def test_a_redirect_leads_where_it_is_said_to(outcomes: list[Outcome]) -> None:
    differ = [
        one
        for one in outcomes
        if (one.answer.value(b"location") or b"").decode() != one.said.after("location: ")
    ]
    assert differ == []


def test_the_methods_that_are_said_to_be_allowed_are_told(outcomes: list[Outcome]) -> None:
    differ = [
        one
        for one in outcomes
        if (one.answer.value(b"allow") or b"").decode()
        != (one.said.after("no route: ").partition("Allow: ")[2] * (not _is_preflight(one)))
    ]
    assert differ == []


def _is_preflight(one: Outcome) -> bool:
    return bool(one.said.after("answered by "))


# --- policy by policy: its word, and what can be seen of it ---------------------------------------


def _routed(outcomes: list[Outcome]) -> list[Outcome]:
    """Those that came so far that policies are spoken of."""
    routed = [one for one in outcomes if not one.said.after("refused before routing: ")]
    assert all(one.said.policy("trace") for one in routed)
    return routed


def test_trace_gives_the_ids_that_it_says(outcomes: list[Outcome]) -> None:
    for one in _routed(outcomes):
        assert one.said.policy("trace") == "gives X-Request-ID and traceparent"
        name = one.asked.name.encode()
        assert one.answer.values(b"x-request-id") == [name]
        assert one.upstream(b"x-request-id") == [name] * len(one.arrived)
        assert len(one.upstream(b"traceparent")) == len(one.arrived)


def test_the_access_log_has_the_line_that_it_says(outcomes: list[Outcome]) -> None:
    for one in _routed(outcomes):
        assert one.said.policy("access_log") == "writes one line when the exchange is over"
        assert len(one.log) == 1


def test_metrics_counts_under_the_path_of_the_route(outcomes: list[Outcome]) -> None:
    for one in _routed(outcomes):
        assert one.said.policy("metrics") == f"counts under endpoint `{one.said.after('path: ')}`"


def test_problem_words_the_errors_as_it_says(outcomes: list[Outcome]) -> None:
    for one in outcomes:
        kind = one.answer.value(b"content-type")
        assert (kind == b"application/problem+json") is bool(one.said.code)
    for one in _routed(outcomes):
        assert one.said.policy("problem") == "words errors as application/problem+json"


def _allowed(word: str, asked: Asked) -> list[bytes]:
    """The origin that the word of cors allows to read the answer."""
    origins = word.removeprefix("allows pages of ").split(", ")
    return [one.encode() for one in origins if f"Origin: {one}" in asked.fields]


def test_cors_lets_those_pages_read_that_it_says(outcomes: list[Outcome]) -> None:
    for one in _routed(outcomes):
        word = one.said.policy("cors")
        of_service = [FROM_SERVICE["Access-Control-Allow-Origin"].encode()] * len(one.arrived)
        expected = {"nothing to do here": of_service}.get(word, _allowed(word, one.asked))
        assert one.answer.values(b"access-control-allow-origin") == expected


def test_a_request_to_cors_alone_is_answered_by_it(outcomes: list[Outcome]) -> None:
    answered = [one for one in outcomes if _is_preflight(one)]
    for one in answered:
        assert one.answer.value(b"access-control-allow-methods")
        assert one.arrived == ()


def _names(word: str, verb: str) -> list[bytes]:
    found = re.search(rf"{verb} ([^;]*)", word)
    names = found[1].split(", ") if found else []
    return [name.encode() for name in names if name not in ("nothing", "none")]


def test_security_headers_are_added_and_removed_as_it_says(outcomes: list[Outcome]) -> None:
    for one in _routed(outcomes):
        word = one.said.policy("security_headers")
        assert all(len(one.answer.values(name)) == 1 for name in _names(word, "adds"))
        assert not any(one.answer.values(name) for name in _names(word, "removes"))


def test_where_security_headers_have_nothing_to_do_the_services_stay(
    outcomes: list[Outcome],
) -> None:
    for one in _routed(outcomes):
        kept = [b"a service"] * len(one.arrived)
        expected = {"nothing to do here": kept}.get(one.said.policy("security_headers"), [])
        assert one.answer.values(b"server") == expected


def test_transform_changes_what_it_says_and_nothing_else(outcomes: list[Outcome]) -> None:
    for one in _routed(outcomes):
        word = one.said.policy("transform")
        there, back = _names(word, "request:"), _names(word, "answer:")
        own = [field.partition(": ")[2].encode() for field in one.asked.fields if "X-Set" in field]
        assert (one.upstream(b"x-set") == ([b"there"] if there else own)) or not one.arrived
        assert not (b"x-drop" in there and one.upstream(b"x-drop"))
        assert one.answer.values(b"x-back") == [b"here"] * (b"x-back" in back)
        assert (one.answer.values(b"x-gone") == []) is (not one.arrived or b"x-gone" in back)


# --- through the command itself -------------------------------------------------------------------


@pytest.mark.parametrize("asked", [ASKED[3], ASKED[20], ASKED[-1], ASKED[-4]])
def test_the_command_says_what_its_function_says(tmp_path: Path, asked: Asked) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(_configuration(9, tmp_path / "access.log", SETTINGS["all"])))
    command = [sys.executable, "-m", "tta_gateway", "routes", "explain", "-c", str(file)]
    fields = [part for field in asked.headers for part in ("-H", field)]
    done = subprocess.run(
        [*command, f"--host={asked.host}", *fields, "--", asked.method, asked.target],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = _said(compile_snapshot(load(file, {}).settings, 1), asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert tuple(done.stdout.splitlines()) == said.lines
