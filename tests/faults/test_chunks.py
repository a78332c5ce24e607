"""Chunks as no honest peer sends them: scenario 20 of docs/faults.md."""

import json
import threading
import time
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, median
from tests.helpers.clients import PATIENCE, Client, Cut, chunk, chunked_post
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

HEAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TINY: Final = chunk(b"x")
FORBIDDEN: Final = (
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nSet-Cookie: a=b\r\n"
    b"Authorization: c\r\nConnection: close\r\nContent-Type: d/e\r\nX-Request-ID: f\r\n"
    b"Cache-Control: no-store\r\nLocation: /g\r\nRange: bytes=0-1\r\n"
)
TRAILERS: Final = b"0\r\n" + FORBIDDEN + b"X-Checksum: 7\r\n\r\n"
WRONG: Final = {
    "a long extension": b"4;" + b"e" * 300 + b"\r\nhalf\r\n",
    "many extensions": b"1;" + b"e" * 200 + b"\r\nh\r\n",
    "an empty size": b"\r\nhalf\r\n",
    "a negative size": b"-4\r\nhalf\r\n",
    "a size beyond all": b"f" * 17 + b"\r\nhalf\r\n",
    "more than it says": b"2\r\nhalf\r\n",
    "a bare line feed": b"4\nhalf\r\n",
    "a trailer without a name": b"0\r\nno colon\r\n\r\n",
    "a trailer that is folded": b"0\r\nX-A: b\r\n c\r\n\r\n",
    "trailers too large": b"0\r\nX-A: " + b"b" * 9000 + b"\r\n\r\n",
}
TIMES: Final = {"many extensions": 30}


def wrong(name: str) -> bytes:
    """Bytes of a body that go wrong in this way, behind a good chunk."""
    return chunk(b"good") + WRONG[name] * TIMES.get(name, 1)


@pytest.mark.parametrize("name", WRONG)
def test_an_answer_that_goes_wrong_in_its_chunks_is_broken_off(edge: Stage, name: str) -> None:
    """At once and later: nobody takes it for whole, and its connection is not used again.

    Red without `except FramingError` leading to a Reset in wire/http1_client.py.
    """
    for pause in (0.0, 0.02):
        ends: list[float] = []

        def script(call: Call, pause: float = pause, ends: list[float] = ends) -> None:
            call.send(HEAD + chunk(b"good") if pause else HEAD + wrong(name))
            if pause:
                time.sleep(pause)
                call.send(wrong(name))
            ends.append(call.gone())

        target = edge.on(script)
        with edge.client() as client:
            client.ask(target)
            with pytest.raises(Cut) as told:
                client.answer()
            assert told.value.end is End.RESET
        assert wait_until(lambda ends=ends: bool(ends))  # type: ignore[misc]


@pytest.mark.parametrize("name", WRONG)
def test_an_upload_that_goes_wrong_in_its_chunks_is_told_400_and_never_whole(
    edge: Stage, name: str
) -> None:
    """Red without `except FramingError` in wire/http1_server.py, _receive_body."""
    ends: list[str] = []

    def script(call: Call) -> None:
        try:
            call.body()
            ends.append("whole")
        except Cut:
            ends.append("cut")
            raise

    target = edge.on(script)
    with edge.client() as client:
        client.send(chunked_post(target) + chunk(b"good"))
        assert wait_until(lambda: edge.upstream.calls(target) == 1)
        client.send(wrong(name))
        answer = client.answer()
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "request_framing_invalid")
        assert client.end() is End.CLOSED
    assert wait_until(lambda: ends == ["cut"])


def test_forbidden_trailers_of_an_answer_go_nowhere(edge: Stage) -> None:
    """Red without `may_trail` in wire/body.py."""
    target = edge.on(lambda call: call.send(HEAD + chunk(b"body") + TRAILERS))
    with edge.client() as client:
        answer = client.get(target)
        assert (answer.body, answer.trailers) == (b"body", ((b"x-checksum", b"7"),))
        names = {name for name, _ in answer.fields}
        assert names.isdisjoint({b"set-cookie", b"location", b"authorization", b"x-checksum"})
        assert client.get(b"/").status == 200


def test_forbidden_trailers_of_a_request_go_nowhere(edge: Stage) -> None:
    """Red without `may_trail` in wire/body.py."""
    got: list[object] = []

    def script(call: Call) -> None:
        got.append(call.body_and_trailers())
        got.append(call.head.value(b"authorization"))
        call.answer()

    target = edge.on(script)
    with edge.client() as client:
        client.send(chunked_post(target) + chunk(b"body") + TRAILERS)
        assert client.answer().status == 200
    assert got == [(b"body", ((b"x-checksum", b"7"),)), None]


def test_endless_tiny_chunks_do_not_hold_up_others(edge: Stage) -> None:
    """A service, and a client, that send a byte at a time as fast as they can.

    Red without `_read_on_later` in edge/upstream_connection.py and edge/client_connection.py.
    """
    stop, bodies = threading.Event(), list[bytes]()

    def endless(call: Call) -> None:
        call.send(HEAD)
        while not stop.is_set():
            call.send(TINY * 5000)
        call.send(b"0\r\n\r\n")

    taking, giving = edge.on(endless), edge.on(lambda call: call.answer(b"%d" % len(call.body())))
    with edge.client() as reader, edge.client() as sender, edge.client() as good:
        sender.send(chunked_post(giving))
        quiet = median([_late(good, behind=sender) for _ in range(20)])
        thread = threading.Thread(target=lambda: bodies.append(reader.get(taking).body))
        thread.start()
        took = [_late(good, behind=sender) for _ in range(100)]
        stop.set()
        sender.send(chunk(b""))
        assert sender.answer().body == b"120000"
        thread.join(PATIENCE)
    assert len(bodies[0]) > 5000
    assert set(bodies[0]) == {ord("x")}
    assert median(took) < max(0.05, 5 * quiet)  # of a machine that others keep busy


def _late(good: Client, *, behind: Client) -> float:
    """How long a request takes behind a thousand tiny chunks of another client."""
    behind.send(TINY * 1000)
    begun = time.monotonic()
    assert good.get(b"/").status == 200
    return time.monotonic() - begun
