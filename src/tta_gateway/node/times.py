"""Times: how long endpoints took of late, by what all workers have counted in shared memory.

Counters only grow, and a worker's successor goes on with its own: what was counted since a moment
is a difference, whoever has died meanwhile.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tta_gateway.node.merged import LEAST, Cells, Figures, Routes, added, answers, figures, since
from tta_gateway.support.metrics import Child, children
from tta_gateway.support.segment import Segment
from tta_gateway.upstream.timing import DURATION

_LONGEST: Final = 6  # intervals, for endpoints that are asked little


class Sums:
    """All that was counted, by service, endpoint and route."""

    def __init__(self, segments: Callable[[], Iterable[Segment]]) -> None:
        """Begin with nothing read."""
        self._segments = segments
        self._read: list[int] = []  # how much of each segment's directory is known
        self._children: dict[str, dict[str, dict[str, list[Child]]]] = {}

    def of(self, service: str) -> dict[str, dict[str, Cells]]:
        """Return what was counted of a service's endpoints for each route."""
        self._look_for_more()
        return {
            endpoint: {route: added(one.values() for one in parts) for route, parts in kept.items()}
            for endpoint, kept in self._children.get(service, {}).items()
        }

    def of_endpoint(self, service: str, endpoint: str) -> dict[str, Cells]:
        """Return what was counted of one endpoint for each route."""
        self._look_for_more()
        kept = self._children.get(service, {}).get(endpoint, {})
        return {route: added(one.values() for one in parts) for route, parts in kept.items()}

    def _look_for_more(self) -> None:
        for index, segment in enumerate(self._segments()):
            if index == len(self._read):
                self._read.append(0)
            begin, end = self._read[index], segment.used
            if begin == end:
                continue
            self._read[index] = end
            for metric, values, child in children(segment, begin, end):
                if metric.name == DURATION.name and metric.buckets == DURATION.buckets:
                    service, endpoint, route = values
                    self._keep(service, endpoint, route, child)

    def _keep(self, service: str, endpoint: str, route: str, child: Child) -> None:
        routes = self._children.setdefault(service, {}).setdefault(endpoint, {})
        routes.setdefault(route, []).append(child)


class Window:
    """What had been counted of one endpoint when its window began, and when the one before did."""

    def __init__(self, sums: Routes, *, begun: float) -> None:
        """Begin."""
        self.before = self.now = sums
        self.begun = begun
        self.intervals = 0

    def next(self, sums: Routes, *, begun: float) -> None:
        """Let an interval end, and the window with it if enough was counted."""
        self.intervals += 1
        if self.intervals >= _LONGEST or answers(since(sums, self.now)) >= LEAST:
            self.before, self.now = self.now, sums
            self.begun, self.intervals = begun, 0


class Times:
    """The windows of all endpoints, each an interval long, or more where little is asked."""

    def __init__(self, segments: Callable[[], Iterable[Segment]]) -> None:
        """Begin with no window."""
        self.sums = Sums(segments)
        self._windows: dict[str, dict[str, Window]] = {}

    def begin(self, service: str, endpoints: Iterable[str], now: float) -> None:
        """Begin windows for endpoints that have none, and forget all others."""
        before = self._windows.get(service, {})
        self._windows[service] = {
            name: before.get(name) or Window(self.sums.of_endpoint(service, name), begun=now)
            for name in endpoints
        }

    def seen(self, service: str, sums: Mapping[str, Routes]) -> dict[str, dict[str, Cells]]:
        """Return what was counted by now in the window of each endpoint, by route."""
        windows = self._windows.get(service, {})
        return {name: since(sums.get(name, {}), one.now) for name, one in windows.items()}

    def begun(self, service: str, endpoint: str) -> float:
        """Return when an endpoint's window began."""
        return self._windows[service][endpoint].begun

    def next(self, service: str, sums: Mapping[str, Routes], now: float) -> None:
        """Let an interval end."""
        for name, window in self._windows.get(service, {}).items():
            window.next(sums.get(name, {}), begun=now)

    def lately(self, service: str) -> dict[str, dict[str, Cells]]:
        """Return what was counted in the window of each endpoint and the one before it."""
        sums = self.sums.of(service)
        windows = self._windows.get(service, {})
        return {name: since(sums.get(name, {}), one.before) for name, one in windows.items()}

    def retain(self, services: Iterable[str]) -> None:
        """Forget all other services."""
        self._windows = {one: self._windows[one] for one in services if one in self._windows}


def beside(seen: Mapping[str, Routes], endpoint: str) -> tuple[Figures, Figures]:
    """Return the figures of an endpoint, and those of its peers together."""
    own = figures(seen.get(endpoint, {}).values())
    peers = (routes.values() for name, routes in seen.items() if name != endpoint)
    return own, figures(cells for one in peers for cells in one)
