"""A slot: the segments of one writer, the one it writes in and the one that it has in reserve.

What is urgent may use the reserve; what is not is refused once none can be made any more.  A
segment of which a write or a sync has failed is given up: what is on the disk of it is not known,
and asking again tells nothing (a kernel may report a failed sync once and forget it).  What was to
be written goes into the next one, once.  Blocking: one thread calls it.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.ring import Wrapping
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.journal.disk import Disk, lock
from tta_gateway.support.journal.frames import LARGEST, end_of_last, is_blank
from tta_gateway.support.journal.segment import (
    SIZE,
    Segment,
    clear_unfinished,
    header_of,
    make,
    names_in,
    path_of,
    take_blank,
)

_PAUSE: Final = 1.0  # seconds, before a reserve is tried again
MOST_TOGETHER: Final = 256 * 1024
"""bytes of the payloads that are written with one sync"""
LARGEST_PAYLOAD: Final = LARGEST - 64
"""bytes of a record; a larger one is refused"""
Trouble = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written: its time in seconds since the epoch, and its bytes."""

    at: float
    payload: bytes
    urgent: bool = True


class Slot:
    """Where a writer writes."""

    def __init__(
        self,
        folder: Path,
        number: int,
        *,
        keys: Wrapping,
        disk: Disk,
        clock: Clock,
        trouble: Trouble,
    ) -> None:
        """Begin with nothing open.  `trouble` hears what has failed, and why: a word and a text."""
        self._folder = folder
        self._number = number
        self.keys = keys
        self._disk = disk
        self._clock = clock
        self._trouble = trouble
        self._current: Segment | None = None
        self._reserve: Segment | None = None
        self._again = 0.0
        self.given_up = 0
        """segments that could not be trusted any more"""

    def open(self) -> None:
        """Take over what a dead writer has left: cut torn ends, and go on with its reserve."""
        try:
            for folder in (self._folder, self._folder / str(self._number)):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._disk.sync_folder(str(self._folder))
            clear_unfinished(self._folder, self._number)
        except OSError as error:
            self._tell("journal_not_opened", error)
        for name in names_in(self._folder, self._number):
            if self._current is None or self._reserve is None:
                taken = take_blank(self._folder, name, keys=self.keys, disk=self._disk)
                if taken is not None:
                    self._stock(taken)
                    continue
            self._cut(name)
        self.restock()

    def _stock(self, segment: Segment) -> None:
        if self._current is None:
            self._current = segment
        else:
            self._reserve = segment

    def _cut(self, name: str) -> None:
        """Cut off what a dead writer did not finish, and the zeros behind it."""
        with contextlib.suppress(OSError, NotSealed):
            torn = cut(path_of(self._folder, name), name, self.keys)
            if torn:
                self._trouble("journal_torn", f"{name}: {torn} bytes were never acknowledged")

    def restock(self) -> None:
        """See to it that there is a segment to write in, and one in reserve.

        Those that an older key has sealed are left as soon as others can be made: who changes keys
        takes the old one away, and nobody could read them any more.
        """
        if self._clock.monotonic() < self._again:
            return
        try:
            if self._is_stale(self._reserve):
                self._leave_reserve(self._made())
            while self._current is None or self._reserve is None:
                self._stock(self._made())
            if self._is_stale(self._current):
                made = self._made()
                self._turn(failed=False)
                self._stock(made)
        except OSError as error:
            self._again = self._clock.monotonic() + _PAUSE
            self._tell("journal_no_reserve", error)

    def _is_stale(self, segment: Segment | None) -> bool:
        return segment is not None and not segment.is_sealed_by_newest(self.keys)

    def _leave_reserve(self, made: Segment) -> None:
        left, self._reserve = self._reserve, made
        if left is not None:
            self._remove(left)

    def _remove(self, segment: Segment) -> None:
        """Take one away that nothing was written in."""
        with contextlib.suppress(OSError):
            path_of(self._folder, segment.name).unlink()
        segment.close()

    def _made(self) -> Segment:
        now = self._clock.wall()
        return make(self._folder, self._number, keys=self.keys, disk=self._disk, now=now)

    def write(self, entries: list[Entry]) -> list[bool]:
        """Write them; return of each whether it is on the disk."""
        kept: list[bool] = []
        at = 0
        while at < len(entries):
            together = self._together(entries, at)
            done = bool(together) and (self._append(together) or self._append(together))
            count = len(together) or 1
            kept.extend([done] * count)
            at += count
        return kept

    def _together(self, entries: list[Entry], at: int) -> list[Entry]:
        """Return those that go into one segment with one sync; none if the first has no place."""
        together: list[Entry] = []
        size = 0
        for entry in entries[at:]:
            more = len(entry.payload)
            if together and (size + more > MOST_TOGETHER or not self._has_room(size + more)):
                break
            if not together and not self._find_room(entry):
                return []
            if more > LARGEST_PAYLOAD or not self._may_use(entry):
                break
            together.append(entry)
            size += more + 64
        return together

    def _has_room(self, size: int) -> bool:
        return self._current is not None and self._current.has_room(size)

    def _may_use(self, entry: Entry) -> bool:
        """Tell whether it may have what there is: the last segment is for what is urgent."""
        return entry.urgent or self._reserve is not None

    def _find_room(self, entry: Entry) -> bool:
        """Have a segment with room for an entry; False if there is none that it may use."""
        size = len(entry.payload)
        if size > LARGEST_PAYLOAD:
            return False
        if not self._has_room(size):
            if not entry.urgent and not self._restocked():
                return False
            self._turn(failed=False)
        return self._has_room(size) and (entry.urgent or self._restocked())

    def _restocked(self) -> bool:
        self.restock()
        return self._reserve is not None

    def _turn(self, *, failed: bool) -> None:
        """Go on in the next segment."""
        current, self._current = self._current, self._reserve
        self._reserve = None
        if current is not None and failed:
            self.given_up += 1
            current.abandon()
        elif current is not None and current.used == current.begin and self._is_stale(current):
            self._remove(current)
        elif current is not None:
            current.close()
        if self._current is None:
            try:
                self._current = self._made()
            except OSError as error:
                self._tell("journal_full", error)

    def _append(self, entries: list[Entry]) -> bool:
        current = self._current
        if current is None:
            return False
        try:
            current.append([(entry.at, entry.payload) for entry in entries])
        except OSError as error:
            self._tell("journal_not_synced", error)
            self._turn(failed=True)
            return False
        return True

    def _tell(self, what: str, error: OSError) -> None:
        self._trouble(what, error.strerror or str(error))

    def close(self) -> None:
        """Let go of everything; the reserve stays for who comes next."""
        for segment in (self._current, self._reserve):
            if segment is not None:
                segment.close()
        self._current = self._reserve = None


def cut(path: Path, name: str, keys: Wrapping) -> int:
    """Cut a dead writer's segment behind its last whole record; return how many torn bytes it had.

    Nothing is done, and 0 returned, where it is another's, was cut before, or was not written in.
    OSError or NotSealed if it cannot be read.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_size != SIZE or not lock(fd):
            return 0
        whole = os.pread(fd, SIZE, 0)
        begin = header_of(whole, name, keys).end
        if is_blank(whole, begin):
            return 0
        end = end_of_last(whole, begin)
        torn = whole[end:].rstrip(b"\0")
        if end > begin or torn:
            os.ftruncate(fd, end)
        return len(torn)
    finally:
        os.close(fd)
