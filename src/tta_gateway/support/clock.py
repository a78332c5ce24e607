"""The clock: the only place that reads one."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final, Protocol


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
    """The time of day as RFC 3339 text to the millisecond; the date is made once a second."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """Take the time from `wall`, seconds since the epoch."""
        self._wall = wall
        self._second = -1
        self._prefix = ""

    def text(self) -> str:
        """Return the time now, in UTC."""
        now = int(self._wall() * 1000)
        second = now // 1000
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return self._prefix + _ENDS[now - second * 1000]


# Looked up, not formatted, for each line of a log: bench/paper.py, AccessLog.
_ENDS: Final = [f"{millisecond:03d}Z" for millisecond in range(1000)]


class HttpDate:
    """The time of day as a Date field has it (RFC 9110 5.6.7); made once a second."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """Take the time from `wall`, seconds since the epoch."""
        self._wall = wall
        self._second = -1
        self._text = b""

    def text(self) -> bytes:
        """Return the time now."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True).encode()
        return self._text
