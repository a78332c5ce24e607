"""Count every exchange."""

from collections.abc import Callable
from typing import ClassVar

from tta_gateway.features.metrics.bound import MetricsBound
from tta_gateway.features.metrics.metrics import (
    ERRORS,
    IN_FLIGHT,
    RECEIVED,
    REQUESTS,
    RETRIES,
    SENT,
    durations,
)
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Route
from tta_gateway.support.metrics import Child, Registry

_SERVICE = "api-gateway"


class Metrics:
    """Counts; one of it for each route, with that route's cells at hand."""

    name: ClassVar = "metrics"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        bound: MetricsBound,
        *,
        registry: Registry,
        clock: Callable[[], float],
        route: Route | None = None,
    ) -> None:
        """Count into this registry; `clock` is monotonic, in seconds."""
        self._bound = bound
        self._registry = registry
        self._clock = clock
        self._durations = durations(bound.buckets)
        self._endpoint = route.path if route else ""
        self._service = route.service if route else ""
        self._of: dict[tuple[bytes, int], tuple[Child, Child]] = {}
        self._errors: dict[tuple[str, str], Child] = {}
        self._in_flight = registry.child(IN_FLIGHT, self._endpoint)
        self._received = registry.child(RECEIVED, self._endpoint)
        self._sent = registry.child(SENT, self._endpoint)

    def for_route(self, route: Route | None) -> "Metrics":
        """Count each route by itself."""
        return Metrics(self._bound, registry=self._registry, clock=self._clock, route=route)

    def explain(self) -> str:
        """Say what it does."""
        return f"counts under endpoint `{self._endpoint}`"

    def on_request(self, exchange: Exchange) -> None:  # noqa: ARG002 - one more, whichever it is
        """Count one more under way."""
        self._in_flight.cells[self._in_flight.at] += 1.0

    def on_finish(self, exchange: Exchange) -> None:
        """Count the exchange that is over."""
        cells = self._in_flight.cells
        cells[self._in_flight.at] -= 1.0
        response = exchange.response
        gone = exchange.aborted and exchange.error is None  # and was not cut off by us
        status = response.status if response is not None and not gone else 499
        method = exchange.request.method
        requests, durations = self._of.get((method, status)) or self._of_kind(method, status)
        # Cells by hand, not four calls: bench/paper.py, Metrics.
        cells[requests.at] += 1.0
        durations.observe(self._clock() - exchange.started)
        cells[self._sent.at] += exchange.sent
        if exchange.upload is not None:
            self._received.add(exchange.upload.received)
        elif exchange.received:
            self._received.add(exchange.received)
        if exchange.tries > 1:
            self._registry.child(RETRIES, exchange.service or self._service).add(exchange.tries - 1)
        if exchange.error is not None or (response is not None and response.problem is not None):
            self._count_error(exchange)

    def _of_kind(self, method: bytes, status: int) -> tuple[Child, Child]:
        name = method.decode()
        cells = (
            self._registry.child(REQUESTS, name, self._endpoint, str(status), _SERVICE),
            self._registry.child(self._durations, name, self._endpoint, _SERVICE),
        )
        self._of[(method, status)] = cells
        return cells

    def _count_error(self, exchange: Exchange) -> None:
        response = exchange.response
        if exchange.error is not None:
            code = exchange.error.problem.code
        else:
            assert response is not None  # the caller has looked
            assert response.problem is not None  # the caller has looked
            code = response.problem.code
        of = (code, exchange.service or self._service)
        errors = self._errors.get(of)
        if errors is None:
            errors = self._errors[of] = self._registry.child(ERRORS, *of)
        errors.add()
