"""A service that answers nonsense, or more than it was asked for, harms one exchange at most."""

import json
import time

import pytest

from tests.e2e.edge.stage import Stage
from tests.helpers.clients import head_of, post_of
from tests.helpers.scripted_upstream import Call

pytestmark = pytest.mark.e2e

FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\xff\xfe\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 two OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 40 + FORGED,
    ],
)
def test_garbage_is_told_as_502_and_poisons_nothing(edge: Stage, garbage: bytes) -> None:
    """Red without `self._attempt = None` and `attempt.lost(event.error)` in
    edge/upstream_connection.py, _take."""
    numbers: list[int] = []

    def script(call: Call) -> None:
        numbers.append(call.number)
        call.send(garbage)
        call.gone()

    target = edge.on(script)
    with edge.client() as client:
        answer = client.get(target)
        assert (answer.status, json.loads(answer.body)["code"]) == (
            502,
            "upstream_answer_malformed",
        )
        assert answer.value(b"proxy-status") == b"tta-gateway; error=http_protocol_error"
        assert [client.get(b"/").body for _ in range(5)] == [b"plain"] * 5
    assert len(numbers) == 1


def test_a_broken_chunk_breaks_off_the_answer_and_poisons_nothing(edge: Stage) -> None:
    """Red without `exchange.sink.abort()` in upstream/attempt.py, _fail."""

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n")
        call.gone()

    target = edge.on(script)
    with edge.client() as client:
        client.ask(target)
        assert client.end().value == "reset"
    with edge.client() as client:
        assert client.get(b"/").body == b"plain"


@pytest.mark.parametrize("later", [0.0, 0.02])
def test_what_follows_an_answer_never_reaches_the_next_client(edge: Stage, later: float) -> None:
    """Red without `self.reusable = False` in wire/http1_client.py, _receive_body (at once), and
    without `self.close()` in edge/upstream_connection.py, data_received (later)."""
    gone: list[float] = []

    def script(call: Call) -> None:
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
        if later:
            call.send(whole)
            time.sleep(later)
            call.send(FORGED)
        else:
            call.send(whole + FORGED)
        gone.append(call.gone())

    target = edge.on(script)
    for _ in range(5):
        with edge.client() as client:
            assert client.get(target).body == b"good"
            time.sleep(later * 3)
            assert [client.get(b"/").body for _ in range(3)] == [b"plain"] * 3
    assert len(gone) == 5


def test_what_follows_an_answer_to_head_never_reaches_the_next_client(edge: Stage) -> None:
    """Red without `and not rest` in wire/http1_client.py, _without_body."""
    numbers: list[int] = []

    def script(call: Call) -> None:
        numbers.append(call.number)
        call.send(FORGED)

    target = edge.on(script)
    with edge.client() as client:
        for _ in range(5):
            client.ask(target, method=b"HEAD")
            assert client.answer(to=b"HEAD").status == 200
            assert client.get(b"/").body == b"plain"
    assert len(set(numbers)) == 5


def test_an_answer_that_nobody_asked_for_ends_the_idle_connection(edge: Stage) -> None:
    """Red without `self.close()` in edge/upstream_connection.py, data_received."""

    def script(call: Call) -> None:
        call.answer(b"mine")
        time.sleep(0.05)
        call.send(FORGED)
        call.gone()

    target = edge.on(script)
    with edge.client() as client:
        assert client.get(target).body == b"mine"
        time.sleep(0.15)
        assert [client.get(b"/").body for _ in range(5)] == [b"plain"] * 5


@pytest.mark.parametrize("apart", [0.0, 0.02])
def test_an_early_answer_leaves_no_half_request_for_the_next_client(
    edge: Stage, apart: float
) -> None:
    """The rest of the body is still to come, so that the connection cannot be used again.

    Red without `reusable and exchange.upload.over` in upstream/attempt.py, answered_whole (in one
    piece), and without `reusable and upload.over` in ended (in two).
    """
    numbers: list[int] = []

    def early(call: Call) -> None:
        numbers.append(call.number)
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nea")
        time.sleep(apart)
        call.send(b"rly")
        call.gone()

    def early_at_once(call: Call) -> None:
        numbers.append(call.number)
        call.answer(b"early")
        call.gone()

    def plain(call: Call) -> None:
        numbers.append(call.number)
        call.answer(b"next")

    target, following = edge.on(early if apart else early_at_once), edge.on(plain)
    with edge.client() as client:
        client.send(post_of(target, head_of(b"/smuggled"))[:-10])
        assert client.answer().body == b"early"
    with edge.client() as client:
        assert client.get(following).body == b"next"
    assert numbers[0] != numbers[1]
    assert edge.upstream.calls(b"/smuggled") == 0
