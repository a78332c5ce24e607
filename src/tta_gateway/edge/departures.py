"""Departures: clients that have gone are seen out a few in a turn of the loop.

A client fleet or a balancer before us ends thousands of idle connections in one moment, and the
loop hears of all of them in one turn.  To close each costs several times what it costs to hear of
it; so a turn only takes note, and nobody who stays waits until all the others have left.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

_IN_A_TURN: Final = 100  # connections: about a millisecond


class Departing(Protocol):
    """An idle connection whose client has ended its half."""

    def give_way(self) -> None:
        """End it."""


class Departures:
    """Sees connections out in the order in which their clients have gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with nobody to see out."""
        self._loop = loop
        self._waiting: deque[Departing] = deque()

    def see_out(self, connection: Departing) -> None:
        """End the connection in one of the next turns."""
        if not self._waiting:
            self._loop.call_soon(self._go_on)
        self._waiting.append(connection)

    def _go_on(self) -> None:
        waiting = self._waiting
        try:
            for _ in range(min(len(waiting), _IN_A_TURN)):
                waiting.popleft().give_way()
        finally:  # the fault of one is the loop's to tell; those behind it go all the same
            if waiting:
                self._loop.call_soon(self._go_on)
