"""What control makes of checks and dependencies.  Time passes where a test says so."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_endpoint import FakeEndpoints
from tta_gateway.features.alerts.reading import kind_of
from tta_gateway.features.health.bound import Check, HealthBound, Need
from tta_gateway.features.health.dependencies import needed
from tta_gateway.features.health.metrics import CHECKS, STATE
from tta_gateway.kernel.events import EndpointChanged, Event, Proof, ServiceChanged
from tta_gateway.kernel.route import Service, ServiceTls
from tta_gateway.kernel.standing import Instance, Stand, Standing, State
from tta_gateway.node import health as module
from tta_gateway.node.health import Health, bound_of
from tta_gateway.node.services import Services
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.bus import Bus
from tta_gateway.support.metrics import Registry

TCP = Check(kind="tcp")
REFUSED = ConnectionRefusedError()
DATABASE, MAIL, PLAYERS, STORIES = (
    Service(name=name, endpoints=(an_endpoint(port),))
    for name, port in (("database", 1), ("mail", 2), ("players", 3), ("stories", 4))
)
ALL = (DATABASE, MAIL, PLAYERS, STORIES)
NEEDS = {
    "players": (Need(service="database"), Need(service="mail", kind="soft")),
    "stories": (Need(service="players"),),
}
BOUND = HealthBound(checks=dict.fromkeys(("database", "mail", "players"), TCP), needs=NEEDS)


class Clock(FakeClock):
    """The loop's time."""

    def __init__(self, loop: FakeEndpoints) -> None:
        super().__init__()
        self.monotonic = loop.time  # type: ignore[method-assign]


class House:
    """Control, as far as health is concerned."""

    may_die: tuple[str, ...] | list[str] = []  # noqa: RUF012 - replaced, never changed

    def __init__(
        self,
        loop: FakeEndpoints,
        *services: Service,
        bound: HealthBound = BOUND,
        live: dict[str, Standing] | None = None,
    ) -> None:
        self.loop = loop
        self.registry = Registry()
        self.bus = Bus()
        self.events: list[Event] = []
        self.lines: list[tuple[str, object]] = []
        self.told: dict[str, Standing | None] = {}
        self.asks: list[str] = []
        self.bus.subscribe(self.events.append)
        self.services = Services(cast("Any", self), self.bus, wall=FakeClock().wall)
        self.services.recover(live or {}, {})
        self.health = Health(
            self.services,
            self.bus,
            clock=Clock(loop),
            log=cast("Any", self),
            traffic=cast("Any", self),
        )
        self.adopt(*services or ALL, bound=bound)
        self.died: list[tuple[str, BaseException]] = []
        self.task = loop.create_task(
            self.health.run(self.registry, lambda name, error: self.died.append((name, error)))
        )
        self.loop.run_ready()

    def adopt(self, *services: Service, bound: HealthBound = BOUND) -> None:
        snapshot = Snapshot(
            version=1,
            state_dir=".",
            listeners=(),
            services=(),
            routes=(),
            features={"health": msgspec.Raw(msgspec.msgpack.encode(bound))},
        )
        self.services.adopt(services, checked=lambda one: one.name in bound.checks)
        self.health.adopt(snapshot, services)

    def put(self, name: str, standing: Standing | None) -> None:
        self.told[name.removeprefix("service/")] = standing

    def event(self, name: str, **fields: object) -> None:
        self.lines.append((name, fields.get("cause", fields.get("error"))))

    def asked(self) -> Iterator[str]:
        yield from self.asks

    def changes(self) -> list[tuple[str, str, str, str]]:
        return [
            (one.service, one.before, one.after, one.cause)
            for one in self.events
            if isinstance(one, ServiceChanged)
        ]

    def kinds(self) -> list[tuple[str, str]]:
        return [(kind_of(one), getattr(one, "cause", "")) for one in self.events]

    def state(self, service: str) -> State:
        standing = self.told[service]
        assert standing is not None
        return standing.endpoints[0].state

    def lacks(self, service: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        standing = self.told[service]
        return ((), ()) if standing is None else (standing.down, standing.degraded)


@pytest.fixture
def loop() -> Iterator[FakeEndpoints]:
    with FakeEndpoints() as made:
        yield made


@pytest.fixture
def house(loop: FakeEndpoints) -> Iterator[House]:
    made = House(loop)
    yield made
    made.task.cancel()
    loop.run_ready()
    assert (loop.faults, [name for name, _ in made.died]) == ([], made.may_die)


def test_nothing_written_is_nothing_to_look_at() -> None:
    bare = Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=())
    assert bound_of(bare) == HealthBound()


