"""Discovery at work: what is told, when, and how registries are said to be."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.discovery import service as module
from tta_gateway.features.discovery.bound import DiscoveryBound, Wanted
from tta_gateway.features.discovery.metrics import CHANGES, FAILURES, REACHABLE
from tta_gateway.features.discovery.provider import Found, Unreachable
from tta_gateway.features.discovery.registries import Watched
from tta_gateway.features.discovery.service import Discovery
from tta_gateway.features.discovery.state import RegistryState
from tta_gateway.kernel.events import Event, RegistryChanged
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Metric, Registry


def some(*ports: int) -> tuple[Instance, ...]:
    return tuple(
        Instance(id=str(port), endpoint=Endpoint(host="10.0.0.1", port=port)) for port in ports
    )


class FakeRegistry:
    """A registry that says, and does, what a test has it do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.does: asyncio.Queue[tuple[Instance, ...] | BaseException | None] = asyncio.Queue()
        self.watches = 0
        self.ended = 0

    async def watch(self, found: Found) -> None:
        self.watches += 1
        try:
            while (one := await self.does.get()) is not None:
                if isinstance(one, BaseException):
                    raise one
                found("players", one)
        finally:
            self.ended += 1


class House:
    """Discovery, with everybody around it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.subscribe(self.events.append)
        self.lines: list[bytes] = []
        self.told: list[tuple[str, ...]] = []
        self.encrypted: list[bool] = []
        self.known: list[tuple[str, str]] = []
        self.stand_for: list[tuple[str, str]] = []
        self.before: dict[tuple[str, str], tuple[Instance, ...]] = {}
        self.counts = Registry()
        self.wanted: dict[str, Watched] = {}
        self.broken: Exception | None = None
        self.discovery = Discovery(
            self,
            self.bus,
            log=EventLog(self, Stamp(self.clock.wall)),
            clock=self.clock,
            chance=lambda: 0.0,
            metrics=self.counts,
        )

    # What it tells

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    def found(self, service: str, source: str, instances: tuple[Instance, ...]) -> None:
        if self.broken is not None:
            raise self.broken
        self.told.append((service, source, *(one.id for one in instances)))
        self.encrypted = [one.endpoint.tls for one in instances]

    def resolved(self, service: str, name: str, instances: tuple[Instance, ...]) -> None:
        self.told.append((service, f"for {name}", *(one.id for one in instances)))

    def sources(self) -> Iterator[tuple[str, str]]:
        return iter(self.known)

    def names(self) -> Iterator[tuple[str, str]]:
        return iter(self.stand_for)

    def said(self, service: str, source: str) -> tuple[Instance, ...]:
        return self.before.get((service, source), ())

    # What is done to it

    def watch(self, *ones: FakeRegistry, likeness: bytes = b"", endpoint: str = "") -> None:
        self.wanted = {one.name: Watched(one, likeness, ("players",), endpoint) for one in ones}
        self.discovery.adopt(DiscoveryBound(), [])

    def ring(self) -> None:
        """Let it be the moment that a timer waits for."""
        for one in list(self.discovery._running.values()):
            self.discovery._ring(one)

    def changes(self) -> list[tuple[str, bool, str]]:
        return [
            (one.provider, one.reachable, one.cause)
            for one in self.events
            if isinstance(one, RegistryChanged)
        ]

    def count(self, metric: Metric) -> float:
        return self.counts.child(metric, "etcd").values()[0]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    made = House()
    monkeypatch.setattr(module, "registries", lambda *_: made.wanted)
    monkeypatch.setattr(module, "pause", lambda *_: 0.0)
    return made


async def turns() -> None:
    """Let everybody come to rest."""
    for _ in range(20):
        await asyncio.sleep(0)


def play(house: House, scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run discovery during a scene."""

    async def both() -> None:
        task = asyncio.get_running_loop().create_task(house.discovery.run())
        await scene()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(both())


