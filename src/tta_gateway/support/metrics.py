"""Metrics: counters, gauges and histograms as plain doubles in one segment of memory.

An observation is an addition to a cell; who exposes them reads the cells.  A metric is declared
once, by its feature, with its help text; each combination of label values takes cells when it is
first used, and there are at most `MOST_CHILDREN` of a metric: beyond that, one child named `other`
takes what comes, so that a stranger's paths cannot fill the memory.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from tta_gateway.support.redaction.field import label
from tta_gateway.support.segment import Segment

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


Values = tuple[str, ...]
_Record = tuple[str, Kind, str, Values, tuple[float, ...], Values]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Record).decode


class Child:
    """One metric with its label values: its cells begin `at` this place of all `cells`."""

    __slots__ = ("_bounds", "_last", "at", "cells")

    def __init__(self, cells: "memoryview[float]", at: int, metric: Metric) -> None:
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
    """All metrics of a process, in a segment that it alone writes."""

    def __init__(self, segment: Segment | None = None) -> None:
        """Go on where whoever counted here before has stopped; only its gauges begin anew."""
        self._segment = segment or Segment()
        self._children: dict[tuple[Metric, Values], Child] = {}
        self._count: dict[str, int] = {}
        for metric, values, child in children(self._segment):
            self._keep(metric, values, child)
            if metric.kind == "gauge":
                child.set(0.0)

    def _keep(self, metric: Metric, values: Values, child: Child) -> None:
        self._children[metric, values] = child
        self._count[metric.name] = self._count.get(metric.name, 0) + 1

    def child(self, metric: Metric, *values: str) -> Child:
        """Return the child with these label values, in the order of the labels' names."""
        found = self._children.get((metric, values))
        if found is not None:
            return found
        full = self._count.get(metric.name, 0) >= MOST_CHILDREN
        if full and values != (other := ("other",) * len(values)):
            return self.child(metric, *other)
        child = self._new(metric, values)
        self._keep(metric, values, child)
        return child

    def _new(self, metric: Metric, values: Values) -> Child:
        said = tuple(map(label, values))  # by its own names alone somebody could be told
        told = (metric.name, metric.kind, metric.help, metric.labels, metric.buckets, said)
        at = self._segment.add(_encode(told), metric.cells)
        if at is None:  # the segment is full, and says so: count where nobody looks
            return Child(memoryview(bytearray(8 * metric.cells)).cast("d"), 0, metric)
        return Child(self._segment.cells, at, metric)

    def collect(self) -> list[tuple[Metric, Values, list[float]]]:
        """Return every child: its metric, label values and cells."""
        return [
            (metric, values, child.values()) for (metric, values), child in self._children.items()
        ]


def children(
    segment: Segment, begin: int = 0, end: int | None = None
) -> Iterator[tuple[Metric, Values, Child]]:
    """Yield every child that has a place in the segment, whoever counts there.

    `begin` and `end` are two moments' `used`: what was added between them, else all of it.
    """
    for record, at in segment.records(begin, end):
        name, kind, text, labels, buckets, values = _decode(record)
        metric = Metric(name, kind, text, labels, buckets)
        yield metric, values, Child(segment.cells, at, metric)
