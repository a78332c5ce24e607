"""Traffic: which services clients have asked lately, by what the workers have counted."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from tta_gateway.features.metrics.metrics import ERRORS
from tta_gateway.support.metrics import Child, children
from tta_gateway.support.segment import Segment
from tta_gateway.upstream.timing import DURATION

PAUSE: Final = 5.0  # seconds between two looks
# `service` of the counters of exchanges is the gateway itself, for the platform's dashboards.
_COUNTED: Final = (DURATION.name, ERRORS.name)


class Traffic:
    """Looks at what all workers have counted: answers of services, and errors in their place."""

    def __init__(self, segments: Callable[[], Iterable[Segment]]) -> None:
        """Begin with nobody who has asked."""
        self._segments = segments
        self._read: list[int] = []  # series of each segment that are known
        self._counters: dict[str, list[Child]] = {}
        self._counted: dict[str, float] = {}

    def asked(self) -> Iterator[str]:
        """Yield each service of which more was counted than at the last look."""
        self._look_for_more()
        for service, counters in self._counters.items():
            count = sum(sum(counter.values()) for counter in counters)
            if count != self._counted.get(service, 0.0):
                self._counted[service] = count
                yield service

    def _look_for_more(self) -> None:
        for index, segment in enumerate(self._segments()):
            if index == len(self._read):
                self._read.append(0)
            for metric, values, child in islice(children(segment), self._read[index], None):
                self._read[index] += 1
                if metric.name in _COUNTED:
                    service = values[metric.labels.index("service")]
                    self._counters.setdefault(service, []).append(child)