def test_while_all_is_well_nobody_hears_anything(house: House) -> None:
    house.loop.advance(30.0)
    assert (house.changes(), house.lines) == ([], [])
    assert set(house.health.states.values()) == {"healthy"}
    assert house.told["stories"] is None
    assert {one[1] for one in house.loop.asked} == {1, 2, 3}  # nobody looks at stories


def test_an_endpoint_that_fails_is_told_to_workers_and_to_operators(house: House) -> None:
    house.loop.says[2] = REFUSED
    house.loop.advance(5.0)
    assert house.state("mail") == "down"
    assert house.kinds() == [
        ("endpoint_down", "it refuses connections"),
        ("service_unhealthy", "none of its endpoints is up"),
        ("service_degraded", "does without `mail`"),
        ("service_degraded", "does without `mail`"),
    ]
    house.loop.says.clear()
    house.loop.advance(5.0)
    assert house.state("mail") == "up"
    assert [name for name, _ in house.kinds()[4:]] == [
        "endpoint_up",
        "service_healthy",
        "service_healthy",
        "service_healthy",
    ]
    assert house.lines == []  # whoever hears events writes them down


def _eject(house: House, proof: Proof) -> None:
    """A worker has ejected the endpoint of `mail`, a second ago."""
    now = house.health._clock.wall()
    house.bus.publish(
        EndpointChanged(
            service="mail",
            endpoint=MAIL.endpoints[0].name,
            change="ejected",
            at=now - 1.0,
            until=now + 29.0,
            by="worker 7",
            proof=proof,
        )
    )


def _is_ejected(house: House) -> bool:
    standing = house.told["mail"]
    assert standing is not None
    return standing.endpoints[0].ejected_until > 0.0


