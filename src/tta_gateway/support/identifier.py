"""Identifiers: UUIDs of version 7 (RFC 9562 5.7) and the ids of W3C Trace Context.

Random bytes are drawn from the system for many at a time: a draw costs a system call.
"""

import os
import re
from collections.abc import Callable
from typing import Final

REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:\-]{0,127}")
TRACEPARENT: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


_GROUPS: Final = 1024  # of 16 hexadecimal digits, drawn at once


class Identifiers:
    """A source of identifiers; `wall` gives seconds since the epoch."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """Draw nothing yet."""
        self._wall = wall
        self._millisecond = 0
        self._prefix = b""
        self._groups: list[bytes] = []

    def uuid7(self) -> bytes:
        """Return a UUID that sorts by time, in its usual 36 characters."""
        millisecond = int(self._wall() * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            stamp = b"%012x" % millisecond
            self._prefix = stamp[:8] + b"-" + stamp[8:] + b"-7"
        groups = self._drawn()
        one = groups.pop()
        return self._prefix + one[:3] + b"-8" + one[3:6] + b"-" + groups.pop()[:12]

    def traceparent(self) -> bytes:
        """Return a new trace and span, not sampled."""
        groups = self._drawn()
        return b"00-" + groups.pop() + groups.pop() + b"-" + groups.pop() + b"-00"

    def _drawn(self) -> list[bytes]:
        """Return random groups of 16 digits, at least three."""
        groups = self._groups
        if len(groups) < _LEAST:
            groups += os.urandom(8 * _GROUPS).hex("-", 8).encode().split(b"-")
        return groups


_LEAST: Final = 3
