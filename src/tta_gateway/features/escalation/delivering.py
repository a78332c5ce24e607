"""Delivering: every notice that is owed, each by itself, so that no channel waits for another."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from tta_gateway.features.escalation.bound import Owed
from tta_gateway.features.escalation.channel import Channel, Notice
from tta_gateway.support.posting import NotTaken
from tta_gateway.support.tasks import Died, spawn

AT_ONCE: Final = 8
"""tries under way to one contact"""
_PATIENCE: Final = 60.0  # seconds, of a try


class Desk(Protocol):
    """Who owes notices, and hears what becomes of them."""

    def owed(self, contact: str, most: int) -> Iterable[Owed]:
        """Return notices that are due to a contact, the most urgent first."""

    def next_due(self) -> float:
        """Return when something more is due; `inf` for never."""

    def notice(self, owed: Owed) -> Notice | None:
        """Return it as it is sent now; None if nobody need be told any more."""

    def confirmed(self, owed: Owed) -> None:
        """Hear that a contact has confirmed it."""

    def failed(self, owed: Owed, why: str) -> None:
        """Hear that a try was in vain."""


class Deliveries:
    """Tries to bring notices to contacts."""

    def __init__(self, desk: Desk, *, died: Died) -> None:
        """Try nothing yet: see `begin_due`."""
        self.channels: Mapping[str, Channel] = {}
        self.desk = desk
        self._died = died
        self._busy: set[tuple[str, str]] = set()
        self._come: deque[tuple[Owed, str | None]] = deque()
        self._under_way: Counter[str] = Counter()

    def begin_due(self) -> float:
        """Begin every try that is due; return when the next is, `inf` for never."""
        self._settle()
        for contact in self.channels:
            for one in self.desk.owed(contact, 2 * AT_ONCE):  # half of them may be under way
                self._begin(one)
        return self.desk.next_due()

    def _begin(self, owed: Owed) -> None:
        key = (owed.call, owed.contact)
        if key in self._busy or self._under_way[owed.contact] >= AT_ONCE:
            return
        self._busy.add(key)
        self._under_way[owed.contact] += 1
        spawn(self._try(owed), name="notice", died=self._died)

    async def _try(self, owed: Owed) -> None:
        try:
            self._come.append((owed, await self._sent(owed)))
        finally:
            self._under_way[owed.contact] -= 1
        self._settle()

    def _settle(self) -> None:
        """Tell what has come of tries; what cannot be kept is told again, and not sent again."""
        while self._come:
            owed, why = self._come[0]
            if why is None:
                self.desk.confirmed(owed)
            else:
                self.desk.failed(owed, why)
            self._busy.discard((owed.call, owed.contact))
            self._come.popleft()

    async def _sent(self, owed: Owed) -> str | None:
        """Send it; return why it did not get there, None if it did."""
        notice = self.desk.notice(owed)
        if notice is None:
            return "nobody need be told any more"
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.channels[owed.contact].send(notice)
        except NotTaken as error:
            return str(error)
        except Exception as fault:  # noqa: BLE001 - nobody else would try it again
            return type(fault).__name__
        return None
