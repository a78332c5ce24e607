"""What a worker tells control and its log, to somebody who takes it down."""

import os
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from tests.helpers.builders import a_route, an_endpoint
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.metrics.metrics import BREAKERS_OPEN
from tta_gateway.kernel.events import (
    BreakerChanged,
    EndpointChanged,
    EndpointSeen,
    Event,
    GlassUsed,
    IssuerKeyMissing,
    ServiceTlsChanged,
    SourceBlocked,
)
from tta_gateway.kernel.route import Breaker, Service
from tta_gateway.node.telling import Telling
from tta_gateway.support.bus import DROPPED
from tta_gateway.support.metrics import Registry
from tta_gateway.support.quiet import MOST
from tta_gateway.upstream.attempt import Upstream
from tta_gateway.upstream.service import Notice

PLACE = ("players", "10.0.0.1:443")


class House:
    """A worker as far as it tells; the test is the way to control, and the log."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.registry = Registry()
        self.told: list[Event] = []
        self.lines: list[tuple[str, dict[str, object]]] = []
        self.flushed = 0
        self.lost = 0
        self.telling = Telling(
            cast("Any", self),
            self.registry,
            monotonic=self.clock.monotonic,
            wall=self.clock.wall,
        )
        self.telling.way = self
        self.upstreams = {"players": Upstream(Service(name="players", endpoints=(an_endpoint(),)))}

    def event(self, name: str, **fields: object) -> None:
        self.lines.append((name, fields))

    def put(self, event: Event) -> None:
        self.told.append(event)

    def show(self, events: Sequence[Event]) -> int:
        self.told += events
        return len(events)

    def flush(self) -> None:
        self.flushed += 1

    def take_dropped(self) -> int:
        lost, self.lost = self.lost, 0
        return lost

    def tick(self) -> None:
        self.telling.tick(self.clock.monotonic(), self.upstreams)

    def tls(self, *whys: str) -> None:
        for why in whys:
            self.telling.refused(*PLACE, why)
            self.clock.advance(1.0)


def test_what_has_become_of_an_endpoint_is_told_and_logged() -> None:
    house = House()
    notices = [
        Notice("e", "ejected", "silent", 30.0, "answer"),
        Notice("e", "let_back_in", "", 0.0, ""),
    ]
    house.telling.noticed("players", notices)
    wall, by = house.clock.wall(), f"worker {os.getpid()}"
    assert house.told == [
        EndpointChanged(
            service="players",
            endpoint="e",
            change="ejected",
            cause="silent",
            at=wall,
            by=by,
            until=wall + 30.0,
            proof="answer",
        ),
        EndpointChanged(service="players", endpoint="e", change="let_back_in", at=wall, by=by),
    ]
    assert [name for name, _ in house.lines] == ["endpoint_ejected", "endpoint_let_back_in"]


def test_what_becomes_of_a_breaker_is_logged_counted_and_told_to_control() -> None:
    house = House()
    breakers = house.upstreams["players"].breakers
    route = msgspec.structs.replace(a_route("/players/{id}"), breaker=Breaker(failures=1))
    now = house.clock.monotonic()
    breaker = breakers.of(route, now)
    breaker.record(breaker.ticket, failed=True, elapsed=0.1, now=now)
    breakers.refused(route.name)
    breakers.fell_back(route.name)
    news = breakers.tick(now)
    assert news is not None
    house.telling.told("players", news)
    assert house.told == [
        BreakerChanged(
            service="players",
            route=route.name,
            state="open",
            cause="1 in a row failed; for 10 s",
            at=house.clock.wall(),
            by=f"worker {os.getpid()}",
            until=house.clock.wall() + 10.0,
        )
    ]
    counted = {
        (metric.name, values): cells
        for metric, values, cells in house.registry.collect()
        if "breaker" in metric.name or "fallback" in metric.name
    }
    assert counted == {
        ("tta_gateway_breaker_changes_total", ("players", route.name, "open")): [1.0],
        ("tta_gateway_breakers_open", ("players", route.name)): [1.0],
        ("tta_gateway_breaker_refused_total", ("players", route.name)): [1.0],
        ("tta_gateway_fallbacks_total", ("players", route.name)): [1.0],
    }
    breaker.tick(now + 10.0)
    news = breakers.tick(now + 10.0)
    assert news is not None
    house.telling.told("players", news)
    open_now = house.registry.child(BREAKERS_OPEN, "players", route.name)
    assert open_now.values() == [0.0]


def test_tls_that_does_not_come_about_is_logged_once_a_minute() -> None:
    house = House()
    for after, why in ((0.0, "expired"), (1.0, "expired"), (1.0, "other"), (59.0, "expired")):
        house.clock.advance(after)
        house.telling.refused(*PLACE, why)
    assert [fields["error"] for _, fields in house.lines] == ["expired", "other", "expired"]


def test_control_hears_of_tls_that_fails_and_of_tls_that_works_again() -> None:
    house = House()
    house.tls("", "", "expired", "expired", "", "expired")
    events = [one for one in house.told if isinstance(one, ServiceTlsChanged)]
    assert [(one.works, one.cause) for one in events] == [
        (True, ""),
        (False, "expired"),
        (True, ""),
        (False, "expired"),
    ]
    assert {(one.service, one.endpoint) for one in events} == {PLACE}


def test_each_use_of_broken_glass_is_logged_and_told_to_control() -> None:
    house = House()
    used = GlassUsed(subject="t1", person="p1", route="a", method="GET", request_id="r", at=7.0)
    house.telling.glass_used(used)
    assert house.told == [msgspec.structs.replace(used, by=f"worker {os.getpid()}")]
    fields = {"subject": "t1", "person": "p1", "route": "a", "request_id": "r"}
    assert house.lines == [("glass_used", fields)]


def test_that_a_key_is_missing_is_told_now_and_then_for_each_issuer() -> None:
    house = House()
    for name in ("clinic", "clinic", "school"):
        house.telling.key_missing(name)
    told = [one.issuer for one in house.told if isinstance(one, IssuerKeyMissing)]
    assert told == ["clinic", "school"]
    house.clock.advance(5.0)
    house.telling.key_missing("clinic")
    assert len(house.told) == 3
    assert house.lines == []


def test_what_is_remembered_of_tls_is_not_more_and_more() -> None:
    house = House()
    for number in range(MOST + 100):
        house.telling.refused("players", "10.0.0.1:443", f"reason {number}")
        house.telling.refused("players", f"10.0.0.1:{number}", "")
        house.telling.refused(f"gone-{number}", "e", "")
    here = house.upstreams["players"].pools[0].name
    house.telling.refused("players", here, "")
    house.clock.advance(60.0)
    house.tick()
    assert house.telling._encrypted == {"players": {here}}
    assert len(house.telling._quiet) == MOST


def test_with_each_tick_goes_out_what_is_owed_and_how_endpoints_do() -> None:
    house = House()
    house.upstreams["players"].pools[0].open = 1
    house.tick()
    assert house.flushed == 1
    assert [type(one) for one in house.told] == [EndpointSeen]


def test_what_is_lost_is_counted_and_told_once_a_minute() -> None:
    house = House()
    for lost in (0, 3, 4, 0):
        house.lost = lost
        house.tick()
        house.clock.advance(1.0)
    assert house.lines == [("notes_dropped", {"count": 3})]
    house.clock.advance(60.0)
    house.tick()
    assert house.lines[1:] == [("notes_dropped", {"count": 4})]
    assert house.registry.child(DROPPED).values() == [7.0]


def test_without_a_way_to_control_the_log_has_it_all_the_same() -> None:
    house = House()
    house.telling.way = None
    house.telling.noticed("players", [Notice("e", "penalised", "slow", 0.0, "")])
    house.tick()
    assert ([name for name, _ in house.lines], house.told) == (["endpoint_penalised"], [])


def test_a_block_is_told_and_has_its_line() -> None:
    house = House()
    block = SourceBlocked(
        source="192.0.2.7", until=9.0, strikes=1, cause="25 malformed", at=1.0, by="worker 1"
    )
    house.telling.shielded(block)
    assert house.told == [block]
    assert house.lines == [("shield_block", {"source": "192.0.2.7", "cause": "25 malformed"})]
