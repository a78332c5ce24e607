"""Assemble a worker: the only code that knows everything of its process."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar, cast

import msgspec

from tta_gateway.edge.client_connection import ClientConnection
from tta_gateway.edge.entrance import Entrance, Guests, Rules
from tta_gateway.edge.hangup import Hangups
from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.edge.upstream_connection import SocketConnector
from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.features.access_log.policy import AccessLog
from tta_gateway.features.allow_from.policy import AllowFrom
from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.features.cors.policy import Cors
from tta_gateway.features.metrics.bound import MetricsBound
from tta_gateway.features.metrics.metrics import CONNECTIONS
from tta_gateway.features.metrics.policy import Metrics
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.policy import Problem
from tta_gateway.features.security_headers.bound import SecurityHeadersBound
from tta_gateway.features.security_headers.policy import SecurityHeaders
from tta_gateway.features.trace.policy import Trace
from tta_gateway.features.transform.policy import Transform
from tta_gateway.features.websocket_origin.policy import WebSocketOrigin
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.route import Route
from tta_gateway.order import ORDER
from tta_gateway.pipeline.check import complaints
from tta_gateway.pipeline.plan import bind
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.local import answer_locally
from tta_gateway.routing.table import Table
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.support.clock import Clock, HttpDate, Stamp
from tta_gateway.support.collector import PAUSE, Collector
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import DROPPED, EventLog, LineFile, Lines
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import spawn
from tta_gateway.upstream.forward import Forwarder

B = TypeVar("B", bound=msgspec.Struct)
Forward = Callable[[Exchange], None]


_SLICE: Final = 25  # routes that are put into a new table in one turn of the loop


class Worker:
    """A worker's parts, bound to one snapshot, which another may replace."""

    def __init__(
        self, snapshot: Snapshot, *, loop: asyncio.AbstractEventLoop, clock: Clock
    ) -> None:
        """Build everything; nothing listens yet."""
        self.snapshot = snapshot
        self.loop = loop
        self.clock = clock
        self.registry = Registry()
        self._files = {"": LineFile("-")}  # by path; the events' own has none
        self.log = EventLog(self._files[""], Stamp(clock.wall))
        self.sweeper = Sweeper(loop, clock.monotonic)
        self.collector = Collector(clock.monotonic, self.registry.child(PAUSE))
        self._dropped = self.registry.child(DROPPED)
        self.sweeper.each_tick += [self._flush, self.collector.tick]
        self.runner = Runner(self._spawn, self._report)
        limits = snapshot.limits
        self._connector = SocketConnector(
            loop, sweeper=self.sweeper, limits=limits, died=self._died
        )
        self.forwarder = Forwarder(
            {service.name: service for service in snapshot.services},
            connector=self._connector,
            runner=self.runner,
            chance=random.random,
            clock=clock.monotonic,
        )
        self._connector.forwarder = self.forwarder
        self.sweeper.each_tick.append(lambda: self.forwarder.expire(self.sweeper.now))
        self.policies = self._policies_of(snapshot)
        self.table = table(
            snapshot.routes, self.policies, runner=self.runner, forward=self.forwarder.forward
        )
        self.hangups = Hangups(loop)
        open_now = self.registry.child(CONNECTIONS, "api-gateway").add
        self.guests = Guests(snapshot.connections, changed=open_now, hangups=self.hangups)
        self.entrances = [self._entrance(listener) for listener in snapshot.listeners]

    def _policies_of(self, snapshot: Snapshot) -> list[Policy]:
        """Return the policies in order; OSError if the access log cannot be opened."""
        access = bound(snapshot, "access_log", AccessLogBound)
        if access.enabled and access.path not in self._files:
            self._files[access.path] = LineFile(access.path)
        lines = self._files[access.path] if access.enabled else None
        return policies(snapshot, registry=self.registry, lines=lines, clock=self.clock)

    async def apply(self, snapshot: Snapshot) -> None:
        """Decide from this snapshot from now on; what is under way keeps the plan it began with.

        The new table grows beside the old one, a slice in a turn of the loop, and then takes its
        place at once.  OSError if the access log cannot be opened: then nothing changes.
        """
        ordered = self._policies_of(snapshot)
        runner, forward = self.runner, self.forwarder.forward
        made = table((), ordered, runner=runner, forward=forward)
        for begin in range(0, len(snapshot.routes), _SLICE):
            await asyncio.sleep(0)
            for route in snapshot.routes[begin : begin + _SLICE]:
                made.add(route, bind(ordered, route, forward=_end_of(route, runner, forward)))
        self.snapshot, self.policies, self.table = snapshot, ordered, made
        self.forwarder.adopt({service.name: service for service in snapshot.services})
        self._connector.limits = snapshot.limits
        self.guests.limits = snapshot.connections
        for entrance, listener in zip(self.entrances, snapshot.listeners, strict=True):
            entrance.adopt(made, self._rules(listener))

    @property
    def files(self) -> list[LineFile]:
        """Return the files of all logs, those of older configurations included."""
        return list(self._files.values())

    def reopen_logs(self) -> None:
        """Go on in new files where the old ones have been moved away."""
        for path, file in self._files.items():
            try:
                file.reopen()
            except OSError as error:
                self.log.event("log_not_reopened", path=path, error=error.strerror)

    def _flush(self) -> None:
        """Write the logs out, and count what was lost."""
        for file in self.files:
            file.flush()
        self._dropped.set(sum(file.dropped for file in self.files))

    def _entrance(self, listener: Listener) -> Entrance:
        return Entrance(
            sweeper=self.sweeper,
            date=HttpDate(self.clock.wall).text,
            runner=self.runner,
            directory=self.table,
            guests=self.guests,
            rules=self._rules(listener),
        )

    def _rules(self, listener: Listener) -> Rules:
        snapshot = self.snapshot
        return Rules(
            limits=snapshot.limits, timeouts=snapshot.client_timeouts, trusted=listener.trusted
        )

    def client(self, index: int) -> ClientConnection:
        """Return a new connection at a listener."""
        return ClientConnection(self.entrances[index])

    def protocol(self, index: int) -> asyncio.Protocol:
        """Return a new connection as the loop knows it: it has all the methods of a protocol."""
        return cast("asyncio.Protocol", self.client(index))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        spawn(work, name="exchange", died=self._died)

    def _report(self, exchange: Exchange, error: BaseException) -> None:
        """Log a fault of ours: what and where, never what a person wrote."""
        self.log.event(
            "exchange_failed",
            request_id=exchange.request_id.decode(),
            error=type(error).__name__,
            where=_places(error),
        )

    def _died(self, name: str, error: BaseException) -> None:
        self.log.event("task_died", task=name, error=type(error).__name__, where=_places(error))


