"""Times: how long endpoints took of late, by what all workers have counted in shared memory.

Counters only grow, and a worker's successor goes on with its own: what was counted since a moment
is a difference, whoever has died meanwhile.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from tta_gateway.node.merged import LEAST, Cells, Figures, Routes, added, answers, figures, since
from tta_gateway.support.metrics import Child, children
from tta_gateway.support.segment import Segment
from tta_gateway.upstream.timing import DURATION

_LONGEST: Final = 6  # intervals, for endpoints that are asked little
_RECENT: Final = 50  # answers, at least, of which the newest times are told
_SNAPSHOTS: Final = 6
_EACH: Final = 0.2  # seconds between two snapshots, at least
_EACH_SERIES: Final = 0.0005  # seconds, for each series: so that they cost next to nothing
Snapshot: TypeAlias = list[list[float]]
"""What had been counted at some moment in each series."""


class Sums:
    """All that was counted, by service, endpoint and route."""

    def __init__(self, segments: Callable[[], Iterable[Segment]]) -> None:
        """Begin with nothing read."""
        self._segments = segments
        self._read: list[int] = []  # how much of each segment's directory is known
        self._all: list[Child] = []
        # By service, endpoint and route: each with its place among all.
        self._children: dict[str, dict[str, dict[str, list[tuple[int, Child]]]]] = {}

    def __len__(self) -> int:
        """Return how many series there are, one for each worker that counts in it."""
        self._look_for_more()
        return len(self._all)

    def snapshot(self) -> Snapshot:
        """Return what was counted by now, for later."""
        self._look_for_more()
        return [one.values() for one in self._all]

    def of(self, service: str, at: Snapshot | None = None) -> dict[str, dict[str, Cells]]:
        """Return what was counted of a service's endpoints for each route, by now or `at` then."""
        self._look_for_more()
        return {
            endpoint: _sums(routes, at)
            for endpoint, routes in self._children.get(service, {}).items()
        }

    def of_endpoint(
        self, service: str, endpoint: str, at: Snapshot | None = None
    ) -> dict[str, Cells]:
        """Return what was counted of one endpoint for each route, by now or `at` then."""
        self._look_for_more()
        return _sums(self._children.get(service, {}).get(endpoint, {}), at)

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
        routes.setdefault(route, []).append((len(self._all), child))
        self._all.append(child)


def _sums(routes: Mapping[str, list[tuple[int, Child]]], at: Snapshot | None) -> dict[str, Cells]:
    if at is None:
        return {route: added(one.values() for _, one in of) for route, of in routes.items()}
    return {
        route: added(at[place] for place, _ in of if place < len(at))
        for route, of in routes.items()
    }


class Window:
    """What had been counted of one endpoint when its window began, and when the one before did."""

    def __init__(self, sums: Routes, *, begun: float) -> None:
        """Begin."""
        self.before = self.now = sums
        self.begun = begun

    def next(self, sums: Routes, *, begun: float) -> None:
        """Begin the next one."""
        self.before, self.now, self.begun = self.now, sums, begun


class Times:
    """The windows of all services, each an interval long, or more where little is asked."""

    def __init__(self, segments: Callable[[], Iterable[Segment]]) -> None:
        """Begin with no window."""
        self.sums = Sums(segments)
        self._windows: dict[str, dict[str, Window]] = {}
        self._ended: dict[str, int] = {}  # intervals since the windows began
        self._snapshots: deque[Snapshot] = deque(maxlen=_SNAPSHOTS)
        self._due = 0.0

    def tick(self, now: float) -> None:
        """Take a snapshot now and then; `now` is monotonic."""
        if now >= self._due:
            self._due = now + max(_EACH, _EACH_SERIES * len(self.sums))
            self._snapshots.append(self.sums.snapshot())

    def newest(self, service: str, endpoint: str) -> dict[str, dict[str, Cells]]:
        """Return what was counted in the shortest time that tells something of an endpoint.

        One that turns slow is penalised after a few answers, which a longer time would hide.
        """
        sums = self.sums.of(service)
        own = sums.get(endpoint, {})
        for snapshot in reversed(self._snapshots):
            # Its own first: to add up all of a large service takes tens of milliseconds.
            if answers(since(own, self.sums.of_endpoint(service, endpoint, snapshot))) >= _RECENT:
                before = self.sums.of(service, snapshot)
                return {name: since(one, before.get(name, {})) for name, one in sums.items()}
        seen = self.seen(service, sums)
        return seen if answers(seen.get(endpoint, {})) >= _RECENT else self.lately(service)

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

    def next(
        self, service: str, sums: Mapping[str, Routes], now: float, *, needed: Iterable[str]
    ) -> None:
        """Let an interval end, and all windows with it unless too little was counted.

        One of those `needed` that has answered, and too few times to be judged, has them wait: who
        is compared is compared over the same time.
        """
        windows = self._windows[service]
        ended = self._ended[service] = self._ended.get(service, 0) + 1
        seen = self.seen(service, sums)
        waits = any(0 < answers(seen[name]) < LEAST for name in needed if name in seen)
        if waits and ended < _LONGEST:
            return
        self._ended[service] = 0
        for name, window in windows.items():
            window.next(sums.get(name, {}), begun=now)

    def lately(self, service: str) -> dict[str, dict[str, Cells]]:
        """Return what was counted in the window of each endpoint and the one before it."""
        sums = self.sums.of(service)
        windows = self._windows.get(service, {})
        return {name: since(sums.get(name, {}), one.before) for name, one in windows.items()}

    def retain(self, services: Iterable[str]) -> None:
        """Forget all other services."""
        self._windows = {one: self._windows[one] for one in services if one in self._windows}
        self._ended = {one: self._ended[one] for one in self._windows if one in self._ended}


def beside(seen: Mapping[str, Routes], endpoint: str) -> tuple[Figures, Figures]:
    """Return the figures of an endpoint, and those of its peers together."""
    own = figures(seen.get(endpoint, {}).values())
    peers = (routes.values() for name, routes in seen.items() if name != endpoint)
    return own, figures(cells for one in peers for cells in one)
