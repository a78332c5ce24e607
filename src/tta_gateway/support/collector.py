"""The garbage collector's full collections: scheduled and timed, never by surprise."""

import gc
from collections.abc import Callable
from typing import Final

from tta_gateway.support.metrics import Child, Metric

INTERVAL: Final = 60.0  # seconds
PAUSE: Final = Metric(
    "tta_gateway_collector_pause_seconds",
    "gauge",
    "How long the last full collection held the loop.",
)


class Collector:
    """Collects in full once an interval; `tick` is called often and mostly does nothing."""

    def __init__(self, clock: Callable[[], float], pause: Child) -> None:
        """Time collections with a monotonic clock, in seconds, and say how long the last took."""
        self._clock = clock
        self._pause = pause
        self._due = float("inf")

    def start(self) -> None:
        """Begin to count."""
        self._due = self._clock() + INTERVAL

    def tick(self) -> None:
        """Collect if it is time."""
        begun = self._clock()
        if begun < self._due:
            return
        gc.collect()
        ended = self._clock()
        self._pause.set(ended - begun)
        self._due = ended + INTERVAL
