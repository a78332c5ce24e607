"""Delivering: every notice that is owed, each by itself, so that no channel waits for another."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Iterable, Mapping
from typing import Final, Protocol

from tta_gateway.features.escalation.bound import Owed
from tta_gateway.features.escalation.channel import Channel, Notice
from tta_gateway.kernel.verdict import IMMINENT
from tta_gateway.support.posting import NotTaken
from tta_gateway.support.tasks import Died, spawn

AT_ONCE: Final = 8
"""notices that are being brought to one contact"""
KEPT_FREE: Final = 2
"""of these, for what is imminent"""
MOST_BEGUN: Final = 256
"""tries of one contact, those among them that wait for people; twice as many with the imminent"""
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
        self._begun: Counter[str] = Counter()
        self._brought: Counter[str] = Counter()
        """those of them that are not waiting for people"""

    def begin_due(self) -> float:
        """Begin every try that is due; return when the next is, `inf` for never."""
        self._settle()
        for contact in self.channels:
            for one in self.desk.owed(contact, AT_ONCE + self._begun[contact]):
                self._begin(one)
        return self.desk.next_due()

    def _begin(self, owed: Owed) -> None:
        key = (owed.call, owed.contact)
        if key in self._busy or not self._has_place(owed):
            return
        self._busy.add(key)
        self._begun[owed.contact] += 1
        self._brought[owed.contact] += 1
        spawn(self._try(owed), name="notice", died=self._died)

    def _has_place(self, owed: Owed) -> bool:
        """Tell whether it may be begun: what is imminent does not wait for what is not."""
        brought, begun = self._brought[owed.contact], self._begun[owed.contact]
        if owed.level >= IMMINENT:
            return brought < AT_ONCE and begun < 2 * MOST_BEGUN
        return brought < AT_ONCE - KEPT_FREE and begun < MOST_BEGUN

    async def _try(self, owed: Owed) -> None:
        try:
            sent = await self._sent(owed)
            if sent is not None and not isinstance(sent, str):
                sent = await self._why(sent)  # people confirm it
            self._come.append((owed, sent))
        finally:
            self._begun[owed.contact] -= 1
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

    async def _sent(self, owed: Owed) -> Awaitable[None] | str | None:
        """Send it; return what waits for people, or why it did not get there, None if it did."""
        try:
            notice = self.desk.notice(owed)
            if notice is None:
                return "nobody need be told any more"
            waits: list[Awaitable[None]] = []

            async def send() -> None:
                receipt = await self.channels[owed.contact].send(notice)
                waits.extend([] if receipt is None else [receipt])

            why = await self._why(send())
            return waits[0] if waits else why
        finally:
            self._brought[owed.contact] -= 1

    async def _why(self, work: Awaitable[None]) -> str | None:
        """Await it; return why it was in vain, None if it was not."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await work
        except NotTaken as error:
            return str(error)
        except Exception as fault:  # noqa: BLE001 - nobody else would try it again
            return type(fault).__name__
        return None
