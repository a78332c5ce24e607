"""What people write and what services answer, looked at by the real detector in a real gateway.

What was found is read back from the journal on the disk, as the guard would read it.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import brotli
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import Answer, Field, chunk, head_of
from tests.helpers.gateway import free_port
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until
from tta_gateway.kernel.incident import Report
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.reporting import FOLDER, report_of, text_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.journal.reader import Reader, Trouble

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.e2e

CRY: Final = "I cannot go on, I want to end my life."
FAIR: Final = "It was a long day, and the garden did me good."
HARM: Final = "you should kill yourself"
SUPPORT: Final = b"x-crisis-support"
LEVEL: Final = b"x-safety-level"
SECRET: Final = "0123456789abcdef" * 4
JSON: Final[Field] = (b"Content-Type", b"application/json")
CROWDED: Final = {"requests": 1, "per": "1h", "key": ["all"], "name": "crowded"}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway whose routes are scanned, as they are unless it is said otherwise."""
    folder = tmp_path_factory.mktemp("safety")
    (folder / "secret").write_text(SECRET)
    issuer = {
        "name": "clinic",
        "secret": {"file": str(folder / "secret")},
        "roles": ["player", "service"],
    }
    plain: dict[str, object] = {"service": "up", "auth": "none"}
    with (
        scripted() as upstream,
        stage(
            folder,
            upstream=upstream,
            identity={"issuers": [issuer]},
            services={
                "up": {"endpoints": [upstream.url], "tell_safety": True},
                "unasked": {"endpoints": [upstream.url]},
                "gone": {"endpoints": [f"http://127.0.0.1:{free_port()}"]},
            },
            routes=[
                {**plain, "path": "/gone", "service": "gone", "retries": 0},
                {**plain, "path": "/crowded/{rest:path}", "rate_limit": CROWDED},
                {**plain, "path": "/small", "max_body": 1000},
                {**plain, "path": "/locked", "auth": "required"},
                {**plain, "path": "/parallel/{rest:path}", "safety": "parallel"},
                {**plain, "path": "/standard/{rest:path}", "class": "standard"},
                {**plain, "path": "/unasked/{rest:path}", "service": "unasked"},
                {**plain, "path": "/{rest:path}"},
            ],
            journal={"in_memory": "allow"},
            safety={"moderations": True},
        ) as running,
    ):
        yield running


def say(
    one: Stage, target: bytes, text: str | bytes, *fields: Field, kind: bytes = b"application/json"
) -> Answer:
    """Write something; return the answer."""
    body = text if isinstance(text, bytes) else json.dumps({"text": text}).encode()
    length = (b"Content-Length", b"%d" % len(body))
    with one.client() as client:
        told = head_of(target, method=b"POST", fields=[(b"Content-Type", kind), length, *fields])
        client.send(told + body)
        return client.answer()


def shown_token(**claims: object) -> Field:
    """Return the field that shows a token."""
    token = jwt.encode({"alg": "HS256"}, dict(claims), OctKey.import_key(SECRET))
    return (b"Authorization", b"Bearer " + token.encode())


class Service:
    """Reads what it is sent, and answers with an object."""

    def __init__(self, body: bytes = b'{"reply":"I am here."}', kind: bytes = JSON[1]) -> None:
        self.body, self.kind = body, kind
        self.calls: list[Call] = []
        self.read: list[bytes] = []

    def __call__(self, call: Call) -> None:
        self.read.append(call.body())
        self.calls.append(call)
        call.answer(self.body, fields=[(b"Content-Type", self.kind)])

    def level(self) -> bytes | None:
        return self.calls[-1].head.value(LEVEL)


def unheard(_: Trouble) -> None:
    """A gateway that runs may be within a record."""


def reports(one: Stage, correlation: bytes | None) -> list[tuple[Report, str]]:
    """Return what the journal holds of a request, with its words."""
    assert correlation is not None
    state = one.access_log.parent / "state"
    snapshot = Snapshot(version=1, state_dir=str(state), listeners=(), services=(), routes=())
    ring = ring_of(snapshot)
    envelope = Envelope(KeyStore(state, ring))
    found: list[tuple[Report, str]] = []
    for record in Reader(state / FOLDER, ring, trouble=unheard).read({}, most=10_000):
        report = report_of(record.payload)
        if report.correlation == correlation.decode():
            found.append((report, text_of(report, envelope) if report.evidence else ""))
    return found


