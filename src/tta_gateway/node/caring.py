"""Caring: where control keeps who cares for whom, and who has broken which glass.

The database is asked only where a route of the operator's, or a rule of a kind of channels, says
whose data it has: nobody's relations matter elsewhere, and SQLAlchemy costs a second and forty
megabytes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Final

import msgspec

from tta_gateway.features.access import problems
from tta_gateway.features.access.algorithm import Book
from tta_gateway.features.access.bound import AccessBound, RouteAccess
from tta_gateway.features.access.policy import book_of
from tta_gateway.features.access.public import OPENS
from tta_gateway.features.access.service import Care
from tta_gateway.features.access.store import Away, CareStore, Glass
from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.events import GlassOpened
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.node.findings import Findings
from tta_gateway.snapshot.parts import Parts, bound_of, route_of
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import EventLog

PAUSE: Final = 1.0  # seconds between two looks at what other nodes have changed


class Outside:
    """The rest of control, as care sees it."""

    def __init__(self, findings: Findings, bus: Bus, log: EventLog, clock: Clock) -> None:
        """Pass on to these."""
        self._bus = bus
        self._log = log
        self._ids = Identifiers(clock.wall)
        self.spread: Callable[[], Awaitable[None]] | None = None
        """Has all nodes take up what has been written."""
        self.put = findings.put
        self.wall = clock.wall
        self.monotonic = clock.monotonic

    def new_id(self) -> str:
        """Return an id that nothing else has."""
        return self._ids.uuid7().decode()

    async def everywhere(self) -> None:
        """Have all nodes take up what has been written; return once they have, or cannot harm."""
        if self.spread is not None:
            await self.spread()

    def opened(self, one: Glass) -> None:
        """Tell that glass was broken."""
        self._log.event("glass_opened", id=one.id, subject=one.carer, person=one.person)
        self._bus.publish(
            GlassOpened(
                id=one.id, subject=one.carer, person=one.person, until=one.until, at=one.opened
            )
        )


class Caring:
    """All of it in this process; nothing where no route says whose data it has."""

    def __init__(
        self,
        outside: Outside,
        *,
        store: Callable[[], CareStore],
        shown: Callable[[str | None], Principal],
    ) -> None:
        """Begin without a configuration.

        `store` returns where all is kept, once that is needed; `shown` whose token it is that
        somebody shows, or raises ClientFault.
        """
        self._outside = outside
        self._store = store
        self._shown = shown
        self.wall = outside.wall
        self._care: Care | None = None
        self._book = Book({})
        self.is_needed = False

    def spread_by(self, spread: Callable[[], Awaitable[None]]) -> None:
        """Have all nodes take up what has been written, in this way."""
        self._outside.spread = spread

    def adopt(self, parts: Parts) -> None:
        """Go by this configuration."""
        self._book = book_of(bound_of(parts, "access", AccessBound))
        self.is_needed = _says_whose(parts)
        if self.is_needed and self._care is None:
            self._care = Care(self._store(), self._outside)

    def care(self) -> Care:
        """Return what is kept; Away where nothing is."""
        if self._care is None or not self.is_needed:
            raise Away("no route says whose data it has")
        return self._care

    async def take(self) -> None:
        """Take up what any node has written; Away."""
        if self._care is not None and self.is_needed:
            await self._care.look()

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Tell the workers what is kept, whoever has changed it, for ever."""
        while True:
            if self._care is not None and self.is_needed:
                await self._care.take()
            await sleep(PAUSE)

    def opener(self, authorization: str | None) -> str:
        """Return the subject of who shows this and may break glass; ClientFault if nobody does.

        It rests on nothing that anybody could have put between the worker and here.
        """
        principal = self._shown(authorization)
        mask, opens = self._book.mask(principal.roles), self._book.demand(OPENS)
        if principal.is_narrow and not self._book.scoped(principal.scopes) & opens.held:
            raise ClientFault(problems.SCOPE_MISSING)
        if not mask & (opens.own | opens.any):
            raise ClientFault(problems.PERMISSION_MISSING)
        if not mask & self._book.clinical:
            raise ClientFault(problems.CLINICAL_ROLE_MISSING)
        return principal.subject


def _says_whose(parts: Parts) -> bool:
    """Tell whether a route of the operator's, or a rule of channels, says whose data it has."""
    channels = bound_of(parts, "realtime", RealtimeBound).channels
    rules = (
        rule for one in channels for rule in (one.subscribe, one.publish, one.presence, one.history)
    )
    routes = chain((route_of(raw) for raw in parts.routes), rules)
    return any(route is not None and _has_owner(route) for route in routes)


def _has_owner(route: Route) -> bool:
    asks = route.features.get("access")
    return asks is not None and bool(msgspec.msgpack.decode(asks, type=RouteAccess).owner)
