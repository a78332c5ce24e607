"""Answers that were harmless, by their digest: the same one is not looked at again.

Services answer the same many times, and to look costs far more than to know again.  Nothing of an
answer is kept, and nothing outlasts the process, whose detector is always the same one.
"""

from hashlib import blake2b
from typing import Final

_MOST: Final = 4096  # of a generation
_DIGEST: Final = 16  # bytes


class Harmless:
    """Knows the last of them, in two generations: what does not come again in one is forgotten."""

    def __init__(self, most: int = _MOST) -> None:
        """Know none; a generation has so many."""
        self._most = most
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def has(self, digest: bytes) -> bool:
        """Tell whether an answer is one of them."""
        if digest in self._young:
            return True
        if digest not in self._old:
            return False
        self.keep(digest)
        return True

    def keep(self, digest: bytes) -> None:
        """Take one that was harmless."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, set()
        self._young.add(digest)


def digest_of(data: bytes, kind: bytes) -> bytes:
    """Return what an answer of this media type is known by."""
    return blake2b(data, digest_size=_DIGEST, key=kind[:64]).digest()
