"""Where a number stands among weights."""

from collections.abc import Sequence
from typing import Final

_BELOW_ONE: Final = 1.0 - 2.0**-53


def shares(parts: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    """Return each service with where its share ends, of 1; those without one are left out."""
    total = sum(weight for _, weight in parts)
    ends, reached = [], 0
    for service, weight in parts:
        reached += weight
        if weight:
            ends.append((service, reached / total))
    return ends


def within(parts: Sequence[tuple[str, int]], number: float) -> float:
    """Return where in its part's share a number stands, from 0 up to 1: it can choose once more."""
    begin = 0.0
    for _, end in shares(parts):
        if number < end:
            return min(_BELOW_ONE, max(0.0, (number - begin) / (end - begin)))
        begin = end
    return 0.0


def at(ends: Sequence[tuple[str, float]], number: float) -> str:
    """Return the service whose share a number from 0 up to 1 is in."""
    for service, end in ends:
        if number < end:
            return service
    return ends[-1][0]
