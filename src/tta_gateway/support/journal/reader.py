"""The reader: the records of every slot, in the order of each, behind the marks of who takes them.

A mark says how far a segment has been taken over; whoever takes records keeps the marks in the same
transaction as what it made of them, so that each record counts once.  Reading changes nothing.
What makes no sense is told of and passed over, where another record is found behind it: at the end
of a segment that is still written in it is only not there yet.  What was read may not be durable
yet: nobody was told that it is.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from tta_gateway.support.crypto.ring import Wrapping
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.journal.frames import Frame, frame_at, is_blank, next_frame
from tta_gateway.support.journal.segment import (
    SIZE,
    Header,
    header_of,
    made_at,
    names_in,
    path_of,
    slots_in,
)

Marks: TypeAlias = Mapping[str, int]
"""How far each segment has been taken over: its name, and the end of the last record taken."""
Kind: TypeAlias = Literal["torn", "damaged", "unreadable"]
_BEGINNING: Final = 4096  # bytes, of which the header is a part
MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its segment, what the mark of that is once this is taken, and what it holds.

    `at` is when it was given to the journal, in seconds since the epoch.
    """

    segment: str
    end: int
    at: float
    payload: bytes


@dataclass(frozen=True, slots=True)
class Trouble:
    """A place that makes no sense.

    `torn` is the end of a segment whose writer died: nothing of it was acknowledged, unless the
    disk has lost it.  `damaged` lies between records: what stood there is lost.  `unreadable` is a
    whole segment, whose header is damaged or whose key is not at hand; it is kept.  So is a slot or
    a segment that the disk does not give.  What stands in one that cannot be opened is told of by
    itself, when it is seen to be `behind`.
    """

    kind: Kind
    segment: str
    begin: int
    size: int


@dataclass(frozen=True, slots=True)
class Behind:
    """What nobody has taken over yet: bytes, and when the oldest of it was given, or None."""

    size: int
    since: float | None


