"""Away: which stores do not answer, in a word of control to the supervisor.

The probe is the supervisor's, and control is who asks the stores.  A word on its channel has a
number (node/child.py, hear): here each of the stores is a bit of it.
"""

from collections.abc import Callable, Collection
from typing import Final

WORD: Final = b"away"
_STORES: Final = ("state", "cache", "database")
_CALLED: Final = ("valkey state", "valkey cache", "database")


def said(away: Collection[str]) -> bytes:
    """Return the word that these do not answer, and all others do."""
    number = sum(1 << bit for bit, purpose in enumerate(_STORES) if purpose in away)
    return b"%s %d" % (WORD, number)


def names(number: int) -> list[str]:
    """Return what the probe calls those that the number of a word means."""
    return [name for bit, name in enumerate(_CALLED) if number >> bit & 1]


class Away:
    """Gathers what those say who each ask some of the stores."""

    def __init__(self) -> None:
        """Begin with none away, and nobody to tell."""
        self.tell: Callable[[bytes], None] = lambda _: None
        self._away: dict[str, Collection[str]] = {}

    def take(self, asker: str, away: Collection[str]) -> None:
        """Take those of its stores that do not answer this asker now, and pass on all."""
        self._away[asker] = away
        self.tell(said({store for stores in self._away.values() for store in stores}))
