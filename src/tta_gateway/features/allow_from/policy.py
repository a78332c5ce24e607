"""Let in the clients of a route's networks, and nobody else."""

from ipaddress import ip_network
from typing import ClassVar, Final

from tta_gateway.features.allow_from.algorithm import UNIX, is_within
from tta_gateway.features.allow_from.problems import CLIENT_NOT_ALLOWED
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.route import Route

_MOST_REMEMBERED: Final = 4096  # addresses of a route


class AllowFrom:
    """Stands in front of routes that are not for everybody."""

    name: ClassVar = "allow_from"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def for_route(self, route: Route | None) -> "BoundAllowFrom | None":
        """Act where the route names networks."""
        if route is None or not route.allow_from:
            return None
        return BoundAllowFrom(route.allow_from)


class BoundAllowFrom:
    """The networks of one route."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        """Keep them, ready to be compared."""
        self._allowed = allowed
        self._from_unix = UNIX in allowed
        self._networks = [ip_network(text) for text in allowed if text != UNIX]
        self._known: dict[str, bool] = {}

    def explain(self) -> str:
        """Say what it does."""
        return f"lets in clients from {', '.join(self._allowed)}"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Refuse a client from elsewhere."""
        client = exchange.client
        known = self._known.get(client)
        if known is None:
            known = is_within(client, self._networks, unix=self._from_unix)
            if len(self._known) < _MOST_REMEMBERED:
                self._known[client] = known
        return None if known else answer_of(CLIENT_NOT_ALLOWED)
