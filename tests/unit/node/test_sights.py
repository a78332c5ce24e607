"""How endpoints do, told to control: some by real datagrams, for only they can be refused."""

import socket
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.events import EndpointSeen, Event
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.kernel.standing import Stand, Standing
from tta_gateway.node.sights import Sights
from tta_gateway.support.bus import Bus, Notes, NotesReader, pair
from tta_gateway.upstream.attempt import Upstream

ONE, OTHER = an_endpoint(9001), an_endpoint(9002)
SERVICES, ENDPOINTS = 300, 10
TICK = 0.2  # seconds


class Way:
    """A way to control that takes so many events of each datagram."""

    def __init__(self, *, takes: int = 1000) -> None:
        self.takes = takes
        self.told: list[EndpointSeen] = []
        self.times = 0

    def show(self, events: Sequence[Event]) -> int:
        self.times += 1
        taken = events[: self.takes]
        self.told += [one for one in taken if isinstance(one, EndpointSeen)]
        return len(taken)


def an_upstream(*endpoints: Endpoint, name: str = "players") -> Upstream:
    return Upstream(Service(name=name, endpoints=endpoints))


def drain(upstream: Upstream, *names: str) -> None:
    """Have these endpoints drain, and no others."""
    stands = tuple(
        Stand(endpoint=one.endpoint, state="draining" if one.name in names else "up")
        for one in upstream.pools
    )
    upstream.adopt(Standing(endpoints=stands), now=0.0, wall=0.0)


def test_what_is_under_way_at_draining_endpoints_is_told_four_times_a_second() -> None:
    clock, way = FakeClock(), Way()
    upstream = an_upstream(ONE, OTHER)
    drain(upstream, OTHER.name)
    upstream.pools[1].in_flight = 3
    sights = Sights(wall=clock.wall)
    for now in (10.0, 10.2, 10.25, 10.3):
        sights.tick(now, {"players": upstream}, way)
    assert len(way.told) == 2
    one = way.told[0]
    assert (one.service, one.endpoint, one.in_flight, one.draining) == (
        "players",
        OTHER.name,
        3,
        True,
    )
    assert (one.at, one.by.partition(" ")[0]) == (clock.wall(), "worker")


def test_a_tunnel_is_under_way() -> None:
    way, upstream = Way(), an_upstream(ONE)
    drain(upstream, ONE.name)
    upstream.pools[0].open = 1
    Sights(wall=FakeClock().wall).tick(10.0, {"players": upstream}, way)
    assert [one.in_flight for one in way.told] == [1]


def test_others_are_told_every_two_seconds_if_they_have_something_to_do() -> None:
    way, upstream = Way(), an_upstream(ONE, OTHER)
    upstream.pools[1].open = 1
    sights = Sights(wall=FakeClock().wall)
    for tick in range(21):
        sights.tick(10.0 + tick * TICK, {"players": upstream}, way)
    assert [(one.endpoint, one.draining) for one in way.told] == [(OTHER.name, False)] * 3


def test_who_was_not_taken_has_its_turn_before_the_others() -> None:
    way = Way(takes=1)
    upstreams = {name: an_upstream(ONE, name=name) for name in ("a", "b", "c")}
    for upstream in upstreams.values():
        upstream.pools[0].open = 1
    sights = Sights(wall=FakeClock().wall)
    for tick in range(4):
        sights.tick(10.0 + tick * TICK, upstreams, way)
    assert [one.service for one in way.told] == ["a", "b", "c"]


def test_while_draining_ones_are_not_taken_the_others_wait() -> None:
    way, upstream = Way(takes=0), an_upstream(ONE, OTHER)
    drain(upstream, OTHER.name)
    upstream.pools[0].open = 1
    sights = Sights(wall=FakeClock().wall)
    sights.tick(10.0, {"players": upstream}, way)
    assert way.times == 1
    way.takes = 10
    sights.tick(10.2, {"players": upstream}, way)
    assert [one.endpoint for one in way.told] == [OTHER.name, ONE.name]


