"""A segment: a file of sealed records, of one size from its beginning to its end.

It begins with a frame that holds a version and the key of its records, wrapped.  A record is sealed
for its place in this very file, with the time at which it was taken before it.  It is written with
zeros and synced before it gets its name: what is written in it later needs no more room, and no
more of the file system's own records.
"""

import contextlib
import os
import secrets
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tta_gateway.support.crypto.ring import ID_BYTES, Wrapping
from tta_gateway.support.crypto.sealing import KEY_BYTES, NotSealed, seal, unseal
from tta_gateway.support.journal.disk import Disk, lock
from tta_gateway.support.journal.frames import Frame, frame_at, framed, is_blank

SIZE: Final = 2**20
"""bytes of a segment"""
_SUFFIX: Final = ".journal"
_UNFINISHED: Final = ".new"
_TRIES: Final = 3
_MOMENT: Final = 0.001  # seconds
_VERSION: Final = b"\x01"
_PURPOSE: Final = b"tta-gateway journal 1 "
_TIME: Final = struct.Struct("<d")
_OVERHEAD: Final = 12 + _TIME.size + 28  # bytes: frame, time, nonce and tag


@dataclass(frozen=True, slots=True)
class Opened:
    """What a record holds: when it was taken, in seconds since the epoch, and its payload."""

    at: float
    payload: bytes


class Cipher:
    """Seals and opens the records of one segment."""

    def __init__(self, name: str, key: bytes) -> None:
        """Take the segment's name and key."""
        self._purpose = _PURPOSE + name.encode()
        self._key = key

    def seal(self, payload: bytes, *, at: float, begin: int) -> bytes:
        """Return the frame of a record that is to begin there."""
        record = _TIME.pack(at) + payload
        return framed(seal(record, key=self._key, purpose=self._bound(begin)))

    def open(self, frame: Frame) -> Opened:
        """Return what a frame holds; NotSealed if it was sealed for another place."""
        record = unseal(frame.data, key=self._key, purpose=self._bound(frame.begin))
        if len(record) < _TIME.size:
            raise NotSealed("too short for a record")
        return Opened(_TIME.unpack_from(record)[0], record[_TIME.size :])

    def _bound(self, begin: int) -> bytes:
        return self._purpose + b"@%d" % begin


@dataclass(frozen=True, slots=True)
class Header:
    """The beginning of a segment: what opens its records, and where the first one begins.

    `wrapped` is its key, as it stands there.
    """

    cipher: Cipher
    end: int
    wrapped: bytes


def header_of(whole: bytes, name: str, keys: Wrapping) -> Header:
    """Return what a segment begins with; NotSealed if it cannot be had with these keys."""
    frame = frame_at(whole, 0)
    if frame is None or frame.data[:1] != _VERSION:
        raise NotSealed("begins with no header of this version")
    wrapped = frame.data[1:]
    key = keys.unwrap(wrapped, purpose=_PURPOSE + name.encode())
    return Header(Cipher(name, key), frame.end, wrapped)


def wrapped_by(folder: Path) -> list[bytes]:
    """Return which key has wrapped that of each segment that has records or may get some.

    OSError if the folder cannot be read.
    """
    paths = [path_of(folder, name) for slot in slots_in(folder) for name in names_in(folder, slot)]
    found = [_wrapped_by(path) for path in paths]
    return [id for id in found if id]


