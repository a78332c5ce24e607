"""Assemble control: the only code that knows everything of its process."""

import asyncio
import os
import random
import socket
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import msgspec
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from tta_gateway.features.alerts import api as alerts
from tta_gateway.features.metrics import api as metrics
from tta_gateway.features.metrics.exposition import Exposition
from tta_gateway.features.openapi import api as openapi
from tta_gateway.features.openapi.document import document as openapi_document
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Rewrite
from tta_gateway.node import admin_api, admin_token
from tta_gateway.node.alerting import Alerting
from tta_gateway.node.api_problem import wording
from tta_gateway.node.findings import Findings
from tta_gateway.node.public_api import PublicApp
from tta_gateway.node.services import Services
from tta_gateway.node.stores import NAME, Stores
from tta_gateway.node.topologies import Topologies
from tta_gateway.snapshot.parts import Parts, base_of, route_of, service_of, standings_of
from tta_gateway.support.bus import Bus, NotesReader
from tta_gateway.support.clock import Clock, Stamp
from tta_gateway.support.log import EventLog, Log
from tta_gateway.support.metrics import Registry
from tta_gateway.support.places import places
from tta_gateway.support.segment import SIZE, Segment
from tta_gateway.support.valkey.discovery import discover


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
        registry: Registry | None = None,
    ) -> None:
        """Build everything; OSError if the state folder cannot be used."""
        self.parts = parts
        self.snapshot = snapshot = base_of(parts)
        self._metrics_fd = metrics_fd
        self._segments: list[Segment] = []
        self._lines = lines
        self.log = EventLog(self._lines, Stamp(clock.wall))
        state = Path(snapshot.state_dir)
        token = admin_token.kept(state)
        known = Depends(admin_token.known(token))
        read = Depends(admin_token.known(token, unless=lambda: self.snapshot.open_metrics))
        exposition = Exposition(self.segments)
        self.bus = Bus()
        self.findings = Findings(channel, parts.live)
        self.topologies = Topologies(
            self.findings, self.log, ask=partial(discover, name=NAME), chance=random.random
        )
        self.services = Services(self.findings, self.bus, wall=clock.wall)
        self.alerting = Alerting(self.bus, self.findings, self.log, clock, registry or Registry())
        self._go_on(parts)
        self.stores = Stores(self.log)
        self.admin = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        wording(self.admin, self._admin_failed)
        self.admin.include_router(metrics.router(exposition), dependencies=[read])
        for one in (admin_api.router(state, self.stores), alerts.router(self.alerting.told)):
            self.admin.include_router(one, dependencies=[known])
        routers = public_routers(self.document)
        self.public = PublicApp(routers, bound=self._wording, failed=self._public_failed)

    def _go_on(self, parts: Parts) -> None:
        """Know what a control before this one knew; nothing of it is news."""
        self.alerting.recover(parts.live)
        self._adopt_services(parts)
        self.services.recover(standings_of(parts))
        self.alerting.listen()

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
            if route.service == OWN and route.rewrite == Rewrite()
            for method in route.methods
        }
        return openapi_document(self.public.routes, reachable)

    def _wording(self) -> ProblemBound:
        raw = self.snapshot.features.get("problem")
        return ProblemBound() if raw is None else msgspec.msgpack.decode(raw, type=ProblemBound)

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
        services = [service_of(raw) for raw in parts.services.values()]
        self.services.adopt(services, checked=lambda _: False)
        self.alerting.adopt(self.snapshot, services)

    def reader_of(self, notes: socket.socket) -> NotesReader:
        """Return what publishes what workers tell over this socket."""

        def misread(error: str) -> None:
            self.log.event("note_not_read", error=error)

        return NotesReader(notes, self.bus, misread=misread)

    def flush(self) -> None:
        """Let the log go out, and what has been found out."""
        self._lines.flush()
        self.findings.flush()

    def died(self, name: str, error: BaseException) -> None:
        """Report the death of a task."""
        self.log.event("task_died", task=name, error=type(error).__name__)


def public_routers(document: Callable[[], dict[str, object]]) -> tuple[APIRouter, ...]:
    """Return what is served to clients: a line for each feature that has any of it.

    Which routes lead there, the feature's `public.py` says, and settings/public.py.
    """
    return (openapi.router(document),)


def public_endpoints() -> list[tuple[str, str, str]]:
    """Return method, path and first sentence of everything that is served to clients."""
    return _told(public_routers(dict))


def endpoints() -> list[tuple[str, str, str]]:
    """Return method, path and first sentence of everything that the administration serves."""
    routers = (
        metrics.router(Exposition(list)),
        admin_api.router(Path(), None),
        alerts.router(dict),
    )
    return _told(routers)


def _told(routers: Iterable[APIRouter]) -> list[tuple[str, str, str]]:
    return [
        (method, route.path, (route.description or "").partition("\n")[0])
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
