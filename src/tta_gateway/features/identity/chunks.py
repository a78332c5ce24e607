"""Revocations as live sections: chunks in the order in which they were written.

A section is sent whole whenever it changes.  So what is new goes into the last chunk alone, and a
full one never changes again until all in it is over and it goes: with a hundred thousand of them a
new one costs the sending of a few hundred.
"""

from collections.abc import Iterable
from typing import Final

from tta_gateway.features.identity.bound import REVOKED, RevokedTokens
from tta_gateway.features.identity.store import Revocation

MOST: Final = 256  # of a chunk
_SESSION: Final = "session"


class Chunks:
    """What is revoked, in chunks by their numbers."""

    def __init__(self, most: int = MOST) -> None:
        """Begin with none; a chunk holds so many."""
        self._most = most
        self._number = 0
        self._known: dict[tuple[str, str], tuple[float, float]] = {}
        self._chunks: dict[int, list[Revocation]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)

    def add(self, found: Iterable[Revocation], *, now: float) -> set[int]:
        """Take revocations; return the numbers of the chunks that have changed."""
        changed = set()
        for one in found:
            key = (one.kind, one.value)
            before, until = self._known.get(key, (0.0, 0.0))
            if one.until < now or (before >= one.before and until >= one.until):
                continue
            self._known[key] = (one.before, one.until)
            changed.add(self._put(one))
        return changed

    def _put(self, one: Revocation) -> int:
        chunk = self._chunks.setdefault(self._number, [])
        if len(chunk) >= self._most:
            self._number += 1
            chunk = self._chunks[self._number] = []
        chunk.append(one)
        return self._number

    def expire(self, now: float) -> set[int]:
        """Let chunks go in which all is over; return their numbers."""
        gone = {
            number
            for number, chunk in self._chunks.items()
            if all(one.until < now for one in chunk)
        }
        for number in gone:
            for one in self._chunks.pop(number):
                key = (one.kind, one.value)
                if self._known.get(key) == (one.before, one.until):
                    del self._known[key]
        return gone

    @property
    def names(self) -> set[str]:
        """Return the names of all sections."""
        return set(map(section, self._chunks))

    def told(self, number: int) -> RevokedTokens | None:
        """Return a chunk as its section tells it; None if there is none."""
        chunk = self._chunks.get(number)
        if chunk is None:
            return None
        sessions: dict[str, float] = {}
        subjects: dict[str, tuple[float, float]] = {}
        for one in chunk:
            if one.kind == _SESSION:
                sessions[one.value] = max(one.until, sessions.get(one.value, 0.0))
            else:
                before, until = subjects.get(one.value, (0.0, 0.0))
                subjects[one.value] = (max(one.before, before), max(one.until, until))
        return RevokedTokens(sessions=sessions, subjects=subjects)


def section(number: int) -> str:
    """Return the name of a chunk's section."""
    return f"{REVOKED}{number}"
