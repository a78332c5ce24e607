"""The clock: the only place that reads one."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def monotonic(self) -> float:
        """Return seconds that only go forward, for durations and deadlines."""

    def wall(self) -> float:
        """Return seconds since the epoch, for people and other machines."""


class SystemClock:
    """The machine's own clocks."""

    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)


class Stamp:
    """The time of day as RFC 3339 text to the millisecond; made once a millisecond at the most."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """Take the time from `wall`, seconds since the epoch."""
        self._wall = wall
        self._millisecond = -1
        self._text = ""

    def text(self) -> str:
        """Return the time now, in UTC."""
        millisecond = int(self._wall() * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            moment = datetime.fromtimestamp(millisecond / 1000, UTC)
            self._text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self._text
