"""Assemble a worker: the only code that knows everything of its process."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from resource import RLIM_INFINITY
from typing import Any

import msgspec

from tta_gateway.edge.client_connection import ClientConnection
from tta_gateway.edge.credentials import Contexts, contexts_aside
from tta_gateway.edge.own_socket import OwnSockets
from tta_gateway.edge.own_stream import OwnStreams
from tta_gateway.edge.sweeper import LAG, Sweeper
from tta_gateway.edge.upstream_connection import SocketConnector
from tta_gateway.features.access.policy import Circle
from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.features.callers.policy import Callers, Standing
from tta_gateway.features.error_records.bound import ErrorRecordsBound
from tta_gateway.features.escalation.public import DRILLS
from tta_gateway.features.identity.bound import IdentityBound
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.mirror.policy import Ways
from tta_gateway.features.nodes.policy import Hearing
from tta_gateway.features.ratelimit.bound import RateLimitBound
from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.features.realtime.public import SOCKET
from tta_gateway.features.safety.bound import SafetyBound
from tta_gateway.features.safety.decoding import prepare
from tta_gateway.features.safety.public import MODERATIONS
from tta_gateway.kernel.events import SafetyRaised
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.route import Service
from tta_gateway.node.admitting import Admitting
from tta_gateway.node.channel_store import ChannelStore
from tta_gateway.node.declared_routes import DeclaredRoutes
from tta_gateway.node.drilling import Drilling
from tta_gateway.node.entrances import Entrances
from tta_gateway.node.error_keeping import ErrorKeeping, Remembered
from tta_gateway.node.expiry import Expiry
from tta_gateway.node.hearing import listening, weighing
from tta_gateway.node.hub_services import HubServices
from tta_gateway.node.inquiry import Inquiries, Sparing
from tta_gateway.node.key_ring import people_of
from tta_gateway.node.limiting import Limiting
from tta_gateway.node.live_erasures import LiveErasures
from tta_gateway.node.policies import Reach, bound, policies
from tta_gateway.node.proving import Proving
from tta_gateway.node.real_time import RealTime
from tta_gateway.node.replacement import Led, Replacement
from tta_gateway.node.reporting import Reporting
from tta_gateway.node.room import room
from tta_gateway.node.scanning import Scanning, the_detector
from tta_gateway.node.sections import Sections
from tta_gateway.node.service_questions import ServiceQuestions
from tta_gateway.node.shielding import Shielding
from tta_gateway.node.spending import Spending
from tta_gateway.node.standings import Standings
from tta_gateway.node.tables import SLICE, Tables
from tta_gateway.node.telling import Telling
from tta_gateway.node.tethering import Tethering
from tta_gateway.node.ties import LiveTies
from tta_gateway.node.valkeys import Valkeys
from tta_gateway.node.word import LiveWord
from tta_gateway.order import CHANNELS
from tta_gateway.pipeline.plan import bind
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.table import Table
from tta_gateway.routing.to_https import ToHttps
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.snapshot.parts import (
    Parts,
    base_of,
    routes_differ,
    service_of,
    whole,
)
from tta_gateway.support.clock import Clock, HttpDate, Stamp
from tta_gateway.support.collector import PAUSE, Collector
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import DROPPED, EventLog, Log
from tta_gateway.support.metrics import Registry
from tta_gateway.support.places import places
from tta_gateway.support.tasks import spawn
from tta_gateway.upstream.forward import Forwarder


class Worker:
    """A worker's parts, bound to one snapshot, which another may replace."""

    def __init__(
        self,
        parts: Parts,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        registry: Registry,
        logs: Callable[[str], Log],
        descriptors: int = RLIM_INFINITY,
    ) -> None:
        """Build everything; nothing listens yet.

        `logs` gives a log by its path, the events' own by none; OSError if it cannot.  So many
        `descriptors` may be open.
        """
        self._descriptors = descriptors
        self.parts = parts
        self.snapshot = snapshot = whole(parts)
        self.loop = loop
        self.clock = clock
        self.registry = registry
        self._open_log = logs
        self._logs = {"": logs("")}  # by path
        self.log = EventLog(self._logs[""], Stamp(clock.wall), people_of(snapshot, clock.wall))
        self._sections = Sections(self.log)
        self._declared = DeclaredRoutes(self._sections, self.log)
        self.telling = Telling(self.log, registry, monotonic=clock.monotonic, wall=clock.wall)
        self._look_after_itself()
        self.runner = Runner(self._spawn, self._report)
        self.forwarder = self._forwarder_to(snapshot)
        self.policies = self._policies_of(snapshot)
        self._tables = self._table_maker()
        self.table, self.internal = self._tables.of(parts, snapshot.routes, self.policies)
        self.standings = Standings(
            self.forwarder, self._sections, monotonic=clock.monotonic, wall=clock.wall
        )
        self.standings.adopt(self.forwarder.upstreams, parts.live)
        self._replacement = Replacement(self.forwarder, self.standings)
        self._build_the_way_in()

    def _look_after_itself(self) -> None:
        """Have what is to be done a few times a second."""
        clock = self.clock.monotonic
        self._ties = LiveTies(self._sections, self.parts.live)
        self.circle = Circle(self._ties.ties, self.telling.glass_used)
        self.sweeper = Sweeper(self.loop, clock)
        self.collector = Collector(clock, self.registry.child(PAUSE))
        self._dropped = self.registry.child(DROPPED)
        self._lag = self.registry.child(LAG)
        self.streams = OpenStreams(later=self.loop.call_soon)
        self.standing = Standing()
        self.proving = Proving(
            self._sections, self.parts.live, wall=self.clock.wall, streams=self.streams
        )
        self.proving.missing = self.telling.key_missing
        self.erasures = LiveErasures(self._sections, self.parts.live)
        self.erasures.ends.append(self.streams.erased)
        self.hearing = Hearing(clock, until=0.0)
        self.admitting = Admitting(self.registry, self.loop, clock=clock)
        self.shielding = Shielding(
            self.registry, self.loop, clock=self.clock, sections=self._sections
        )
        self.shielding.tell = self.telling.shielded
        self.shielding.follow(self.parts.live)
        self._word = LiveWord(self._sections, self.hearing, self.telling.taken)
        self._word.follow(self.parts.live)
        self._reach_stores()
        self._look_after_people()
        ticks = [self._flush, self.collector.tick, self._observe, self.valkeys.tick]
        self.sweeper.each_tick += ticks

    def _reach_stores(self) -> None:
        """Have what is shared with other workers."""
        self.valkeys = Valkeys(
            registry=self.registry, log=self.log, chance=random.random, died=self.died
        )
        self.valkeys.adopt(self.snapshot, self.parts.live)
        self.proving.spend = Spending(self.valkeys.clients).spend
        self.limiting = Limiting(
            self._sections,
            self.log,
            clock=self.clock,
            registry=self.registry,
            clients=self.valkeys.clients,
            died=self.died,
        )
        self.limiting.follow(self.parts.live)

    def _look_after_people(self) -> None:
        """Have who looks at bodies, and who listens to sockets; they tell the guard alike."""
        self.reporting = Reporting(
            self.loop, clock=self.clock, registry=self.registry, log=self.log
        )
        self.error_keeping = ErrorKeeping(
            clock=self.clock,
            registry=self.registry,
            tell=lambda call: self.loop.call_soon_threadsafe(call),
            log=self.log,
        )
        draw = Identifiers(self.clock.wall).uuid7
        prepare()  # before anybody waits: routes may be declared that are scanned
        self.scanning = Scanning(
            self.snapshot,
            self.reporting,
            clock=self.clock,
            registry=self.registry,
            spawn=self._spawn,
            report=self._report,
        )
        self.listener = listening(
            the_detector(),
            Remembered(self.reporting, self.error_keeping, lambda: draw().decode()),
            clock=self.clock,
            registry=self.registry,
            told=self._safety_raised,
            died=self.died,
        )
        self.drilling = Drilling(lambda: self.snapshot.listeners, clock=self.clock, log=self.log)
        self.admitting.at_risk.here = self.listener.is_at_risk
        self.scanning.weigh = weighing(self.listener, self.scanning.pseudonym)
        self.listener.moderate = self.scanning.moderator.moderate

    def _have_channels(self) -> None:
        """Have the hub, and what it asks."""
        draw = Identifiers(self.clock.wall).uuid7

        def fresh() -> str:
            return draw().decode()

        store = self._channels(fresh)
        services = HubServices(self.log, self.registry, clock=self.clock.monotonic)
        services.listener, services.pseudonym = self.listener, self.scanning.pseudonym
        self.real_time = RealTime(
            store,
            Inquiries(self.runner, clock=self.clock.monotonic),
            services,
            fresh=fresh,
            chance=random.random,
            clock=self.clock,
        )
        self.sockets.serve(SOCKET, self.real_time.sockets)
        self.tethering.bindings = self.real_time.bindings(self.sweeper)
        self.tethering.roam(self._channels(fresh), worker=fresh())
        for name, service in self.real_time.streams.items():
            self.answers.serve(name, service)
        self._adopt_channels()

    def _channels(self, fresh: Callable[[], str]) -> ChannelStore:
        """Return the channels of the node's store, heard over a connection of their own."""
        return ChannelStore(
            lambda: self.valkeys.clients.get("state"),
            topology=lambda: self.valkeys.topology("state"),
            live=lambda: self.parts.live,
            fresh=fresh,
            wall=self.clock.wall,
            log=self.log,
            died=self.died,
        )

    def _adopt_channels(self) -> None:
        asked = [one for one in self.policies if type(one) in CHANNELS]
        asked.append(Sparing())
        known = bound(self.snapshot, "realtime", RealtimeBound)
        asks = ServiceQuestions(self._ways(), self.policies, clock=self.clock.monotonic)
        self.real_time.adopt(known, asked, self.snapshot, asks)

    def _build_the_way_in(self) -> None:
        snapshot = self.snapshot
        self._have_channels()
        self.entrances = Entrances(
            snapshot,
            sweeper=self.sweeper,
            runner=self.runner,
            registry=self.registry,
            date=HttpDate(self.clock.wall).text,
            room=partial(room, descriptors=self._descriptors),
        )
        self.guests, self.hangups = self.entrances.guests, self.entrances.hangups
        self.answers.is_leaving = lambda: self.guests.draining
        self._expiry = Expiry(self.clock.wall, self.log)
        self._connector.adopt(self.entrances.contexts.services)
        self._expiry.adopt(snapshot)
        self.entrances.open(snapshot, self._directory, self.shielding.ward)
        self.sweeper.each_tick.append(self._look_after)

    def _forwarder_to(self, snapshot: Snapshot) -> Forwarder:
        self.sockets = OwnSockets(self.sweeper, self.runner, self._report)
        self.answers = OwnStreams(self.loop, self.runner, self._report)
        self.answers.serve(MODERATIONS, self.scanning.moderation(self.died))
        self.answers.serve(DRILLS, self.drilling)
        self.tethering = Tethering(
            self.sweeper,
            self.runner,
            self.sockets,
            clock=self.clock,
            registry=self.registry,
            died=self.died,
        )
        self.erasures.ends.insert(0, self.tethering.sockets.erase)
        self.proving.log_out = self.tethering.sockets.log_out
        self.tethering.sockets.has_ended = self.proving.has_ended
        self._connector = SocketConnector(
            self.loop,
            sweeper=self.sweeper,
            limits=snapshot.limits,
            died=self.died,
            refused=self.telling.refused,
        )
        forwarder = Forwarder(
            {service.name: service for service in snapshot.services},
            connector=self._connector,
            runner=self.runner,
            chance=random.random,
            clock=self.clock.monotonic,
            registry=self.registry,
        )
        forwarder.noticed = self.telling.noticed
        forwarder.told = self.telling.told
        return forwarder

    def _table_maker(self) -> Tables:
        return Tables(
            self.runner,
            self.forwarder.forward,
            sockets=self.sockets,
            answers=self.answers,
            tethering=self.tethering,
            declared=self._declared,
        )

    def _ways(self) -> Ways:
        return Ways(
            later=self.loop.call_soon,
            begin=self.runner.begin,
            forward=self.forwarder.forward,
            finish=self.runner.finish,
        )

    def _policies_of(self, snapshot: Snapshot) -> list[Policy]:
        """Return the policies in order; OSError if the access log cannot be had."""
        access = bound(snapshot, "access_log", AccessLogBound)
        if access.enabled and access.path not in self._logs:
            self._logs[access.path] = self._open_log(access.path)
        lines = self._logs[access.path] if access.enabled else None
        reach = Reach(
            ways=self._ways(),
            services=self.forwarder,
            streams=self.streams,
            circle=self.circle,
            standing=self.standing,
            hearing=self.hearing,
        )
        reach.scanning, reach.drills = self.scanning, self.drilling.take
        reach.keeper = self.error_keeping
        safety = bound(snapshot, "safety", SafetyBound)
        self.listener.cool_down = safety.cool_down
        self.scanning.moderator.bound = safety.moderator
        reach.rooms = self.admitting.rooms
        reach.ward = self.shielding.ward
        reach.listener, reach.later = self.listener, self._report_later
        reach.tally, reach.exact = self.limiting.tally, self.limiting.store
        made = policies(
            snapshot,
            registry=self.registry,
            lines=lines,
            clock=self.clock,
            reach=reach,
        )
        self.shielding.look_by(made)
        return self.proving.equip(made, bound(snapshot, "identity", IdentityBound))

    def keep_records(self, number: int) -> None:
        """Keep reports, in the files of this number, and records of errors; OSError if not."""
        self.reporting.open(self.snapshot, number)
        records = bound(self.snapshot, "error_records", ErrorRecordsBound)
        self.error_keeping.open(self.snapshot, records)

    async def apply(self, parts: Parts) -> None:
        """Decide from this snapshot from now on; what is under way keeps the plan it began with.

        Only what has changed is read.  A new table grows beside the old one, a slice in a turn of
        the loop, and then takes its place at once.  OSError if a log cannot be had, or OpenSSL
        refuses a certificate; msgspec.DecodeError if a part cannot be read: then nothing changes.
        """
        before = self.parts
        for name in self._ties.changed(parts.live):
            self._ties.adopt((name,), parts.live)
            await asyncio.sleep(0)
        believed = partial(bound, self.snapshot, "identity", IdentityBound)
        await self.proving.follow(parts.live, self.policies, believed)
        self.shielding.follow(parts.live)
        self.erasures.follow(parts.live)
        self._word.follow(parts.live)
        self.limiting.follow(parts.live)
        if _configured(parts) == _configured(before) and not routes_differ(before, parts):
            self.valkeys.adopt(self.snapshot, parts.live)
            self.snapshot = msgspec.structs.replace(self.snapshot, version=parts.version)
            self.parts = parts
            await self._follow(self.standings.changed(parts.live), parts)
            return
        await self._reconfigure(before, parts)

    async def _reconfigure(self, before: Parts, parts: Parts) -> None:
        """Decide from another configuration, or lead to what services have declared."""
        snapshot, policies, tables = self.snapshot, self.policies, (self.table, self.internal)
        if parts.base != before.base:
            snapshot = base_of(parts)
            policies = self._policies_of(snapshot)
        services = await self._services_of(parts)
        complete = msgspec.structs.replace(snapshot, services=tuple(services.values()))
        contexts = await contexts_aside(complete, self.entrances.contexts)
        led: Led | None = None
        if parts.base != before.base or routes_differ(before, parts):
            tables, led = await self._tables.aside(parts, policies)
        self.valkeys.adopt(complete, parts.live)
        changed = self.standings.changed(parts.live)
        await self._follow([one for one in changed if _stays(one, before, parts)], parts)
        upstreams = await self._replacement.make(services, parts.live)
        self.snapshot = msgspec.structs.replace(complete, version=parts.version, routes=())
        self.reporting.adopt(complete)
        self.error_keeping.adopt(complete, bound(complete, "error_records", ErrorRecordsBound))
        self.parts, self.policies = parts, policies
        self.table, self.internal = tables
        self._adopt_channels()
        self.limiting.retain(bound(self.snapshot, "ratelimit", RateLimitBound))
        gone = self.forwarder.adopt(upstreams)
        self._adopt(contexts)
        self.streams.disbelieved(_issuers(complete))
        for policy in policies:
            if isinstance(policy, Callers):
                self.standing.doubt(policy)
        await self._replacement.let_go(gone)
        if led is not None:
            await self._replacement.tidy(led)

    async def _follow(self, services: list[str], parts: Parts) -> None:
        """Have services go by the standings that there are now, a slice in a turn of the loop."""
        for at in range(0, len(services), SLICE):
            if at:
                await asyncio.sleep(0)
            self.standings.adopt(services[at : at + SLICE], parts.live)

    def _adopt(self, contexts: Contexts) -> None:
        """Let new connections in by the snapshot that is in force, with these contexts."""
        snapshot = self.snapshot
        self._expiry.adopt(snapshot)
        self._connector.limits = snapshot.limits
        self._connector.adopt(contexts.services)
        self.entrances.adopt(snapshot, contexts)

    async def _services_of(self, parts: Parts) -> dict[str, Service]:
        """Return the services; what has not changed is taken from those in force."""
        known = {name: one.service for name, one in self.forwarder.upstreams.items()}
        before = self.parts.services
        services = {}
        for number, (name, raw) in enumerate(parts.services.items()):
            if number % SLICE == 0:
                await asyncio.sleep(0)
            services[name] = known[name] if before.get(name) == raw else service_of(raw)
        return services

    @property
    def logs(self) -> list[Log]:
        """Return all logs, those of older configurations included."""
        return list(self._logs.values())

    def _look_after(self) -> None:
        """Do what is due now and then."""
        self.forwarder.expire(self.sweeper.now)
        self.forwarder.tick(self.sweeper.now)
        self.telling.tick(self.sweeper.now, self.forwarder.upstreams)
        self.limiting.tick(self.forwarder.upstreams)
        self.entrances.handshakes.tick(self.sweeper.now)
        self.streams.tick(self.clock.wall())
        self.standing.tick(self.clock.wall())
        self.circle.tick()
        self.hearing.tick()
        self.admitting.tick(
            self.forwarder.upstreams, lag=self.sweeper.lag, behind=self.guests.arrivals.behind()
        )
        self.shielding.tick()
        self._word.tick()
        self.real_time.tick(self.snapshot)
        self.tethering.tick(self.snapshot, is_leaving=self.guests.draining)
        self._expiry.tick()

    def _flush(self) -> None:
        """Let the logs go out, and count what was lost."""
        for log in self.logs:
            log.flush()
            self._dropped.add(log.take_dropped())

    def _observe(self) -> None:
        """Note how late the loop is."""
        self._lag.observe(self.sweeper.lag)

    def _directory(self, listener: Listener) -> Table | ToHttps:
        """Return where a listener's requests are led by: a table, or the way to `https://`."""
        if listener.internal:
            return self.internal
        if not listener.redirect_port:
            return self.table
        respond = self.runner.respond
        nowhere = bind(self.policies, None, forward=self.forwarder.forward)
        return ToHttps(self.table, plan=nowhere, port=listener.redirect_port, answer=respond)

    def client(self, index: int) -> ClientConnection:
        """Return a new connection at a listener."""
        return self.entrances.client(index)

    def protocol(self, index: int) -> asyncio.Protocol:
        """Return a new connection as the loop knows it."""
        return self.entrances.protocol(index)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        spawn(work, name="exchange", died=self.died)

    def _report(self, exchange: Exchange, error: BaseException) -> None:
        """Log a fault of ours: what and where, never what a person wrote."""
        self.log.event(
            "exchange_failed",
            request_id=exchange.request_id.decode(),
            error=type(error).__name__,
            where=places(error),
        )

    def _safety_raised(self, event: SafetyRaised) -> None:
        """Tell of somebody who may be at risk: operators, control, and those who care for them."""
        self.telling.safety_raised(event)
        self.admitting.at_risk.heard(event)
        self.real_time.tell_care(event)

    def _report_later(self, report: Awaitable[bool]) -> None:
        async def done() -> None:
            await report

        spawn(done(), name="safety report", died=self.died)

    def died(self, name: str, error: BaseException) -> None:
        """Log the death of a task."""
        self.log.event("task_died", task=name, error=type(error).__name__, where=places(error))


def _configured(parts: Parts) -> tuple[object, ...]:
    """Return what the operator has written, without what control has found out."""
    return parts.base, parts.services, parts.routes


def _issuers(snapshot: Snapshot) -> frozenset[str]:
    """Return the names of those whose tokens are believed."""
    believed = bound(snapshot, "identity", IdentityBound)
    own = () if believed.own is None else (believed.own,)
    return frozenset(one.name for one in (*believed.issuers, *own))


def _stays(service: str, before: Parts, after: Parts) -> bool:
    """Tell whether a service is configured as before."""
    return before.services.get(service) == after.services.get(service)
