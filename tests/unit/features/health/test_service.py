"""Checks: who is looked at when, and what comes of it.  Time passes where a test says so."""

from collections.abc import Callable, Iterator
from functools import partial

import msgspec
import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_endpoint import FakeEndpoints
from tta_gateway.features.health import service as module
from tta_gateway.features.health.bound import Check
from tta_gateway.features.health.metrics import CHECKS, UP
from tta_gateway.features.health.service import Checks, Subject
from tta_gateway.features.health.target import Target
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Stand, State
from tta_gateway.support.metrics import Registry

TCP = Check(kind="tcp", jitter=0.0)
REFUSED = ConnectionRefusedError()


class House:
    """Checks, and the endpoints of some services, by port."""

    def __init__(self, loop: FakeEndpoints, **services: tuple[int, ...]) -> None:
        self.loop = loop
        self.registry = Registry()
        self.found: dict[str, list[Stand]] = {}
        self.told: list[tuple[str, str, State, str]] = []
        self.complete: list[str] = []
        self.seen: list[tuple[str, str, float, bool]] = []
        self.faults: list[BaseException] = []
        self.checks = Checks(
            self,
            clock=loop.time,
            chance=lambda: 0.5,
            registry=self.registry,
            died=lambda _, error: self.faults.append(error),
        )
        for name, ports in services.items():
            self.has(name, *ports)
        self.task = loop.create_task(self.checks.run())
        self.adopt()

    def has(self, service: str, *ports: int, state: State = "up") -> None:
        """Have a service's endpoints be these."""
        known = {one.endpoint.port: one for one in self.found.get(service, ())}
        self.found[service] = [
            known.get(port) or Stand(endpoint=an_endpoint(port), state=state) for port in ports
        ]
        self.checks.look_again()

    def adopt(self, check: Check = TCP, **needed: str) -> None:
        """Look at all of them like this."""
        self.checks.adopt(
            {
                name: Subject(check, partial(Target, check=check), frozenset(needed.get(name, "")))
                for name in self.found
            }
        )

    def stands(self, service: str) -> list[Stand]:
        return self.found[service]

    def checked(self, service: str, endpoint: str, state: State, cause: str) -> None:
        self.told.append((service, endpoint.rpartition(":")[2], state, cause))

    def saw(self, service: str, endpoint: str, *, began: float, passed: bool) -> None:
        assert began <= self.loop.time()
        self.seen.append((service, endpoint.rpartition(":")[2], began, passed))

    def looked(self, service: str) -> None:
        self.complete.append(service)

    def looks(self, port: int) -> int:
        """How often a port has been looked at."""
        return sum(one[:2] == ("127.0.0.1", port) for one in self.loop.asked)

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        for _ in range(round(seconds / step)):
            self.loop.advance(step)

    def takes(self, happened: Callable[[], bool], *, within: float = 20.0) -> float:
        """How long something takes to happen, to a twentieth of a second."""
        begun = self.loop.time()
        while not happened() and self.loop.time() - begun < within:
            self.loop.advance(0.05)
        assert happened()
        return self.loop.time() - begun

    def outcomes(self, service: str = "a") -> dict[str, float]:
        outcomes = ("passed", "failed", "untold")
        counts = {one: self.registry.child(CHECKS, service, one).values()[0] for one in outcomes}
        return {one: count for one, count in counts.items() if count}


@pytest.fixture
def house(endpoints: FakeEndpoints) -> Iterator[House]:
    made = House(endpoints, a=(1,))
    yield made
    made.task.cancel()
    endpoints.run_ready()
    assert made.faults == []
    assert endpoints.faults == []


def other(house: House, **services: tuple[int, ...]) -> House:
    """Another house instead."""
    house.task.cancel()
    house.loop.run_ready()
    house.loop.asked.clear()
    made = House(house.loop, **services)
    house.task = made.task
    return made


