"""Registrations: what control keeps of them, beside the store, and tells the workers.

It looks at the store four times a second, and after each change of its own.  What it knows goes to
every worker, and to the next control, as live sections.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from tta_gateway.features.registration.algorithm import Known, held_by
from tta_gateway.features.registration.bound import RegistrationBound
from tta_gateway.features.registration.record import SECTION, Register, Registration
from tta_gateway.features.registration.store import Away, Looked, RegistrationStore
from tta_gateway.kernel.events import Event, RegistryChanged
from tta_gateway.kernel.registered import REGISTRATION
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.standing import Instance
from tta_gateway.routing.declared import excess, taken

PAUSE: Final = 0.25  # seconds between two looks
_TOLD: Final = 1.0  # seconds until every worker asks a draining instance no more
_BLIP: Final = 2.0  # seconds that the store may be away before anybody is told
_register = msgspec.msgpack.Decoder(Register).decode


class Outside(Protocol):
    """Who hears what comes of it."""

    def found(self, service: str, source: str, instances: tuple[Instance, ...]) -> None:
        """Take all instances of a service."""

    def registered(self) -> list[str]:
        """Return the services of which instances are in force that have registered."""

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Take a live section."""

    def publish(self, event: Event) -> None:
        """Take an event."""

    def in_flight(self, service: str, endpoint: str) -> int | None:
        """Return how much this node has under way there; None if that is not known yet."""

    def wall(self) -> float:
        """Return the time of day."""

    def monotonic(self) -> float:
        """Return seconds that only go forward."""


