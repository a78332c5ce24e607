"""The tables of a worker: which route stands in which, and what its plan leads to."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_plan, a_route
from tta_gateway.features.tether.bound import SOCKET as TETHER
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.route import Respond, Route
from tta_gateway.node.replacement import Led
from tta_gateway.node.tables import SLICE, Pair, Tables, sides, table
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.table import Table
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, parted


class End:
    """Something that stands at the end of plans."""

    def open(self, exchange: Exchange) -> None:
        """Take an exchange."""


class Tethers:
    """Makes a plan of its own for each route."""

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}

    def plan(self, route: Route, *_: object) -> Plan:
        return self.plans.setdefault(route.name, a_plan(route=route))


class Declared:
    """What services have declared: these, and one that makes no sense."""

    def __init__(self, *routes: Route) -> None:
        self.routes = routes

    def put(self, _: object, place: Callable[[Route], None]) -> Iterator[Route | None]:
        for one in self.routes:
            place(one)
            yield one
        if self.routes:
            yield None


class House:
    """What a worker's tables are made with."""

    def __init__(self, *declared: Route) -> None:
        self.sockets, self.answers, self.tethers = End(), End(), Tethers()
        self.runner = Runner(lambda work: work.close(), lambda *_: None)
        self.tables = Tables(
            self.runner,
            self.forward,
            sockets=cast("Any", self.sockets),
            answers=cast("Any", self.answers),
            tethering=cast("Any", self.tethers),
            declared=cast("Any", Declared(*declared)),
        )

    def forward(self, exchange: Exchange) -> None:
        """Stand for the services."""


def parts_of(*routes: Route) -> Parts:
    made = Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=routes)
    return parted(made)


def plan_in(made: Table, path: str) -> Plan:
    return made.find(a_head("GET", path))[0].plan


def test_public_and_internal_routes_stand_in_tables_of_their_own() -> None:
    routes = (a_route("/out"), a_route("/in", internal=True))
    public, internal = House().tables.of(parts_of(), routes, [])
    found = [[plan_in(one, path).route for path in ("/out", "/in")] for one in (public, internal)]
    assert found == [[routes[0], None], [None, routes[1]]]
    assert sides(routes) == ((routes[0],), (routes[1],))


def test_a_plan_ends_where_its_route_says() -> None:
    house = House()
    routes = (
        a_route("/service"),
        a_route("/socket", socket="hub"),
        a_route("/stream", stream="hub"),
        a_route("/tether", socket=TETHER),
    )
    public, _ = house.tables.of(parts_of(), routes, [])
    assert plan_in(public, "/service").forward == house.forward
    assert plan_in(public, "/socket").forward == house.sockets.open
    assert plan_in(public, "/stream").forward == house.answers.open
    assert plan_in(public, "/tether") is house.tethers.plans[routes[3].name]
    assert plan_in(public, "/nowhere").route is None


def test_an_answer_of_the_route_s_own_is_given_by_no_service() -> None:
    route = a_route("/hello", service="", respond=Respond(body="hello"))
    house = House()
    alone = table((route,), [], runner=house.runner, forward=house.forward)
    public, _ = house.tables.of(parts_of(), (route,), [])
    for one in (alone, public):
        assert plan_in(one, "/hello").forward != house.forward


def test_what_services_declare_stands_behind_what_the_operator_says() -> None:
    declared = a_route("/live")
    public, _ = House(declared).tables.of(parts_of(), (a_route("/a"),), [])
    assert plan_in(public, "/live").route == declared


@pytest.mark.parametrize("many", [1, SLICE, 3 * SLICE])
def test_another_configuration_s_are_made_a_slice_in_a_turn(many: int) -> None:
    routes = tuple(msgspec.structs.replace(a_route(f"/r{n}"), name=f"r{n}") for n in range(many))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def made() -> tuple[Pair, Led]:
        beside = asyncio.get_running_loop().create_task(others())
        try:
            return await House(a_route("/live")).tables.aside(parts_of(*routes), [])
        finally:
            beside.cancel()

    (public, _), led = asyncio.run(made())
    assert led.names == {one.name for one in routes} | {a_route("/live").name}
    assert plan_in(public, f"/r{many - 1}").route is not None
    assert turns >= many / SLICE
