"""The client over connections whose other ends are the test."""

from collections.abc import Iterator

import pytest

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.valkey_talk import commands, greet
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.error import Refused, Timeout, Unavailable
from tta_gateway.support.valkey.link import Way
from tta_gateway.support.valkey.script import Script
from tta_gateway.support.valkey.slot import slot
from tta_gateway.support.valkey.topology import Address, Login, Range, Topology, single

A, B, C = Address("a", 1), Address("b", 2), Address("c", 3)
HALVES = Topology((Range(0, 8191, A), Range(8192, 16383, B)))
LOW, HIGH = b"b", b"a"  # keys of either half
SCRIPT = Script("return 1")


class Store:
    """A client, and what it says."""

    def __init__(self, loop: FakeLoop, topology: Topology | None) -> None:
        self.loop = loop
        self.told: list[str] = []
        self.stale: list[str] = []
        way = Way(Login(), tls=None, name="me", chance=lambda: 1.0, died=self._died)
        self.client = Valkey(
            topology, way=way, name="state", tell=self._tell, stale=self.stale.append
        )
        loop.run_ready()

    def _tell(self, name: str, **fields: object) -> None:
        assert fields["store"] == "state"
        self.told.append(f"{name} {fields['address']} {fields.get('reason', '')}".strip())

    def _died(self, name: str, error: BaseException) -> None:
        raise AssertionError(name) from error

    def greet(self, *ats: int) -> list[FakeTransport]:
        return [greet(self.loop, at=at) for at in ats]

    def sent(self, server: FakeTransport) -> list[list[bytes]]:
        self.loop.run_ready()
        return commands(server.take())


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    with FakeLoop() as loop:
        yield loop


@pytest.fixture
def one(loop: FakeLoop) -> Store:
    """A client of a single server."""
    return Store(loop, single(A))


@pytest.fixture
def two(loop: FakeLoop) -> Store:
    """A client of a cluster of two."""
    return Store(loop, HALVES)


def test_the_keys_are_what_their_names_say() -> None:
    assert slot(LOW) < 8192 <= slot(HIGH)


def test_a_command_is_sent_and_answered(one: Store) -> None:
    (server,) = one.greet(0)
    answer = one.client.command(b"GET", "key")
    assert one.sent(server) == [[b"GET", b"key"]]
    server.feed(b"$1\r\nx\r\n")
    assert answer.result() == b"x"
    assert one.told == ["valkey_reached a:1"]


def test_before_there_is_a_connection_it_says_why(one: Store) -> None:
    with pytest.raises(Unavailable, match="not connected yet"):
        _ = one.client.command(b"GET", b"key")
    assert one.client.reason == "a:1: not connected yet"
    one.greet(0)
    assert (one.client.is_open, one.client.reason) == (True, "")


def test_the_deadline_is_a_tenth_of_a_second_unless_it_is_given(one: Store) -> None:
    one.greet(0)
    usual, long = one.client.command(b"GET", b"k"), one.client.command(b"GET", b"k", timeout=0.3)
    one.loop.advance(0.11)
    assert isinstance(usual.exception(), Timeout)
    assert not long.done()
    one.loop.advance(0.2)
    assert isinstance(long.exception(), Timeout)


def test_a_script_is_sent_by_name_and_whole_if_the_server_does_not_know_it(one: Store) -> None:
    (server,) = one.greet(0)
    answer = one.client.eval(SCRIPT, [b"k"], [7])
    assert one.sent(server) == [[b"EVALSHA", SCRIPT.sha, b"1", b"k", b"7"]]
    server.feed(b"-NOSCRIPT No matching script.\r\n")
    assert one.sent(server) == [[b"EVAL", b"return 1", b"1", b"k", b"7"]]
    server.feed(b":1\r\n")
    assert answer.result() == 1