def _wrapped_by(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # all of it has been taken over meanwhile
        return b""
    try:
        whole = os.pread(fd, SIZE, 0)
        frame = frame_at(whole, 0)
        if frame is None or (is_blank(whole, frame.end) and lock(fd)):
            return b""
        return frame.data[1 : 1 + ID_BYTES]
    finally:
        os.close(fd)


def name_of(slot: int, number: int) -> str:
    """Return what a segment is known by: it stands in marks, and is bound to its records."""
    return f"{slot}/{number}"


def made_at(name: str) -> float:
    """Return when a segment was made, of its name, in seconds since the epoch."""
    return int(name.partition("/")[2]) / 1000.0


def path_of(folder: Path, name: str) -> Path:
    """Return the file of a segment."""
    slot, _, number = name.partition("/")
    return folder / slot / f"{int(number):016d}{_SUFFIX}"


def names_in(folder: Path, slot: int) -> list[str]:
    """Return the segments of a slot, the oldest first."""
    return [name_of(slot, number) for number in _numbers(folder / str(slot))]


def slots_in(folder: Path) -> list[int]:
    """Return the slots that a journal has files of."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdecimal())


def _numbers(folder: Path) -> list[int]:
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    stems = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
    return sorted(int(stem) for stem in stems if stem.isdecimal())


class Segment:
    """A segment that this process alone writes in."""

    def __init__(self, name: str, fd: int, header: Header, disk: Disk) -> None:
        """Write behind the header of a file that is locked for this process."""
        self.name = name
        self.used = self.begin = header.end
        self._fd = fd
        self._cipher = header.cipher
        self._wrapped = header.wrapped
        self._disk = disk

    def is_sealed_by_newest(self, keys: Wrapping) -> bool:
        """Tell whether its key is wrapped as one would be now."""
        return keys.is_newest(self._wrapped)

    def has_room(self, length: int) -> bool:
        """Tell whether a payload of so many bytes still fits in."""
        return self.used + length + _OVERHEAD <= SIZE

    def append(self, payloads: list[tuple[float, bytes]]) -> None:
        """Write records with their times, and return when they are on the disk; else OSError."""
        frames: list[bytes] = []
        end = self.used
        for at, payload in payloads:
            frame = self._cipher.seal(payload, at=at, begin=end)
            frames.append(frame)
            end += len(frame)
        self._disk.write(self._fd, b"".join(frames), self.used)
        self._disk.sync(self._fd)
        self.used = end

    def close(self) -> None:
        """Let go of it.  What was never written in stays as it is, for the next writer."""
        with contextlib.suppress(OSError):
            if self.used > self.begin:
                os.ftruncate(self._fd, self.used)
        os.close(self._fd)

    def abandon(self) -> None:
        """Let go of it as it is: what became of its last bytes is not known."""
        os.close(self._fd)


def make(folder: Path, slot: int, *, keys: Wrapping, disk: Disk, now: float) -> Segment:
    """Make a segment behind those of its slot; OSError if the disk has no room for one.

    Its number is one that the slot never had before, so that no old mark counts for it: `now` is
    in seconds since the epoch.
    """
    while (made := _made(folder, slot, keys=keys, disk=disk, now=now)) is None:
        pass  # another writer of this slot was faster
    return made


def _made(folder: Path, slot: int, *, keys: Wrapping, disk: Disk, now: float) -> Segment | None:
    """Make a segment; None where the number has been taken meanwhile."""
    place = folder / str(slot)
    number = max(int(now * 1000), *_numbers(place), 0) + 1
    name = name_of(slot, number)
    path = path_of(folder, name)
    beside = path.with_suffix(f".{secrets.token_hex(4)}{_UNFINISHED}")
    fd = disk.create(str(beside))
    try:
        lock(fd)
        header = _write_header(fd, name, keys=keys, disk=disk)
        path.hardlink_to(beside)  # in one step, and never over another writer's
    except FileExistsError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    finally:
        beside.unlink()
    disk.sync_folder(str(place))
    return Segment(name, fd, header, disk)


def _write_header(fd: int, name: str, *, keys: Wrapping, disk: Disk) -> Header:
    key = secrets.token_bytes(KEY_BYTES)
    wrapped = keys.wrap(key, purpose=_PURPOSE + name.encode())
    data = framed(_VERSION + wrapped)
    disk.write(fd, data.ljust(SIZE, b"\0"), 0)
    disk.sync(fd)
    return Header(Cipher(name, key), len(data), wrapped)


def take_blank(folder: Path, name: str, *, keys: Wrapping, disk: Disk) -> Segment | None:
    """Take a segment that nobody has ever written in; None if it is another's, or is none.

    A dead writer's reserve is so its successor's, even on a full disk.
    """
    path = path_of(folder, name)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    with contextlib.suppress(OSError, NotSealed):
        if _lock_soon(fd) and _is_still(fd, path):
            whole = os.pread(fd, SIZE, 0)
            header = header_of(whole, name, keys)
            if len(whole) == SIZE and is_blank(whole, header.end):
                return Segment(name, fd, header, disk)
    os.close(fd)
    return None


def _lock_soon(fd: int) -> bool:
    """Take a file that a reader may have for a moment, to see whether it is anybody's."""
    for _ in range(_TRIES):
        if lock(fd):
            return True
        time.sleep(_MOMENT)
    return False


def _is_still(fd: int, path: Path) -> bool:
    """Tell whether the file is what has the name, and not one that was taken away meanwhile."""
    return os.fstat(fd).st_ino == path.stat().st_ino


def clear_unfinished(folder: Path, slot: int) -> None:
    """Take away what writers that died while they made a segment have left."""
    for path in (folder / str(slot)).glob(f"*{_UNFINISHED}"):
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            if lock(fd):
                path.unlink()
            os.close(fd)
