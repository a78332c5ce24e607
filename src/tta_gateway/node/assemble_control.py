"""Assemble control: the only code that knows everything of its process."""

import asyncio
import os
import random
import socket
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from fastapi import Depends, FastAPI

from tta_gateway.features.access.store import Away as CareAway
from tta_gateway.features.access.store import CareStore
from tta_gateway.features.discovery.bound import DiscoveryBound
from tta_gateway.features.discovery.service import Discovery
from tta_gateway.features.escalation.register import Register
from tta_gateway.features.identity.bound import IdentityBound
from tta_gateway.features.identity.hashing import at_once
from tta_gateway.features.identity.issuer_keys import TICK, PublishedKeys
from tta_gateway.features.identity.key_fetch import fetched
from tta_gateway.features.openapi.document import document as openapi_document
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.ratelimit.bound import RateLimitBound
from tta_gateway.features.ratelimit.service import Limits
from tta_gateway.features.ratelimit.valkey_store import ValkeyStore
from tta_gateway.features.realtime.server_api import ServerApi
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.features.registration.service import Registrations
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Rewrite, Service
from tta_gateway.kernel.standing import RefusedInstance, section
from tta_gateway.node import (
    admin_token,
    caring,
    changing,
    defending,
    living,
    registering,
)
from tta_gateway.node.alerting import Alerting
from tta_gateway.node.api_problem import wording
from tta_gateway.node.attending import CARE, REVOCATIONS, Attending, taken
from tta_gateway.node.away import Away
from tta_gateway.node.banning import DatabaseShelf, bans_of, has_file
from tta_gateway.node.caring import Caring
from tta_gateway.node.carrying import Carrying, register_of
from tta_gateway.node.carrying import Outside as Incoming
from tta_gateway.node.changing import ROLES, Changing, Granting
from tta_gateway.node.channel_calls import forgetting, server_api, shown_by
from tta_gateway.node.channel_rules import Now
from tta_gateway.node.channel_store import ASKS_OF_DISK
from tta_gateway.node.claiming import Claiming, in_a_later_turn
from tta_gateway.node.databases import Databases
from tta_gateway.node.defending import Defending
from tta_gateway.node.degraded import Degrading
from tta_gateway.node.elsewhere import Elsewhere
from tta_gateway.node.erasing import KIND, Erasing
from tta_gateway.node.error_reading import ErrorReading
from tta_gateway.node.findings import Findings
from tta_gateway.node.forgetting import Forgetting
from tta_gateway.node.hashing import Hashers
from tta_gateway.node.health import Health, bound_of
from tta_gateway.node.hearing import listening
from tta_gateway.node.here import Here
from tta_gateway.node.incidents import Incidents
from tta_gateway.node.issuing import Issuance
from tta_gateway.node.judging import Judging
from tta_gateway.node.keepsake import Keepsake
from tta_gateway.node.key_ring import people_of
from tta_gateway.node.mourning import Mourning
from tta_gateway.node.own_addresses import own_of
from tta_gateway.node.penalties import Penalties
from tta_gateway.node.providers import LoginProviders
from tta_gateway.node.proving import published_in
from tta_gateway.node.public_api import PublicApp
from tta_gateway.node.reach import Reach
from tta_gateway.node.registering import Outside
from tta_gateway.node.remembered import remembered_of
from tta_gateway.node.reporting import Reporting
from tta_gateway.node.routers import (
    Administered,
    counted_router,
    guarded_routers,
    internal_routers,
    personal_routers,
    public_routers,
)
from tta_gateway.node.scanning import the_detector
from tta_gateway.node.sections import Sections
from tta_gateway.node.services import Services
from tta_gateway.node.sqlalchemy_aside import import_now
from tta_gateway.node.state_client import StateClient
from tta_gateway.node.store_keys import StoreKeeping
from tta_gateway.node.stores import NAME, Stores
from tta_gateway.node.taking import Taking
from tta_gateway.node.times import Times
from tta_gateway.node.topologies import Topologies
from tta_gateway.node.traffic import Traffic
from tta_gateway.node.vaults import following
from tta_gateway.snapshot.parts import Parts, base_of, route_of, service_of, standing_of
from tta_gateway.support.bus import Bus, NotesReader
from tta_gateway.support.clock import Clock, Stamp, SystemClock
from tta_gateway.support.crypto.forest import Shelf
from tta_gateway.support.log import EventLog, Log
from tta_gateway.support.metrics import Registry
from tta_gateway.support.places import places
from tta_gateway.support.quiet import Quiet
from tta_gateway.support.segment import SIZE, Segment
from tta_gateway.support.sql.away import Unavailable
from tta_gateway.support.tasks import spawn
from tta_gateway.support.valkey.discovery import discover

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tta_gateway.features.changes.store import ChangeStore

