"""Checks: each endpoint of each service that has some is looked at, again and again.

An endpoint has a task of its own, so that a look never overlaps the one before it, and at most
`_MOST` looks are under way.  A look that tells of us (no descriptor, a loop that stood still) and
not of the endpoint changes nothing.  `held` stands in algorithm.py: while something fails that a
service cannot do without, failures of its own are not believed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tta_gateway.features.health import http_check, tcp_check, websocket_check
from tta_gateway.features.health.algorithm import (
    QUIET_AFTER,
    State,
    begun,
    learn,
    pause,
    told,
)
from tta_gateway.features.health.bound import Check, Kind
from tta_gateway.features.health.metrics import CHECKS, UP
from tta_gateway.features.health.target import Failed, Target, Untold
from tta_gateway.kernel import standing
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Stand
from tta_gateway.support.metrics import Registry

_MOST: Final = 256
_UNKNOWN: Final = (State.STARTING, State.UNPROVED)
_LATE: Final = 1.5  # times a timeout: if it ends so late, this process stood still
_LOOK: Final[Mapping[Kind, Callable[[Target], Awaitable[None]]]] = {
    "http": http_check.look,
    "tcp": tcp_check.look,
    "websocket": websocket_check.look,
}


class Endpoints(Protocol):
    """Who keeps the endpoints."""

    def stands(self, service: str) -> Iterable[Stand]:
        """Return the endpoints of a service, as they are."""

    def checked(self, service: str, endpoint: str, state: standing.State, cause: str) -> None:
        """Take what the checks of an endpoint have come to."""

    def saw(self, service: str, endpoint: str, *, began: float, passed: bool) -> None:
        """Take one look at an endpoint, which began then."""

    def looked(self, service: str) -> None:
        """Take note that every endpoint of a service has been looked at."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A service that is looked at: `target` of any endpoint, and what it cannot do without."""

    check: Check
    target: Callable[[Endpoint], Target]
    needed: frozenset[str] = frozenset()


class Watch:
    """One endpoint, being watched."""

    def __init__(self, service: str, subject: Subject, stand: Stand) -> None:
        """Begin with what workers have been told of it."""
        self.service = service
        self.subject = subject
        self.endpoint = stand.endpoint
        self.progress = begun(stand.state)
        self.hurry = asyncio.Event()
        self.looked = False
        self.task: asyncio.Task[None] | None = None


