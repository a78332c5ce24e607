"""The postman of a worker: has letters sent again when they are due, and the expired buried.

He is told of whoever has letters that wait (`expect`: one came over the bus, or a new session was
given some), and looks at nobody else.  Where two workers look at one user, the store sends once.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Final, Protocol

from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.inbox import FIRST
from tta_gateway.support.valkey.client import Tell

SWEPT: Final = 60.0  # seconds between two looks at what has expired, of all users
_AT_ONCE: Final = 50  # users that are looked at in one turn, side by side
_AWAY: Final = 5_000  # milliseconds until a store that is away is asked again


class Letters(Protocol):
    """What he asks of an Inbox."""

    async def redeliver(self, user: str) -> int:
        """Send again what is due; return milliseconds until the next is, -1 for none."""
        ...

    async def sweep(self) -> int:
        """Bury what has expired, of all users; return how many."""
        ...


class Postman:
    """Knows when to look at whom."""

    def __init__(
        self,
        inbox: Letters,
        *,
        monotonic: Callable[[], float],
        tell: Tell,
        is_here: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Begin with nobody; the first sweep comes after a while.

        Whoever `is_here` no longer when their time has come is forgotten.
        """
        self._inbox = inbox
        self._monotonic = monotonic
        self._tell = tell
        self._is_here = is_here
        self._due: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []
        self._swept_at = monotonic()

    def expect(self, user: str, milliseconds: int = FIRST) -> None:
        """Look at somebody's letters then, or earlier if that was said before."""
        at = self._monotonic() + milliseconds / 1000
        if at < self._due.get(user, at + 1.0):
            self._due[user] = at
            heapq.heappush(self._queue, (at, user))

    def is_due(self) -> bool:
        """Return whether there is something to go round for."""
        now = self._monotonic()
        if self._queue and self._queue[0][0] <= now:
            return True
        return now - self._swept_at >= SWEPT

    async def go_round(self) -> None:
        """Do all that is due now."""
        while users := self._take():
            await asyncio.gather(*(self._look(user) for user in users))
        if self._monotonic() - self._swept_at >= SWEPT:
            self._swept_at = self._monotonic()
            await self._sweep()

    def _take(self) -> list[str]:
        now, users = self._monotonic(), list[str]()
        while self._queue and self._queue[0][0] <= now and len(users) < _AT_ONCE:
            at, user = heapq.heappop(self._queue)
            if self._due.get(user) == at:  # else he is to be looked at earlier or later
                del self._due[user]
                if self._is_here(user):
                    users.append(user)
        return users

    async def _look(self, user: str) -> None:
        try:
            due = await self._inbox.redeliver(user)
        except Away:
            due = _AWAY
        if due >= 0:
            self.expect(user, max(1, due))

    async def _sweep(self) -> None:
        try:
            died = await self._inbox.sweep()
        except Away:
            return  # what has expired stays so
        if died:
            self._tell("letters_died", count=died)
