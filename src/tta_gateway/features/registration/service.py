"""Registrations: what control keeps of them, beside the store, and tells the workers.

It looks at the store four times a second, and after each change of its own.  What it knows goes to
every worker, and to the next control, as live sections.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from tta_gateway.features.registration.algorithm import Change, Known
from tta_gateway.features.registration.bound import RegistrationBound
from tta_gateway.features.registration.record import (
    MOST_OF_SERVICE,
    Register,
    Registration,
    is_section,
    section,
)
from tta_gateway.features.registration.store import Away, Looked, RegistrationStore
from tta_gateway.kernel.events import Event, RegistryChanged
from tta_gateway.kernel.registered import REGISTRATION
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.standing import Instance
from tta_gateway.routing.held import Held

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
        self._held = Held()
        self._obsolete: set[str] = set()  # sections of a control before this one
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
        read: list[Registration] = []
        unread = 0
        names = [name for name in live if is_section(name)]
        for name in names:
            try:
                read += _register(live[name]).known
            except msgspec.DecodeError:
                unread += 1
        self._known = Known(read)
        for one in self._known.all.values():
            self._held.add(one.service, one.routes)
        self._doubtful = unread > 0 or not names
        self._obsolete = set(names) - {section(one) for one in self._known.services}

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
        self._spoken_for = frozenset(one for claim in bound.claims for one in claim.services)
        self._held.govern([one for one in routes if not one.internal])
        self._told.clear()
        self._doubtful = self._doubtful and self.is_on  # else nobody would ever be asked
        self._publish_all()

    @property
    def is_on(self) -> bool:
        """Tell whether anybody may register."""
        return bool(self.bound.claims)

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
        if looked.found is not None:
            changes = self._known.told(looked.found, now)
        else:
            changes = self._known.heard(looked.changed, now)
        self._publish(changes)
        if self._doubtful:
            self._doubtful = False  # a first look shows all
            self._publish_all()

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

    def is_full(self, one: Registration) -> bool:
        """Tell whether its service has as many instances as may be, and it is none of them."""
        return one.name not in self._known.all and self._known.count(one.service) >= MOST_OF_SERVICE

    def conflict(self, one: Registration) -> tuple[str, str]:
        """Return a route that it cannot have, and who has it; empty if it can have all."""
        return self._held.taken(one.service, one.routes, self._spoken_for)

    def excess(self, one: Registration) -> str:
        """Return why there is no room for its routes; empty if there is, or if it has them."""
        before = self._known.all.get(one.name)
        had = () if before is None else before.routes
        return "" if had == one.routes else self._held.excess(one.service, one.routes, had)

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
        one = await self._store.read(name)
        if one is not None and not one.draining and grace > 0:
            one = msgspec.structs.replace(one, draining=True, lease=grace)
            await self._store.put(one)
        elif one is not None and grace <= 0:
            await self._store.drop(name)
            one = None
        self._publish(self._known.left(name))
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

    def _publish(self, changes: Iterable[Change]) -> None:
        """Tell what has changed."""
        services: dict[str, None] = {}
        for before, one in changes:
            if before is not None:
                self._held.drop(before.service, before.routes)
                services[before.service] = None
            if one is not None:
                self._held.add(one.service, one.routes)
                services[one.service] = None
            self._drains(before, one)
        for service in services:
            self._tell(service)

    def _drains(self, before: Registration | None, one: Registration | None) -> None:
        """Take note of who drains, and since when that is known."""
        if one is not None and one.draining:
            self._draining.setdefault(one.name, self._outside.monotonic())
        elif before is not None:
            self._draining.pop(before.name, None)

    def _publish_all(self) -> None:
        """Tell everything: it may count for something else now."""
        forgotten = {
            one
            for one in self._outside.registered()
            if not (self._doubtful and one in self._spoken_for)
        }
        for one in self._known.all.values():
            self._drains(None, one)
        for service in {*self._known.services, *self._told, *forgotten}:
            self._tell(service)
        if not self._doubtful:
            for name in self._obsolete:
                self._outside.put(name, None)
            self._obsolete = set()

    def _tell(self, service: str) -> None:
        instances = self._in_force(service)
        if self._told.get(service) != instances:
            self._told[service] = instances
            self._outside.found(service, REGISTRATION, instances)
        known = tuple(self.of(service))
        self._outside.put(section(service), Register(known=known) if known else None)

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
