"""Nothing that a person wrote is kept: not in a log, not in a file, not in an error.

The path alone is logged.  A canary is planted everywhere else, whatever goes wrong around it, and
then looked for in every byte that the gateway has written.
"""

import base64
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import scripted
from tests.helpers.clients import Client, Cut, Field, chunk, chunked_post, head_of
from tests.helpers.gateway import Gateway, start_gateway
from tests.helpers.scripted_upstream import Call, ScriptedUpstream

pytestmark = pytest.mark.e2e

CANARY: Final = "kanarien7vogel"
SECRET: Final = CANARY.encode()
FORMS: Final = (
    CANARY,
    CANARY.upper(),
    CANARY.encode("utf-16-le").decode(),
    base64.b64encode(SECRET).decode()[:16],
    SECRET.hex(),
)
"""What would give it away in something that escapes, decodes or dumps."""
QUERY: Final = b"?token=" + SECRET + b"&" + SECRET
FIELDS: Final[tuple[Field, ...]] = (
    (b"Authorization", b"Bearer " + SECRET),
    (b"Cookie", b"session=" + SECRET),
    (b"X-Api-Key", SECRET),
    (b"User-Agent", SECRET),
    (b"Referer", b"http://page.example/?t=" + SECRET),
    (b"Origin", b"http://" + SECRET),
    (b"X-" + SECRET, b"1"),
    (b"Forwarded", b"for=" + SECRET),
    (b"X-Forwarded-For", SECRET),
    (b"traceparent", SECRET),
)
BODY: Final = b'{"message": "' + SECRET + b'"}'
WITH_BODY: Final = (*FIELDS, (b"Content-Length", b"%d" % len(BODY)))
WEBSOCKET: Final[tuple[Field, ...]] = (
    *FIELDS,
    (b"Connection", b"Upgrade"),
    (b"Upgrade", b"websocket"),
    (b"Sec-WebSocket-Key", SECRET),
    (b"Sec-WebSocket-Protocol", b"bearer, " + SECRET),
    (b"Sec-WebSocket-Version", b"13"),
)
SWITCHED: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Protocol: " + SECRET + b"\r\n\r\n"
)
HALF: Final = b"HTTP/1.1 200 OK\r\nX-Note: " + SECRET + b"\r\nContent-Length: 999\r\n\r\n" + SECRET

# A fault of the gateway's own, with all it could give away in its hands.
FAULT: Final = """\
from tta_gateway.features.security_headers import policy

class Broken(Exception):
    pass

def fails(self, exchange):
    request = exchange.request
    if request.path == b"/fault":
        raise Broken(request.query, request.fields, exchange.upload)
    return on_response(self, exchange)

on_response = policy.SecurityHeaders.on_response
policy.SecurityHeaders.on_response = fails
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A gateway that has been told the secret, and has ended."""

    folder: Path
    statuses: dict[str, int]
    """What it answered to each way of telling; 0 where it closed without a word."""

    def written(self) -> str:
        """Every byte that it has written, and the names of its files."""
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        own = [file for file in files if file.name not in ("gateway.yaml", "sitecustomize.py")]
        return "\n".join(f"{file}\n{file.read_bytes().decode('latin-1')}" for file in own)


def _route(path: str, **more: object) -> dict[str, object]:
    # Whatever page a WebSocket comes from, it is to be told as well.
    service: dict[str, object] = {"service": "up", "origins": ["*"]}
    end = {} if {"redirect", "respond"} & more.keys() else service
    return {"path": path, "auth": "none", **end, **more}


def _start(folder: Path, upstream: ScriptedUpstream, log: dict[str, object]) -> Gateway:
    config = {
        "listen": "127.0.0.1:0",
        "state_dir": str(folder / "state"),
        "access_log": {"paths": "whole", **log},
        "services": {
            "up": {"endpoints": [f"http://127.0.0.1:{upstream.port}"]},
            "gone": {"endpoints": ["http://127.0.0.1:9"]},
        },
        "routes": [
            _route("/{rest:path}"),
            _route("/gone", service="gone"),
            _route("/small", max_body=5),
            _route("/late/{n}", timeouts={"first_byte": "200ms", "total": "300ms"}),
            _route("/moved", redirect="/elsewhere"),
            _route("/missing", respond={"missing_service": "models"}),
        ],
    }
    return start_gateway(config, folder)


