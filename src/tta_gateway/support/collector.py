"""The garbage collector's full collections: scheduled and timed, never by surprise."""

import gc
from collections.abc import Callable
from typing import Final

from tta_gateway.support.metrics import Child, Metric

INTERVAL: Final = 60.0  # seconds
PAUSE: Final = Metric(
    "tta_gateway_collector_pause_seconds",
    "histogram",
    "How long full collections held the loop.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
)


class Collector:
    """Collects in full once an interval; `tick` is called often and mostly does nothing."""

    def __init__(self, clock: Callable[[], float], pause: Child) -> None:
        """Time collections with a monotonic clock, in seconds, and count how long they took."""
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
        self._pause.observe(ended - begun)
        self._due = ended + INTERVAL
