"""What operators see of services."""

from typing import Any, cast

import pytest
from fastapi import FastAPI

from tests.helpers.asgi import asked
from tests.helpers.builders import an_endpoint
from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.events import BreakerChanged, BreakerState, EndpointChanged, EndpointSeen
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.kernel.standing import Instance
from tta_gateway.node import services_api
from tta_gateway.node.own_addresses import Own
from tta_gateway.node.remembered import Remembered
from tta_gateway.node.services import Services
from tta_gateway.node.services_text import lines
from tta_gateway.node.times import Times
from tta_gateway.snapshot.model import Listener
from tta_gateway.support.bus import Bus
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment
from tta_gateway.upstream.timing import Timings

ONE, OTHER = an_endpoint(9001), an_endpoint(9002)
PLAYERS = Service(name="players", endpoints=(ONE, OTHER))


class House:
    """Control with one service, which two workers ask."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.bus = Bus()
        self.services = Services(cast("Any", self), self.bus, wall=self.clock.wall)
        self.services.adopt([PLAYERS], checked=lambda _: True)
        self.services.kept["players"].transitions.clear()
        self.segments = [Segment(), Segment()]
        self.app = FastAPI()
        self.times = Times(lambda: self.segments)
        self.times.begin("players", [ONE.name, OTHER.name], 0.0)
        router = services_api.router(
            self.services, lambda: self.segments, self.clock.wall, self.times.lately
        )
        self.app.include_router(router)

    def put(self, name: str, finding: object) -> None:
        """Nobody is told."""

    def seen(self, by: str, *, weight: float, ratio: float, penalised: bool = False) -> None:
        self.bus.publish(
            EndpointSeen(
                service="players",
                endpoint=OTHER.name,
                weight=weight,
                ratio=ratio,
                in_flight=2,
                open=3,
                at=self.clock.wall(),
                by=by,
                penalised=penalised,
            )
        )

    def took(self, segment: int, route: str, *seconds: float, by: Endpoint = OTHER) -> None:
        timing = Timings("players", Registry(self.segments[segment])).of(by.name, route)
        for one in seconds:
            timing.observe(one)

    def told(self, path: str = "/admin/v1/services") -> dict[str, Any]:
        found: dict[str, Any] = asked(self.app, "GET", path).json
        return found

    def text(self) -> list[str]:
        return list(lines(self.told()))


@pytest.fixture
def house() -> House:
    return House()


def test_a_service_that_nobody_has_asked_yet_is_told_as_it_is(house: House) -> None:
    (service,) = house.told()["services"]
    assert (service["name"], service["balance"], service["good"]) == ("players", "peak_ewma", 2)
    assert [one["state"] for one in service["endpoints"]] == ["unproved", "unproved"]
    assert [one["answers"] for one in service["endpoints"]] == [0, 0]


def test_what_workers_see_is_put_together(house: House) -> None:
    house.seen("worker 7", weight=0.2, ratio=8.0)
    house.seen("worker 8", weight=0.4, ratio=6.0)
    endpoint = house.told()["services"][0]["endpoints"][1]
    assert (endpoint["weight"], endpoint["in_flight"], endpoint["connections"]) == (0.3, 4, 6)
    assert endpoint["why"] == (
        "players/127.0.0.1:9002: weight 0.30, 8.0 times as slow as its peers, or failing"
    )


def test_what_a_worker_saw_long_ago_does_not_count(house: House) -> None:
    house.seen("worker 7", weight=0.2, ratio=8.0)
    house.clock.advance(11.0)
    endpoint = house.told()["services"][0]["endpoints"][1]
    assert (endpoint["weight"], "why" in endpoint) == (1.0, False)


def test_times_of_all_workers_are_one(house: House) -> None:
    house.took(0, "chat", *[0.02] * 50)
    house.took(1, "chat", *[0.02] * 49, 4.0)
    house.took(1, "profile", 0.002)
    endpoint = house.told("/admin/v1/services/players")["endpoints"][1]
    assert (endpoint["answers"], 0.01 < endpoint["p50"] < 0.025) == (101, True)
    assert endpoint["routes"]["profile"]["answers"] == 1
    assert 2.5 <= endpoint["routes"]["chat"]["p99"] <= 5.0 or endpoint["p99"] < 5.0


def test_times_of_late_are_told_beside_those_of_all_the_time(house: House) -> None:
    house.took(0, "chat", *[0.02] * 50)
    house.times.begin("players", [], 1.0)
    house.times.begin("players", [ONE.name, OTHER.name], 1.0)
    house.took(0, "chat", *[0.2] * 10)
    one, other = house.told()["services"][0]["endpoints"]
    assert (one["lately"], other["answers"]) == ({"answers": 0}, 60)
    assert (other["lately"]["answers"], 0.1 < other["lately"]["p50"] < 0.25) == (10, True)
    line = house.text()[2]
    assert "60 answers, p50 " in line
    assert "lately p50 175.0 ms, p99 248.5 ms" in line


def test_why_an_endpoint_gets_less_is_told_with_its_p99_beside_its_peers(house: House) -> None:
    house.took(0, "chat", *[0.2] * 10)
    house.took(1, "chat", *[0.02] * 50, by=ONE)
    house.seen("worker 7", weight=0.31, ratio=4.8, penalised=True)
    house.seen("worker 8", weight=0.31, ratio=4.8)
    house.services.kept["players"].endpoints[OTHER.name].slow_since = 5.0
    endpoint = house.told()["services"][0]["endpoints"][1]
    assert (endpoint["slow_since"], endpoint["probed_only_by"]) == (5.0, 1)
    assert endpoint["why"] == "players/127.0.0.1:9002: weight 0.31, p99 10.0 times its peers"
    assert house.text()[2].endswith(f"only probes from 1 of the workers, {endpoint['why']}")


def test_what_is_found_is_told_with_when_that_changed_and_what_is_not_taken(house: House) -> None:
    (service,) = house.told()["services"]
    assert "found_at" not in service
    assert "refused_instances" not in service
    house.services.own = Own([Listener(host="127.0.0.1", port=8080)])
    ours = Instance(id="x", endpoint=an_endpoint(8080))
    begun = house.clock.wall()
    for seconds in (0.0, 5.0):
        house.clock.advance(seconds)
        house.services.found("players", "registration", (ours,))
    (service,) = house.told()["services"]
    assert service["found_at"] == begun
    assert service["refused_instances"] == [
        {
            "source": "registration",
            "endpoint": "127.0.0.1:8080",
            "reason": "it is an address of the gateway itself",
        }
    ]


def test_what_is_kept_from_before_is_told_with_its_age() -> None:
    other = Instance(id="x", endpoint=an_endpoint(9003))
    after = House()
    after.services.kept.clear()
    after.services.recover({}, {"players": Remembered(sources={"etcd": (other,)}, at=5.0)})
    after.services.adopt([PLAYERS], checked=lambda _: True)
    (service,) = after.told()["services"]
    assert (service["found_at"], len(service["endpoints"])) == (5.0, 3)


def test_a_service_that_is_not_there_is_said_so(house: House) -> None:
    assert asked(house.app, "GET", "/admin/v1/services/nobody").status == 404


def test_what_has_become_of_endpoints_is_told_with_its_cause(house: House) -> None:
    house.services.checked("players", ONE.name, "down", "silence")
    house.bus.publish(
        EndpointChanged(
            service="players",
            endpoint=OTHER.name,
            change="ejected",
            cause="5 failures",
            at=house.clock.wall(),
            until=house.clock.wall() + 30.0,
            by="worker 7",
        )
    )
    house.services.depend("players", down=("database",), degraded=("mail",))
    assert house.text() == [
        "players: 0 of 2 good, peak_ewma, needs database, which is down, does without mail",
        "  127.0.0.1:9001 down, weight 1, silence",
        "  127.0.0.1:9002 ejected until 22:13:50Z, weight 1",
        "    22:13:20Z 127.0.0.1:9001 down: silence (control)",
        "    22:13:20Z 127.0.0.1:9002 ejected: 5 failures (worker 7)",
    ]


def test_times_are_told_in_milliseconds(house: House) -> None:
    house.took(0, "chat", *[0.004] * 10)
    assert "10 answers, p50 " in house.text()[2]


def test_breakers_that_are_not_closed_are_told(house: House) -> None:
    now = house.clock.wall()
    known: tuple[tuple[str, BreakerState, float], ...] = (
        ("worker 1", "open", now + 60.0),
        ("worker 2", "ramp", 0.0),
    )
    for by, state, until in known:
        house.bus.publish(
            BreakerChanged(
                service="players", route="/a", state=state, cause="why", at=now, by=by, until=until
            )
        )
    (service,) = house.told()["services"]
    (one,) = service["breakers"]
    assert one == {
        "route": "/a",
        "state": "open",
        "cause": "why",
        "by": "worker 1",
        "until": now + 60.0,
    }
    assert any(line.startswith("  breaker of /a open until ") for line in house.text())


def test_breakers_that_are_closed_again_are_not(house: House) -> None:
    now = house.clock.wall()
    states: tuple[BreakerState, ...] = ("open", "closed")
    for state in states:
        house.bus.publish(
            BreakerChanged(service="players", route="/a", state=state, at=now, by="worker 1")
        )
    assert house.told()["services"][0]["breakers"] == []


def test_a_breaker_that_a_control_before_this_one_knew_is_told(house: House) -> None:
    until = house.clock.wall() + 5.0
    house.services.kept["players"].open = {"/a": until}
    assert house.told()["services"][0]["breakers"] == [
        {"route": "/a", "state": "open", "cause": "", "until": until}
    ]
