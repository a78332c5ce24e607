"""Merged: how endpoints do beside their peers, by what all workers of a node saw.  Pure.

Each worker judges by what it sees, at once.  Of many workers each sees a fraction of the traffic,
so that none may see enough of an endpoint to judge it while all together do.  Here their counts of
an interval become one: failures as they are told (kernel/events.py, `EndpointSeen`), times as they
are counted for each endpoint and route in the memory that all processes share (upstream/timing.py).
Shares of failures are judged as a worker judges its own (upstream/outlier.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from tta_gateway.features.metrics.algorithm import quantile
from tta_gateway.upstream.pace import SLOW
from tta_gateway.upstream.timing import DURATION

LEAST: Final = 10  # answers of an endpoint, without which its times say nothing
_SHORTEST: Final = 0.0005  # seconds: what is faster than that is noise of this machine
Cells: TypeAlias = Sequence[float]
"""A histogram of times: answers by bucket of `DURATION`, then the sum in seconds."""
Routes: TypeAlias = Mapping[str, Cells]
"""What was counted of an endpoint, by route."""


class Share:
    """How often an endpoint was asked in an interval and failed, by what all workers have told.

    Tellings may come in any order, late or more than once; each counts once.  What a worker told
    before it died counts too.
    """

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.asked = 0
        self.failed = 0
        self._turns: dict[str, set[int]] = {}  # by worker: the tellings that count
        self._before: dict[str, int] = {}  # by worker: the last of earlier intervals

    def hear(self, by: str, turn: int, *, asked: int, failed: int) -> None:
        """Take what a worker has seen since its telling before."""
        turns = self._turns.setdefault(by, set())
        if turn <= self._before.get(by, 0) or turn in turns:
            return
        turns.add(turn)
        self.asked += asked
        self.failed += failed

    def begin_anew(self) -> None:
        """Begin a new interval."""
        for by, turns in self._turns.items():
            self._before[by] = max(turns, default=self._before.get(by, 0))
        self._turns = {}
        self.asked = self.failed = 0

    def retain(self, workers: AbstractSet[str]) -> None:
        """Forget the turns of all other workers: they are no more."""
        if not self._before.keys() <= workers:
            self._before = {by: turn for by, turn in self._before.items() if by in workers}


@dataclass(frozen=True, slots=True)
class Figures:
    """An endpoint's answers of late, and what half of them and all but one in 100 did not pass."""

    answers: int
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Beside:
    """An endpoint's answers, and its times beside what is typical for their routes.

    `median` is the half of the times beside the half of everybody's, `mean` likewise: one answer
    that took long moves the one and not the other, and what no bucket tells moves the other.
    """

    answers: int
    median: float
    mean: float


def since(now: Routes, before: Routes) -> dict[str, Cells]:
    """Return what has been counted since then; routes of which nothing was are left out."""
    found: dict[str, Cells] = {}
    for route, cells in now.items():
        earlier = before.get(route)
        if earlier is None:
            found[route] = cells
        elif cells[-1] != earlier[-1]:
            pairs = zip(cells, earlier, strict=True)
            found[route] = [max(0.0, one - other) for one, other in pairs]
    return found


def added(parts: Iterable[Cells]) -> Cells:
    """Return the sum of histograms; with none of them, of nothing."""
    return [sum(cells) for cells in zip(*parts, strict=True)] or [0.0] * DURATION.cells


def answers(routes: Routes) -> int:
    """Return how many answers were counted."""
    return int(sum(_count(cells) for cells in routes.values()))


def figures(parts: Iterable[Cells]) -> Figures:
    """Return what can be said of these times together."""
    cells = added(parts)
    count = int(_count(cells))
    if not count:
        return Figures(0, 0.0, 0.0)
    return Figures(count, _passed(cells, 0.5), _passed(cells, 0.99))


def paces(seen: Mapping[str, Routes]) -> dict[str, Beside]:
    """Return how fast each endpoint is beside what is typical for the routes that it answered.

    So an endpoint is not slow because it was asked for slow things.
    """
    by_route: dict[str, list[Cells]] = {}
    for routes in seen.values():
        for route, cells in routes.items():
            by_route.setdefault(route, []).append(cells)
    typical = {route: _middle(added(parts)) for route, parts in by_route.items()}
    return {name: _beside(routes, typical) for name, routes in seen.items()}


def slow(seen: Mapping[str, Routes]) -> dict[str, float]:
    """Return who is slow, and how many times as slow as the best of its peers.

    Slow is, as for a worker alone, who is beyond `SLOW` beside what is typical and beside the best.
    """
    judged = {name: one for name, one in paces(seen).items() if one.answers >= LEAST}
    if len(judged) < 2:
        return {}
    median = min(one.median for one in judged.values())
    mean = min(one.mean for one in judged.values())
    return {
        name: one.mean / mean
        for name, one in judged.items()
        if one.median > SLOW * max(1.0, median) and one.mean > SLOW * mean
    }


def _beside(routes: Routes, typical: Mapping[str, tuple[float, float]]) -> Beside:
    count = median = mean = 0.0
    for route, cells in routes.items():
        answers, own, usual = _count(cells), _middle(cells), typical[route]
        count += answers
        median += answers * own[0] / usual[0]
        mean += answers * own[1] / usual[1]
    return Beside(int(count), median / count, mean / count) if count else Beside(0, 1.0, 1.0)


def _middle(cells: Cells) -> tuple[float, float]:
    """Return the median and the mean of these times, neither so short that it is noise."""
    count = _count(cells)
    if not count:
        return _SHORTEST, _SHORTEST
    return max(_SHORTEST, _passed(cells, 0.5)), max(_SHORTEST, cells[-1] / count)


def _passed(cells: Cells, share: float) -> float:
    """Return the time that this share does not pass."""
    bounds = (*DURATION.buckets, float("inf"))
    return quantile(list(zip(bounds, accumulate(cells[:-1]), strict=True)), share)


def _count(cells: Cells) -> float:
    return sum(cells[:-1])
