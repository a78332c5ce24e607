"""Away: which stores of the operator do not answer, in a word of control to the supervisor.

The probe is the supervisor's, and control is who asks the stores.  A word on its channel has a
number (node/child.py, hear): here each of the stores is a bit of it.
"""

from collections.abc import Collection
from typing import Final

from tta_gateway.support.valkey.fitness import Purpose

WORD: Final = b"away"
_STORES: Final[tuple[Purpose, ...]] = ("state", "cache")


def said(away: Collection[Purpose]) -> bytes:
    """Return the word that these do not answer, and all others do."""
    number = sum(1 << bit for bit, purpose in enumerate(_STORES) if purpose in away)
    return b"%s %d" % (WORD, number)


def names(number: int) -> list[str]:
    """Return what the probe calls those that the number of a word means."""
    return [f"valkey {purpose}" for bit, purpose in enumerate(_STORES) if number >> bit & 1]