class Checks:
    """All checks of a node."""

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        registry: Registry,
        died: Callable[[str, BaseException], None],
    ) -> None:
        """Look at nothing yet; `clock` is monotonic, in seconds."""
        self._endpoints = endpoints
        self._clock = clock
        self._chance = chance
        self._registry = registry
        self._died = died
        self._subjects: Mapping[str, Subject] = {}
        self._watches: dict[str, dict[str, Watch]] = {}
        self._asked: dict[str, float] = {}
        self._complete: set[str] = set()
        self._stale = asyncio.Event()
        self._room = asyncio.Semaphore(_MOST)

    def adopt(self, subjects: Mapping[str, Subject]) -> None:
        """Look at these services from now on."""
        self._subjects = subjects
        self._complete &= subjects.keys()
        self._stale.set()

    def look_again(self) -> None:
        """Take note that there may be other endpoints."""
        self._stale.set()

    def asked(self, service: str) -> None:
        """Take note that clients ask a service: one that was quiet is looked at at once."""
        if self._idle(service) >= QUIET_AFTER:
            self._hurry(service)
        self._asked[service] = self._clock()

    async def run(self) -> None:
        """Look, until this is cancelled; begin anew where a fault has ended it."""
        self._watches.clear()  # nobody looks at what they are about any more
        self._stale.set()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._stale.wait()
                self._stale.clear()
                self._sort_out(group)

    def _sort_out(self, group: asyncio.TaskGroup) -> None:
        """Watch what there is, and nothing else."""
        for name in [one for one in self._watches if one not in self._subjects]:
            for place in list(self._watches[name]):
                self._forget(name, place)
            del self._watches[name]
        for name, subject in self._subjects.items():
            watches = self._watches.setdefault(name, {})
            stands = self._endpoints.stands(name)
            wanted = {one.endpoint.name: one for one in stands if one.state != "draining"}
            for place in [one for one in watches if one not in wanted]:
                self._forget(name, place)
            for place, stand in wanted.items():
                self._watch(watches.get(place), name, subject, stand, group)
            self._complete_round(name)

    def _watch(
        self,
        watch: Watch | None,
        name: str,
        subject: Subject,
        stand: Stand,
        group: asyncio.TaskGroup,
    ) -> None:
        if watch is not None:
            watch.subject, watch.endpoint = subject, stand.endpoint
            return
        watch = Watch(name, subject, stand)
        self._watches[name][stand.endpoint.name] = watch
        self._asked.setdefault(name, self._clock())
        self._show(watch)
        watch.task = group.create_task(self._keep_looking(watch))

    def _forget(self, name: str, place: str) -> None:
        watch = self._watches[name].pop(place)
        self._registry.child(UP, name, place).set(0.0)
        if watch.task is not None:
            watch.task.cancel()

    async def _keep_looking(self, watch: Watch) -> None:
        begins = self._clock()
        if watch.progress.state not in _UNKNOWN:  # spread over time from the beginning
            await self._wait(watch, begins + self._chance() * watch.subject.check.interval / 4)
        while True:
            async with self._room:
                begins = self._clock()
                await self._look(watch)
            check = watch.subject.check
            due = begins + pause(
                watch.progress.state,
                interval=check.interval,
                jitter=check.jitter,
                idle=self._idle(watch.service),
                chance=self._chance(),
            )
            await self._wait(watch, due)

    async def _wait(self, watch: Watch, due: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, due - self._clock())):
                await watch.hurry.wait()
        except TimeoutError:
            pass
        watch.hurry.clear()

    async def _look(self, watch: Watch) -> None:
        subject, began = watch.subject, self._clock()
        try:
            cause = await self._cause(subject, watch.endpoint)
            self._count(watch, "failed" if cause else "passed")
            if watch.subject is subject:  # else it was looked at as nobody wants any more
                self._learn(watch, cause)
                name = watch.endpoint.name
                self._endpoints.saw(watch.service, name, began=began, passed=not cause)
        except Untold:
            self._count(watch, "untold")
        except Exception as error:  # noqa: BLE001 - a fault of ours says nothing of the endpoint
            self._died("check", error)
            self._count(watch, "untold")

    async def _cause(self, subject: Subject, endpoint: Endpoint) -> str:
        """Return why an endpoint does not pass, nothing if it does."""
        timeout, begun = subject.check.timeout, self._clock()
        try:
            async with asyncio.timeout(timeout):
                await _LOOK[subject.check.kind](subject.target(endpoint))
        except Failed as error:
            return str(error)
        except TimeoutError:
            if self._clock() - begun > timeout * _LATE:
                raise Untold("late") from None
            return f"silent for {timeout:g} s"
        return ""

    def _learn(self, watch: Watch, cause: str) -> None:
        check, before = watch.subject.check, watch.progress
        after = watch.progress = learn(
            before,
            passed=not cause,
            unhealthy=check.unhealthy,
            healthy=check.healthy,
            held=any(map(self._is_in_doubt, watch.subject.needed)),
        )
        if before.state is State.UP and after.state is State.FAILING:
            for name in watch.subject.needed:  # it may be their doing: then they are asked first
                self._hurry(name)
        if told(after.state) != told(before.state):
            self._show(watch)
            name = watch.endpoint.name
            self._endpoints.checked(watch.service, name, told(after.state), cause)
        if not watch.looked:
            watch.looked = True
            self._complete_round(watch.service)

    def _is_in_doubt(self, service: str) -> bool:
        """Tell whether no endpoint of a service is certain to be well."""
        states = [one.progress.state for one in self._of(service)]
        return bool(states) and State.UP not in states

    def _hurry(self, service: str) -> None:
        for watch in self._of(service):
            watch.hurry.set()

    def _of(self, service: str) -> list[Watch]:
        return list(self._watches.get(service, {}).values())

    def _complete_round(self, service: str) -> None:
        if service in self._complete or not all(one.looked for one in self._of(service)):
            return
        self._complete.add(service)
        self._endpoints.looked(service)

    def _idle(self, service: str) -> float:
        """Return how long nobody has asked a service, in seconds."""
        now = self._clock()
        return now - self._asked.get(service, now)

    def _count(self, watch: Watch, outcome: str) -> None:
        self._registry.child(CHECKS, watch.service, outcome).add()

    def _show(self, watch: Watch) -> None:
        up = told(watch.progress.state) == "up"
        self._registry.child(UP, watch.service, watch.endpoint.name).set(float(up))
