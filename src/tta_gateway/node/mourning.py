"""Mourning: control counts the letters that nobody has acknowledged in time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.metrics import DEAD_LETTERS
from tta_gateway.support.metrics import Registry

EACH: Final = 5.0  # seconds between two counts


class Graves(Protocol):
    """Where dead letters are."""

    async def count(self) -> int:
        """Return how many there are, of all users; Away."""
        ...


class Mourning:
    """Counts again and again."""

    def __init__(
        self,
        graves: Graves,
        counts: Registry,
        *,
        has_inboxes: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Count while there are inboxes."""
        self._graves = graves
        self._gauge = counts.child(DEAD_LETTERS)
        self._has_inboxes = has_inboxes
        self._sleep = sleep

    async def run(self) -> None:
        """Count for ever; while the store is away the last count stands."""
        while True:
            if self._has_inboxes():
                await self._count()
            await self._sleep(EACH)

    async def _count(self) -> None:
        try:
            self._gauge.set(float(await self._graves.count()))
        except Away:
            return
