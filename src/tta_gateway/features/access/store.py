"""Where it is kept who cares for whom, and who has broken which glass: the port.

Nothing is forgotten: what is over stays, with who has ended it.
"""

from typing import Protocol

import msgspec


class Away(Exception):
    """What is kept cannot be asked, or changed; nothing has been."""


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody cares for a person, until a time of the epoch."""

    carer: str
    person: str
    until: float
    granted_by: str
    granted: float


class Glass(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has broken the glass before a person's data, for a reason, until a time.

    `closed` is when somebody has closed it before that, 0.0 if nobody has.
    """

    id: str
    carer: str
    person: str
    reason: str
    opened: float
    until: float
    closed: float = 0.0
    closed_by: str = ""


class CareStore(Protocol):
    """Keeps both; Away if it cannot be asked."""

    async def mark(self) -> tuple[float, ...]:
        """Return what is another whenever anything has changed."""

    async def relations(self, now: float) -> list[Relation]:
        """Return those that last at this time, by carer and person."""

    async def glass(self, since: float) -> list[Glass]:
        """Return what was broken since then, the last first."""

    async def grant(self, one: Relation) -> None:
        """Have somebody care for a person; one that lasts is in the place of the one before."""

    async def end(self, carer: str, person: str, *, by: str, now: float) -> bool:
        """End that somebody cares for a person; False if nobody did."""

    async def open(self, one: Glass) -> None:
        """Break glass."""

    async def close(self, id: str, *, by: str, now: float) -> bool:
        """Have broken glass be no use any more; False if it was none."""
