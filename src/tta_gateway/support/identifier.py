"""Identifiers: UUIDs of version 7 (RFC 9562 5.7) and the ids of W3C Trace Context.

Random bytes are drawn from the system for many at a time: a draw costs a system call.
"""

import os
import re
from collections.abc import Callable
from typing import Final

REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:\-]{0,127}")
TRACEPARENT: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


_DRAWN: Final = 8192  # bytes of chance at once


class Identifiers:
    """A source of identifiers; `wall` gives seconds since the epoch."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """Draw nothing yet."""
        self._wall = wall
        self._millisecond = 0
        self._prefix = b""
        self._digits = b""  # hexadecimal, still to be used
        self._at = 0

    def uuid7(self) -> bytes:
        """Return a UUID that sorts by time, in its usual 36 characters."""
        millisecond = int(self._wall() * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            stamp = b"%012x" % millisecond
            self._prefix = stamp[:8] + b"-" + stamp[8:] + b"-7"
        one = self._drawn(18)
        return b"%b%b-8%b-%b" % (self._prefix, one[:3], one[3:6], one[6:])

    def traceparent(self) -> bytes:
        """Return a new trace and span, not sampled."""
        one = self._drawn(48)
        return b"00-%b-%b-00" % (one[:32], one[32:])

    def _drawn(self, count: int) -> bytes:
        """Return that many random hexadecimal digits."""
        at = self._at
        end = at + count
        if end > len(self._digits):
            self._digits = os.urandom(_DRAWN).hex().encode()
            at, end = 0, count
        self._at = end
        return self._digits[at:end]
