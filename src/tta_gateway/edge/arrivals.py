"""Arrivals: what idle clients send is taken up a little at a time, so that a turn of the loop ends.

Where thousands ask in one moment the loop hears of them all before it does anything else: libuv
polls again as long as each poll brings it as much as it can hold.  What waits for the next turn
(answers of services, timers, the sign of life that the supervisor looks for) would wait for seconds
then, and whoever was let in would be answered last.  So a turn takes up so many and takes note of
the others, which come next: higher classes first, by what they seem to ask, and of each class first
come first served.  Of every class that waits a turn takes some, so that none starves.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

from tta_gateway.kernel.traffic import CLASSES

_IN_A_TURN: Final = 64  # about a millisecond
_LEAST: Final = 8  # of each class, if so many wait


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
        self._count = 0
        self._waiting: list[deque[tuple[Arriving, float]]] = [deque() for _ in CLASSES]

    def is_full(self) -> bool:
        """Tell whether one more has to wait for a later turn; else it counts as taken up."""
        if self._count:
            return True
        now = self._loop.time()
        if now != self._turn:
            self._turn = now
            self._left = _IN_A_TURN
        self._left -= 1
        return self._left < 0

    def wait(self, connection: Arriving, traffic: int) -> None:
        """Have the connection take up what has come in one of the next turns, by this class."""
        if not self._count:
            self._loop.call_soon(self._go_on)
        self._count += 1
        self._waiting[traffic].append((connection, self._loop.time()))

    def behind(self) -> float:
        """Return for how long the one has waited that has waited longest, in seconds."""
        if not self._count:
            return 0.0
        now = self._loop.time()
        return max([0.0, *(now - each[0][1] for each in self._waiting if each)])

    def _go_on(self) -> None:
        try:
            for traffic, count in enumerate(shares([len(one) for one in self._waiting])):
                waiting = self._waiting[traffic]
                for _ in range(count):
                    self._count -= 1
                    waiting.popleft()[0].take_up()
        finally:  # the fault of one is the loop's to tell; those behind it go on all the same
            if self._count:
                self._loop.call_soon(self._go_on)


def shares(waiting: list[int]) -> list[int]:
    """Return how many of each class a turn takes up, of so many that wait; the highest first."""
    taken = [min(count, _LEAST) for count in waiting]
    left = _IN_A_TURN - sum(taken)
    for traffic, count in enumerate(waiting):
        more = min(left, count - taken[traffic])
        taken[traffic] += more
        left -= more
    return taken