class _View:
    """An open segment."""

    def __init__(self, fd: int, header: Header) -> None:
        """Read from this descriptor."""
        self.fd = fd
        self.header = header
        self.nothing_at = -1
        """where nothing was found of a segment that nobody writes in"""

    def is_left(self) -> bool:
        """Tell whether nobody writes in it."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        return True

    def rest(self, at: int) -> bytes:
        """Return what stands there and behind it, without reading much where nothing does yet."""
        if not self._has_something(at):
            return b""
        return os.pread(self.fd, max(0, SIZE - at), at)

    def whole_rest(self, at: int) -> bytes:
        """Return what stands there and behind it."""
        return os.pread(self.fd, max(0, SIZE - at), at)

    def _has_something(self, at: int) -> bool:
        return bool(os.pread(self.fd, 4, at).strip(b"\0"))


class Reader:
    """Reads a journal's folder."""

    def __init__(self, folder: Path, keys: Wrapping, *, trouble: Callable[[Trouble], None]) -> None:
        """Read with these keys; `trouble` hears once of each place that makes no sense."""
        self.keys = keys
        self._folder = folder
        self._trouble = trouble
        self._views: dict[str, _View] = {}
        self._told: set[tuple[str, int]] = set()
        self._turns = 0
        self._closed: set[str] = set()
        """segments that are there and cannot be read"""

    def read(self, marks: Marks, most: int = MOST) -> list[Record]:
        """Return records behind these marks, at most so many; none if nothing is new.

        Oldest segments of a slot come first; records of different slots are in no order, and each
        time another slot begins, so that none waits for one that is never done.  OSError if the
        folder cannot be read; what is wrong with a single slot or segment keeps no other back.
        """
        found: list[Record] = []
        turn, self._turns = self._turns, self._turns + 1
        for name, view in self._all(turn):
            at = max(marks.get(name, 0), view.header.end)
            try:
                self._read(name, view, at, found, most)
            except OSError:
                self._tell(Trouble("unreadable", name, at, 0))
            if len(found) >= most:
                return found
        return found

    def _read(self, name: str, view: _View, at: int, found: list[Record], most: int) -> None:
        for frame in self._frames(name, view, at):
            record = self._record(name, view, frame)
            if record is not None:
                found.append(record)
            if len(found) >= most:
                return

    def forget(self, marks: Marks) -> list[str]:
        """Take away segments that nobody writes in and of which all is taken over.

        Return the names of marks that are of no use any more: those, and any that have no segment.
        Call it when the marks are durable.
        """
        kept = set[str]()
        for name, view in self._all():
            if not self._forgotten(name, view, max(marks.get(name, 0), view.header.end)):
                kept.add(name)
        kept |= {name for name in marks if self._exists(name)}
        return [name for name in marks if name not in kept]

    def _forgotten(self, name: str, view: _View, at: int) -> bool:
        """Take a segment away if it is over; False if it is not, or cannot be taken away."""
        try:
            if not self._is_over(view, at):
                return False
            path_of(self._folder, name).unlink(missing_ok=True)
        except OSError:
            return False
        self._close(name)
        return True

    def _exists(self, name: str) -> bool:
        try:
            return path_of(self._folder, name).exists()
        except OSError:  # nobody can tell: its mark is kept
            return True

    def behind(self, marks: Marks) -> Behind:
        """Return how much nobody has taken over yet."""
        size, since = 0, list[float]()
        for name, view in self._all():
            at = max(marks.get(name, 0), view.header.end)
            try:
                size += _behind_in(view, at, since)
            except OSError:
                self._tell(Trouble("unreadable", name, at, 0))
        for name in sorted(self._closed):
            begin, unread = _unread_in(path_of(self._folder, name), marks.get(name, 0))
            if unread:
                self._tell(Trouble("unreadable", name, begin, unread))
                since.append(made_at(name))
                size += unread
        return Behind(size, min(since, default=None))

    def close(self) -> None:
        """Let go of all files."""
        for name in list(self._views):
            self._close(name)

    def _close(self, name: str) -> None:
        os.close(self._views.pop(name).fd)

    def _all(self, turn: int = 0) -> Iterator[tuple[str, _View]]:
        """Yield every segment that can be read, beginning with the slot whose turn it is."""
        slots = slots_in(self._folder)
        begin = turn % len(slots) if slots else 0
        names: list[str] = []
        for slot in slots[begin:] + slots[:begin]:
            try:
                names += names_in(self._folder, slot)
            except NotADirectoryError:
                pass  # such a file is no slot
            except OSError:
                self._tell(Trouble("unreadable", str(slot), 0, 0))
        self._closed &= set(names)
        for gone in self._views.keys() - set(names):
            self._close(gone)
        for name in names:
            view = self._views.get(name) or self._open(name)
            if view is not None:
                yield name, view

    def _open(self, name: str) -> _View | None:
        try:
            fd = os.open(path_of(self._folder, name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._unreadable(name)
            return None
        try:
            view = _View(fd, header_of(os.pread(fd, _BEGINNING, 0), name, self.keys))
        except (OSError, NotSealed):
            os.close(fd)
            self._unreadable(name)
            return None
        self._closed.discard(name)
        self._views[name] = view
        return view

    def _unreadable(self, name: str) -> None:
        self._closed.add(name)
        self._tell(Trouble("unreadable", name, 0, 0))

    def _tell(self, trouble: Trouble) -> None:
        place = (trouble.segment, trouble.begin)
        if place not in self._told:
            self._told.add(place)
            self._trouble(trouble)

    def _frames(self, name: str, view: _View, at: int) -> Iterator[Frame]:
        """Yield whole frames; tell of what is passed over between them, and of a torn end."""
        is_left = view.is_left()  # before it is read: what is there then is all
        is_known = view.nothing_at == at  # to be blank: there is no need to look at all of it
        data = view.whole_rest(at) if is_left and not is_known else view.rest(at)
        begin = at
        while data:
            frame = frame_at(data, at - begin) or next_frame(data, at - begin)
            if frame is None:
                break
            if frame.begin + begin > at:
                again = frame_at(view.rest(at), 0)  # it may have been written while it was read
                if again is not None:
                    frame = Frame(at - begin, at - begin + again.end, again.data)
                else:
                    self._tell(Trouble("damaged", name, at, frame.begin + begin - at))
            at = frame.end + begin
            yield Frame(frame.begin + begin, at, frame.data)
        if not is_left:  # what follows may be on its way
            return
        torn = data[at - begin :].rstrip(b"\0")
        if not torn:
            view.nothing_at = at
        else:
            self._tell(Trouble("torn", name, at, len(torn)))

    def _record(self, name: str, view: _View, frame: Frame) -> Record | None:
        try:
            opened = view.header.cipher.open(frame)
        except NotSealed:
            self._tell(Trouble("damaged", name, frame.begin, frame.end - frame.begin))
            return None
        return Record(name, frame.end, opened.at, opened.payload)

    def _is_over(self, view: _View, at: int) -> bool:
        """Tell whether nobody writes in it, and nothing that makes sense stands behind the mark.

        One that nobody has ever written in is the next writer's reserve.
        """
        if not view.is_left():
            return False
        rest = view.whole_rest(at)
        is_reserve = at == view.header.end and len(rest) == SIZE - at and is_blank(rest, 0)
        return not is_reserve and next_frame(rest, 0) is None


def _whole_frames(data: bytes, begin: int) -> Iterator[Frame]:
    at = 0
    while (frame := next_frame(data, at)) is not None:
        at = frame.end
        yield Frame(frame.begin + begin, frame.end + begin, frame.data)


def _behind_in(view: _View, at: int, since: list[float]) -> int:
    """Return the bytes of records there and behind it; add when the first was given."""
    size, first = 0, True
    for frame in _whole_frames(view.rest(at), at):
        size += frame.end - frame.begin
        if first:
            first = False
            with contextlib.suppress(NotSealed):
                since.append(view.header.cipher.open(frame).at)
    return size


def _unread_in(path: Path, mark: int) -> tuple[int, int]:
    """Return where records behind a mark begin, and how many bytes they are.

    They are those of a segment that cannot be opened; one whose header is damaged as well begins
    at 1.
    """
    try:
        whole = path.read_bytes()
    except OSError:
        return 0, 0
    header = frame_at(whole, 0)
    begin = max(mark, 1 if header is None else header.end)
    return begin, sum(frame.end - frame.begin for frame in _whole_frames(whole[begin:], begin))
