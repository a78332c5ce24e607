"""Sums of what several workers have counted, each in cells of its own."""

from bisect import bisect_right
from collections.abc import Sequence

Histogram = tuple[tuple[float, ...], Sequence[float]]
"""Upper bounds, and cells: a count for each of them, one for what lies above, and the sum."""


def summed(parts: Sequence[Sequence[float]]) -> float:
    """Return the sum of counters or gauges, one cell each."""
    return sum(part[0] for part in parts)


def cumulated(parts: Sequence[Histogram]) -> tuple[list[tuple[float, float]], float]:
    """Return how many values did not pass each bound, +Inf the last, and the sum of all values.

    Where bounds differ (they were changed while a worker counted) a bound that a part does not have
    gets what is known not to pass it: never too much, and never less than a moment ago.
    """
    bounds = sorted({bound for own, _ in parts for bound in own})
    counts = [sum(_below(bound, part) for part in parts) for bound in bounds]
    everything = sum(sum(cells[:-1]) for _, cells in parts)
    total = sum(cells[-1] for _, cells in parts)
    return [*zip(bounds, counts, strict=True), (float("inf"), everything)], total


def quantile(counts: Sequence[tuple[float, float]], share: float) -> float:
    """Return the value that this share does not pass, between the bounds by straight lines.

    `counts` are as `cumulated` returns them, with something in them.  What lies above the last
    bound is taken for that bound: nothing more is known of it.
    """
    wanted = share * counts[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in counts[:-1]:
        if count >= wanted and count > below:
            return lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower


def _below(bound: float, part: Histogram) -> float:
    own, cells = part
    return sum(cells[: bisect_right(own, bound)])
