"""Timing: how long an endpoint takes for a route, as it is counted and compared (R9.5)."""

from collections.abc import Container
from typing import Final

from tta_gateway.support.metrics import Child, Metric, Registry
from tta_gateway.upstream.pace import Typical

DURATION: Final = Metric(
    "tta_gateway_upstream_duration_seconds",
    "histogram",
    "From a request's head to the head of the endpoint's answer, in seconds; without requests that"
    " are still being sent then.",
    ("service", "endpoint", "route"),
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)


class Timing:
    """One endpoint and one route: `typical` is the route's, over all endpoints of the service."""

    __slots__ = ("_child", "_typical")

    def __init__(self, typical: Typical, child: Child | None) -> None:
        """Count in `child`, if anybody wants to know."""
        self._typical = typical
        self._child = child

    def observe(self, elapsed: float) -> float:
        """Take a time in seconds; return how many times as long as typical that is."""
        if self._child is not None:
            self._child.observe(elapsed)
        return self._typical.ratio(elapsed)


class Timings:
    """Makes them, for one service."""

    def __init__(self, service: str, registry: Registry | None) -> None:
        """Begin with nothing typical."""
        self._service = service
        self._registry = registry
        self._typical: dict[str, Typical] = {}

    def of(self, endpoint: str, route: str) -> Timing:
        """Return a new one."""
        typical = self._typical.setdefault(route, Typical())
        if self._registry is None:
            return Timing(typical, None)
        return Timing(typical, self._registry.child(DURATION, self._service, endpoint, route))

    def retain(self, routes: Container[str]) -> None:
        """Forget what is typical for all other routes: they are gone."""
        for gone in [one for one in self._typical if one not in routes]:
            del self._typical[gone]
