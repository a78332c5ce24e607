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
from tta_gateway.support.journal.segment import SIZE, Header, header_of, names_in, path_of, slots_in

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
    whole segment, whose header is damaged or whose key is not at hand; it is kept.
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

    def read(self, marks: Marks, most: int = MOST) -> list[Record]:
        """Return records behind these marks, at most so many; none if nothing is new.

        Oldest segments come first; records of different slots are in no order.
        """
        found: list[Record] = []
        for name, view in self._all():
            at = max(marks.get(name, 0), view.header.end)
            for frame in self._frames(name, view, at):
                record = self._record(name, view, frame)
                if record is not None:
                    found.append(record)
                if len(found) >= most:
                    return found
        return found

    def forget(self, marks: Marks) -> list[str]:
        """Take away segments that nobody writes in and of which all is taken over.

        Return the names of marks that are of no use any more: those, and any that have no segment.
        Call it when the marks are durable.
        """
        kept = set[str]()
        for name, view in self._all():
            if not self._is_over(view, max(marks.get(name, 0), view.header.end)):
                kept.add(name)
                continue
            path_of(self._folder, name).unlink(missing_ok=True)
            self._close(name)
        kept |= {name for name in marks if path_of(self._folder, name).exists()}
        return [name for name in marks if name not in kept]

    def behind(self, marks: Marks) -> Behind:
        """Return how much nobody has taken over yet."""
        size, since = 0, list[float]()
        for name, view in self._all():
            at = max(marks.get(name, 0), view.header.end)
            first = True
            for frame in _whole_frames(view.rest(at), at):
                size += frame.end - frame.begin
                if first:
                    first = False
                    with contextlib.suppress(NotSealed):
                        since.append(view.header.cipher.open(frame).at)
        return Behind(size, min(since, default=None))

    def close(self) -> None:
        """Let go of all files."""
        for name in list(self._views):
            self._close(name)

    def _close(self, name: str) -> None:
        os.close(self._views.pop(name).fd)

    def _all(self) -> Iterator[tuple[str, _View]]:
        """Yield every segment that can be read."""
        names = [name for slot in slots_in(self._folder) for name in names_in(self._folder, slot)]
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
            self._tell(Trouble("unreadable", name, 0, 0))
            return None
        try:
            view = _View(fd, header_of(os.pread(fd, _BEGINNING, 0), name, self.keys))
        except (OSError, NotSealed):
            os.close(fd)
            self._tell(Trouble("unreadable", name, 0, 0))
            return None
        self._views[name] = view
        return view

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