def _places(error: BaseException) -> list[str]:
    """Return file and line of each step of the trace, without values."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('tta_gateway/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places


def bound(snapshot: Snapshot, feature: str, kind: type[B]) -> B:
    """Return a feature's settings, its defaults where the operator wrote none."""
    raw = snapshot.features.get(feature)
    return kind() if raw is None else msgspec.msgpack.decode(raw, type=kind)


def policies(
    snapshot: Snapshot, *, registry: Registry, lines: Lines | None, clock: Clock
) -> list[Policy]:
    """Return the policies in order."""
    made: Mapping[type, Policy] = {
        type(policy): policy
        for policy in (
            Trace(Identifiers(clock.wall)),
            AccessLog(lines, clock=clock.monotonic, stamp=Stamp(clock.wall)),
            Metrics(
                bound(snapshot, "metrics", MetricsBound), registry=registry, clock=clock.monotonic
            ),
            Problem(bound(snapshot, "problem", ProblemBound)),
            Cors(bound(snapshot, "cors", CorsBound)),
            SecurityHeaders(bound(snapshot, "security_headers", SecurityHeadersBound)),
            AllowFrom(),
            WebSocketOrigin(),
            Transform(),
        )
    }
    ordered = [made[kind] for kind, _ in ORDER]
    found = complaints(ordered)
    if found:
        raise AssertionError("; ".join(found))  # order.py is wrong; a test says so first
    return ordered


def table(
    routes: tuple[Route, ...], ordered: list[Policy], *, runner: Runner, forward: Forward
) -> Table:
    """Return the routing table, every route with its plan."""
    bound_routes = [
        (route, bind(ordered, route, forward=_end_of(route, runner, forward))) for route in routes
    ]
    return Table(bound_routes, nowhere=bind(ordered, None, forward=forward), answer=runner.respond)


def _end_of(route: Route, runner: Runner, forward: Forward) -> Forward:
    """Return what stands at the end of a route's plan: the service, or an answer of our own."""
    if route.service and route.maintenance is None:
        return forward

    def answer(exchange: Exchange) -> None:
        runner.respond(exchange, answer_locally(route, exchange))

    return answer
