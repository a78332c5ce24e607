"""Traffic: which services clients have asked lately, by what the workers have counted."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from tta_gateway.features.metrics.metrics import REQUESTS
from tta_gateway.support.metrics import Child, children
from tta_gateway.support.segment import Segment

PAUSE: Final = 5.0  # seconds between two looks
_SERVICE: Final = REQUESTS.labels.index("service")


class Traffic:
    """Looks at the counters of exchanges of all workers."""

    def __init__(self, segments: Callable[[], Iterable[Segment]]) -> None:
        """Begin with nobody who has asked."""
        self._segments = segments
        self._read: list[int] = []  # series of each segment that are known
        self._counters: dict[str, list[Child]] = {}
        self._counted: dict[str, float] = {}

    def asked(self) -> Iterator[str]:
        """Yield each service of which more exchanges are over than at the last look."""
        self._look_for_more()
        for service, counters in self._counters.items():
            count = sum(counter.values()[0] for counter in counters)
            if count != self._counted.get(service, 0.0):
                self._counted[service] = count
                yield service

    def _look_for_more(self) -> None:
        for index, segment in enumerate(self._segments()):
            if index == len(self._read):
                self._read.append(0)
            for metric, values, child in islice(children(segment), self._read[index], None):
                self._read[index] += 1
                if metric.name == REQUESTS.name:
                    self._counters.setdefault(values[_SERVICE], []).append(child)
