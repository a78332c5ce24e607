"""A segment: the shared memory in which one worker counts, and which outlives it.

A header, a directory that only grows, and cells of eight bytes, one a number.  One process writes,
any number read at the same time: a record is in the directory before its length says so, and a cell
is written whole.  The file is sparse: memory is taken as it is used.  A segment belongs to a worker
while the worker lives; its successor goes on with the same cells, so that no counter goes back.
"""

import mmap
import struct
from collections.abc import Iterator
from typing import Final

_MAGIC: Final = int.from_bytes(b"ttametr1", "little")
_HEADER: Final = 64  # bytes
_DIRECTORY: Final = 16 * 2**20
_CELLS: Final = 48 * 2**20
SIZE: Final = _DIRECTORY + _CELLS
OWNER_AT: Final = 8
"""Where the owner's process id stands: eight bytes, zero when it has gone."""
_LENGTH: Final = struct.Struct("<I")

# Places in the header, eight bytes each.
_IS: Final = 0
_OWNER: Final = 1
_USED: Final = 2  # bytes of the directory
_TAKEN: Final = 3  # cells
_LOST: Final = 4
_BEAT: Final = 5
BEAT_AT: Final = _BEAT * 8
"""Where the number of the owner's beats stands: eight bytes, another one while it lives."""


class Segment:
    """One segment, mapped.  `fd` -1 is memory of this process alone."""

    def __init__(self, fd: int = -1, index: int = 0) -> None:
        """Map the segment with this number; OSError or ValueError if the file has none."""
        self.number = index
        self._map = mmap.mmap(-1, SIZE) if fd < 0 else mmap.mmap(fd, SIZE, offset=index * SIZE)
        whole = memoryview(self._map)
        self._header = whole[:_HEADER].cast("Q")
        self.cells = whole[_DIRECTORY:].cast("d")
        if self._header[_IS] != _MAGIC:
            self._header[_USED] = self._header[_TAKEN] = self._header[_LOST] = 0
            self._header[_IS] = _MAGIC

    @property
    def owner(self) -> int:
        """Return the process that counts here, 0 if there is none."""
        return self._header[_OWNER]

    @owner.setter
    def owner(self, pid: int) -> None:
        """Take it for a process."""
        self._header[_OWNER] = pid

    @property
    def lost(self) -> int:
        """Return how many records found no room."""
        return self._header[_LOST]

    @property
    def beats(self) -> int:
        """Return how often the owner has shown that it lives."""
        return self._header[_BEAT]

    def beat(self) -> None:
        """Show that the owner lives: called a few times a second."""
        self._header[_BEAT] += 1

    def add(self, record: bytes, cells: int) -> int | None:
        """Take so many cells for a record; return the place of the first, None without room."""
        at, used = self._header[_TAKEN], self._header[_USED]
        end = _HEADER + used + _LENGTH.size + 8 + len(record)
        if end > _DIRECTORY or (at + cells) * 8 > _CELLS:
            self._header[_LOST] += 1
            return None
        begin = _HEADER + used
        self._map[begin:end] = _LENGTH.pack(len(record)) + at.to_bytes(8, "little") + record
        self._header[_TAKEN] = at + cells
        self._header[_USED] = end - _HEADER  # last: from now on readers see it
        return at

    @property
    def used(self) -> int:
        """Return how much of the directory is used, in bytes: it only grows."""
        return self._header[_USED]

    def records(self, begin: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int]]:
        """Yield every record with the place of its first cell.

        `begin` and `end` are two moments' `used`: what was added between them, else all of it.
        """
        at, end = _HEADER + begin, _HEADER + (self._header[_USED] if end is None else end)
        while at < end:
            (length,) = _LENGTH.unpack_from(self._map, at)
            body = at + _LENGTH.size + 8
            place = int.from_bytes(self._map[at + _LENGTH.size : body], "little")
            at = body + length
            yield self._map[body:at], place

    def close(self) -> None:
        """Let go of the memory; nothing may be counted here afterwards."""
        self._header.release()
        self.cells.release()
        self._map.close()