def test_a_script_for_a_server_that_has_gone_is_unavailable(one: Store) -> None:
    (server,) = one.greet(0)
    answer = one.client.eval(SCRIPT, [])
    one.sent(server)
    one.client.close()
    server.feed(b"-NOSCRIPT No matching script.\r\n")
    assert isinstance(answer.exception(), Unavailable)


def test_a_replica_is_left_and_a_newer_topology_asked_for(one: Store) -> None:
    (server,) = one.greet(0)
    answer = one.client.command(b"SET", b"k", b"v")
    server.feed(b"-READONLY no\r\n")
    assert isinstance(answer.exception(), Refused)
    assert one.stale == ["it has become a replica"]
    assert not one.client.is_open


def test_moved_from_a_single_server_is_told_to_the_caller(one: Store) -> None:
    (server,) = one.greet(0)
    answer = one.client.command(b"GET", b"k")
    server.feed(b"-MOVED 7 b:2\r\n")
    assert isinstance(answer.exception(), Refused)
    assert one.stale == ["it is one of a cluster"]


def test_a_newer_topology_is_used_and_the_old_server_left_in_peace(one: Store) -> None:
    (old,) = one.greet(0)
    last = one.client.command(b"GET", b"k")
    one.client.use(single(B))
    one.loop.run_ready()
    (new,) = one.greet(1)
    old.feed(b"+last\r\n")
    assert last.result() == b"last"
    one.client.command(b"GET", b"k").add_done_callback(lambda _: None)
    assert one.sent(new) == [[b"GET", b"k"]]
    assert old.aborted
    one.client.use(single(B))
    assert one.client.is_open
    assert one.loop.asked == [("a", 1), ("b", 2)]


def test_without_a_topology_nothing_can_be_sent_yet(loop: FakeLoop) -> None:
    none = Store(loop, None)
    with pytest.raises(Unavailable, match="who serves is not known yet"):
        _ = none.client.command(b"GET", b"k")
    with pytest.raises(Unavailable, match="who serves is not known yet"):
        _ = none.client.eval(SCRIPT, [])
    assert (none.client.is_open, none.client.reason) == (False, "who serves is not known yet")
    none.client.use(single(A))
    loop.run_ready()
    none.greet(0)
    assert none.client.is_open


def test_whoever_waits_for_it_to_be_ready_hears_so(one: Store) -> None:
    ready = one.loop.create_task(one.client.ready(1.0))
    one.loop.run_ready()
    assert not ready.done()
    one.greet(0)
    assert ready.done()
    assert ready.exception() is None


def test_whoever_waits_too_long_hears_why(one: Store) -> None:
    ready = one.loop.create_task(one.client.ready(1.0))
    one.loop.advance(1.1)
    error = ready.exception()
    assert isinstance(error, Unavailable)
    assert error.reason == "a:1: not connected yet"


def test_a_lost_server_is_told_and_a_newer_topology_asked_for(one: Store) -> None:
    (server,) = one.greet(0)
    server.lose()
    one.loop.run_ready()
    assert one.told[-1] == "valkey_lost a:1 the server has closed the connection"
    assert one.stale == ["the server has closed the connection"]


def test_each_key_goes_to_its_node(two: Store) -> None:
    low, high = two.greet(0, 1)
    for key in (LOW, HIGH):
        two.client.command(b"GET", key).add_done_callback(lambda _: None)
    two.client.eval(SCRIPT, [HIGH]).add_done_callback(lambda _: None)
    two.client.command(b"XGROUP", b"CREATE", LOW, key=LOW).add_done_callback(lambda _: None)
    two.client.command(b"PING").add_done_callback(lambda _: None)
    two.client.command(b"GET", 1).add_done_callback(lambda _: None)
    assert [sent[0] for sent in two.sent(low)] == [b"GET", b"XGROUP", b"PING"]
    assert [sent[0] for sent in two.sent(high)] == [b"GET", b"EVALSHA", b"GET"]