def test_what_somebody_at_risk_writes_is_delivered_and_durable_before_the_answer(
    one: Stage,
) -> None:
    service = Service()
    target = one.on(service)
    answer = say(one, target, CRY, (LEVEL, b"0"))
    assert answer.status == 200
    assert answer.value(SUPPORT) is not None
    assert json.loads(answer.body)["safety"]["level"] >= 2
    assert json.loads(service.read[0])["text"] == CRY
    assert service.level() in {b"2", b"3"}
    assert service.calls[0].head.value(b"x-traffic-class") == b"crisis"
    ((report, text),) = reports(one, answer.value(b"x-request-id"))
    assert (report.level >= 2, report.delivered, report.source) == (True, True, "request")
    assert (text, report.identity) == (CRY, "unknown")


def test_a_service_that_has_not_asked_is_told_nothing(one: Stage) -> None:
    service = Service()
    answer = say(one, one.on(service, under=b"/unasked/"), CRY)
    assert answer.status == 200
    assert service.level() is None


def test_whoever_is_well_is_served_as_ever(one: Stage) -> None:
    service = Service()
    answer = say(one, one.on(service), FAIR, (LEVEL, b"3"))
    assert (answer.body, answer.value(SUPPORT)) == (service.body, None)
    assert service.level() is None
    assert reports(one, answer.value(b"x-request-id")) == []


@pytest.mark.parametrize(
    ("body", "kind", "fields"),
    [
        (CRY.encode(), b"text/plain", ()),
        (b"note=" + CRY.replace(" ", "+").encode(), b"application/x-www-form-urlencoded", ()),
        (gzip.compress(CRY.encode()), b"text/plain", ((b"Content-Encoding", b"gzip"),)),
        (brotli.compress(CRY.encode()), b"text/plain", ((b"Content-Encoding", b"br"),)),
        (zstd.compress(CRY.encode()), b"text/plain", ((b"Content-Encoding", b"zstd"),)),
        (b'{"a":[{"b":"' + CRY.encode() + b'"}', JSON[1], ()),
        (json.dumps({"a": CRY}).replace("e", "\\u0065").encode(), JSON[1], ()),
        (
            b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + CRY.encode() + b"\r\n--b--",
            b"multipart/form-data; boundary=b",
            (),
        ),
        (json.dumps({"a": FAIR * 4000, "b": CRY}).encode(), JSON[1], ()),
    ],
    ids=["text", "form", "gzip", "br", "zstd", "broken", "escaped", "multipart", "long"],
)
def test_it_is_found_in_whatever_form_it_comes(
    one: Stage, body: bytes, kind: bytes, fields: tuple[Field, ...]
) -> None:
    service = Service()
    answer = say(one, one.on(service), body, *fields, kind=kind)
    assert answer.value(SUPPORT) is not None
    assert service.read == [body]
    assert reports(one, answer.value(b"x-request-id"))


def test_in_parallel_the_answer_waits(one: Stage) -> None:
    answer = say(one, one.on(Service(), under=b"/parallel/"), CRY)
    assert (answer.status, answer.value(SUPPORT) is not None) == (200, True)


def test_what_no_service_hears_is_kept_and_answered_with_help(one: Stage) -> None:
    answer = say(one, b"/gone", CRY)
    assert answer.status == 202
    assert json.loads(answer.body)["help"]["message"] == "kept"
    found = reports(one, answer.value(b"x-request-id"))
    assert [report.delivered for report, _ in found] == [True, False]


def test_a_limit_stands_aside_for_a_crisis_and_for_nobody_else(one: Stage) -> None:
    service = Service()
    target = one.on(service, under=b"/crowded/")
    say(one, target, FAIR)
    assert say(one, target, FAIR).status == 429
    answer = say(one, target, CRY)
    assert (answer.status, answer.value(SUPPORT) is not None) == (200, True)
    assert len(service.read) == 2


def test_what_is_too_large_is_refused_with_help(one: Stage) -> None:
    answer = say(one, b"/small", CRY * 100)
    assert (answer.status, answer.value(SUPPORT) is not None) == (413, True)


def test_whose_token_has_expired_is_refused_with_help_and_told_of_once(one: Stage) -> None:
    now = int(time.time())
    shown = shown_token(sub="p1", role="player", iat=now - 1200, exp=now - 600)
    first, second = (say(one, b"/locked", CRY, shown) for _ in range(2))
    for answer in (first, second):
        assert (answer.status, answer.value(SUPPORT) is not None) == (401, True)
    ((report, text),) = reports(one, first.value(b"x-request-id"))
    assert (report.identity, report.level, text) == ("unverified", 2, CRY)
    assert reports(one, second.value(b"x-request-id")) == []


def test_a_harmful_answer_is_replaced(one: Stage) -> None:
    service = Service(json.dumps({"reply": f"Well, {HARM}."}).encode())
    answer = say(one, one.on(service), FAIR)
    assert (answer.status, HARM.encode() in answer.body) == (422, False)
    assert json.loads(answer.body)["code"] == "safety_reply_withheld"
    assert answer.value(SUPPORT) is not None
    assert wait_until(lambda: bool(reports(one, answer.value(b"x-request-id"))))