def test_each_look_is_told_with_when_it_began(house: House) -> None:
    begun = house.loop.time()
    house.pass_time(4.1)
    house.loop.says[1] = REFUSED
    house.pass_time(2.0)
    assert {one[:2] for one in house.seen} == {("a", "1")}
    assert [passed for *_, passed in house.seen][:2] == [True, True]
    assert not house.seen[-1][3]
    moments = [began for _, _, began, _ in house.seen]
    assert moments == sorted(moments)
    assert begun < moments[0] < begun + 2.0


def test_an_endpoint_is_looked_at_every_interval(house: House) -> None:
    house.pass_time(10.1)
    assert house.looks(1) in (5, 6)
    assert house.told == []
    assert house.outcomes() == {"passed": house.looks(1)}
    assert house.registry.child(UP, "a", "127.0.0.1:1").values() == [1.0]


def test_one_that_refuses_connections_is_down_within_an_interval_and_a_half(house: House) -> None:
    house.pass_time(5.0)
    house.loop.says[1] = REFUSED
    assert house.takes(lambda: bool(house.told)) <= 2.0 + 2 * 0.5 + 0.1
    assert house.told == [("a", "1", "down", "it refuses connections")]
    assert house.registry.child(UP, "a", "127.0.0.1:1").values() == [0.0]


def test_it_is_back_after_two_successes(house: House) -> None:
    house.loop.says[1] = REFUSED
    house.pass_time(5.0)
    del house.loop.says[1]
    assert house.takes(lambda: len(house.told) == 2) <= 2.0 + 0.5 + 0.1
    assert house.told[1] == ("a", "1", "up", "")


def test_silence_is_a_failure_and_no_look_overlaps_another(house: House) -> None:
    one = other(house, a=(1,))
    one.adopt(Check(jitter=0.0, timeout=3.0))
    one.pass_time(20.0)
    assert one.told == [("a", "1", "down", "silent for 3 s")]
    assert one.looks(1) <= 7
    opened = [transport for transport in one.loop.opened if not transport.lost]
    assert len(opened) <= 1


def test_a_starting_endpoint_is_looked_at_at_once_and_often(house: House) -> None:
    house.loop.says[2] = REFUSED
    house.has("a", 1, 2, state="starting")
    house.pass_time(5.1)
    assert house.looks(2) in (10, 11)
    assert house.told == []
    del house.loop.says[2]
    assert house.takes(lambda: bool(house.told)) <= 0.55
    assert house.told == [("a", "2", "up", "")]


def test_what_is_gone_or_drains_is_not_looked_at_any_more(house: House) -> None:
    house.has("a", 1, 2, 3)
    house.pass_time(3.0)
    house.has("a", 1)
    house.found["a"].append(Stand(endpoint=an_endpoint(3), state="draining"))
    house.pass_time(0.1)
    seen = house.looks(2), house.looks(3)
    house.pass_time(10.0)
    assert (house.looks(2), house.looks(3)) == seen
    assert house.registry.child(UP, "a", "127.0.0.1:2").values() == [0.0]


def test_nothing_is_looked_at_of_a_service_that_has_no_checks_any_more(house: House) -> None:
    house.pass_time(3.0)
    house.checks.adopt({})
    house.pass_time(0.1)
    seen = house.looks(1)
    house.pass_time(10.0)
    assert house.looks(1) == seen


def test_a_look_that_began_before_a_change_says_nothing(house: House) -> None:
    one = other(house, a=(1,))
    one.adopt(Check(unhealthy=1, jitter=0.0, interval=10.0, timeout=5.0))
    one.takes(lambda: one.looks(1) == 1)
    one.adopt(msgspec.structs.replace(TCP, unhealthy=1))
    one.pass_time(8.0)
    assert one.told == []


def test_another_configuration_goes_on_with_what_is_known(house: House) -> None:
    house.loop.says[1] = REFUSED
    house.pass_time(5.0)
    house.adopt(Check(kind="tcp", interval=0.5, jitter=0.0, healthy=3))
    house.pass_time(5.0)
    assert [one[2] for one in house.told] == ["down"]
    del house.loop.says[1]
    house.pass_time(2.0)
    assert [one[2] for one in house.told] == ["down", "up"]


