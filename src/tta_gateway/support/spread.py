"""Spread: many deeds done over some time, in an order by chance, not all in one moment.

Clients that are told to come back do so at once.  If all of them hear it together, they storm
whoever is left.
"""

import asyncio
from collections.abc import Callable, Sequence
from math import ceil
from typing import Final

CALM: Final = 500.0
"""deeds a second that storm nobody: so few are done no more slowly than that"""
_STEP: Final = 0.02  # seconds
_IN_A_TURN: Final = 100
Deed = Callable[[], None]


class Spread:
    """Does what is added, a few in each of many steps."""

    def __init__(self, loop: asyncio.AbstractEventLoop, chance: Callable[[], float]) -> None:
        """Begin with nothing to do; `chance` is from 0 to 1."""
        self._loop: Final = loop
        self._chance: Final = chance
        self._left: list[Deed] = []
        self._last: list[Deed] = []  # behind all others
        self._in_a_step = 0
        self._is_hurried = False
        self._is_under_way = False

    def __len__(self) -> int:
        """Return how much is left to do."""
        return len(self._left) + len(self._last)

    def add(self, deeds: list[Deed], *, seconds: float, last: Sequence[Deed] = ()) -> None:
        """Do these too, so that all is done within `seconds`, or sooner if it is little.

        What is `last` comes behind all else that is left.
        """
        self._left += deeds
        self._last += last
        rate = max(CALM, len(self) / max(seconds, _STEP))
        self._in_a_step = max(self._in_a_step, ceil(rate * _STEP))
        if not self._is_under_way:
            self._go_on()

    def hurry(self) -> None:
        """Do what is left as fast as turns of the loop allow."""
        self._is_hurried = True
        if self._is_under_way:
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        count = _IN_A_TURN if self._is_hurried else min(self._in_a_step, _IN_A_TURN)
        some = [self._one() for _ in range(min(count, len(self)))]
        some.reverse()  # they are taken from the end
        try:
            while some:
                some.pop()()
        finally:
            self._left += some  # those behind one that failed
            self._go_on_later(count)

    def _go_on_later(self, count: int) -> None:
        self._is_under_way = len(self) > 0
        if not self._is_under_way:
            self._in_a_step = 0
        elif self._is_hurried:
            self._loop.call_soon(self._go_on)
        else:
            # Sooner than a step, where a turn had no room for all of it.
            self._loop.call_later(_STEP * count / self._in_a_step, self._go_on)

    def _one(self) -> Deed:
        """Take one that is left, whichever."""
        left = self._left or self._last
        at = min(int(self._chance() * len(left)), len(left) - 1)
        left[at], left[-1] = left[-1], left[at]
        return left.pop()
