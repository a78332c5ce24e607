"""Trying: which record the guard is at work on, so that the next guard knows what has killed it.

It stands in a mapped file, which outlives the process (not the machine) and costs no system call.
Its block is written before it is mapped: on a full disk a hole would end the process by a signal.
Where that is not possible it stands in memory, and a death is not counted.
"""

import mmap
import os
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "guard.trying"
"""The file, in the state folder."""
_SIZE: Final = 4096
_LENGTH: Final = 2  # bytes before what is written
MOST: Final = 2
"""deaths of a guard at one record, until it is parked"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, int, int]).decode


class Trying:
    """The record at hand, and the one that a guard before this one died at."""

    def __init__(self, path: Path) -> None:
        """Read what a guard before has left; nothing is kept where there can be no such file."""
        try:
            self._map = _mapped(path)
        except OSError:
            self._map = mmap.mmap(-1, _SIZE)
        self._suspect = self._read()

    @property
    def is_wary(self) -> bool:
        """Tell whether a guard has died at a record that none has got past yet."""
        return self._suspect[2] > 0

    def _read(self) -> tuple[str, int, int]:
        size = int.from_bytes(self._map[:_LENGTH], "big")
        try:
            return _decode(self._map[_LENGTH : _LENGTH + size])
        except msgspec.DecodeError:
            return "", 0, 0

    def deaths(self, segment: str, end: int) -> int:
        """Return how many guards have died at a record."""
        return self._suspect[2] if self._suspect[:2] == (segment, end) else 0

    def passed(self, segment: str, end: int) -> None:
        """Take note that a record is kept, or parked: it kills no guard any more."""
        if self._suspect[:2] == (segment, end):
            self._suspect = "", 0, 0

    def begin(self, segment: str, end: int) -> None:
        """Take note that this record is at hand."""
        self._write(_encode((segment, end, self.deaths(segment, end) + 1)))

    def end(self) -> None:
        """Take note that none is."""
        self._write(b"")

    def _write(self, data: bytes) -> None:
        self._map[:_LENGTH] = bytes(_LENGTH)  # what is half written says nothing
        self._map[_LENGTH : _LENGTH + len(data)] = data
        self._map[:_LENGTH] = len(data).to_bytes(_LENGTH, "big")

    def close(self) -> None:
        """Use the file no more."""
        self._map.close()


def _mapped(path: Path) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        held = os.pread(fd, _SIZE, 0)
        os.pwrite(fd, held.ljust(_SIZE, b"\0"), 0)
        os.fsync(fd)
        return mmap.mmap(fd, _SIZE)
    finally:
        os.close(fd)