class Registrations:
    """All that is registered, as this node sees it."""

    def __init__(self, store: RegistrationStore, outside: Outside, *, node: str) -> None:
        """Begin with nothing known; `node` is another name for each control."""
        self._store = store
        self._outside = outside
        self._node = node
        self._known = Known()
        self._looked: Looked | None = None
        self._draining: dict[str, float] = {}  # since when each is known to
        self._told: dict[str, tuple[Instance, ...]] = {}
        self._operators: tuple[Route, ...] = ()
        self._looking = False
        self._away = True
        self._doubtful = False  # whether some are in force of which nothing else is known here
        self._said_away = False
        self._lost_at: float | None = None
        self.cause = "it has not been asked yet"
        self.bound = RegistrationBound()
        self.believed = False
        self.services: frozenset[str] = frozenset()
        self._spoken_for: frozenset[str] = frozenset()  # the services that may register

    # What control says

    def recover(self, live: Mapping[str, msgspec.Raw]) -> None:
        """Go on with what a control before this one knew.

        Where that cannot be read, it being of another version of the gateway, whoever is in force
        stays so until the store has said who there is.
        """
        raw = live.get(SECTION)
        self._doubtful = True
        if raw is not None:
            with contextlib.suppress(msgspec.DecodeError):
                self._known = Known(_register(raw).known)
                self._doubtful = False

    def adopt(
        self,
        bound: RegistrationBound,
        services: Sequence[str],
        routes: Sequence[Route],
        *,
        believed: bool = False,
    ) -> None:
        """Go by these settings from now on; `routes` are all of the configuration's.

        `believed`: some access tokens are, so that a route may ask for one.
        """
        self.bound = bound
        self.believed = believed
        self.services = frozenset(services)
        self._spoken_for = frozenset(one for token in bound.tokens for one in token.services)
        self._operators = tuple(one for one in routes if not one.internal)
        self._told.clear()
        self._doubtful = self._doubtful and self.is_on  # else nobody would ever be asked
        self._publish()

    @property
    def is_on(self) -> bool:
        """Tell whether anybody may register."""
        return bool(self.bound.tokens)

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look, again and again, for ever."""
        while True:
            if self.is_on or self._known.all:
                await self.look()
            await sleep(PAUSE)

    async def look(self) -> None:
        """Look once; while the store is away, all stays as it is."""
        self._looking = True
        try:
            looked = await self._store.look(self._looked, node=self._node, idle=self._idle())
        except Away as error:
            self._lost(str(error))
            return
        finally:
            self._looking = False
        now = self._outside.monotonic()
        another = self._looked is not None and self._looked.epoch != looked.epoch
        if self._away or another:
            self._known.shaken(now)
        self._looked = looked
        self._back()
        found = looked.found
        changed = self._known.passed(now) if found is None else self._known.told(found, now)
        if changed or self._doubtful:
            self._doubtful = False  # a first look shows all
            self._publish()

    def _lost(self, cause: str) -> None:
        now = self._outside.monotonic()
        self._lost_at = now if self._lost_at is None else self._lost_at
        self._away, self._looked, self.cause = True, None, cause
        if not self._said_away and now - self._lost_at >= _BLIP:
            self._said_away = True
            self._say(reachable=False)

    def _back(self) -> None:
        self._away, self.cause, self._lost_at = False, "", None
        if self._said_away:
            self._said_away = False
            self._say(reachable=True)

    def _say(self, *, reachable: bool) -> None:
        at = self._outside.wall()
        event = RegistryChanged(provider=REGISTRATION, reachable=reachable, cause=self.cause, at=at)
        self._outside.publish(event)

    # What services ask

    def of(self, service: str) -> list[Registration]:
        """Return the instances of a service."""
        return sorted(self._known.of(service), key=lambda one: one.id)

    def conflict(self, one: Registration) -> tuple[str, str]:
        """Return a route that it cannot have, and who has it; empty if it can have all."""
        others = [
            other
            for other in self._known.all.values()
            if other.name != one.name and other.service in self._spoken_for
        ]
        return taken(one.service, one.routes, held_by(others, one), self._operators)

    def excess(self, one: Registration) -> str:
        """Return why there is no room for its routes; empty if there is, or if it has them."""
        before = self._known.all.get(one.name)
        if before is not None and before.routes == one.routes:
            return ""
        others = [other for other in self._known.all.values() if other.name != one.name]
        declared = ((other.service, route) for other in others for route in other.routes)
        return excess(one.service, one.routes, declared)

    async def put(self, one: Registration) -> Registration:
        """Register an instance, or renew it; Away if that cannot be kept."""
        before = self._known.all.get(one.name)
        if before is not None:
            one = msgspec.structs.replace(one, since=before.since)
        await self._store.put(one)
        if one != before and not self._looking:  # of a thousand at once, most wait for the next
            await self.look()
        return one

    async def drain(self, service: str, instance: str, *, grace: float) -> Registration | None:
        """Have an instance asked no more, and be gone when nothing is under way, or so much later.

        None if it is gone already; Away if nothing can be kept.
        """
        name = f"{service}/{instance}"
        self._known.left(name)
        one = await self._store.read(name)
        if one is not None and not one.draining and grace > 0:
            one = msgspec.structs.replace(one, draining=True, lease=grace)
            await self._store.put(one)
        elif one is not None and grace <= 0:
            await self._store.drop(name)
            one = None
        await self.look()
        return one

    # What comes of it

    def _idle(self) -> list[str]:
        """Return the draining instances that nothing is under way at, as far as this node knows."""
        since = self._outside.monotonic() - _TOLD
        return [name for name, at in self._draining.items() if at <= since and self._is_idle(name)]

    def _is_idle(self, name: str) -> bool:
        one = self._known.all.get(name)
        return one is None or self._outside.in_flight(one.service, one.endpoint.name) == 0

    def _publish(self) -> None:
        known = self._known.all.values()
        now = self._outside.monotonic()
        self._draining = {
            one.name: self._draining.get(one.name, now) for one in known if one.draining
        }
        forgotten = {
            one
            for one in self._outside.registered()
            if not (self._doubtful and one in self._spoken_for)
        }
        for service in {one.service for one in known} | self._told.keys() | forgotten:
            instances = self._in_force(service)
            if self._told.get(service) != instances:
                self._told[service] = instances
                self._outside.found(service, REGISTRATION, instances)
        by_name = tuple(sorted(known, key=lambda one: one.name))
        self._outside.put(SECTION, Register(known=by_name) if by_name else None)

    def _in_force(self, service: str) -> tuple[Instance, ...]:
        """Return the instances of a service that are to be asked: none where no token is left."""
        if service not in self._spoken_for:
            return ()
        # Of two at one address the first counts: one that is there, before one that leaves.
        here = sorted(self.of(service), key=lambda one: one.draining)
        return tuple(_instance(one) for one in here)


def _instance(one: Registration) -> Instance:
    return Instance(
        id=one.id,
        endpoint=one.endpoint,
        draining=one.draining,
        routes=one.routes,
        since=one.since,
    )
