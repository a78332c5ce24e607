"""The subscriber over connections whose other ends are the test."""

from collections.abc import Iterator

import pytest

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.valkey_talk import commands, greet
from tta_gateway.support.valkey.link import Way
from tta_gateway.support.valkey.subscriber import Subscriber
from tta_gateway.support.valkey.topology import Address, Login, Range, Topology, single

A, B = Address("a", 1), Address("b", 2)


class Ear:
    """A subscriber, and what its listener hears."""

    def __init__(self, loop: FakeLoop, topology: Topology | None) -> None:
        self.loop = loop
        self.said: list[str] = []
        self.told: list[str] = []
        way = Way(Login(), tls=None, name="me", chance=lambda: 1.0, died=self._died)
        self.subscriber = Subscriber(topology, way=way, name="bus", tell=self._tell, listener=self)
        loop.run_ready()

    def _tell(self, name: str, **fields: object) -> None:
        self.told.append(f"{name} {fields['address']}")

    def _died(self, name: str, error: BaseException) -> None:
        raise AssertionError(name) from error

    def heard(self, channel: bytes, message: bytes) -> None:
        self.said.append(f"{channel.decode()}: {message.decode()}")

    def joined(self, name: bytes) -> None:
        self.said.append(f"joined {name.decode()}")

    def parted(self) -> None:
        self.said.append("parted")

    def greet(self) -> FakeTransport:
        """Let it in; what it asks for at once is still to be taken."""
        transport = greet(self.loop)
        transport.sent = transport.writes[-1] if len(transport.writes) > 2 else b""
        return transport

    def sent(self, server: FakeTransport) -> list[list[bytes]]:
        self.loop.run_ready()
        return commands(server.take())


def push(*words: bytes) -> bytes:
    return b">%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in words)


@pytest.fixture
def ear() -> Iterator[Ear]:
    with FakeLoop() as loop:
        yield Ear(loop, single(A))


def test_channels_are_subscribed_as_soon_as_there_is_a_connection(ear: Ear) -> None:
    ear.subscriber.subscribe(b"a", b"b")
    ear.subscriber.psubscribe(b"p*")
    server = ear.greet()
    assert ear.sent(server) == [[b"SUBSCRIBE", b"a", b"b"], [b"PSUBSCRIBE", b"p*"]]
    assert ear.subscriber.is_open


def test_what_is_published_is_heard_once_it_is_joined(ear: Ear) -> None:
    server = ear.greet()
    ear.subscriber.subscribe(b"a")
    ear.subscriber.psubscribe(b"p*")
    server.feed(push(b"subscribe", b"a", b"1"), push(b"psubscribe", b"p*", b"2"))
    server.feed(push(b"message", b"a", b"hello"), push(b"pmessage", b"p*", b"p1", b"there"))
    assert ear.said == ["joined a", "joined p*", "a: hello", "p1: there"]


def test_what_is_left_is_not_joined_by_a_late_word(ear: Ear) -> None:
    server = ear.greet()
    ear.subscriber.subscribe(b"a")
    ear.subscriber.psubscribe(b"p*")
    ear.subscriber.unsubscribe(b"a", b"never")
    ear.subscriber.punsubscribe(b"p*")
    assert ear.sent(server)[2:] == [[b"UNSUBSCRIBE", b"a", b"never"], [b"PUNSUBSCRIBE", b"p*"]]
    server.feed(push(b"subscribe", b"a", b"1"), push(b"psubscribe", b"p*", b"2"))
    server.feed(push(b"unsubscribe", b"a", b"0"), b">3\r\n+unsubscribe\r\n_\r\n:0\r\n")
    assert ear.said == []


def test_after_the_end_of_a_connection_all_is_subscribed_anew_and_told(ear: Ear) -> None:
    ear.subscriber.subscribe(*(b"%d" % number for number in range(501)))
    first = ear.greet()
    first.lose()
    ear.loop.answers.append(ConnectionRefusedError(111, "refused"))
    ear.loop.advance(1.0)
    second = ear.greet()
    sent = ear.sent(second)
    assert [len(words) for words in sent] == [501, 2]
    second.feed(push(b"subscribe", b"7", b"1"))
    assert ear.said == ["parted", "joined 7"]
    assert ear.told == [
        "valkey_heard a:1",
        "valkey_unheard a:1",
        "valkey_unheard a:1",
        "valkey_heard a:1",
    ]


def test_a_newer_topology_is_followed_only_if_the_server_is_not_part_of_it(ear: Ear) -> None:
    server = ear.greet()
    ear.subscriber.use(Topology((Range(0, 1, B), Range(2, 3, A))))
    assert ear.said == []
    ear.subscriber.use(single(B))
    ear.loop.run_ready()
    assert server.aborted
    assert ear.said == ["parted"]
    assert ear.loop.asked == [("a", 1), ("b", 2)]


def test_without_a_topology_it_waits(ear: Ear) -> None:
    none = Ear(ear.loop, None)
    none.subscriber.subscribe(b"a")
    none.subscriber.use(single(B))
    ear.loop.run_ready()
    assert none.sent(none.greet()) == [[b"SUBSCRIBE", b"a"]]


def test_closing_is_the_end(ear: Ear) -> None:
    server = ear.greet()
    ear.subscriber.close()
    ear.subscriber.close()
    ear.loop.advance(5.0)
    assert server.aborted
    assert (ear.said, len(ear.loop.opened)) == ([], 1)


def test_an_error_is_nobodys_to_take_over(ear: Ear) -> None:
    server = ear.greet()
    ear.loop.advance(5.1)  # a sign of life is asked for
    server.feed(b"-NOPERM no\r\n")
    ear.loop.run_ready()
    assert ear.subscriber.is_open


def test_whoever_has_found_out_that_not_all_is_heard_has_it_connect_anew(ear: Ear) -> None:
    ear.greet()
    ear.subscriber.subscribe(b"a")
    ear.subscriber.renew("nothing comes")
    assert ear.said == ["parted"]
    assert not ear.subscriber.is_open
    ear.loop.advance(1.0)
    again = ear.greet()
    assert commands(again.sent) == [[b"SUBSCRIBE", b"a"]]
    ear.subscriber.close()
    ear.subscriber.renew("nobody is there")
