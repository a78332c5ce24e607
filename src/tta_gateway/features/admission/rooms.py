"""The rooms of a worker: one for each service, and what else outlives a configuration."""

from asyncio import Future
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tta_gateway.features.admission.adaptive import Adaptive
from tta_gateway.features.admission.algorithm import PROMPT, Room, Waiting
from tta_gateway.features.admission.bound import AdmissionBound
from tta_gateway.features.admission.metrics import ADMISSIONS, LIMIT, PRESSURE, TAKEN, WAITING
from tta_gateway.features.admission.pressure import Pressure
from tta_gateway.features.admission.session import Sessions
from tta_gateway.features.admission.typical import Timing
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.problem import Problem
from tta_gateway.kernel.traffic import CLASSES, THERAPEUTIC
from tta_gateway.support.metrics import Child, Registry

OUTCOMES: Final = ("at_once", "waited", "displaced", "late", "full", "gone")
# Seconds after which a class may try again: at least, and at random up to so many more.
_AGAIN: Final = ((1, 1), (1, 2), (2, 8), (5, 25))
_ENDLESS: Final = 1_000_000_000
UNKNOWN: Final = 1024
"""Asked at once, before it is known how many endpoints there are."""
_LEAST_MOST: Final = 64  # where an endpoint may be asked less at once, who is beyond waits there
Extent = Callable[[str], tuple[int, int]]
"""Tells how many endpoints of a service are asked, and how much each may be asked at once."""


class ServiceRoom(Room):
    """The room at one service, with the limit that it finds and what is counted of it."""

    def __init__(self, name: str, bound: AdmissionBound, registry: Registry) -> None:
        """Begin with nobody in it."""
        adaptive = Adaptive(least=bound.least, most=UNKNOWN)
        super().__init__(int(adaptive.limit), reserved=bound.reserved, waiting=bound.waiting)
        self.resize(self.limit, short=False)
        self.name = name
        self.adaptive = adaptive
        self.timings: dict[str, Timing] = {}
        self.endpoints = 0
        self.counted: list[list[Child]] = [
            [registry.child(ADMISSIONS, name, traffic, outcome) for traffic in CLASSES]
            for outcome in OUTCOMES
        ]
        self.at_once = self.counted[0]
        self._limit = registry.child(LIMIT, name)
        self._taken = registry.child(TAKEN, name)
        self._waits = registry.child(WAITING, name)

    def timing_of(self, route: str) -> Timing:
        """Return how long a route's answers take."""
        found = self.timings.get(route)
        if found is None:
            found = self.timings[route] = Timing()
        return found

    def tick(
        self, now: float, elapsed: float, extent: tuple[int, int], *, pressure: Pressure
    ) -> None:
        """Find the limit, and let in who fits."""
        adaptive, (endpoints, each) = self.adaptive, extent
        if endpoints:
            adaptive.most = max(_LEAST_MOST, endpoints * each)
        if endpoints != self.endpoints:
            if self.endpoints and endpoints:
                adaptive.scale(endpoints / self.endpoints)
            self.endpoints = endpoints or self.endpoints
        if pressure.distorts(adaptive.typical):
            limit = adaptive.pass_over(now, in_flight=self.in_flight)
        else:
            limit = adaptive.look(
                now,
                in_flight=self.in_flight,
                peak=self.peak,
                wanted=self.wanted,
                relief=self.mix.relief(now),
            )
        self.resize(limit, short=adaptive.is_short(now), ceiling=int(adaptive.ceiling))
        self.bearable = adaptive.bearable()
        self.is_hurried = pressure.level > 0.0
        self.look(elapsed, now)
        self.fill(now)
        self._limit.set(self.limit)
        self._taken.set(self.in_flight)
        self._waits.set(self.waiting)

    def close(self) -> None:
        """Show nothing any more: the service has gone."""
        for gauge in (self._limit, self._taken, self._waits):
            gauge.set(0.0)


