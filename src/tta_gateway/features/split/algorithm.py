"""Where a number stands among weights."""

from collections.abc import Sequence


def shares(parts: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    """Return each service with where its share ends, of 1; those without one are left out."""
    total = sum(weight for _, weight in parts)
    ends, reached = [], 0
    for service, weight in parts:
        reached += weight
        if weight:
            ends.append((service, reached / total))
    return ends


def at(ends: Sequence[tuple[str, float]], number: float) -> str:
    """Return the service whose share a number from 0 up to 1 is in."""
    for service, end in ends:
        if number < end:
            return service
    return ends[-1][0]