@pytest.mark.parametrize(
    ("check", "proof", "ends"),
    [
        (TCP, "connection", True),
        (TCP, "answer", False),
        (Check(), "answer", True),
        (Check(port=2), "answer", False),
        (Check(kind="tcp", port=2), "connection", False),
    ],
)
def test_an_ejection_ends_with_checks_that_show_what_had_failed(
    house: House, check: Check, proof: Proof, ends: bool
) -> None:
    house.loop.says[2] = (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",)
    house.adopt(*ALL, bound=HealthBound(checks={"mail": check}))
    house.loop.advance(1.0)
    _eject(house, proof)
    assert _is_ejected(house)
    house.loop.advance(9.0)
    assert _is_ejected(house) != ends


def test_a_look_at_what_is_looked_at_no_more_says_nothing(house: House) -> None:
    _eject(house, "connection")
    house.health.saw("stories", "127.0.0.1:4", began=0.0, passed=True)
    assert _is_ejected(house)


def test_what_needs_an_unhealthy_service_is_unhealthy_and_what_needs_that(house: House) -> None:
    house.loop.says[1] = REFUSED
    house.loop.advance(5.0)
    assert house.changes() == [
        ("database", "healthy", "unhealthy", "none of its endpoints is up"),
        ("players", "healthy", "unhealthy", "needs `database`, which is unhealthy"),
        ("stories", "healthy", "unhealthy", "needs `players`, which is unhealthy"),
    ]
    assert house.lacks("players") == (("database",), ())
    assert house.lacks("stories") == (("players",), ())
    house.loop.says.clear()
    house.loop.advance(5.0)
    assert house.lacks("players") == house.lacks("stories") == ((), ())
    assert set(house.health.states.values()) == {"healthy"}


def test_what_can_do_without_an_unhealthy_service_is_degraded(house: House) -> None:
    house.loop.says[2] = REFUSED
    house.loop.advance(5.0)
    assert house.lacks("players") == house.lacks("stories") == ((), ("mail",))
    assert house.health.states["players"] == "degraded"


def test_when_a_shared_dependency_fails_no_endpoint_above_is_marked(house: House) -> None:
    for port in (1, 3):
        house.loop.says[port] = REFUSED
    house.loop.advance(60.0)
    assert (house.state("database"), house.state("players")) == ("down", "up")


def test_states_are_counted_for_whoever_watches(house: House) -> None:
    house.loop.says[2] = REFUSED
    house.loop.advance(5.0)

    def shown(service: str) -> list[float]:
        states = ("healthy", "degraded", "unhealthy")
        return [house.registry.child(STATE, service, one).values()[0] for one in states]

    assert (shown("mail"), shown("players"), shown("database")) == (
        [0.0, 0.0, 1.0],
        [0.0, 1.0, 0.0],
        [1.0, 0.0, 0.0],
    )
    house.adopt(PLAYERS, bound=HealthBound())
    house.loop.advance(1.0)
    assert (shown("mail"), house.health.states) == ([0.0, 0.0, 0.0], {"players": "healthy"})


def test_what_a_registry_finds_is_looked_at_at_once(house: House) -> None:
    house.loop.advance(5.0)
    new = Instance(id="new", endpoint=an_endpoint(7))
    house.services.found("players", "registry", (new,))
    standing = house.told["players"]
    assert standing is not None
    assert [one.state for one in standing.endpoints] == ["up", "starting"]
    house.loop.advance(0.1)
    standing = house.told["players"]
    assert standing is not None
    assert [one.state for one in standing.endpoints] == ["up", "up"]


def found_only(house: House) -> None:
    house.adopt(*ALL, Service(name="worlds", endpoints=()))
    house.loop.run_ready()


def test_a_new_service_that_is_found_in_a_moment_is_no_news(house: House) -> None:
    found_only(house)
    house.services.found("worlds", "registry", (Instance(id="a", endpoint=an_endpoint(7)),))
    house.loop.advance(30.0)
    assert house.changes() == []


def test_one_that_nobody_finds_is_told_of_after_a_while(house: House) -> None:
    found_only(house)
    house.loop.advance(4.9)
    assert house.changes() == []
    house.loop.advance(0.2)
    assert [one[:3] for one in house.changes()] == [("worlds", "healthy", "unhealthy")]


def test_one_whose_last_instance_goes_is_told_of_at_once(house: House) -> None:
    found_only(house)
    house.services.found("worlds", "registry", (Instance(id="a", endpoint=an_endpoint(7)),))
    house.loop.run_ready()
    house.services.found("worlds", "registry", ())
    house.loop.run_ready()
    assert [one[:3] for one in house.changes()] == [("worlds", "healthy", "unhealthy")]


def test_what_a_new_configuration_adds_later_starts(house: House) -> None:
    house.loop.advance(5.0)
    house.loop.says[7] = REFUSED
    both = msgspec.structs.replace(PLAYERS, endpoints=(an_endpoint(3), an_endpoint(7)))
    house.adopt(DATABASE, MAIL, both, STORIES)
    house.loop.advance(5.0)
    standing = house.told["players"]
    assert standing is not None
    assert [one.state for one in standing.endpoints] == ["up", "starting"]


def test_a_new_control_tells_nobody_what_they_know(loop: FakeEndpoints) -> None:
    down = Stand(endpoint=an_endpoint(1), state="down")
    live = {
        "database": Standing(endpoints=(down,)),
        "players": Standing(
            endpoints=(Stand(endpoint=an_endpoint(3)),), down=("database",), degraded=("mail",)
        ),
        "stories": Standing(endpoints=(Stand(endpoint=an_endpoint(4)),), degraded=("mail",)),
    }
    loop.says[1] = loop.says[2] = REFUSED
    needs = {**NEEDS, "stories": (Need(service="mail", kind="soft"),)}
    live["mail"] = Standing(endpoints=(Stand(endpoint=an_endpoint(2), state="down"),))
    house = House(loop, bound=msgspec.structs.replace(BOUND, needs=needs), live=live)
    loop.advance(30.0)
    assert house.changes() == []
    assert house.state("database") == "down"
    house.task.cancel()
    loop.run_ready()


def test_a_service_that_is_asked_again_is_looked_at_at_once(house: House) -> None:
    house.loop.advance(120.0)
    before = house.registry.child(CHECKS, "mail", "passed").values()[0]
    house.asks = ["mail", "unknown"]
    house.loop.advance(60.0)
    assert house.registry.child(CHECKS, "mail", "passed").values()[0] - before >= 25


def test_a_service_over_tls_is_looked_at_by_its_name(
    loop: FakeEndpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ServiceTls(server_name="mail.example", verified=False)
    endpoint = msgspec.structs.replace(an_endpoint(2), tls=True)
    mail = msgspec.structs.replace(MAIL, endpoints=(endpoint,), tls=tls)
    context = object()

    async def contexts(snapshot: Snapshot) -> object:
        await asyncio.sleep(0)
        assert snapshot.services == (mail,)
        return type("Contexts", (), {"services": {tls: context}})

    monkeypatch.setattr(module, "contexts_aside", contexts)
    house = House(loop, mail)
    loop.advance(3.0)
    assert loop.asked[0] == ("127.0.0.1", 2, context, "mail.example")
    house.task.cancel()
    loop.run_ready()


def test_what_openssl_refuses_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def contexts(_: Snapshot) -> object:
        await asyncio.sleep(0)
        raise OSError("no memory")

    monkeypatch.setattr(module, "contexts_aside", contexts)
    house.adopt(MAIL)
    house.loop.advance(3.0)
    assert house.lines == [("checks_not_changed", "no memory")]


# Faults of ours


class Faulty:
    """Raises the first few times, and does then what it stands for."""

    def __init__(self, work: Callable[..., object], times: int) -> None:
        self.work = work
        self.left = times

    def __call__(self, *given: object) -> object:
        if self.left:
            self.left -= 1
            raise ZeroDivisionError
        return self.work(*given)


def test_a_fault_while_judging_is_told_once_and_judged_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.may_die = ["health"]
    monkeypatch.setattr(house.health, "settle", Faulty(house.health.settle, 3))
    house.loop.says[2] = REFUSED
    house.loop.advance(60.0)
    assert house.health.states["mail"] == "unhealthy"
    assert isinstance(house.died[0][1], ZeroDivisionError)


def test_a_configuration_that_could_not_be_taken_up_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.may_die = ["health"]
    monkeypatch.setattr(module, "needed", Faulty(needed, 2))
    house.adopt(MAIL, bound=HealthBound(checks={"mail": TCP}))
    house.loop.says[2] = REFUSED
    house.loop.advance(30.0)
    assert (house.state("mail"), house.health.states) == ("down", {"mail": "unhealthy"})


def test_checks_that_a_fault_has_ended_go_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.may_die = ["checks"]
    checks = house.health._checks
    assert checks is not None
    monkeypatch.setattr(checks, "_sort_out", Faulty(checks._sort_out, 1))
    checks.look_again()
    house.loop.advance(5.0)
    house.loop.says[2] = REFUSED
    house.loop.advance(10.0)
    assert house.state("mail") == "down"


def test_looking_for_traffic_goes_on_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.may_die = ["traffic"]
    monkeypatch.setattr(house, "asked", Faulty(house.asked, 1))
    house.loop.advance(120.0)
    before = house.registry.child(CHECKS, "mail", "passed").values()[0]
    house.asks = ["mail"]
    house.loop.advance(60.0)
    assert house.registry.child(CHECKS, "mail", "passed").values()[0] - before >= 25
