"""Connections serve one request after the other, on both sides, and pipelined ones in order."""

import socket
import threading
import time

import pytest

from tests.e2e.edge.stage import Stage
from tests.helpers.clients import PATIENCE, Client, head_of, post_of
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e


def test_a_clients_connection_serves_many_requests(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(call.body()))
    with edge.client() as client:
        for number in range(50):
            client.send(post_of(target, b"%d" % number))
            assert client.answer().body == b"%d" % number


def test_a_connection_upstream_serves_many_requests_of_many_clients(edge: Stage) -> None:
    numbers: set[int] = set()

    def script(call: Call) -> None:
        numbers.add(call.number)
        call.answer()

    target = edge.on(script)
    for _ in range(20):
        with edge.client() as client:
            assert client.get(target).status == 200
    assert len(numbers) == 1


def test_an_upstream_that_says_close_gets_a_new_connection_for_the_next(edge: Stage) -> None:
    numbers: list[int] = []

    def script(call: Call) -> None:
        numbers.append(call.number)
        call.answer(b"bye", fields=[(b"Connection", b"close")])
        call.gone()

    target = edge.on(script)
    with edge.client() as client:
        answers = [client.get(target) for _ in range(3)]
    assert [answer.body for answer in answers] == [b"bye"] * 3
    assert [answer.value(b"connection") for answer in answers] == [None] * 3
    assert len(set(numbers)) == 3


def test_a_client_that_says_close_gets_its_answer_and_the_end(edge: Stage) -> None:
    with edge.client() as client:
        answer = client.get(b"/", fields=[(b"Connection", b"close")])
        assert answer.value(b"connection") == b"close"
        assert client.end() is End.CLOSED


@pytest.mark.parametrize("count", [8, 100])
def test_pipelined_requests_in_one_segment_are_answered_in_order(edge: Stage, count: int) -> None:
    def script(call: Call) -> None:
        number = int(call.head.value(b"x-number") or b"-1")
        time.sleep(0.003 * (number % 3))
        call.answer(b"%d" % number)

    target = edge.on(script)
    requests = [head_of(target, fields=[(b"X-Number", b"%d" % one)]) for one in range(count)]
    with edge.client() as client:
        client.send(b"".join(requests))
        bodies = [client.answer().body for _ in range(count)]
        assert bodies == [b"%d" % one for one in range(count)]
        assert client.get(b"/").status == 200


def test_pipelined_requests_with_bodies_are_answered_in_order(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(call.body()))
    with edge.client() as client:
        client.send(b"".join(post_of(target, b"body %d" % one) for one in range(30)))
        assert [client.answer().body for _ in range(30)] == [b"body %d" % one for one in range(30)]


def test_pipelined_requests_that_come_in_pieces_of_any_size_are_answered_in_order(
    edge: Stage,
) -> None:
    target = edge.on(lambda call: call.answer(call.body()))
    data = b"".join(post_of(target, b"body %d" % one) for one in range(12))
    for size in (1, 7, 61):
        with edge.client() as client:
            for at in range(0, len(data), size):
                client.send(data[at : at + size])
            bodies = [client.answer().body for _ in range(12)]
        assert bodies == [b"body %d" % one for one in range(12)]


def test_pipelined_requests_that_the_gateway_answers_itself_are_answered_in_order(
    edge: Stage,
) -> None:
    """Local answers come at once: they may not overtake one that is under way."""
    release = threading.Event()

    def script(call: Call) -> None:
        assert release.wait(PATIENCE)
        call.answer(b"late")

    target = edge.on(script)
    with edge.client() as client:
        client.send(head_of(target) + head_of(b"//refused") + head_of(target))
        client.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.head()
        client.sock.settimeout(PATIENCE)
        release.set()
        statuses = [client.answer().status for _ in range(3)]
    assert statuses == [200, 400, 200]


def test_what_is_pipelined_behind_a_close_is_not_answered(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer())
    with edge.client() as client:
        last = head_of(target, fields=[(b"Connection", b"close")])
        client.send(head_of(target) + last + head_of(target))
        assert [client.answer().status for _ in range(2)] == [200, 200]
        assert client.read_to_end() == b""
    assert edge.upstream.calls(target) == 2


def test_a_malformed_request_behind_good_ones_is_answered_in_its_turn(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer())
    with edge.client() as client:
        twice = head_of(target, fields=[(b"Host", b"again")])
        client.send(head_of(target) * 3 + twice + head_of(target))
        assert [client.answer().status for _ in range(4)] == [200, 200, 200, 400]
        assert client.end() is End.CLOSED
    assert edge.upstream.calls(target) == 3


def test_a_client_that_closes_its_half_behind_a_request_has_gone(edge: Stage) -> None:
    """TCP does not tell a half-closed connection from one whose client has gone: both end."""
    gone: list[float] = []
    target = edge.on(lambda call: gone.append(call.gone()))
    with edge.client() as client:
        client.ask(target)
        time.sleep(0.1)
        client.half_close()
        assert client.end() is not End.OPEN
    assert wait_until(lambda: bool(gone))


def test_half_an_answer_never_looks_whole_to_a_client_that_closed_its_half(edge: Stage) -> None:
    """HTTP/1.0 knows no other end than that of the connection: it must not be an orderly one."""

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n")
        call.gone()

    target = edge.on(script)
    with edge.client() as client:
        client.send(b"GET %b HTTP/1.0\r\nHost: gateway.test\r\n\r\n" % target)
        assert client.head().status == 200
        assert client.read_exactly(5) == b"half!"
        client.half_close()
        assert client.end() is End.RESET


def test_a_client_that_never_reads_its_small_answers_and_closes_hurts_nobody(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(b"x"))
    for _ in range(20):
        client = Client(edge.port)
        client.send(head_of(target) * 5)
        client.sock.shutdown(socket.SHUT_RDWR)
        client.reset()
    with edge.client() as good:
        assert good.get(target).body == b"x"
