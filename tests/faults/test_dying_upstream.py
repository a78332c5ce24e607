"""A service that dies halfway: half an answer is never passed off as a whole one."""

import json
import threading
from collections.abc import Callable
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage
from tests.helpers.clients import PATIENCE, chunk, chunked_post, head_of, post_of
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call

pytestmark = pytest.mark.e2e

LENGTH: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
CUT_CHUNK: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"
NO_LAST_CRLF: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"
UNTIL_CLOSE: Final = b"HTTP/1.1 200 OK\r\n\r\nhalf"
Die = Callable[[Call], None]


def finish(call: Call) -> None:
    """Die in order."""
    call.finish()


def break_off(call: Call) -> None:
    """Die with a reset."""
    call.break_off()


def die_after(said: bytes, die: Die, go_on: threading.Event) -> Callable[[Call], None]:
    """A script that dies when the client has seen what was said so far."""

    def script(call: Call) -> None:
        call.body()
        call.send(said)
        assert go_on.wait(PATIENCE)
        die(call)

    return script


@pytest.mark.parametrize(
    ("said", "die"),
    [
        (LENGTH, finish),
        (LENGTH, break_off),
        (CHUNKED, finish),
        (CHUNKED, break_off),
        (CUT_CHUNK, finish),
        (NO_LAST_CRLF, finish),
        (UNTIL_CLOSE, break_off),
    ],
)
def test_half_an_answer_ends_with_a_reset(edge: Stage, said: bytes, die: Die) -> None:
    """Red without `exchange.sink.abort()` in upstream/attempt.py, _fail."""
    go_on = threading.Event()
    target = edge.on(die_after(said, die, go_on))
    with edge.client() as client:
        client.ask(target)
        assert client.head().status == 200
        client.read_until(b"half")
        go_on.set()
        assert client.end() is End.RESET
    assert edge.upstream.calls(target) == 1


@pytest.mark.parametrize("said", [CHUNKED, UNTIL_CLOSE])
def test_half_an_answer_ends_with_a_reset_for_a_client_of_http_1_0(
    edge: Stage, said: bytes
) -> None:
    """It knows no other end than that of the connection.

    Red without `SO_LINGER` in edge/client_connection.py, _cut.
    """
    go_on = threading.Event()
    target = edge.on(die_after(said, break_off, go_on))
    with edge.client() as client:
        client.send(b"GET %b HTTP/1.0\r\nHost: gateway.test\r\n\r\n" % target)
        assert client.head().status == 200
        assert client.read_exactly(4) == b"half"
        go_on.set()
        assert client.end() is End.RESET


def test_half_an_answer_that_came_all_at_once_ends_with_a_reset(edge: Stage) -> None:
    """Head, half a body and end in one turn of the loop: nothing of it may look whole.

    Red without `exchange.sink.abort()` in upstream/attempt.py, _fail.
    """

    def script(call: Call) -> None:
        call.send(LENGTH)
        call.finish()

    target = edge.on(script)
    for _ in range(10):
        with edge.client() as client:
            client.ask(target)
            assert client.end() is End.RESET


@pytest.mark.parametrize("die", [finish, break_off])
def test_a_get_that_found_its_service_dying_is_tried_again(edge: Stage, die: Die) -> None:
    """Red without `self._repeat(error)` in upstream/attempt.py, _fail."""
    tries: list[int] = []

    def script(call: Call) -> None:
        tries.append(call.number)
        if len(tries) < 3:
            die(call)
            return
        call.answer(b"alive")

    target = edge.on(script)
    with edge.client() as client:
        assert client.get(target).body == b"alive"
    assert len(tries) == 3


@pytest.mark.parametrize("die", [finish, break_off])
def test_a_post_that_found_its_service_dying_is_told_so_and_not_sent_again(
    edge: Stage, die: Die
) -> None:
    """Red without `or method in IDEMPOTENT` made to read `or True` in upstream/retry.py."""

    def script(call: Call) -> None:
        call.body()
        die(call)

    target = edge.on(script)
    with edge.client() as client:
        client.send(post_of(target, b"once"))
        answer = client.answer()
        assert answer.status == 502
        assert answer.value(b"proxy-status") == b"tta-gateway; error=connection_terminated"
        assert client.get(b"/").status == 200
    assert edge.upstream.calls(target) == 1


def test_an_upload_whose_service_dies_is_told_so_while_it_is_sent(edge: Stage) -> None:
    """Red without `attempt.lost(…)` in edge/upstream_connection.py, connection_lost."""
    target = edge.on(lambda call: call.break_off())
    with edge.client() as client:
        client.send(chunked_post(target) + chunk(b"x" * 1000))
        answer = client.answer()
        assert answer.status == 502
        assert answer.value(b"connection") == b"close"
        assert client.end() is End.CLOSED


def test_half_a_head_is_told_as_502(edge: Stage) -> None:
    """Red without the Reset for HEAD and BODY in `receive_eof` of wire/http1_client.py."""

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        call.finish()

    target = edge.on(script)
    with edge.client() as client:
        answer = client.get(target)
        assert (answer.status, json.loads(answer.body)["code"]) == (
            502,
            "upstream_answer_incomplete",
        )
        assert client.get(b"/").status == 200


def test_a_service_that_dies_behind_an_interim_answer_is_told_as_502_once(edge: Stage) -> None:
    """What the client has heard already cannot be unsaid: no second try.

    Red without `self._begun = True` in upstream/attempt.py, answered.
    """

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        call.break_off()

    target = edge.on(script)
    with edge.client() as client:
        client.send(head_of(target))
        answer = client.answer()
    assert answer.status == 502
    assert edge.upstream.calls(target) == 1