def _no_incident(_: str) -> bool:
    return False


def _no_extent(_: str) -> tuple[int, int]:
    return 1, UNKNOWN


def _no_future() -> "Future[Answer]":
    raise AssertionError  # there is room for everybody


class Rooms:
    """All rooms of a worker, who waits, and how much it has to do.

    `incident` tells of somebody, by the key of their principal, whether a crisis of theirs is open.
    `future` makes what a waiting exchange awaits; without it nobody waits, and there is room for
    everybody: an explanation asks and lets nobody out.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        clock: Callable[[], float],
        chance: Callable[[], float],
        future: "Callable[[], Future[Answer]]" = _no_future,
        extent: Extent = _no_extent,
    ) -> None:
        """Begin with none; `clock` is monotonic, in seconds."""
        self.bound = AdmissionBound()
        self.registry = registry
        self.clock = clock
        self.future = future
        self.pressure = Pressure()
        self.sessions = Sessions()
        self.incident: Callable[[str], bool] = _no_incident
        self.waiting: dict[Exchange, Waiting] = {}
        self._kinds: dict[tuple[str, int], Problem] = {}
        self._chance = chance
        self._extent = extent
        self._rooms: dict[str, ServiceRoom] = {}
        self._wanted: set[str] = set()  # since it was last said which services there are
        self._shown = registry.child(PRESSURE)
        self._looked = clock()

    def adopt(self, bound: AdmissionBound) -> None:
        """Go by these settings from now on: what is known of services stays."""
        self.bound = bound
        for room in self._rooms.values():
            room.adopt(reserved=bound.reserved, waiting=bound.waiting)
            room.adaptive.least = bound.least

    def of(self, service: str) -> ServiceRoom:
        """Return the room at a service."""
        self._wanted.add(service)
        found = self._rooms.get(service)
        if found is None:
            found = self._rooms[service] = ServiceRoom(service, self.bound, self.registry)
            if self.future is _no_future:
                found.resize(_ENDLESS)
        return found

    def patience(self, traffic: int) -> float:
        """Return for how long one of a class may wait now, in seconds.

        A worker that is late keeps no lower class for a refusal that it could have had at once.
        """
        most = self.bound.patience[traffic]
        hurried = traffic > THERAPEUTIC and self.pressure.level > 0.0
        return min(most, PROMPT) if hurried else most

    def retain(self, services: frozenset[str]) -> None:
        """Forget the services that are gone, once nobody is in their rooms.

        Not those that were asked for since the last time: of a configuration that is on its way in
        the routes are here before their services.
        """
        wanted, self._wanted = self._wanted | services, set()
        for name in [one for one in self._rooms if one not in wanted]:
            room = self._rooms[name]
            if not room.in_flight and not room.waiting:
                room.close()
                del self._rooms[name]

    def refusal(self, kind: Problem, traffic: int, detail: str = "") -> Refusal:
        """Return the answer to one that is turned away; all of them must not come back at once."""
        least, more = _AGAIN[traffic]
        again = least + int(self._chance() * (more + 1))
        # Made once: there are few, and where many are refused there is no time: bench/refusal.py.
        told = self._kinds.get((kind.code, again))
        if told is None:
            told = self._kinds[(kind.code, again)] = replace(kind, retry_after=again)
        made = answer_of(told, detail or None)
        made.rote = not detail
        return Refusal(made, deferrable=True)

    def tick(self, *, busy: float, lag: float, behind: float = 0.0) -> None:
        """Look at everything; `busy` is the share of the time in which there was something to do.

        `lag` is how late the loop was, in seconds, `behind` for how long requests wait for it.
        """
        now = self.clock()
        elapsed, self._looked = now - self._looked, now
        self.pressure.look(busy=busy, lag=lag, behind=behind)
        self._shown.set(self.pressure.level)
        if elapsed > 0.0:
            for name, room in self._rooms.items():
                room.tick(now, elapsed, self._extent(name), pressure=self.pressure)