T = TypeVar("T", bound=msgspec.Struct)
_QUIET: Final = 60.0  # seconds between two events that say the same
_TIDIED_EACH: Final = 5.0  # seconds


class Control:
    """The parts of a control process, bound to a snapshot, which another may replace."""

    def __init__(
        self,
        parts: Parts,
        metrics_fd: int,
        *,
        clock: Clock,
        lines: Log,
        channel: socket.socket,
        counts: Registry | None = None,
    ) -> None:
        """Build everything; OSError if the state folder cannot be used."""
        self.parts = parts
        self.snapshot = snapshot = base_of(parts)
        self._metrics_fd = metrics_fd
        self._segments: list[Segment] = []
        self._lines = lines
        self._clock = clock
        self._tidied = clock.monotonic()
        self._here = Here(clock.monotonic)
        self._refusals = Quiet(_QUIET)
        self.log = EventLog(self._lines, Stamp(clock.wall), people_of(snapshot, clock.wall))
        self.bus = Bus()
        self.findings = Findings(channel, parts.live)
        self.topologies = self._topologies()
        self.services = Services(self.findings, self.bus, wall=clock.wall)
        self.services.left_out = self._left_out
        self.claiming = Claiming(self.services, self.findings, self.log, later=in_a_later_turn)
        self.counts = counts or Registry()
        self.reporting = Reporting(clock=clock, registry=self.counts, log=self.log)
        self._keep_what_lasts(clock)
        self.discovery = self._discovery(clock)
        self.keepsake = Keepsake(Path(snapshot.state_dir), self.log, monotonic=clock.monotonic)
        self.registrations = self._registrations(clock)
        buckets = ValkeyStore(self._client, monotonic=clock.monotonic, wall=clock.wall)
        self.limits = Limits(self.findings, buckets, wall=clock.wall)
        self.limits.recover(parts.live)
        self.alerting = Alerting(self.bus, self.findings, self.log, clock, self.counts)
        self.defending = self._defending(clock)
        self._recover(parts)
        self._begin(parts, clock)

    def _defending(self, clock: Clock) -> Defending:
        made = Defending(
            defending.Outside(self.findings, self.bus, self.log, clock),
            client=self._client,
            shelf=DatabaseShelf(self.databases, self._open_database, bans_of),
            counts=self.counts,
            monotonic=clock.monotonic,
        )
        made.recover(self.parts.live, Sections(self.log))
        self.bus.subscribe(made.shield.hear)
        return made

    def _carry_incidents(self, clock: Clock) -> None:
        """Have all nodes know of incidents, and look after those of a node that is gone."""
        self.carrying = Carrying(
            Incoming(self.log, clock, self.incidents.is_shared),
            DatabaseShelf(self.databases, self._open_database, self._register_of),
            ask=self.incidents.of_guard,
            travelling=self.incidents.travelling,
        )
        self.incidents.elsewhere = Elsewhere(
            self._register,
            node=lambda: self.carrying.node,
            wall=clock.wall,
        )

    def _register(self) -> Register:
        return self._register_of(self.databases)

    def _register_of(self, databases: Databases) -> Register:
        return register_of(databases, self.incidents.ring)

    def _topologies(self) -> Topologies:
        ask = partial(discover, name=NAME)
        return Topologies(self.findings, self.log, ask=ask, chance=random.random)

    def _keep_what_lasts(self, clock: Clock) -> None:
        """Have a database, and what is kept there: users and their sessions."""
        self._vault = following(self.log, lambda: self.snapshot, lambda: self.findings.known)
        self.store_keys = self._store_keys(clock)
        self.away = Away()
        self.databases = Databases(self.log)
        self.databases.tell = self._hear_of_database
        self.issuance = Issuance(
            self.databases,
            self.findings,
            log=self.log,
            clock=clock,
            counts=self.counts,
        )
        self.issuance.publish = self.bus.publish
        self.issuance.hashing = partial(Hashers, at_once(), log=self.log, died=self.died)
        self.issuance.services = Reach(
            self.services,
            authorities=lambda: self.snapshot.authorities,
            wall=clock.wall,
            chance=random.random,
        )
        self.providers = LoginProviders(self.bus, log=self.log, clock=clock, counts=self.counts)
        self.issuance.providers = self.providers
        self.published = PublishedKeys(
            self.findings,
            self.bus,
            fetch=fetched,
            log=self.log,
            clock=clock,
            counts=self.counts,
        )
        self.published.chance = random.random
        self.published.changed = self.issuance.believe
        self.issuance.published = self.published.known

    def _open_database(self) -> None:
        self.databases.adopt(self.snapshot, is_needed=True)

    def _has_database(self) -> bool:
        try:
            _ = self.databases.database
        except Unavailable:
            return False
        return True

    def _hear_of_database(self, is_away: bool) -> None:
        self.away.take("database", ["database"] if is_away else [])

    def _begin(self, parts: Parts, clock: Clock) -> None:
        """Look after services, and serve."""
        self.caring = self._caring(clock)
        self.attending = self._attending(parts, clock)
        self._admin_token = admin_token.kept(Path(self.snapshot.state_dir))
        self.erasing = self._erasing(clock)
        self.changing = self._changing(clock)
        self.incidents = Incidents(
            self.log,
            clock,
            shown=self.issuance.bearers.needed,
            is_admin=admin_token.shows(self._admin_token),
            known=lambda: self.findings.known,
        )
        self._carry_incidents(clock)
        self.times = Times(self.segments)
        self.judging = Judging(self.services, self.times, wall=clock.wall)
        self.penalties = Penalties(self.services, self.times, self.log, self.bus, wall=clock.wall)
        self.health = Health(
            self.services, self.bus, clock=clock, log=self.log, traffic=Traffic(self.segments)
        )
        self._adopt_services(parts)
        self.alerting.listen()  # what is known so far is no news
        self.alerting.compare(self.services.state_of)
        self.stores = Stores(self.log)
        self.stores.tell = partial(self.away.take, "stores")
        self.letters = ValkeyInbox(self._client, wall=clock.wall)
        self.letters.vault = self._vault
        inboxes = Now(lambda: self.snapshot).inbox
        self.mourning = Mourning(
            self.letters, self.counts, has_inboxes=lambda: inboxes() is not None
        )
        self.admin = self._administration(Path(self.snapshot.state_dir), clock)
        self.public = self._own_endpoints()
        self.apps = Degrading(self.admin), Degrading(self.public)

    def _recover(self, parts: Parts) -> None:
        """Go on with what a control or a gateway before knew, as far as it can be read."""
        live = self.keepsake.beside(parts.live)
        self.registrations.recover(live)
        self.issuance.recover(live, self.log)
        self.published.recover(published_in(live, Sections(self.log)))
        self.alerting.recover(parts.live)
        self.store_keys.recover(live)
        sections = Sections(self.log)
        names = {section(one): one for one in parts.services}
        read = {
            one: sections.read(name, parts.live.get(name), standing_of)
            for name, one in names.items()
        }
        known = {name: one for name, one in read.items() if one is not None}
        self.services.recover(known, remembered_of(live))
        for name in parts.live.keys() - names.keys():
            if name.startswith(section("")):  # it went while there was no control
                self.findings.put(name, None)

    def _channels(self) -> ServerApi:
        """Return what services may do in channels."""
        disk = StateClient(
            lambda: self.snapshot,
            topology=self._client.topology,
            log=self.log,
            died=self.died,
            name=ASKS_OF_DISK,
        )
        clock = SystemClock()
        made = server_api(
            lambda: self.snapshot,
            self._client,
            vault=self._vault,
            disk=disk,
            log=self.log,
            clock=clock,
            died=self.died,
        )
        self.listener = listening(
            the_detector(),
            self.reporting,
            clock=clock,
            registry=self.counts,
            told=lambda _: None,  # of what people say, and nobody speaks here
            died=self.died,
        )
        made.shown = shown_by(self.listener)
        return made

    def _own_endpoints(self) -> PublicApp:
        """Return the app of what the gateway serves to clients and services."""
        inside = internal_routers(
            self.registrations, registering.EndpointOf(lambda: self.services.own, self._service)
        )
        routers = public_routers(
            self.document, self.issuance, self.caring, self.providers, self._channels()
        )
        return PublicApp((*routers, *inside), bound=self._wording, failed=self._public_failed)

    def _administration(self, state: Path, clock: Clock) -> FastAPI:
        """Return the app of operators, who have to show the token."""
        token = self._admin_token
        known = Depends(admin_token.known(token))
        read = Depends(admin_token.known(token, unless=lambda: self.snapshot.open_metrics))
        made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        wording(made, self._admin_failed)
        made.include_router(counted_router(self.segments), dependencies=[read])
        administered = self._administered(state, clock)
        for one in guarded_routers(administered):
            made.include_router(one, dependencies=[known])
        for one in personal_routers(administered):
            made.include_router(one)
        return made

    def _administered(self, state: Path, clock: Clock) -> Administered:
        return Administered(
            state=state,
            complaints=self._store_complaints,
            segments=self.segments,
            log=self.log.event,
            clock=clock,
            services=self.services,
            times=self.times,
            discovery=self.discovery,
            claiming=self.claiming,
            alerting=self.alerting,
            issuance=self.issuance,
            published=self.published,
            caring=self.caring,
            attendance=self.attending.attendance,
            defending=self.defending,
            limits=self.limits,
            letters=self.letters,
            changing=self.changing,
            erasing=self.erasing,
            incidents=self.incidents,
            archive=ErrorReading(self.incidents, self.log, clock, snapshot=lambda: self.snapshot),
        )

    def _changing(self, clock: Clock) -> Changing:
        return Changing(
            changing.Outside(self.bus, self.log, clock),
            store=self._change_store,
            kinds={ROLES: Granting(self.issuance), KIND: self.erasing},
            shown=self.issuance.bearers.themselves,
            is_admin=admin_token.shows(self._admin_token),
        )

    def _erasing(self, clock: Clock) -> Erasing:
        return Erasing(
            self.log,
            clock,
            store=self._change_store,
            open=self._open_database,
            is_there=self._has_database,
            register=self._register,
            forgetting=self._forgetting(clock),
            put=self.findings.put,
            shown=self.issuance.bearers.themselves,
            is_admin=admin_token.shows(self._admin_token),
        )

    def _forgetting(self, clock: Clock) -> Forgetting:
        return forgetting(
            lambda: self.snapshot,
            self._client,
            vault=self._vault,
            keys=self.store_keys,
            log=self.log,
            clock=clock,
            died=self.died,
        )

    def _store_keys(self, clock: Clock) -> StoreKeeping:
        return StoreKeeping(
            self.log,
            clock,
            snapshot=lambda: self.snapshot,
            database=self._store_shelf,
            put=self.findings.put,
        )

    def _store_shelf(self) -> Shelf:
        _ = self.databases.database  # once it is there, all of SQLAlchemy has been imported aside
        from tta_gateway.features.erasure.sql_store import SqlStore

        return SqlStore(lambda: self.databases.database)

    def _change_store(self) -> "ChangeStore[AsyncConnection]":
        import_now()
        from tta_gateway.features.changes.sql_store import SqlStore

        return SqlStore(lambda: self.databases.database)

    def _attending(self, parts: Parts, clock: Clock) -> Attending:
        """Return this node's lease, and how the others are told."""
        taking = Taking(self.findings.put, self.workers, clock.monotonic)
        taking.recover(parts.live)
        self.bus.subscribe(taking.hear)
        made = Attending(
            self._client,
            taking,
            topics={
                REVOCATIONS: taken(self.issuance.take, Unavailable),
                CARE: taken(self.caring.take, CareAway),
            },
            log=self.log,
            clock=clock,
            counts=self.counts,
        )
        self.issuance.spread = made.spreading(REVOCATIONS)
        self.caring.spread_by(made.spreading(CARE))
        return made

    def _caring(self, clock: Clock) -> Caring:
        return Caring(
            caring.Outside(self.findings, self.bus, self.log, clock),
            store=self._care_store,
            shown=self.issuance.bearers.needed,
        )

    def _care_store(self) -> CareStore:
        import_now()
        from tta_gateway.features.access.sql_store import SqlStore

        return SqlStore(lambda: self.databases.database)

    def _store_complaints(self) -> dict[str, list[str]]:
        """Return what is wrong with each store."""
        database = self.databases.complaints
        found = {str(name): words for name, words in self.stores.complaints.items()}
        return {**found, "database": database} if database else found

    def _discovery(self, clock: Clock) -> Discovery:
        return Discovery(
            self.services,
            self.bus,
            log=self.log,
            clock=clock,
            chance=random.random,
            metrics=self.counts,
        )

    def _registrations(self, clock: Clock) -> Registrations:
        """Return what is registered: nothing yet."""
        self._client = StateClient(
            lambda: self.snapshot,
            topology=lambda: self.topologies.told("state"),
            log=self.log,
            died=self.died,
        )
        outside = Outside(
            self.services,
            self.findings,
            self.bus,
            clock=clock,
            log=self.log,
            workers=self.workers,
        )
        return registering.registrations(self._client, outside)

    def workers(self) -> frozenset[str]:
        """Return the workers that live, as they call themselves."""
        return living.workers(self.segments())

    def segments(self) -> Iterable[Segment]:
        """Return every segment that there is by now."""
        for index in range(len(self._segments), os.fstat(self._metrics_fd).st_size // SIZE):
            self._segments.append(Segment(self._metrics_fd, index))
        return self._segments

    def document(self) -> dict[str, object]:
        """Return the description of the public endpoints that clients can reach."""
        reachable = {
            (method, route.path)
            for route in map(route_of, self.parts.routes)
            if route.service == OWN and route.rewrite == Rewrite() and not route.internal
            for method in route.methods
        }
        return openapi_document(self.public.routes, reachable)

    def _wording(self) -> ProblemBound:
        return self._bound("problem", ProblemBound) or ProblemBound()

    def _bound(self, feature: str, kind: type[T]) -> T | None:
        """Return a feature's settings; None in a snapshot that knows nothing of it."""
        raw = self.snapshot.features.get(feature)
        return None if raw is None else msgspec.msgpack.decode(raw, type=kind)

    # Faults of ours are reported with what and where, never with what a person wrote.

    def _public_failed(self, request_id: str, error: Exception) -> None:
        name = type(error).__name__
        self.log.event("public_failed", request_id=request_id, error=name, where=places(error))

    def _admin_failed(self, error: Exception) -> None:
        self.log.event("admin_failed", error=type(error).__name__, where=places(error))

    async def apply(self, parts: Parts) -> None:
        """Go by this snapshot from now on."""
        await asyncio.sleep(0)
        self.parts, self.snapshot = parts, base_of(parts)
        self._adopt_services(parts)
        await self.stores.look(self.snapshot)

    def _adopt_services(self, parts: Parts) -> None:
        self.published.adopt(self._bound("identity", IdentityBound) or IdentityBound())
        self.issuance.adopt(parts, Path(self.snapshot.state_dir))
        self.caring.adopt(parts)
        self.changing.adopt(parts)
        self.erasing.adopt(parts)
        self.incidents.adopt(parts)
        self.reporting.adopt(self.snapshot)
        is_needed = self.issuance.issuing is not None or self.caring.is_needed
        bans = self.defending.banning.is_needed or has_file(self.snapshot.state_dir)
        self.databases.adopt(self.snapshot, is_needed=is_needed or bans)
        self.attending.adopt(parts, is_needed=is_needed)
        services = [service_of(raw) for raw in parts.services.values()]
        looked_at = bound_of(self.snapshot).checks
        own = own_of(self.snapshot, self._here)
        self.services.adopt(services, checked=lambda one: one.name in looked_at, own=own)
        self.penalties.go_on()
        self.claiming.adopt(parts)
        self.health.adopt(self.snapshot, services)
        bound = self._bound("discovery", DiscoveryBound)
        self.discovery.adopt(bound or DiscoveryBound(), services)
        registering.adopt(self.registrations, parts)
        self.alerting.adopt(self.snapshot, services)
        self.defending.adopt(parts)
        self.limits.adopt(self._bound("ratelimit", RateLimitBound) or RateLimitBound())

    async def fetch_keys(self) -> None:
        """Fetch the keys that issuers publish whenever that is due, for ever."""
        begin = partial(spawn, name="issuer keys", died=self.died)
        while True:
            self.published.tick(begin)
            await asyncio.sleep(TICK)

    def _left_out(self, one: RefusedInstance) -> None:
        """Tell of an instance that is not taken, once in a while where it comes and goes."""
        now = self._clock.monotonic()
        if not self._refusals.is_due(one.service, one.source, one.endpoint, now=now):
            return
        self.log.event(
            "instance_refused",
            service=one.service,
            source=one.source,
            endpoint=one.endpoint,
            reason=one.reason,
        )

    def _service(self, name: str) -> Service | None:
        """Return a service as it is configured."""
        kept = self.services.kept.get(name)
        return None if kept is None else kept.service

    def reader_of(self, notes: socket.socket) -> NotesReader:
        """Return what publishes what workers tell over this socket."""
        quiet = Quiet(_QUIET)

        def misread(error: str) -> None:
            if quiet.is_due(error, now=self._clock.monotonic()):
                self.log.event("note_not_read", error=error)

        return NotesReader(notes, self.bus, misread=misread)

    def flush(self) -> None:
        """Let the log go out, and what has been found out."""
        self._lines.flush()
        self.keepsake.tick(self.findings)
        self.findings.flush()

    def tidy(self) -> None:
        """Judge what all workers saw, and forget now and then what those say that are no more."""
        now = self._clock.monotonic()
        self.times.tick(now)
        self.judging.tick(now)
        self.penalties.tick()
        if now - self._tidied >= _TIDIED_EACH:
            self._tidied = now
            self.services.heard.retain(self.workers())

    def died(self, name: str, error: BaseException) -> None:
        """Report the death of a task."""
        kind = type(error).__name__
        self.log.event("task_died", task=name, error=kind, where=places(error))