def test_what_is_found_first_is_told_at_once(house: House) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        etcd.does.put_nowait(some(1, 2))
        await turns()
        assert house.told == [("players", "etcd", "1", "2")]
        assert (house.changes(), house.count(REACHABLE), house.count(CHANGES)) == ([], 1.0, 1.0)

    play(house, scene)


def test_what_changes_is_told_once_it_is_quiet_and_only_as_it_is_then(house: House) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        for ports in ((1,), (1, 2), (2,), (2, 3)):
            etcd.does.put_nowait(some(*ports))
        await turns()
        assert house.told == [("players", "etcd", "1")]
        house.ring()
        assert len(house.told) == 1
        house.clock.advance(0.21)
        house.ring()
        assert house.told[1:] == [("players", "etcd", "2", "3")]

    play(house, scene)


def test_what_changes_and_changes_back_is_no_news(house: House) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        for ports in ((1,), (1, 2), (1,), (1,)):
            etcd.does.put_nowait(some(*ports))
        await turns()
        house.clock.advance(1.0)
        house.ring()
        assert house.told == [("players", "etcd", "1")]

    play(house, scene)


def test_a_registry_that_cannot_be_reached_keeps_what_it_said_and_is_told_of_once(
    house: House,
) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        etcd.does.put_nowait(some(1))
        for cause in ("it is away", "it is still away"):
            etcd.does.put_nowait(Unreachable(cause))
        await turns()
        (state,) = house.discovery.states()
        assert (state.reachable, state.error) == (False, "it is still away")
        assert (state.instances, state.since) == ({"players": 1}, house.clock.wall())
        assert house.told == [("players", "etcd", "1")]
        assert house.changes() == [("etcd", False, "it is away")]
        assert (house.count(REACHABLE), house.count(FAILURES)) == (0.0, 2.0)
        house.clock.advance(5.0)
        etcd.does.put_nowait(some(1))
        await turns()
        assert house.changes()[1:] == [("etcd", True, "")]
        assert (state.reachable, state.since) == (True, house.clock.wall())
        assert len(house.told) == 1
        assert b"registry_unreachable" in house.lines[0]
        assert b"registry_reachable" in house.lines[1]

    play(house, scene)


def state_of(house: House) -> RegistryState:
    (state,) = house.discovery.states()
    return state


@pytest.mark.parametrize("fault", [KeyError("x"), asyncio.CancelledError()])
def test_a_watcher_that_dies_is_begun_again_and_its_state_says_so(
    house: House, fault: BaseException
) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        etcd.does.put_nowait(some(1))
        etcd.does.put_nowait(fault)
        await turns()
        state = state_of(house)
        assert (etcd.watches, state.faults, state.reachable) == (2, 1, False)
        assert type(fault).__name__ in state.fault
        assert [one[:2] for one in house.changes()] == [("etcd", False)]
        etcd.does.put_nowait(some(1))
        await turns()
        assert (state.fault, state.faults, state.reachable) == ("", 1, True)
        assert [one[:2] for one in house.changes()] == [("etcd", False), ("etcd", True)]

    play(house, scene)


def test_pauses_after_faults_grow_though_the_registry_answers_in_between(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[int] = []

    def pause(count: int, _: float) -> float:
        failures.append(count)
        return 0.0

    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        for _ in range(3):
            etcd.does.put_nowait(some(1))
            etcd.does.put_nowait(KeyError("x"))
        await turns()
        assert failures[1::2] == [1, 2, 3]
        assert sum(b"registry_failed" in one for one in house.lines) == 1
        house.clock.advance(60.0)
        etcd.does.put_nowait(some(1))
        etcd.does.put_nowait(KeyError("x"))
        await turns()
        assert failures[7::2] == [1]
        assert sum(b"registry_failed" in one for one in house.lines) == 2

    monkeypatch.setattr(module, "pause", pause)
    play(house, scene)


def test_what_could_not_be_handed_on_is_handed_on_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "pause", lambda *_: 2.0)

    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        etcd.does.put_nowait(some(1))
        etcd.does.put_nowait(some(2))
        await turns()
        house.broken = KeyError("x")
        house.clock.advance(0.21)
        house.ring()
        state = state_of(house)
        assert (state.faults, state.reachable, house.told) == (1, False, [("players", "etcd", "1")])
        house.broken = None
        house.clock.advance(1.0)
        house.ring()
        assert (state.fault != "", len(house.told)) == (True, 1)
        house.clock.advance(1.0)
        house.ring()
        assert house.told[1:] == [("players", "etcd", "2")]
        assert (state.fault, state.reachable, etcd.watches) == ("", True, 1)

    play(house, scene)


