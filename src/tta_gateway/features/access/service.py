"""Care: what is kept of who cares for whom goes to the workers, again whenever it changes.

Workers go by the live sections until these say something else, whatever becomes of this process or
of the database; what ends at a time ends there by itself.  What other nodes have changed is seen
once a second.
"""

from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from tta_gateway.features.access.bound import GLASS, SECTIONS, Held, section_of
from tta_gateway.features.access.store import Away, CareStore, Glass, Relation

_AGAIN: Final = (
    60.0  # seconds after which all is read, changed or not: what is over is told no more
)
LONGEST: Final = 8 * 3600.0
"""Seconds for which glass can be broken at most."""


class Outside(Protocol):
    """Who hears what is kept."""

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Take a live section."""

    def wall(self) -> float:
        """Return the time of day."""

    def monotonic(self) -> float:
        """Return seconds that only go forward."""

    def new_id(self) -> str:
        """Return an id that nothing else has."""

    def opened(self, one: Glass) -> None:
        """Hear that glass was broken."""

    async def everywhere(self) -> None:
        """Have all nodes take up what has been written; return once they have, or cannot harm."""


class Care:
    """Who cares for whom, and which glass is broken, as this node knows it."""

    def __init__(self, store: CareStore, outside: Outside) -> None:
        """Go by what the store says, as soon as it says anything."""
        self._store = store
        self._outside = outside
        self._mark: tuple[float, ...] | None = None
        self._read_at = 0.0
        self._begun = self._told = 0  # the looks: what began earlier is not told after a later one

    async def take(self) -> None:
        """Look; while the store is away all stays as it is."""
        try:
            await self.look()
        except Away:
            self._mark = None

    async def look(self) -> None:
        """Tell what is kept, if it is another than was told; Away."""
        self._begun += 1
        mine = self._begun
        mark, now = await self._store.mark(), self._outside.monotonic()
        if mark == self._mark and now - self._read_at < _AGAIN:
            return
        wall = self._outside.wall()
        relations = await self._store.relations(wall)
        glass = await self._store.glass(wall - LONGEST)
        if mine < self._told:
            return
        self._told = mine
        self._tell(relations, [one for one in glass if one.until > wall and not one.closed])
        self._mark, self._read_at = mark, now

    def _tell(self, relations: Iterable[Relation], glass: Iterable[Glass]) -> None:
        found: dict[str, dict[str, dict[str, float]]] = {}
        for one in relations:
            until = found.setdefault(section_of(one.carer), {}).setdefault(one.carer, {})
            until[one.person] = one.until
        for broken in glass:
            until = found.setdefault(GLASS, {}).setdefault(broken.carer, {})
            until[broken.person] = max(broken.until, until.get(broken.person, 0.0))
        for name in SECTIONS:
            held = found.get(name)
            self._outside.put(name, None if held is None else Held(until=held))

    # What operators and clinicians ask

    async def relations(self) -> list[Relation]:
        """Return who cares for whom now; Away."""
        return await self._store.relations(self._outside.wall())

    async def grant(self, carer: str, person: str, *, lasting: float, by: str) -> Relation:
        """Have somebody care for a person for so many seconds; Away."""
        now = self._outside.wall()
        one = Relation(carer=carer, person=person, until=now + lasting, granted_by=by, granted=now)
        await self._store.grant(one)
        await self._spread()
        return one

    async def end(self, carer: str, person: str, *, by: str) -> bool:
        """End that somebody cares for a person; False if nobody did.  Away."""
        found = await self._store.end(carer, person, by=by, now=self._outside.wall())
        await self._spread()
        return found

    async def glass(self, since: float) -> list[Glass]:
        """Return what was broken since a time of the epoch, the last first; Away."""
        return await self._store.glass(since)

    async def open(self, carer: str, person: str, *, reason: str, lasting: float) -> Glass:
        """Break the glass before a person's data for so many seconds; Away."""
        now = self._outside.wall()
        one = Glass(
            id=self._outside.new_id(),
            carer=carer,
            person=person,
            reason=reason,
            opened=now,
            until=now + min(lasting, LONGEST),
        )
        await self._store.open(one)
        self._outside.opened(one)
        await self._spread()
        return one

    async def close(self, id: str, *, by: str) -> bool:
        """Have broken glass be no use any more; False if it was none.  Away."""
        found = await self._store.close(id, by=by, now=self._outside.wall())
        await self._spread()
        return found

    async def _spread(self) -> None:
        """Tell this node's workers, and all other nodes, what has been written; Away."""
        await self.look()
        await self._outside.everywhere()