@pytest.fixture(scope="module", params=["-", "access.log"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A gateway that has been told a secret in every way there is; its log goes here or there."""
    folder = tmp_path_factory.mktemp("secrets")
    log = {"-": "-"}.get(request.param, str(folder / request.param))
    (folder / "sitecustomize.py").write_text(FAULT)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch, scripted() as upstream:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        gateway = _start(folder, upstream, {"path": log})
        try:
            statuses = _tell(gateway.port, upstream)
        finally:
            gateway.stop()
    return Told(folder, statuses)


def _tell(port: int, upstream: ScriptedUpstream) -> dict[str, int]:
    """Tell the secret in every way; return what each was answered."""
    raw = {**_good(upstream), **_unlucky(upstream), **_malformed()}
    told = {name: _send(port, one) for name, one in raw.items()}
    silent = upstream.on(lambda call: _wait(call), under=b"/silent")
    for half in (
        _post(silent),
        _post(silent)[:-9],
        b"GET /plain" + QUERY + b"\r\nCookie: " + SECRET,
    ):
        _vanish(port, half)
    return {**told, "websocket": _converse(port, upstream)}


def _good(upstream: ScriptedUpstream) -> dict[str, bytes]:
    """Requests that are as they should be."""
    echo = upstream.on(lambda call: call.answer(SECRET, fields=[(b"X-Note", SECRET)]))
    return {
        "plain": _get(b"/plain"),
        "body": _post(b"/plain"),
        "chunks": chunked_post(b"/plain", fields=FIELDS) + chunk(SECRET) + chunk(b""),
        "trailers": chunked_post(b"/plain") + b"0\r\nX-Note: " + SECRET + b"\r\n\r\n",
        "echo": _get(echo),
        "moved": _get(b"/moved"),
        "missing": _get(b"/missing"),
    }


def _unlucky(upstream: ScriptedUpstream) -> dict[str, bytes]:
    """Requests that meet trouble: the service's, or our own."""
    garbage = SECRET + b" is no answer\r\n\r\n"
    return {
        "gone": _get(b"/gone"),
        "gone with a body": _post(b"/gone"),
        "gone websocket": head_of(b"/gone" + QUERY, fields=WEBSOCKET),
        "dies": _post(upstream.on(Call.break_off)),
        "garbles": _get(upstream.on(lambda call: _end(call, garbage))),
        "halts": _get(upstream.on(lambda call: _end(call, HALF))),
        "late": _get(upstream.on(lambda call: _wait(call), under=b"/late/")),
        "small": _post(b"/small"),
        "fault": _post(b"/fault"),
        "refused path": _get(b"//double"),
    }


def _malformed() -> dict[str, bytes]:
    """What is no request, or is one that may not be."""
    host = b" HTTP/1.1\r\nHost: x\r\n"
    return {
        "no http": b"HELO " + SECRET + b"\r\n\r\n",
        "no target": b"GET " + SECRET + host + b"\r\n",
        "no method": SECRET + b" /" + host + b"\r\n",
        "no version": b"GET /?" + SECRET + b" " + SECRET + b"\r\nHost: x\r\n\r\n",
        "no host": b"GET /plain" + QUERY + b" HTTP/1.1\r\nHost: a " + SECRET + b"\r\n\r\n",
        "no colon": b"GET /plain" + host + SECRET + b"\r\n\r\n",
        "no length": b"POST /plain" + host + b"Content-Length: " + SECRET + b"\r\n\r\n",
        "no chunk": chunked_post(b"/plain", fields=FIELDS) + SECRET + b"\r\n",
        "no expectation": b"POST /plain" + host + b"Expect: " + SECRET + b"\r\n\r\n",
        "long line": b"GET /plain?" + SECRET * 700 + host + b"\r\n",
        "long field": head_of(b"/plain", fields=[(b"Cookie", SECRET * 3000)]),
        "control": b"GET /plain" + host + b"Cookie: \0" + SECRET + b"\r\n\r\n",
        "bad query": head_of(b"/plain?%zz" + SECRET, fields=FIELDS),
        "user": b"GET http://" + SECRET + b"@x/" + host + b"\r\n",
        "other host": b"GET http://" + SECRET + b"/" + host + b"\r\n",
    }


def _get(target: bytes) -> bytes:
    return head_of(target + QUERY, fields=FIELDS)


def _post(target: bytes) -> bytes:
    return head_of(target + QUERY, method=b"POST", fields=WITH_BODY) + BODY


def _end(call: Call, raw: bytes) -> None:
    call.body()
    call.send(raw)
    call.finish()


def _wait(call: Call) -> None:
    call.gone()


def _send(port: int, raw: bytes) -> int:
    with Client(port) as client, suppress(Cut):
        client.send(raw)
        return client.answer().status
    return 0


def _vanish(port: int, raw: bytes) -> None:
    with Client(port) as client:
        client.send(raw)


def _converse(port: int, upstream: ScriptedUpstream) -> int:
    """Speak of it over a WebSocket, both ways, until the service breaks off."""

    def speak(call: Call) -> None:
        call.send(SWITCHED + b"\x81\x0e" + SECRET)
        call.read_exactly(2 + len(SECRET))
        call.break_off()

    with Client(port) as client:
        client.ask(upstream.on(speak, under=b"/ws/") + QUERY, fields=WEBSOCKET)
        status = client.answer().status
        client.send(b"\x81\x0e" + SECRET)
        client.end()
    return status


def test_it_was_told_in_every_way(told: Told) -> None:
    assert told.statuses == {
        "plain": 200,
        "body": 200,
        "chunks": 200,
        "trailers": 200,
        "echo": 200,
        "moved": 307,
        "missing": 503,
        "gone": 502,
        "gone with a body": 502,
        "gone websocket": 502,
        "dies": 502,
        "garbles": 502,
        "halts": 502,  # its head was held
        "late": 504,
        "small": 413,
        "fault": 500,
        "refused path": 400,
        "no http": 501,
        "no target": 400,
        "no method": 501,
        "no version": 400,
        "no host": 400,
        "no colon": 400,
        "no length": 400,
        "no chunk": 400,
        "no expectation": 417,
        "long line": 414,
        "long field": 431,
        "control": 400,
        "bad query": 400,
        "user": 400,
        "other host": 400,
        "websocket": 101,
    }


def test_what_it_wrote_is_there_to_be_read(told: Told) -> None:
    written = told.written()
    assert written.count('"path":"/plain"') >= 4
    assert '"path":"/gone"' in written
    assert '"event":"exchange_failed"' in written
    assert '"code":"internal"' in written


@pytest.mark.parametrize("form", FORMS)
def test_the_secret_is_nowhere(told: Told, form: str) -> None:
    at = told.written().find(form)
    assert told.written()[max(at - 300, 0) : at] * (at >= 0) == ""


def test_no_query_is_anywhere(told: Told) -> None:
    assert "token=" not in told.written()


# --- log injection --------------------------------------------------------------------------------

HOSTILE: Final = {
    "line ends": b"%0d%0a{%22status%22:200}%0A%0D",
    "raw line end": b"a\nb",
    "ansi": b"%1b[31m%1b]0;owned%07",
    "raw ansi": b"\x1b[31m",
    "quotes": b"%22,%22status%22:200,%22x%22:%22",
    "raw quotes": b'","status":200,"x":"',
    "backslash": b"a\\u0022\\",
    "not utf-8": b"%ff%fe%c0%af%ed%a0%80",
    "raw not utf-8": b"\xff\xfe\xc0\xaf",
    "utf-8": b"%E2%80%A8%E2%80%AE",
    "nul": b"%00",
    "braces": b"{}[]^|`",
}
"""What stands in a path, and in fields."""
KEYS: Final = [
    *("ts", "request_id", "trace_id", "client", "method", "path", "route", "status", "code"),
    *("sent", "received", "duration_us", "first_byte_us", "service", "endpoint", "tries", "class"),
]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What a gateway printed to standard output that had been sent all of this."""
    folder = tmp_path_factory.mktemp("injection")
    trusting = {"address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}
    with scripted() as upstream:
        config = {
            "listen": [trusting],
            "state_dir": str(folder / "state"),
            "services": {"up": {"endpoints": [f"http://127.0.0.1:{upstream.port}"]}},
            "routes": [_route("/{rest:path}", allow_encoded=True)],
        }
        gateway = start_gateway(config, folder)
        try:
            for text in HOSTILE.values():
                _send(gateway.port, head_of(b"/" + text))
                _send(gateway.port, head_of(b"/f", fields=_hostile(text)))
        finally:
            gateway.stop()
    about = bytes(folder / "gateway.yaml")  # what the start warns of
    lines = gateway.log.read_bytes().split(b"\n")
    ready, probe, *rest = [line for line in lines if not line.startswith(about)]
    assert (ready[:7], probe[:7]) == (b"ready: ", b"probe: ")
    assert rest.pop() == b""
    return [line for line in rest if b'"event":' not in line[:60]]  # those are of the node itself


def _hostile(text: bytes) -> list[Field]:
    names = (b"User-Agent", b"X-Request-ID", b"X-Forwarded-For", b"traceparent", b"Referer")
    return [(name, text) for name in names]


def test_every_line_is_one_whole_object_with_the_keys_of_a_line(lines: list[bytes]) -> None:
    assert [list(json.loads(line)) for line in lines] == [KEYS] * (2 * len(HOSTILE))


def test_a_line_holds_nothing_that_a_terminal_would_obey(lines: list[bytes]) -> None:
    assert [line for line in lines if any(byte < 0x20 or byte == 0x7F for byte in line)] == []


def test_no_status_is_one_that_a_client_wrote(lines: list[bytes]) -> None:
    told = [json.loads(line) for line in lines]
    assert {line["status"] for line in told if line["service"] == "up"} == {200}
    assert {line["status"] for line in told if line["service"] == ""} == {400}


def test_an_id_in_a_line_is_one_that_may_be_searched_for(lines: list[bytes]) -> None:
    ids = [json.loads(line)["request_id"] for line in lines]
    assert [name for name in ids if not name.replace("-", "").isalnum()] == []
    assert len(set(ids)) == len(ids)
