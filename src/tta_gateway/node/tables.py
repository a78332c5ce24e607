"""The routing tables of a worker: every route with its plan, and what stands at the plan's end.

There are two: one of public listeners, one of internal ones.  To make a table takes a while where
there are thousands of routes: another configuration's is made a slice in a turn of the loop.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from tta_gateway.edge.own_socket import OwnSockets
from tta_gateway.edge.own_stream import OwnStreams
from tta_gateway.features.tether.bound import SOCKET as TETHER
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.route import Route
from tta_gateway.node.declared_routes import DeclaredRoutes
from tta_gateway.node.replacement import Led
from tta_gateway.node.tethering import Tethering
from tta_gateway.pipeline.plan import bind
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.local import answer_locally
from tta_gateway.routing.table import Table
from tta_gateway.snapshot.parts import Parts, route_of

Forward: TypeAlias = Callable[[Exchange], None]
Pair: TypeAlias = tuple[Table, Table]
"""the table of public listeners, and that of internal ones"""
SLICE: Final = 25
"""routes or services that are put in place in one turn of the loop"""


class Tables:
    """Makes a worker's tables."""

    def __init__(
        self,
        runner: Runner,
        forward: Forward,
        *,
        sockets: OwnSockets,
        answers: OwnStreams,
        tethering: Tethering,
        declared: DeclaredRoutes,
    ) -> None:
        """Have plans end there: with `forward` where a service answers."""
        self._runner = runner
        self._forward = forward
        self._sockets = sockets
        self._answers = answers
        self._tethering = tethering
        self._declared = declared

    def of(self, parts: Parts, routes: Iterable[Route], policies: list[Policy]) -> Pair:
        """Return both, with the routes and what services have declared."""
        tables = self._no_routes(policies)
        for _ in self._routes_in(tables, routes, parts, policies):
            pass
        return tables

    async def aside(self, parts: Parts, policies: list[Policy]) -> tuple[Pair, Led]:
        """Return both, made a slice at a time, and what is in them."""
        tables, led = self._no_routes(policies), Led()
        every = self._routes_in(tables, map(route_of, parts.routes), parts, policies)
        for number, route in enumerate(every):
            if route is not None:
                led.add(route)
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return tables, led

    def _no_routes(self, policies: list[Policy]) -> Pair:
        runner, forward = self._runner, self._forward
        return (
            table((), policies, runner=runner, forward=forward),
            table((), policies, runner=runner, forward=forward),
        )

    def _routes_in(
        self, tables: Pair, routes: Iterable[Route], parts: Parts, policies: list[Policy]
    ) -> Iterator[Route | None]:
        """Put each route in its table, one with each step: the operator's, then the declared.

        None is a declared one that makes no sense.
        """
        runner, forward = self._runner, self._forward

        def place(route: Route) -> None:
            end = self._sockets.open if route.socket else forward
            if route.stream:
                end = self._answers.open
            if route.socket == TETHER:
                plan = self._tethering.plan(route, policies, _end_of(route, runner, forward))
            else:
                plan = bind(policies, route, forward=_end_of(route, runner, end))
            tables[1 if route.internal else 0].add(route, plan)

        for route in routes:
            place(route)
            yield route
        yield from self._declared.put(parts.live, place)


def table(
    routes: tuple[Route, ...], ordered: list[Policy], *, runner: Runner, forward: Forward
) -> Table:
    """Return the routing table, every route with its plan."""
    bound_routes = [
        (route, bind(ordered, route, forward=_end_of(route, runner, forward))) for route in routes
    ]
    return Table(bound_routes, nowhere=bind(ordered, None, forward=forward), answer=runner.respond)


def sides(routes: tuple[Route, ...]) -> tuple[tuple[Route, ...], tuple[Route, ...]]:
    """Return those for public listeners, and those for internal ones."""
    return (
        tuple(one for one in routes if not one.internal),
        tuple(one for one in routes if one.internal),
    )


def _end_of(route: Route, runner: Runner, forward: Forward) -> Forward:
    """Return what stands at the end of a route's plan: the service, or an answer of our own."""
    if route.service and route.maintenance is None:
        return forward

    def answer(exchange: Exchange) -> None:
        runner.respond(exchange, answer_locally(route, exchange))

    return answer
