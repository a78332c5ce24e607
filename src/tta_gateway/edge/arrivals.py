"""Arrivals: what idle clients send is taken up a little at a time, so that a turn of the loop ends.

Where thousands ask in one moment the loop hears of them all before it does anything else: libuv
polls again as long as each poll brings it as much as it can hold.  What waits for the next turn
(answers of services, timers, the sign of life that the supervisor looks for) would wait for seconds
then, and whoever was let in would be answered last.  So a turn takes up so many and takes note of
the others, which come next, first come first served.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

_IN_A_TURN: Final = 64  # about a millisecond


class Arriving(Protocol):
    """A connection whose client has sent something while nothing was under way."""

    def take_up(self) -> None:
        """Take what has come."""


class Arrivals:
    """Has connections take up what has come, in order, in this turn or one of the next."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with nobody who waits."""
        self._loop = loop
        self._turn = -1.0  # by the loop's clock, which stands still in a turn
        self._left = _IN_A_TURN
        self._waiting: deque[tuple[Arriving, float]] = deque()

    def is_full(self) -> bool:
        """Tell whether one more has to wait for a later turn; else it counts as taken up."""
        if self._waiting:
            return True
        now = self._loop.time()
        if now != self._turn:
            self._turn = now
            self._left = _IN_A_TURN
        self._left -= 1
        return self._left < 0

    def wait(self, connection: Arriving) -> None:
        """Have the connection take up what has come in one of the next turns."""
        if not self._waiting:
            self._loop.call_soon(self._go_on)
        self._waiting.append((connection, self._loop.time()))

    def behind(self) -> float:
        """Return for how long the first one has waited, in seconds."""
        return self._loop.time() - self._waiting[0][1] if self._waiting else 0.0

    def _go_on(self) -> None:
        waiting = self._waiting
        try:
            for _ in range(min(len(waiting), _IN_A_TURN)):
                waiting.popleft()[0].take_up()
        finally:  # the fault of one is the loop's to tell; those behind it go on all the same
            if waiting:
                self._loop.call_soon(self._go_on)
