"""Slices: much work in several turns of the loop, so that none of them is long."""

import asyncio


class Slices:
    """Counts work, and lets others have a turn before there is too much of it in this one."""

    def __init__(self, most: int) -> None:
        """Let so much be done in a turn."""
        self._most = most
        self._done = 0

    async def room_for(self, much: int) -> None:
        """Wait for another turn, if there is no room for this much in what is left of this one."""
        if self._done and self._done + much > self._most:
            self._done = 0
            await asyncio.sleep(0)
        self._done += much
