"""One connection, whose other end is the test."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.valkey_talk import commands
from tta_gateway.support.valkey.connection import (
    MOST,
    MOST_BYTES,
    SILENCE,
    Connection,
    Pending,
    Reply,
    pack,
)
from tta_gateway.support.valkey.error import Refused, Timeout, Unavailable


class Line:
    """A connection, its owner, and the other end."""

    def __init__(self, loop: FakeLoop) -> None:
        self.loop = loop
        self.told: list[str] = []
        self.posted: list[asyncio.Future[Reply]] = []
        self.takes = ""  # the code of an error that the owner takes over
        self.connection = Connection(loop.real, self)
        self.transport = FakeTransport(loop)
        self.transport.connect(cast("asyncio.Protocol", self.connection))

    def refused(self, pending: Pending, error: Refused) -> bool:  # noqa: ARG002 - of the port
        self.told.append(error.code)
        return error.code == self.takes

    def pushed(self, push: list[Reply]) -> None:
        self.told.append(f"pushed {push}")

    def lost(self, connection: Connection, reason: str) -> None:
        assert connection is self.connection
        self.told.append(reason)

    def send(self, *args: bytes, timeout: float = 0.1) -> "asyncio.Future[Reply]":
        future: asyncio.Future[Any] = self.loop.create_future()
        self.connection.put(Pending(pack(args), future, self.loop.time() + timeout))
        return future

    def post(self, *args: bytes, timeout: float = 0.1) -> None:
        self.posted.append(self.send(*args, timeout=timeout))


@pytest.fixture
def line() -> Iterator[Line]:
    with FakeLoop() as loop:
        yield Line(loop)


def test_commands_of_one_turn_leave_in_one_write(line: Line) -> None:
    for word in (b"a", b"b", b"c"):
        line.post(b"GET", word)
    assert line.transport.writes == []
    line.loop.run_ready()
    assert len(line.transport.writes) == 1
    assert commands(line.transport.sent) == [[b"GET", b"a"], [b"GET", b"b"], [b"GET", b"c"]]


def test_answers_go_to_their_commands_however_they_are_cut(line: Line) -> None:
    first, second = line.send(b"GET", b"a"), line.send(b"GET", b"b")
    for byte in b"$1\r\nx\r\n:7\r\n":
        line.transport.feed(bytes([byte]))
    assert (first.result(), second.result()) == (b"x", 7)


def test_a_command_without_a_caller_takes_its_answer_with_it(line: Line) -> None:
    first, second = line.send(b"GET", b"a"), line.send(b"GET", b"b")
    first.cancel()
    line.transport.feed(b"+a\r\n+b\r\n")
    assert second.result() == b"b"


def test_a_deadline_ends_the_wait_and_not_the_place_in_the_queue(line: Line) -> None:
    first = line.send(b"GET", b"a", timeout=0.1)
    second = line.send(b"GET", b"b", timeout=0.5)
    line.loop.advance(0.2)
    assert isinstance(first.exception(), Timeout)
    assert not second.done()
    line.transport.feed(b"+a\r\n+b\r\n")
    assert second.result() == b"b"


def test_a_shorter_deadline_behind_a_longer_one_is_kept(line: Line) -> None:
    line.post(b"GET", b"a", timeout=0.5)
    short = line.send(b"GET", b"b", timeout=0.1)
    line.loop.advance(0.11)
    assert isinstance(short.exception(), Timeout)


def test_a_deadline_behind_its_answer_changes_nothing(line: Line) -> None:
    line.post(b"GET", b"a")
    line.transport.feed(b"+a\r\n")
    line.loop.advance(10.0)
    assert line.told == []


def test_a_server_that_stays_silent_is_given_up(line: Line) -> None:
    first = line.send(b"GET", b"a", timeout=0.1)
    line.loop.advance(0.1 + SILENCE - 0.01)
    late = line.send(b"GET", b"b", timeout=5.0)
    assert line.told == []
    line.loop.advance(0.02)
    assert line.told == ["the server does not answer"]
    assert line.transport.aborted
    assert isinstance(first.exception(), Timeout)
    error = late.exception()
    assert isinstance(error, Unavailable)
    assert error.may_be_done


def test_what_is_under_way_is_bounded_in_number(line: Line) -> None:
    for _ in range(MOST):
        line.post(b"PING")
    with pytest.raises(Unavailable, match="too many commands are under way"):
        line.post(b"PING")
    line.transport.feed(b"+PONG\r\n")
    line.post(b"PING")


def test_what_is_under_way_is_bounded_in_bytes(line: Line) -> None:
    line.post(b"SET", b"a", b"v" * MOST_BYTES)
    with pytest.raises(Unavailable, match="too many commands are under way"):
        line.post(b"PING")


def test_an_error_goes_to_its_command_unless_the_owner_takes_it_over(line: Line) -> None:
    line.takes = "NOSCRIPT"
    first, second = line.send(b"EVALSHA", b"a"), line.send(b"LPUSH", b"b")
    line.transport.feed(b"-NOSCRIPT no\r\n-WRONGTYPE no\r\n")
    assert not first.done()
    error = second.exception()
    assert isinstance(error, Refused)
    assert error.code == "WRONGTYPE"
    assert line.told == ["NOSCRIPT", "WRONGTYPE"]


def test_an_error_that_nobody_waits_for_is_nobodys_business(line: Line) -> None:
    line.send(b"GET", b"a").cancel()
    line.transport.feed(b"-NOSCRIPT no\r\n")
    assert line.told == []


def test_what_is_said_unasked_is_no_answer(line: Line) -> None:
    answer = line.send(b"GET", b"a")
    line.transport.feed(b">2\r\n+message\r\n+x\r\n+a\r\n")
    assert answer.result() == b"a"
    assert line.told == ["pushed [b'message', b'x']"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "it speaks no RESP3 that is known here (ProtocolError)"),
        (b"%1\r\n*1\r\n:1\r\n:2\r\n", "it speaks no RESP3 that is known here (TypeError)"),
        (b"+PONG\r\n", "it sent an answer that nobody had asked for"),
    ],
)
def test_what_cannot_be_an_answer_ends_the_connection(line: Line, said: bytes, reason: str) -> None:
    line.transport.feed(said)
    assert line.told == [reason]
    with pytest.raises(Unavailable, match="has ended"):
        line.post(b"PING")


def test_the_end_of_the_socket_is_told_to_all_who_wait(line: Line) -> None:
    answer = line.send(b"GET", b"a")
    line.transport.end()
    line.loop.run_ready()
    error = answer.exception()
    assert isinstance(error, Unavailable)
    assert error.may_be_done
    assert line.told == ["the server has closed the connection"]


def test_leaving_waits_for_the_answers(line: Line) -> None:
    answer = line.send(b"GET", b"a")
    line.connection.leave()
    assert not line.connection.has_ended
    line.transport.feed(b"+a\r\n")
    assert answer.result() == b"a"
    assert line.told == ["it is no longer needed"]


def test_leaving_is_at_once_where_nothing_is_under_way(line: Line) -> None:
    line.connection.leave()
    assert line.connection.has_ended
    line.connection.break_off("again")
    assert line.told == ["it is no longer needed"]


def test_a_socket_that_comes_too_late_is_closed() -> None:
    with FakeLoop() as loop:
        one = Line(loop)
        late = Connection(loop.real, one)
        one.connection = late
        late.break_off("too late")
        transport = FakeTransport(loop)
        transport.connect(cast("asyncio.Protocol", late))
        assert transport.aborted


def test_what_has_no_answer_goes_with_the_rest(line: Line) -> None:
    line.connection.write(pack((b"SUBSCRIBE", b"a")))
    line.post(b"PING")
    line.loop.run_ready()
    assert commands(line.transport.sent) == [[b"SUBSCRIBE", b"a"], [b"PING"]]
    assert line.connection.under_way == 1


def test_its_keeper_asks_with_patience(line: Line) -> None:
    answer = line.connection.ask("PING", patience=0.1)
    line.loop.advance(0.2)
    assert isinstance(answer.exception(), Timeout)


def test_a_full_socket_changes_nothing(line: Line) -> None:
    line.transport.get_stuck()
    answer = line.send(b"SET", b"a", b"v" * 100_000)
    line.loop.run_ready()
    line.transport.get_unstuck()
    line.transport.feed(b"+OK\r\n")
    assert answer.result() == b"OK"
