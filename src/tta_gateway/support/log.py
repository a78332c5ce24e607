"""Logs: events with fields, one JSON object a line, gathered and written together.

A line costs one append; the file is written when enough has gathered or a moment has passed
(`tick`), never by the caller.  What cannot be written is counted, and never blocks a request.
"""

import contextlib
import os
import select
import stat
from pathlib import Path
from typing import Final, Protocol

from tta_gateway.support.clock import Stamp
from tta_gateway.support.metrics import Metric
from tta_gateway.support.redaction.field import line
from tta_gateway.support.redaction.pseudonym import Pseudonyms

FULL: Final = 64 * 1024
DROPPED: Final = Metric(
    "tta_gateway_log_lines_dropped_total",
    "counter",
    "Lines of logs that were lost: too long, or what they go to was full, gone or not read.",
)


class Lines(Protocol):
    """Somewhere to put lines."""

    def put(self, line: bytes) -> None:
        """Take one line without its end."""


class Log(Lines, Protocol):
    """Lines that are gathered, and written or sent together."""

    def flush(self) -> None:
        """Let what has gathered go."""

    def take_dropped(self) -> int:
        """Return how many lines were lost since this was asked last."""

    def close(self) -> None:
        """Let what has gathered go, and end."""


class LineFile:
    """Lines to a file, `-` for standard output.

    `dropped` counts those that were lost, until it is taken.
    """

    def __init__(self, path: str) -> None:
        """Open the file for appending; OSError if it cannot be."""
        self._gathered: list[bytes] = []
        self._size = 0
        self._torn = False
        self.dropped = 0
        self._path = path
        self._fd = 1 if path == "-" else self._open(path)
        self._ready = None if stat.S_ISREG(os.fstat(self._fd).st_mode) else select.poll()
        if self._ready is not None:
            self._ready.register(self._fd, select.POLLOUT)

    @staticmethod
    def _open(path: str) -> int:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def put(self, line: bytes) -> None:
        """Take one line; write all when many have gathered."""
        self._gathered.append(line)
        self._size += len(line) + 1
        if self._size >= FULL:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered; what the file does not take is dropped and counted."""
        if not self._gathered:
            return
        gathered, self._gathered, self._size = self._gathered, [], 0
        gathered.append(b"")
        data = whole = b"\n".join(gathered)
        try:
            if self._torn:
                os.write(self._fd, b"\n")
                self._torn = False
            while data:
                data = data[self._write(data) :]
        except OSError:
            self.dropped += data.count(b"\n")
            end = len(whole) - len(data)
            self._torn = self._torn or whole[max(end - 1, 0) : end] not in (b"", b"\n")

    def _write(self, data: bytes) -> int:
        """Write some of it, never waiting: a pipe that nobody reads would hold everything."""
        if self._ready is None:
            return os.write(self._fd, data)
        if not self._ready.poll(0):
            raise BlockingIOError
        return os.write(self._fd, data[: select.PIPE_BUF])

    def take_dropped(self) -> int:
        """Return how many lines were lost since this was asked last."""
        lost, self.dropped = self.dropped, 0
        return lost

    def reopen(self) -> None:
        """Go on in the file that has the path now; OSError, and on in the old one, if it cannot."""
        if self._path == "-":
            return
        fd = self._open(self._path)
        self.flush()
        old, self._fd = self._fd, fd
        self._torn = False
        os.close(old)

    def close(self) -> None:
        """Write what has gathered, and close."""
        self.flush()
        if self._fd != 1:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1  # the number may be another file's from now on


class EventLog:
    """Events of the gateway itself: a name and fields."""

    def __init__(self, lines: Lines, stamp: Stamp, people: Pseudonyms | None = None) -> None:
        """Write to these lines; `people` says what people are called there."""
        self._lines = lines
        self._stamp = stamp
        self._people = people or Pseudonyms()

    def event(self, name: str, **fields: object) -> None:
        """Write one event: of its fields those that may be written (support/redaction)."""
        self._lines.put(line(self._stamp.text(), name, fields, self._people.of))
