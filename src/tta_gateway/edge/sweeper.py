"""The sweeper: one coarse timer for every connection's deadline.

A timer for each would cost more than the request it guards.  Connections write their `deadline`;
the sweeper looks at all of them a few times a second, a slice at a time so that no look holds the
loop.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from tta_gateway.support.metrics import Metric

INTERVAL: Final = 0.2  # seconds
LAG: Final = Metric(
    "tta_gateway_loop_lag_seconds",
    "histogram",
    "How much later than due the loop came to a timer, five times a second.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0),
)
_SLICE: Final = 1000  # connections
NEVER: Final = float("inf")


class Watched(Protocol):
    """Something with a deadline in seconds of the loop's clock."""

    deadline: float

    def on_deadline(self, now: float) -> None:
        """Do what is due; set another deadline or be gone."""


class Sweeper:
    """Watches deadlines.

    `now` is the time of its last look, good enough to set the next from; `lag` is how much later
    than due that look came, in seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        """Begin with nothing to watch."""
        self.loop = loop
        self.clock = clock
        self._watched: set[Watched] = set()
        self._timer: asyncio.Handle | None = None
        self.now = clock()
        self.lag = 0.0
        self._due = self.now
        self.each_tick: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begin to look."""
        self._due = self.clock() + INTERVAL
        self._timer = self.loop.call_later(INTERVAL, self._tick)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, one: Watched) -> None:
        """Watch it from now on."""
        self._watched.add(one)

    def forget(self, one: Watched) -> None:
        """Watch it no longer."""
        self._watched.discard(one)

    def _tick(self) -> None:
        # Whatever one of them raises is the loop's to report; the others come all the same.
        self._timer = self.loop.call_later(INTERVAL, self._tick)
        self.now = self.clock()
        self.lag = max(0.0, self.now - self._due)
        self._due = self.now + INTERVAL
        for call in self.each_tick:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - likewise
                self._report(error)
        self._look(list(self._watched), 0)

    def _look(self, watched: list[Watched], begin: int) -> None:
        now = self.now
        end = begin + _SLICE
        if end < len(watched):
            self.loop.call_soon(self._look, watched, end)
        for one in watched[begin:end]:
            if one.deadline <= now and one in self._watched:
                try:
                    one.on_deadline(now)
                except Exception as error:  # noqa: BLE001 - the loop reports it
                    self._report(error)

    def _report(self, error: Exception) -> None:
        about = {"message": "a look at deadlines failed", "exception": error}
        self.loop.call_exception_handler(about)