def test_what_has_come_since_is_told_once() -> None:
    way, upstream = Way(), an_upstream(ONE, OTHER)
    record = upstream.pools[1].record
    sights = Sights(wall=FakeClock().wall)
    for now in (10.0, 12.0, 14.0):
        record.succeeded()
        record.did_not("answer")
        sights.tick(now, {"players": upstream}, way)
        sights.tick(now + 1.0, {"players": upstream}, way)
    assert [(one.endpoint, one.asked, one.failed) for one in way.told] == [(OTHER.name, 2, 1)] * 3
    turns = [one.turn for one in way.told]
    assert turns == sorted(set(turns))
    assert turns[0] > 0


def test_what_is_not_taken_is_told_later() -> None:
    """Red without `places[:taken]` in node/sights.py, _show."""
    way, upstream = Way(takes=0), an_upstream(ONE)
    upstream.pools[0].record.succeeded()
    sights = Sights(wall=FakeClock().wall)
    sights.tick(10.0, {"players": upstream}, way)
    way.takes = 10
    upstream.pools[0].record.succeeded()
    sights.tick(10.2, {"players": upstream}, way)
    assert [one.asked for one in way.told] == [2]


def test_control_knows_who_is_penalised_here() -> None:
    way, upstream = Way(), an_upstream(ONE, OTHER)
    upstream.pools[0].pace.told(8.0)
    Sights(wall=FakeClock().wall).tick(10.0, {"players": upstream}, way)
    assert [(one.endpoint, one.penalised) for one in way.told] == [(ONE.name, True)]


# Three thousand, by datagrams


class Crowd:
    """A worker with hundreds of services, and control at the other end of a real way."""

    def __init__(self) -> None:
        self.heard, self.sender = pair()
        self.bus = Bus()
        self.seen: Counter[tuple[str, str]] = Counter()
        self.bus.subscribe(self._hear)
        self.notes = Notes(self.sender)
        self.reader = NotesReader(self.heard, self.bus, misread=self._misread)
        self.sights = Sights(wall=FakeClock().wall)
        self.now = 100.0
        self.upstreams = {
            f"service-{number}": an_upstream(
                *(an_endpoint(9000 + port) for port in range(ENDPOINTS)), name=f"service-{number}"
            )
            for number in range(SERVICES)
        }
        for upstream in self.upstreams.values():
            for pool in upstream.pools:
                pool.open = 1

    def _hear(self, event: Event) -> None:
        assert isinstance(event, EndpointSeen)
        self.seen[event.service, event.endpoint] += 1

    def _misread(self, error: str) -> None:
        raise AssertionError(error)

    def ticks(self, count: int, *, turns: int) -> None:
        """Let time pass; control's loop turns so often in each tick."""
        for _ in range(count):
            self.now += TICK
            self.notes.flush()
            self.sights.tick(self.now, self.upstreams, self.notes)
            for _ in range(turns):
                self.reader.hear()


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd()
    with made.heard, made.sender:
        yield made


def test_of_three_thousand_endpoints_each_is_told_every_two_seconds(crowd: Crowd) -> None:
    crowd.ticks(10, turns=4)
    assert len(crowd.seen) == SERVICES * ENDPOINTS
    crowd.ticks(30, turns=4)
    assert set(crowd.seen.values()) == {4}
    assert crowd.notes.take_dropped() == 0


def test_a_control_that_is_slow_hears_of_all_of_them_as_fairly(crowd: Crowd) -> None:
    crowd.sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 40_000)
    crowd.ticks(5, turns=0)
    for _ in range(20):
        crowd.reader.hear()
    assert 0 < crowd.seen.total() < 1000  # more were due: the way was full
    crowd.ticks(60, turns=1)
    assert len(crowd.seen) == SERVICES * ENDPOINTS
    assert max(crowd.seen.values()) - min(crowd.seen.values()) <= 1
    assert crowd.notes.take_dropped() == 0


def test_all_that_drain_at_once_are_told_within_a_second(crowd: Crowd) -> None:
    for upstream in crowd.upstreams.values():
        drain(upstream, *(one.name for one in upstream.pools))
    crowd.ticks(5, turns=8)
    assert len(crowd.seen) == SERVICES * ENDPOINTS