def test_a_slot_that_nobody_has_is_unavailable(loop: FakeLoop) -> None:
    holed = Store(loop, Topology((Range(0, 1, A), Range(8192, 16383, B))))
    with pytest.raises(Unavailable, match="nobody serves this key"):
        _ = holed.client.command(b"GET", LOW)


def test_a_key_that_has_moved_is_followed_and_remembered(two: Store) -> None:
    low, high = two.greet(0, 1)
    answer = two.client.command(b"GET", LOW)
    low.feed(b"-MOVED %d b:2\r\n" % slot(LOW))
    assert two.sent(high) == [[b"GET", LOW]]
    high.feed(b"+there\r\n")
    assert (answer.result(), two.stale) == (b"there", ["MOVED"])
    two.sent(low)
    two.client.command(b"GET", LOW).add_done_callback(lambda _: None)
    assert (two.sent(low), two.sent(high)) == ([], [[b"GET", LOW]])


def test_a_key_on_its_way_is_asked_for_and_not_remembered(two: Store) -> None:
    low, high = two.greet(0, 1)
    answer = two.client.command(b"GET", LOW)
    low.feed(b"-ASK %d b:2\r\n" % slot(LOW))
    assert two.sent(high) == [[b"ASKING"], [b"GET", LOW]]
    high.feed(b"+OK\r\n+there\r\n")
    assert (answer.result(), two.stale) == (b"there", [])


def test_a_key_that_goes_round_in_circles_is_given_up(two: Store) -> None:
    low, high = two.greet(0, 1)
    answer = two.client.command(b"GET", LOW)
    for server, other in ((low, b"b:2"), (high, b"a:1"), (low, b"b:2"), (high, b"a:1")):
        server.feed(b"-MOVED %d %b\r\n" % (slot(LOW), other))
    assert isinstance(answer.exception(), Refused)


def test_a_node_that_nobody_named_is_connected_to(two: Store) -> None:
    low, _ = two.greet(0, 1)
    answer = two.client.command(b"GET", LOW)
    low.feed(b"-MOVED %d c:3\r\n" % slot(LOW))
    assert isinstance(answer.exception(), Unavailable)
    two.loop.run_ready()
    (third,) = two.greet(2)
    two.client.command(b"GET", LOW).add_done_callback(lambda _: None)
    assert two.sent(third) == [[b"GET", LOW]]


def test_a_node_without_a_name_is_the_one_that_was_asked(two: Store) -> None:
    low, _ = two.greet(0, 1)
    two.client.command(b"GET", LOW).add_done_callback(lambda future: future.exception())
    low.feed(b"-MOVED %d :7\r\n" % slot(LOW))
    two.loop.run_ready()
    assert two.loop.asked[-1] == ("a", 7)


def test_an_answer_goes_its_own_way_while_the_topology_changes(two: Store) -> None:
    low, high = two.greet(0, 1)
    answer = two.client.command(b"GET", HIGH)
    two.client.use(single(A))
    high.feed(b"+there\r\n")
    assert answer.result() == b"there"
    two.client.command(b"GET", HIGH).add_done_callback(lambda _: None)
    assert two.sent(low) == [[b"GET", HIGH]]


def test_closing_says_nothing_more(one: Store) -> None:
    (server,) = one.greet(0)
    one.client.close()
    one.client.pushed([])
    assert server.aborted
    assert (one.stale, one.told) == ([], ["valkey_reached a:1"])


def test_it_says_who_serves_a_key_as_far_as_that_is_known(loop: FakeLoop) -> None:
    assert Store(loop, single(A)).client.place(LOW) == A
    two = Store(loop, HALVES).client
    assert (two.place(LOW), two.place(HIGH)) == (A, B)
    assert Store(loop, None).client.place(LOW) is None
    partial = Topology((Range(0, 10, A), Range(11, 20, B)))
    assert Store(loop, partial).client.place(HIGH) is None
