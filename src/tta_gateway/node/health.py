"""Health: what checks find out of endpoints, and dependencies of services, told to workers.

Between the feature, which looks and judges, and `Services`, which keeps what is known.  What has
happened is dealt with in a turn of its own, when what is known is whole again.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

import msgspec

from tta_gateway.edge.credentials import contexts_aside
from tta_gateway.features.health.bound import HealthBound
from tta_gateway.features.health.dependencies import Verdict, needed, verdicts
from tta_gateway.features.health.metrics import STATE
from tta_gateway.features.health.service import Checks, Subject
from tta_gateway.features.health.target import Target
from tta_gateway.kernel.events import (
    EndpointChanged,
    Event,
    Proof,
    ServiceChanged,
    ServiceState,
)
from tta_gateway.kernel.route import Service
from tta_gateway.kernel.standing import Stand, State
from tta_gateway.node import traffic
from tta_gateway.node.known import Kept
from tta_gateway.node.readmission import Look
from tta_gateway.node.services import Services
from tta_gateway.node.traffic import Traffic
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import Died, lasting

_GRACE: Final = 5.0  # seconds for a new service to be found somewhere, before anybody is told
_STATES: Final[tuple[ServiceState, ...]] = ("healthy", "degraded", "unhealthy")


def bound_of(snapshot: Snapshot) -> HealthBound:
    """Return which services are looked at, and what they depend on."""
    raw = snapshot.features.get("health")
    return HealthBound() if raw is None else msgspec.msgpack.decode(raw, type=HealthBound)


class Health:
    """The health of all services of a node."""

    def __init__(
        self, services: Services, bus: Bus, *, clock: Clock, log: EventLog, traffic: Traffic
    ) -> None:
        """Begin without services; `services` has what a control before this one knew."""
        self._services = services
        self._bus = bus
        self._clock = clock
        self._log = log
        self._traffic = traffic
        self._registry = Registry()
        self._checks: Checks | None = None
        self._bound = HealthBound()
        self._adopted: tuple[Snapshot, tuple[Service, ...]] | None = None
        self._changed = asyncio.Event()
        self._states: dict[str, ServiceState] = {}
        self._awaited: dict[str, float] = {}  # since when a new service has nobody
        self._shown: set[str] = set()
        bus.subscribe(self._hear)

    def adopt(self, snapshot: Snapshot, services: Iterable[Service]) -> None:
        """Look at these services from now on."""
        self._adopted = snapshot, tuple(services)
        self._changed.set()

    def _hear(self, event: Event) -> None:
        if isinstance(event, EndpointChanged) and event.by == "control":
            self._changed.set()

    async def run(self, registry: Registry, died: Died) -> None:
        """Look and judge until this is cancelled; count in this registry.

        What a fault of ours ends goes on after a pause (support/tasks.py).
        """
        self._registry = registry
        self._checks = checks = Checks(
            self,
            clock=self._clock.monotonic,
            chance=random.random,
            registry=registry,
            died=died,
        )
        async with asyncio.TaskGroup() as group:
            for name, work in (
                ("checks", checks.run),
                ("traffic", partial(self._look_for_traffic, checks)),
                ("health", partial(self._judge, checks)),
            ):
                clock = self._clock.monotonic
                group.create_task(lasting(work, name=name, died=died, clock=clock))

    async def _judge(self, checks: Checks) -> None:
        """Judge anew whenever something has changed."""
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._take_over(checks)
            finally:  # what is known is judged in any case
                checks.look_again()
                self.settle()
                if self._awaited:
                    asyncio.get_running_loop().call_later(_GRACE, self._changed.set)

    async def _look_for_traffic(self, checks: Checks) -> None:
        while True:
            for service in self._traffic.asked():
                checks.asked(service)
            await asyncio.sleep(traffic.PAUSE)

    async def _take_over(self, checks: Checks) -> None:
        """Go by the newest configuration, if that is another."""
        if self._adopted is None:
            return
        adopted = snapshot, services = self._adopted
        bound = bound_of(snapshot)
        looked_at = tuple(one for one in services if one.name in bound.checks)
        bare = msgspec.structs.replace(snapshot, listeners=(), services=looked_at)
        try:
            contexts = (await contexts_aside(bare)).services
        except OSError as error:
            self._log.event("checks_not_changed", error=str(error))
            self._adopted = None if self._adopted is adopted else self._adopted
            return
        self._bound = bound
        above = needed(bound.needs)
        subjects: dict[str, Subject] = {}
        for one in looked_at:
            check = bound.checks[one.name]
            target = partial(
                Target,
                check=check,
                host=one.host,
                context=None if one.tls is None else contexts[one.tls],
                server_name="" if one.tls is None else one.tls.server_name,
            )
            subjects[one.name] = Subject(check, target, above.get(one.name, frozenset()))
        checks.adopt(subjects)
        self._adopted = None if self._adopted is adopted else self._adopted

    # What the checks ask, and tell

    def stands(self, service: str) -> list[Stand]:
        """Return the endpoints of a service, as they are."""
        kept = self._services.kept.get(service)
        return [] if kept is None else [one.stand() for one in kept.endpoints.values()]

    def checked(self, service: str, endpoint: str, state: State, cause: str) -> None:
        """Take what the checks of an endpoint have come to."""
        self._services.checked(service, endpoint, state, cause)

    def saw(self, service: str, endpoint: str, *, began: float, passed: bool) -> None:
        """Take one look at an endpoint: it may end an ejection."""
        check = self._bound.checks.get(service)
        if check is None:
            return
        wall = self._clock.wall() - (self._clock.monotonic() - began)
        shows: Proof = "connection" if check.kind == "tcp" else "answer"
        if check.port:  # another door than the one that clients come by
            shows = ""
        look = Look(began=wall, passed=passed, shows=shows, healthy=check.healthy)
        self._services.heard.saw(service, endpoint, look)

    def looked(self, service: str) -> None:
        """Take note that every endpoint of a service has been looked at."""
        kept = self._services.kept.get(service)
        if kept is not None:
            kept.begun = True

    # Services as a whole

    def settle(self) -> None:
        """Tell what becomes of services by how their endpoints, and those they need, are."""
        alive = {
            name: any(stand.state in ("up", "unproved") for stand in self.stands(name))
            for name in self._services.kept
        }
        for name, verdict in verdicts(alive, self._bound.needs).items():
            if name in self._services.kept:
                self._settle(name, verdict)
        self._awaited = {one: at for one, at in self._awaited.items() if one in alive}
        for name in [one for one in self._states if one not in alive]:
            del self._states[name]
            if name in self._shown:
                self._show(name, None)
                self._shown.discard(name)

    def _settle(self, name: str, verdict: Verdict) -> None:
        kept = self._services.kept[name]
        before = self._states.get(name) or _remembered(kept, verdict)
        self._services.depend(name, down=verdict.down, degraded=verdict.degraded)
        if self._is_awaited(name, verdict):
            return
        self._states[name] = verdict.state
        if name in self._bound.checks or name in self._bound.needs:
            self._show(name, verdict.state)
        if before != verdict.state:
            self._tell(name, before, verdict)

    def _is_awaited(self, name: str, verdict: Verdict) -> bool:
        """Tell whether nobody has been found yet of a new service: no news, for a while."""
        new = name not in self._states and verdict.state == "unhealthy"
        if not new or verdict.down or self.stands(name):
            self._awaited.pop(name, None)
            return False
        now = self._clock.monotonic()
        return now - self._awaited.setdefault(name, now) < _GRACE

    def _tell(self, name: str, before: ServiceState, verdict: Verdict) -> None:
        self._bus.publish(
            ServiceChanged(
                service=name,
                before=before,
                after=verdict.state,
                cause=verdict.cause,
                at=self._clock.wall(),
            )
        )

    def _show(self, name: str, state: ServiceState | None) -> None:
        self._shown.add(name)
        for one in _STATES:
            self._registry.child(STATE, name, one).set(float(one == state))

    @property
    def states(self) -> Mapping[str, ServiceState]:
        """Return how each service is, for who wants to look."""
        return self._states


def _remembered(kept: Kept, verdict: Verdict) -> ServiceState:
    """Return how a service was when workers were told last, maybe by a control before this one."""
    none_was_up = kept.begun and verdict.state == "unhealthy" and not verdict.down
    if kept.down or none_was_up:
        return "unhealthy"
    return "degraded" if kept.degraded else "healthy"