def test_what_is_found_first_and_cannot_be_handed_on_is_told_when_it_is_found_again(
    house: House,
) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        house.broken = KeyError("x")
        etcd.does.put_nowait(some(1))
        await turns()
        assert (house.told, state_of(house).reachable, etcd.watches) == ([], False, 2)
        house.broken = None
        etcd.does.put_nowait(some(1))
        await turns()
        assert (house.told, state_of(house).reachable) == ([("players", "etcd", "1")], True)

    play(house, scene)


def test_what_cannot_be_said_again_to_a_new_configuration_is_said_later(house: House) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        etcd.does.put_nowait(some(1))
        await turns()
        house.broken = KeyError("x")
        house.watch(etcd)
        await turns()
        assert (state_of(house).faults, etcd.watches, len(house.told)) == (1, 1, 1)
        house.broken = None
        house.clock.advance(0.21)
        house.ring()
        assert house.told[1:] == [("players", "etcd", "1")]

    play(house, scene)


def test_where_all_watchers_have_ended_they_are_begun_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    async def scene() -> None:
        etcd, consul = FakeRegistry("etcd"), FakeRegistry("consul")
        house.watch(etcd, consul)
        with monkeypatch.context() as patch:
            patch.setattr(house.discovery, "_failed", broken)
            first = asyncio.get_running_loop().create_task(house.discovery.run())
            await turns()
            etcd.does.put_nowait(Unreachable("it is away"))
            await turns()
        with pytest.raises(ExceptionGroup):
            await first
        states = list(house.discovery.states())
        assert [(one.faults, "KeyError" in one.fault) for one in states] == [(1, True), (1, True)]
        again = asyncio.get_running_loop().create_task(house.discovery.run())
        consul.does.put_nowait(some(1))
        await turns()
        assert (house.told, etcd.watches, consul.watches) == ([("players", "consul", "1")], 2, 2)
        assert [one.fault for one in states if one.provider == "consul"] == [""]
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)

    asyncio.run(scene())


def test_a_fault_of_ours_ends_nobody_else(house: House) -> None:
    async def scene() -> None:
        etcd, consul = FakeRegistry("etcd"), FakeRegistry("consul")
        house.watch(etcd, consul)
        etcd.does.put_nowait(ValueError("a secret"))
        etcd.does.put_nowait(None)
        consul.does.put_nowait(some(1))
        await turns()
        assert house.told == [("players", "consul", "1")]
        assert (etcd.watches, consul.watches) == (3, 1)
        assert b"registry_failed" in house.lines[0]
        assert b"a secret" not in b"".join(house.lines)

    play(house, scene)


def test_what_a_host_stands_for_is_told_as_that(house: House) -> None:
    async def scene() -> None:
        dns = FakeRegistry("dns/players/a:80")
        house.watch(dns, endpoint="a:80")
        dns.does.put_nowait(some(1))
        await turns()
        house.watch()
        await turns()
        assert house.told == [("players", "for a:80", "1"), ("players", "for a:80")]
        assert dns.ended == 1

    play(house, scene)