def events(text: str, parts: int) -> list[bytes]:
    step = -(-len(text) // parts)
    cut = [text[at : at + step] for at in range(0, len(text), step)]
    made = [{"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": p}}]} for p in cut]
    return [b"data: " + json.dumps(one).encode() + b"\n\n" for one in made]


def shown(body: bytes) -> str:
    lines = [line[6:] for line in body.split(b"\n") if line.startswith(b'data: {"id"')]
    return "".join(json.loads(line)["choices"][0]["delta"]["content"] for line in lines)


@pytest.mark.parametrize("parts", [1, 3, 10, 200])
def test_a_harmful_sentence_that_is_cut_across_chunks_is_never_shown(
    one: Stage, parts: int
) -> None:
    text = f"I hear that you are tired. Honestly, {HARM} tonight. And then some more words."

    def stream(call: Call) -> None:
        call.body()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        call.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for event in events(text, parts):
            call.send(chunk(event))
            time.sleep(0.002)
        call.send(chunk(b"data: [DONE]\n\n") + chunk(b""))

    answer = say(one, one.on(stream), FAIR)
    assert answer.status == 200
    assert HARM not in shown(answer.body)
    assert "more words" not in shown(answer.body)
    assert b"event: safety\ndata: {" in answer.body


def test_a_stream_that_does_no_harm_arrives_as_it_is(one: Stage) -> None:
    sent = events(FAIR, 20)

    def stream(call: Call) -> None:
        call.body()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        call.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for event in sent:
            call.send(chunk(event))
        call.send(chunk(b""))

    assert say(one, one.on(stream), FAIR).body == b"".join(sent)


def test_a_compressed_stream_is_decoded_and_looked_at_on_its_way(one: Stage) -> None:
    sent = events(f"{FAIR} Honestly, {HARM} tonight. And more.", 20)

    def stream(call: Call) -> None:
        call.body()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br\r\n"
        call.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        packing = brotli.Compressor()
        for number, event in enumerate(sent):
            call.send(chunk(packing.process(event) + packing.flush()))
            if number == 5:
                time.sleep(0.3)  # what comes together is looked at together
        call.send(chunk(packing.finish()) + chunk(b""))

    answer = say(one, one.on(stream), FAIR)
    assert answer.value(b"content-encoding") is None
    assert shown(answer.body).startswith("It was a long day")
    assert HARM not in shown(answer.body)
    assert b"event: safety\ndata: {" in answer.body


def test_an_answer_that_never_ends_is_held_for_a_while_and_then_looked_at(one: Stage) -> None:
    """`safety.hold` is 5 s where nothing else is written."""
    begun = time.monotonic()

    def stream(call: Call) -> None:
        call.body()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        call.send(head + b"Content-Length: 1000\r\n\r\n" + b'{"a": "fair weather", "b": "Well, ')
        time.sleep(6)
        call.send(HARM.encode() + b'."}')
        call.gone()

    answer = say(one, one.on(stream), FAIR)
    assert answer.status == 200
    assert 5 < time.monotonic() - begun < 12
    assert answer.body.startswith(b'{"a": "fair weather", "b": "')
    assert HARM.encode() not in answer.body
    assert b'\n{"help":{' in answer.body


def test_no_word_of_it_stands_in_a_log_or_on_the_disk_in_the_clear(one: Stage) -> None:
    marker = "canary-4711"
    say(one, one.on(Service()), f"{CRY} {marker}")
    say(one, b"/gone", f"{CRY} {marker}")
    printed = one.gateway.log.read_text() + one.access_log.read_text()
    assert marker not in printed
    assert [path for path in files(one.access_log.parent) if marker.encode() in read(path)] == []


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_routes_of_another_class_are_not_looked_at(one: Stage) -> None:
    service = Service()
    answer = say(one, one.on(service, under=b"/standard/"), CRY)
    assert (answer.value(SUPPORT), service.level()) == (None, None)


def test_services_may_ask_what_is_made_of_a_text(one: Stage) -> None:
    until = int(time.time()) + 60
    shown = shown_token(sub="s", exp=until, role="service")
    asked = json.dumps({"model": "any", "input": [CRY, FAIR, HARM]}).encode()
    assert say(one, b"/v1/moderations", asked).status == 401
    assert say(one, b"/v1/moderations", asked, shown_token(sub="p", exp=until)).status == 403
    answer = say(one, b"/v1/moderations", asked, shown)
    results = json.loads(answer.body)["results"]
    assert [one["flagged"] for one in results] == [True, False, True]
    assert results[0]["x_severity"] >= 2
    assert results[2]["categories"]["self-harm/instructions"]
    assert say(one, b"/v1/moderations", b"{}", shown).status == 400
