"""Refuse what is clinical while nobody knows who has been shut out meanwhile."""

from collections.abc import Callable
from math import inf
from typing import ClassVar, Final

from tta_gateway.features.nodes.bound import NodesBound
from tta_gateway.features.nodes.metrics import REFUSED
from tta_gateway.features.nodes.problems import UNHEARD
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of, is_of_events
from tta_gateway.kernel.route import Route
from tta_gateway.support.metrics import Registry

TRY_AGAIN: Final = 1013  # IANA's registry of close codes
GRACE: Final = 5.0
"""Seconds for which what is open stays so: longer than a control takes that begins again."""
_IN_A_TICK: Final = 200
_SWITCHED: Final = 101


class Hearing:
    """Until when this process may go by what it knows, and what is open on that."""

    def __init__(self, monotonic: Callable[[], float], until: float = inf) -> None:
        """Go by it until then."""
        self.until = until
        self.open: dict[Exchange, None] = {}
        self._monotonic = monotonic

    def is_over(self) -> bool:
        """Tell whether nobody has said lately that what is known is so."""
        return self._monotonic() >= self.until

    def tick(self) -> None:
        """End what is open on what has not been confirmed for long, a few at a time."""
        if not self.open or self._monotonic() < self.until + GRACE:
            return
        for exchange in list(self.open)[:_IN_A_TICK]:
            del self.open[exchange]
            exchange.error = GatewayError(UNHEARD)
            exchange.origin.dismiss(TRY_AGAIN, b"this cannot be served at the moment")


class Nodes:
    """Stands before access: whoever has been shut out must not be judged by what was."""

    name: ClassVar = "nodes"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, bound: NodesBound, hearing: Hearing, *, registry: Registry) -> None:
        """Go by what is heard, where there may be others to hear of."""
        self.hearing = hearing
        self.refused = registry.child(REFUSED)
        self._shared = bound.shared

    def for_route(self, route: Route | None) -> "BoundNodes | None":
        """Act on routes of clinical roles or content, where there may be other nodes."""
        if route is None or not self._shared or "nodes" not in route.features:
            return None
        return BoundNodes(self)


class BoundNodes:
    """One of those routes."""

    words_nothing: ClassVar = True

    def __init__(self, nodes: Nodes) -> None:
        """Go by what is heard."""
        self._nodes = nodes

    def explain(self) -> str:
        """Say what it does."""
        return "refuses while it is not known whom other nodes have shut out"

    def on_request(self, exchange: Exchange) -> Response | None:  # noqa: ARG002 - the same for all
        """Refuse while nothing is heard."""
        if not self._nodes.hearing.is_over():
            return None
        self._nodes.refused.add()
        return answer_of(UNHEARD)

    def on_response(self, exchange: Exchange) -> None:
        """Take note of what stays open."""
        response = exchange.response
        assert response is not None  # the response phase has one
        if response.status == _SWITCHED or (response.body is None and is_of_events(response)):
            self._nodes.hearing.open[exchange] = None

    def on_finish(self, exchange: Exchange) -> None:
        """Take note that it is over."""
        self._nodes.hearing.open.pop(exchange, None)
