"""A link: connections to one address, one after the other."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.valkey_talk import commands, greet
from tta_gateway.support.valkey.connection import Pending, Reply, pack
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.link import IDLE, Link, Way
from tta_gateway.support.valkey.topology import Address, Login


class Keeper:
    """Whose link it is, and what it has been told."""

    def __init__(self, loop: FakeLoop) -> None:
        self.loop = loop
        self.told: list[str] = []
        way = Way(Login(), tls=None, name="me", chance=lambda: 1.0, died=self._died)
        self.link = Link(Address("a", 1), way=way, keeper=self)
        loop.run_ready()

    def refused(self, link: Link, pending: Pending, error: Refused) -> bool:  # noqa: ARG002 - of the port
        self.told.append(error.code)
        return False

    def pushed(self, push: list[Reply]) -> None:
        self.told.append(f"pushed {push}")

    def opened(self, link: Link) -> None:
        assert link is self.link
        self.told.append("opened")

    def closed(self, link: Link, reason: str) -> None:
        assert link is self.link
        self.told.append(reason)

    def _died(self, name: str, error: BaseException) -> None:
        self.told.append(f"{name} {error!r}")

    def send(self, *args: bytes) -> "asyncio.Future[Reply]":
        future: asyncio.Future[Any] = self.loop.create_future()
        self.link.put(Pending(pack(args), future, self.loop.time() + 0.1))
        return future

    def greet(self) -> FakeTransport:
        return greet(self.loop)


@pytest.fixture
def one() -> Iterator[Keeper]:
    with FakeLoop() as loop:
        keeper = Keeper(loop)
        yield keeper
        keeper.link.close()
        loop.advance(10.0)


def test_commands_go_as_soon_as_it_is_open(one: Keeper) -> None:
    with pytest.raises(Unavailable, match="not connected yet"):
        _ = one.send(b"PING")
    server = one.greet()
    answer = one.send(b"PING")
    one.link.write(pack((b"SUBSCRIBE", b"a")))
    one.loop.run_ready()
    assert commands(server.take()) == [[b"PING"], [b"SUBSCRIBE", b"a"]]
    server.feed(b"+PONG\r\n")
    assert (answer.result(), one.told) == (b"PONG", ["opened"])


def test_a_connection_that_is_lost_is_opened_again_at_once_if_it_had_lived(one: Keeper) -> None:
    server = one.greet()
    one.loop.advance(2.0)
    server.lose()
    one.loop.run_ready()
    assert not one.link.is_open
    with pytest.raises(Unavailable, match="closed the connection"):
        _ = one.send(b"PING")
    one.loop.advance(0.001)
    assert len(one.loop.opened) == 2
    one.greet()
    assert one.told == ["opened", "the server has closed the connection", "opened"]


def test_tries_come_more_and_more_slowly_and_a_reason_is_told_once(one: Keeper) -> None:
    one.loop.answers.extend(ConnectionRefusedError(111, "refused") for _ in range(8))
    one.greet().lose()
    at = []
    while one.loop.answers:
        one.loop.advance(0.01)
        at.append(len(one.loop.asked))
    pauses = [at.count(number) for number in range(2, 9)]
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 95
    assert one.told == ["opened", "the server has closed the connection", "refused"]


def test_a_connection_that_says_nothing_is_asked_for_a_sign_of_life(one: Keeper) -> None:
    server = one.greet()
    one.loop.advance(IDLE + 0.01)
    assert commands(server.take()) == [[b"PING"]]
    server.feed(b"+PONG\r\n")
    one.loop.advance(IDLE)
    assert commands(server.take()) == [[b"PING"]]
    one.loop.advance(4.0)
    assert one.told == ["opened", "the server does not answer"]


def test_what_nobody_expects_is_told_and_tried_again(one: Keeper) -> None:
    one.loop.answers.append(UnicodeError("label too long"))
    one.greet().lose()
    one.loop.advance(1.0)
    assert "valkey UnicodeError('label too long')" in one.told
    assert len(one.loop.asked) > 2


def test_renewing_waits_for_the_answers_and_comes_back(one: Keeper) -> None:
    server = one.greet()
    answer = one.send(b"GET", b"a")
    one.link.renew("it has become a replica")
    with pytest.raises(Unavailable, match="has become a replica"):
        _ = one.send(b"GET", b"a")
    server.feed(b"+a\r\n")
    assert answer.result() == b"a"
    one.loop.advance(1.0)
    assert len(one.loop.opened) == 2
    one.link.renew("nothing to leave")
    assert one.told == ["opened", "it has become a replica"]


def test_closing_is_the_end(one: Keeper) -> None:
    server = one.greet()
    one.link.close()
    assert server.aborted
    one.loop.advance(10.0)
    assert len(one.loop.opened) == 1
    one.link.write(b"nobody hears")


def test_closing_while_it_connects_is_the_end_too(one: Keeper) -> None:
    one.link.close()
    server = one.greet()
    assert server.aborted
    one.loop.advance(10.0)
    assert (len(one.loop.opened), "opened" in one.told) == (1, False)


def test_what_the_server_says_is_passed_on(one: Keeper) -> None:
    server = one.greet()
    wrong = one.send(b"GET", b"a")
    server.feed(b">1\r\n+hello\r\n-WRONGTYPE no\r\n")
    assert isinstance(wrong.exception(), Refused)
    assert one.told == ["opened", "pushed [b'hello']", "WRONGTYPE"]


def test_a_silent_server_is_asked_once_more_after_the_last_answer(one: Keeper) -> None:
    """Whoever waits for an answer asks for a sign of life already."""
    server = one.greet()
    one.loop.advance(IDLE - 0.05)
    answer = one.send(b"GET", b"a")
    one.loop.advance(0.06)
    assert commands(server.take()) == [[b"GET", b"a"]]
    server.feed(b"+a\r\n")
    assert answer.result() == b"a"
