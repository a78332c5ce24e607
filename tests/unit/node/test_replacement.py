"""Services of another configuration, made beside those in force: never much of it in one turn."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import msgspec

from tests.helpers.builders import a_route, an_endpoint
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_connection import FakeConnection, FakeConnector
from tests.helpers.house import Events
from tta_gateway.kernel.route import Breaker, Route, Service
from tta_gateway.kernel.standing import Stand, Standing, section
from tta_gateway.node.replacement import MOST, Led, Replacement
from tta_gateway.node.sections import Sections
from tta_gateway.node.standings import Standings
from tta_gateway.pipeline.run import Runner
from tta_gateway.upstream.attempt import Upstream
from tta_gateway.upstream.forward import Forwarder

T = TypeVar("T")
SERVICES = 500
ENDPOINTS = 4
IN_A_TURN = MOST // (10 + ENDPOINTS)


def services(count: int = SERVICES, *, first_port: int = 9000) -> dict[str, Service]:
    endpoints = tuple(an_endpoint(first_port + number) for number in range(ENDPOINTS))
    names = [f"s{number}" for number in range(count)]
    return {name: Service(name=name, endpoints=endpoints) for name in names}


def _nothing(*_: object) -> None:
    """Hear of nothing."""


class House:
    """A worker's way to many services, and how many of them are made."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.services = services()
        self.forwarder = Forwarder(
            self.services,
            connector=FakeConnector(),
            runner=Runner(_nothing, _nothing),
            chance=lambda: 0.5,
            clock=clock.monotonic,
        )
        sections = Sections(cast("Any", Events()))
        self.standings = Standings(
            self.forwarder, sections, monotonic=clock.monotonic, wall=clock.wall
        )
        self.standings.adopt(self.forwarder.upstreams, {})
        self.made = 0
        self.upstreams = self.forwarder.upstreams
        self.replacement = Replacement(self, self.standings)

    def beside(self, each: Service) -> Upstream:
        self.made += 1
        return self.forwarder.beside(each)


def driven(work: Coroutine[Any, Any, T], count: Callable[[], int]) -> tuple[T, list[int]]:
    """Do all of it, a turn at a time; return what comes of it, and how much each has counted."""
    counted = []
    while True:
        before = count()
        try:
            work.send(None)
        except StopIteration as done:
            counted.append(count() - before)
            return cast("T", done.value), counted
        counted.append(count() - before)


def test_of_hundreds_that_change_few_are_made_in_one_turn() -> None:
    house = House()
    before = dict(house.upstreams)
    made, turns = driven(house.replacement.make(services(first_port=9100), {}), lambda: house.made)
    assert (sum(turns), max(turns)) == (SERVICES, IN_A_TURN)
    assert house.upstreams == before  # what is made is not in force
    assert [name for name, one in made.items() if one is before[name]] == []


def test_what_has_not_changed_stays_and_is_not_made_again() -> None:
    house = House()
    after = {**house.services, "s7": services(first_port=9100)["s7"]}
    del after["s8"]
    before = dict(house.upstreams)
    made, turns = driven(house.replacement.make(after, {}), lambda: house.made)
    assert (sum(turns), len(turns) > 1) == (1, True)
    assert [name for name, one in made.items() if one is not before[name]] == ["s7"]
    assert "s8" not in made


def test_what_is_read_anew_and_is_the_same_stays() -> None:
    house = House()
    before = dict(house.upstreams)
    made, _ = driven(house.replacement.make(services(), {}), lambda: house.made)
    assert made == before


def test_each_is_made_as_control_has_found_it_and_is_told_that_once() -> None:
    house = House()
    standing = Standing(endpoints=(Stand(endpoint=an_endpoint(9300)),))
    live = {section("s7"): msgspec.Raw(msgspec.msgpack.encode(standing))}
    made, _ = driven(house.replacement.make(services(first_port=9100), live), lambda: house.made)
    assert [one.endpoint.port for one in made["s7"].pools] == [9300]
    assert [one.endpoint.port for one in made["s8"].pools] == [9100, 9101, 9102, 9103]
    house.forwarder.adopt(made)
    assert house.standings.changed(live) == []


def test_of_many_connections_few_are_closed_in_one_turn() -> None:
    house = House()
    gone = house.forwarder.adopt({})
    pools = [pool for one in gone for pool in one.pools]
    connections = [FakeConnection(pool) for pool in pools for _ in range(3)]
    for connection in connections:
        connection.pool.idle.append(connection)
    _, turns = driven(
        house.replacement.let_go(gone), lambda: sum(one.closed for one in connections)
    )
    assert (sum(turns), max(turns) <= MOST) == (len(connections), True)
    assert all(pool.retired for pool in pools)


def guarded(name: str, service: str) -> Route:
    return msgspec.structs.replace(a_route(name, service=service), breaker=Breaker())


def test_what_is_known_of_routes_that_are_gone_is_forgotten_turn_by_turn() -> None:
    house = House()
    for upstream in house.upstreams.values():
        for route in ("/stays", "/moves", "/goes"):
            upstream.breakers.of(guarded(route, upstream.service.name), 0.0)
            upstream.answered(upstream.pools[0], route, 200, 0.1, 0.0)
    led = Led()
    led.add(guarded("/stays", "s7"))
    led.add(guarded("/moves", "s8"))
    assert led.names == {"/stays", "/moves"}

    def known() -> int:
        return -sum(len(one.breakers.by_route) for one in house.upstreams.values())

    _, turns = driven(house.replacement.tidy(led), known)
    assert max(turns) <= 3 * MOST // (1 + ENDPOINTS)
    left = {name: list(one.breakers.by_route) for name, one in house.upstreams.items()}
    assert {name: one for name, one in left.items() if one} == {"s7": ["/stays"], "s8": ["/moves"]}
    assert set(house.upstreams["s9"].pools[0].timings) == {"/stays", "/moves"}
