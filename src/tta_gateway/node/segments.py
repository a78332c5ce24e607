"""Segments: one file of shared memory in which every process of the node counts, a part for each.

Whoever starts takes a part that nobody has: most of all one that somebody has left, so that its
counters go on.  The file only grows, and lives as long as the node does, upgrades included.
"""

import os

from tta_gateway.support.segment import BEAT_AT, OWNER_AT, SIZE


class Segments:
    """Which parts there are, and which are taken."""

    def __init__(self, fd: int = -1) -> None:
        """Begin with an empty file, or go on with one that is there."""
        self.fd = fd if fd >= 0 else os.memfd_create("metrics", os.MFD_CLOEXEC)
        self._free = list(range(os.fstat(self.fd).st_size // SIZE))
        self._taken: set[int] = set()

    def take(self) -> int:
        """Return the number of a part that nobody has."""
        if not self._free:
            count = len(self._taken)
            os.ftruncate(self.fd, (count + 1) * SIZE)
            self._free.append(count)
        number = min(self._free)
        self.keep(number)
        os.pwrite(self.fd, bytes(8), number * SIZE + BEAT_AT)  # who had it may have been a worker
        return number

    def keep(self, number: int) -> None:
        """Take this one, which somebody has already."""
        self._free.remove(number)
        self._taken.add(number)

    def beats(self, number: int) -> int:
        """Return how often the process there has shown that it lives."""
        return int.from_bytes(os.pread(self.fd, 8, number * SIZE + BEAT_AT), "little")

    def leave(self, number: int) -> None:
        """Take note that its process has gone: what it holds now is nothing."""
        if number in self._taken:
            self._taken.discard(number)
            self._free.append(number)
            os.pwrite(self.fd, bytes(8), number * SIZE + OWNER_AT)