def test_while_nobody_asks_it_is_looked_at_four_times_as_rarely(house: House) -> None:
    house.pass_time(61.0, step=0.5)
    seen = house.looks(1)
    house.pass_time(80.0, step=0.5)
    assert house.looks(1) - seen in (9, 10, 11)


def test_once_somebody_asks_it_is_looked_at_at_once(house: House) -> None:
    house.pass_time(100.0, step=0.5)
    seen = house.looks(1)
    house.checks.asked("a")
    house.checks.asked("a")
    house.pass_time(0.1)
    assert house.looks(1) == seen + 1
    house.pass_time(20.0)
    assert house.looks(1) - seen in (10, 11, 12)


def test_a_round_is_over_when_all_have_been_looked_at(house: House) -> None:
    one = other(house, a=(1, 2), b=())
    one.loop.run_ready()
    assert one.complete == ["b"]
    one.pass_time(3.0)
    assert one.complete == ["b", "a"]


def test_no_more_than_so_many_looks_are_under_way(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    one = other(house, a=(1, 2, 3, 4, 5))
    one.adopt(Check(jitter=0.0, timeout=1.0))
    most = 0
    for _ in range(200):
        one.loop.advance(0.05)
        most = max(most, sum(not transport.lost for transport in one.loop.opened))
    assert most == 2
    assert {one.looks(port) > 0 for port in range(1, 6)} == {True}


def test_what_is_needed_is_asked_first_and_its_failure_marks_nobody_else(house: House) -> None:
    one = other(house, a=(1, 2), b=(3,))
    rarely = msgspec.structs.replace(TCP, interval=30.0)
    one.checks.adopt(
        {
            "a": Subject(TCP, partial(Target, check=TCP), frozenset("b")),
            "b": Subject(rarely, partial(Target, check=rarely)),
        }
    )
    one.pass_time(9.0)
    assert one.looks(3) == 1
    for port in (1, 2, 3):
        one.loop.says[port] = REFUSED
    one.pass_time(30.0)
    assert one.told == [("b", "3", "down", "it refuses connections")]
    one.loop.says.clear()
    one.pass_time(40.0)
    assert one.told[1:] == [("b", "3", "up", "")]


def test_where_what_is_needed_is_well_failures_are_believed(house: House) -> None:
    one = other(house, a=(1, 2), b=(3,))
    one.adopt(a="b", b="c")  # nobody looks at c
    one.loop.says[1] = REFUSED
    one.pass_time(5.0)
    assert one.told == [("a", "1", "down", "it refuses connections")]


def test_a_process_that_stood_still_blames_nobody(house: House) -> None:
    one = other(house, a=(1,))
    one.adopt(Check(jitter=0.0, timeout=1.0, unhealthy=1))
    one.takes(lambda: one.looks(1) == 1)
    one.loop._now += 5.0  # no timer is called meanwhile
    one.loop.advance(0.0)
    assert one.told == []
    assert one.outcomes() == {"untold": 1.0}


def test_want_of_descriptors_here_blames_nobody(house: House) -> None:
    house.loop.says[1] = OSError(24, "Too many open files")
    house.pass_time(10.0)
    assert house.told == []
    assert set(house.outcomes()) == {"untold"}


def test_a_fault_of_ours_is_told_and_blames_nobody(house: House) -> None:
    house.loop.says[1] = RuntimeError("a mistake")
    house.pass_time(3.0)
    assert house.told == []
    assert [type(one) for one in house.faults] == [RuntimeError] * len(house.faults) != []
    house.faults.clear()
    house.loop.says.clear()
    house.pass_time(3.0)
    assert house.outcomes()["passed"] >= 1


def test_an_endpoint_that_changes_under_its_name_is_looked_at_as_it_is(house: House) -> None:
    heavier = msgspec.structs.replace(an_endpoint(1), weight=7)
    seen: list[Endpoint] = []

    def target(endpoint: Endpoint) -> Target:
        seen.append(endpoint)
        return Target(endpoint, TCP)

    house.found["a"] = [Stand(endpoint=heavier)]
    house.checks.adopt({"a": Subject(TCP, target)})
    house.pass_time(3.0)
    assert seen[-1].weight == 7