def test_a_new_configuration_keeps_what_is_alike_and_begins_what_is_not(house: House) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        etcd.does.put_nowait(some(1))
        await turns()
        house.watch(etcd)
        await turns()
        assert etcd.watches == 1
        assert house.told == [("players", "etcd", "1")] * 2  # whoever has been away hears it again
        etcd.does.put_nowait(some(1, 2))  # and waits to be told
        await turns()
        house.watch(etcd)
        await turns()
        house.clock.advance(0.21)
        house.ring()
        assert house.told[2:] == [("players", "etcd", "1"), ("players", "etcd", "1", "2")]
        house.watch(etcd, likeness=b"other")
        await turns()
        assert (etcd.watches, etcd.ended) == (2, 1)

    play(house, scene)


def test_who_speaks_of_what_is_wanted_no_more_is_not_heard(house: House) -> None:
    async def scene() -> None:
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        await turns()
        etcd.does.put_nowait(some(1))
        house.watch()  # before what it says is heard
        house.discovery._found(house.discovery._running["etcd"], "players", some(1))
        await turns()
        assert house.told == []

    play(house, scene)


def test_what_a_registry_said_that_is_asked_no_more_is_taken_back(house: House) -> None:
    house.known = [
        ("players", "etcd"),
        ("players", "dns/players"),
        ("players", "consul"),
        ("chat", "etcd"),
        ("players", "registration"),  # somebody else's
    ]
    house.watch(FakeRegistry("etcd"))
    assert house.told == [("players", "dns/players"), ("players", "consul"), ("chat", "etcd")]


def test_an_entry_that_cannot_be_read_is_told_of_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_MISREADS", 2)
    for key, why in (("a", "1"), ("a", "1"), ("a", "2"), ("b", "1"), ("c", "1"), ("a", "2")):
        house.discovery._misread("etcd", key, why)
    assert len(house.lines) == 5
    assert b'"entry":"a","error":"1"' in house.lines[0]


def test_what_was_said_before_is_said_to_be_unconfirmed_until_it_is_heard_again(
    house: House,
) -> None:
    async def scene() -> None:
        house.before = {("players", "etcd"): some(1, 2)}
        etcd = FakeRegistry("etcd")
        house.watch(etcd)
        await turns()
        (state,) = house.discovery.states()
        assert (state.instances, state.unconfirmed) == ({"players": 2}, ("players",))
        etcd.does.put_nowait(Unreachable("silence"))
        await turns()
        (state,) = house.discovery.states()
        assert (state.reachable, state.unconfirmed) == (False, ("players",))
        etcd.does.put_nowait(some(1))
        await turns()
        (state,) = house.discovery.states()
        assert (state.instances, state.unconfirmed) == ({"players": 1}, ())
        assert house.told == [("players", "etcd", "1")]

    play(house, scene)


def test_a_name_that_is_followed_no_more_stands_for_itself_again(house: House) -> None:
    async def scene() -> None:
        house.stand_for = [("players", "a.local:1"), ("players", "b.local:1")]
        house.before = {("players", "a.local:1"): some(1)}
        house.watch(FakeRegistry("dns/players/a.local:1"), endpoint="a.local:1")
        await turns()
        assert house.told == [("players", "for b.local:1")]
        (state,) = house.discovery.states()
        assert state.instances == {"players": 1}

    play(house, scene)


def test_what_was_found_before_is_spoken_to_as_the_configuration_has_it_now(house: House) -> None:
    """A gateway may have been configured anew while it was away."""

    async def scene() -> None:
        house.known = [("players", "etcd")]
        (plain,) = some(1)
        house.before = {("players", "etcd"): (plain,)}
        house.wanted = {"etcd": Watched(FakeRegistry("etcd"), b"", ("players",))}
        house.discovery.adopt(DiscoveryBound(services={"players": Wanted()}), [])
        assert house.told == []
        house.discovery.adopt(DiscoveryBound(services={"players": Wanted(tls=True)}), [])
        assert house.told == [("players", "etcd", "1")]
        assert house.encrypted == [True]

    play(house, scene)
