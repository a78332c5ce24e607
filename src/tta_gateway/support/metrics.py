"""Metrics: counters, gauges and histograms as plain doubles in one array.

An observation is an addition to a cell; who exposes them reads the cells.  A metric is declared
once, by its feature, with its help text; each combination of label values takes cells when it is
first used, and there are at most `MOST_CHILDREN` of a metric: beyond that, one child named `other`
takes what comes, so that a stranger's paths cannot fill the memory.
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final, Literal

MOST_CHILDREN: Final = 10_000
Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A declaration: name, kind, help, label names, and the upper bounds of a histogram."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = field(default=())

    @property
    def cells(self) -> int:
        """Return how many cells one child takes: a histogram's buckets, +Inf, and its sum."""
        return len(self.buckets) + 2 if self.kind == "histogram" else 1


class Child:
    """One metric with its label values: its cells begin `at` this place of all `cells`."""

    __slots__ = ("_bounds", "_last", "at", "cells")

    def __init__(self, cells: "array[float]", at: int, metric: Metric) -> None:
        """Point at the cells."""
        self.cells = cells
        self.at = at
        self._bounds = metric.buckets
        self._last = at + metric.cells - 1

    def add(self, amount: float = 1.0) -> None:
        """Count, or move a gauge."""
        self.cells[self.at] += amount

    def set(self, value: float) -> None:
        """Set a gauge."""
        self.cells[self.at] = value

    def observe(self, value: float) -> None:
        """Put a value into a histogram."""
        cells = self.cells
        cells[self.at + bisect_left(self._bounds, value)] += 1.0
        cells[self._last] += value

    def values(self) -> list[float]:
        """Return the cells."""
        return list(self.cells[self.at : self._last + 1])


class Registry:
    """All metrics of a process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._cells: array[float] = array("d")
        self._children: dict[tuple[str, tuple[str, ...]], Child] = {}
        self._count: dict[str, int] = {}
        self._metrics: dict[str, Metric] = {}

    def child(self, metric: Metric, *values: str) -> Child:
        """Return the child with these label values, in the order of the labels' names."""
        key = (metric.name, values)
        found = self._children.get(key)
        if found is not None:
            return found
        count = self._count.get(metric.name, 0)
        if count >= MOST_CHILDREN and values != (other := ("other",) * len(values)):
            return self.child(metric, *other)
        self._metrics[metric.name] = metric
        self._count[metric.name] = count + 1
        child = Child(self._cells, len(self._cells), metric)
        self._cells.extend([0.0] * metric.cells)
        self._children[key] = child
        return child

    def collect(self) -> list[tuple[Metric, tuple[str, ...], list[float]]]:
        """Return every child: its metric, label values and cells."""
        return [
            (self._metrics[name], values, child.values())
            for (name, values), child in self._children.items()
        ]
