"""Refuse WebSockets that pages of elsewhere want to open."""

from typing import ClassVar

from tta_gateway.features.websocket_origin.algorithm import is_own
from tta_gateway.features.websocket_origin.problems import WEBSOCKET_ORIGIN_REFUSED
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.route import Route
from tta_gateway.upstream.way import public_origin


class WebSocketOrigin:
    """Asks which page opens a WebSocket."""

    name: ClassVar = "websocket_origin"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def for_route(self, route: Route | None) -> "BoundWebSocketOrigin | None":
        """Act where a connection may become a WebSocket, unless every page may open one."""
        if route is None or "websocket" not in route.upgrade or not route.service:
            return None
        return None if "*" in route.origins else BoundWebSocketOrigin(route.origins)


class BoundWebSocketOrigin:
    """The origins of one route, beside its own."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Keep them as they come in a request."""
        self._origins = frozenset(origin.encode() for origin in origins)

    def explain(self) -> str:
        """Say what it does."""
        others = ", ".join(sorted(one.decode() for one in self._origins))
        return f"lets pages of this host{f', {others}' if others else ''} open WebSockets"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Refuse a WebSocket that a page of elsewhere wants to open."""
        request = exchange.request
        if request.upgrade != b"websocket":
            return None
        origin = request.get(b"origin")
        if origin is None or origin in self._origins:
            return None
        scheme, host = public_origin(exchange.peer, host=request.host, said=request.forwarding)
        if is_own(origin, scheme=scheme, host=host):
            return None
        return answer_of(WEBSOCKET_ORIGIN_REFUSED)
