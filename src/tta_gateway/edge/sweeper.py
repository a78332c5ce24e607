"""The sweeper: one coarse timer for every connection's deadline.

A timer for each would cost more than the request it guards.  Connections write their `deadline`;
the sweeper looks at them a few times a second, a slice at a time so that no look holds the loop.
Clients are by far the most, and mostly idle for minutes: to look at thousands of them each time
takes a twentieth of a worker that has little time.  So those whose deadline is far are looked at in
rounds of a second; whoever sets a nearer one than that asks to be looked at sooner.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from tta_gateway.support.metrics import Metric

INTERVAL: Final = 0.2  # seconds
_LOOKS: Final = 5  # that make a round
NEAR: Final = (_LOOKS + 1) * INTERVAL
"""Seconds within which everybody is looked at, and a look more."""
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
        self._soon: set[Watched] = set()  # of those, whose turn is with every look
        self._calm: dict[Watched, int] = {}  # and who may be far from a deadline, with their look
        self._round: list[set[Watched]] = [set() for _ in range(_LOOKS)]
        self._at = 0  # the look of the round that is next
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
        """Watch it from now on, with every look."""
        self._watched.add(one)
        self._soon.add(one)

    def watch_calmly(self, one: Watched) -> None:
        """Watch it from now on, in rounds while its deadline is far: it may come nearer by itself.

        One that is set to less than NEAR from then may be told of a round later, unless it hastens.
        """
        at = self._calm.setdefault(one, len(self._calm) % _LOOKS)
        self._round[at].add(one)
        self.watch(one)

    def hasten(self, one: Watched) -> None:
        """Look at it with the next look, and until its deadline is far again."""
        if one in self._watched:
            self._soon.add(one)

    def forget(self, one: Watched) -> None:
        """Watch it no longer."""
        self._watched.discard(one)
        self._soon.discard(one)
        at = self._calm.pop(one, -1)
        if at >= 0:
            self._round[at].discard(one)

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
        self._look(self._turns(), 0)

    def _turns(self) -> list[Watched]:
        """Return those who are looked at now: the near ones, with those that this look finds."""
        far = self.now + NEAR
        self._soon.update([one for one in self._round[self._at] if one.deadline <= far])
        self._at = (self._at + 1) % _LOOKS
        return list(self._soon)

    def _look(self, watched: list[Watched], begin: int) -> None:
        now = self.now
        end = begin + _SLICE
        if end < len(watched):
            self.loop.call_soon(self._look, watched, end)
        for one in watched[begin:end]:
            if one not in self._watched:
                continue
            if one.deadline <= now:
                try:
                    one.on_deadline(now)
                except Exception as error:  # noqa: BLE001 - the loop reports it
                    self._report(error)
            if one.deadline > now + NEAR and one in self._calm:
                self._soon.discard(one)  # a look of the round finds it again

    def _report(self, error: Exception) -> None:
        about = {"message": "a look at deadlines failed", "exception": error}
        self.loop.call_exception_handler(about)
