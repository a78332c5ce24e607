"""Who is in a therapeutic session, by what the workers of this node have open for them.

A WebSocket, or an answer that goes on as events come, on a therapeutic route.  Of its own a worker
knows at once; of those of its neighbours it is told within a fraction of a second
(node/in_session.py), again and again, so that what it was not told is made good, and what nobody
tells any more is forgotten.  They tell each other marks, digests of whose a session is: each is as
long as any other, and nobody reads there who somebody is.
"""

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

MOST: Final = 100_000
"""marks of all neighbours together that a worker remembers: about 20 MB"""


def mark_of(whose: str) -> bytes:
    """Return what stands for somebody among neighbours."""
    return blake2b(whose.encode(), digest_size=16).digest()


class Elsewhere:
    """What neighbours have open, by the number of each."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._by: dict[int, OrderedDict[bytes, float]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many marks are known."""
        return self._count

    def hear(self, by: int, begun: list[bytes], ended: list[bytes], until: float) -> None:
        """Take what a neighbour tells: who is in a session there, until then if no more is said."""
        known = self._by.setdefault(by, OrderedDict())
        for mark in ended:
            if known.pop(mark, None) is not None:
                self._count -= 1
        for mark in begun:
            if mark in known:
                known.move_to_end(mark)
            elif self._count < MOST:
                self._count += 1
            else:
                continue
            known[mark] = until
        if not known:
            del self._by[by]

    def forget(self, by: int) -> None:
        """Forget a neighbour that has gone, and whatever it had open."""
        known = self._by.pop(by, None)
        if known is not None:
            self._count -= len(known)

    def fade(self, now: float, most: int) -> None:
        """Forget what was told too long ago, so many of each: those stand in front."""
        for by, known in list(self._by.items()):
            for _ in range(min(most, len(known))):
                mark = next(iter(known))
                if known[mark] > now:
                    break
                del known[mark]
                self._count -= 1
            if not known:
                del self._by[by]

    def is_open(self, whose: str) -> bool:
        """Tell whether somebody is in a session at a neighbour."""
        mark = mark_of(whose)
        return any(mark in known for known in self._by.values())


class Sessions:
    """What is open, by whose it is; whatever configuration it began with."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.elsewhere = Elsewhere()
        self._whose: dict[object, str] = {}
        self._open: dict[str, int] = {}
        self._here: dict[bytes, None] = {}
        self._changed: dict[bytes, bool] = {}

    def __len__(self) -> int:
        """Return how many are open here."""
        return len(self._whose)

    def begin(self, what: object, whose: str) -> None:
        """Take note of one: an exchange, or whatever else goes on."""
        self._whose[what] = whose
        already = self._open.get(whose, 0)
        self._open[whose] = already + 1
        if not already:
            mark = mark_of(whose)
            self._here[mark] = None
            self._changed[mark] = True

    def end(self, what: object) -> None:
        """Take note that it is over, if it was one."""
        whose = self._whose.pop(what, None)
        if whose is None:
            return
        left = self._open[whose] - 1
        if left:
            self._open[whose] = left
        else:
            del self._open[whose]
            mark = mark_of(whose)
            del self._here[mark]
            self._changed[mark] = False

    def is_open(self, whose: str) -> bool:
        """Tell whether somebody is in one, at this worker or a neighbour."""
        if whose in self._open:
            return True
        return len(self.elsewhere) > 0 and self.elsewhere.is_open(whose)

    # What neighbours are told

    def changes(self, most: int) -> dict[bytes, bool]:
        """Return so many marks that have come, or gone (False), since they were asked for last."""
        some = list(self._changed)[:most]
        return {mark: self._changed.pop(mark) for mark in some}

    def marks(self) -> list[bytes]:
        """Return the marks of all that is open here."""
        return list(self._here)

    def has(self, mark: bytes) -> bool:
        """Tell whether this is the mark of something that is open here."""
        return mark in self._here
