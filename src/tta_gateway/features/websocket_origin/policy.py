"""Refuse WebSockets that pages of elsewhere want to open, and streams that stand in their place."""

from typing import ClassVar, Final

from tta_gateway.features.websocket_origin.algorithm import is_own
from tta_gateway.features.websocket_origin.problems import (
    STREAM_ORIGIN_REFUSED,
    WEBSOCKET_ORIGIN_REFUSED,
)
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.route import Route
from tta_gateway.upstream.way import public_origin

_ELSEWHERE: Final = (b"cross-site", b"same-site")


class WebSocketOrigin:
    """Asks which page opens a WebSocket."""

    name: ClassVar = "websocket_origin"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def for_route(self, route: Route | None) -> "BoundWebSocketOrigin | BoundStreamOrigin | None":
        """Act where a connection may become a WebSocket, unless every page may open one."""
        if route is not None and route.stream:
            return BoundStreamOrigin(route.origins)
        if route is None or "websocket" not in route.upgrade or not route.service:
            return None
        return None if "*" in route.origins else BoundWebSocketOrigin(route.origins)


class BoundWebSocketOrigin:
    """The origins of one route, beside its own."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Keep them as they come in a request."""
        self.origins = frozenset(origin.encode() for origin in origins)

    def explain(self) -> str:
        """Say what it does."""
        others = ", ".join(sorted(one.decode() for one in self.origins))
        return f"lets pages of this host{f', {others}' if others else ''} open WebSockets"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Refuse a WebSocket that a page of elsewhere wants to open."""
        request = exchange.request
        if request.upgrade != b"websocket":
            return None
        origin = request.get(b"origin")
        if origin is None or _may(origin, self.origins, exchange):
            return None
        return answer_of(WEBSOCKET_ORIGIN_REFUSED)


class BoundStreamOrigin:
    """The origins of a route whose answers do what a WebSocket does.

    What a page asks for without a script of its own (an image, say) names no origin: then browsers
    say by `Sec-Fetch-Site` that it is of elsewhere (Fetch Metadata).
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Keep them as they come in a request."""
        self.origins = frozenset(origin.encode() for origin in origins)

    def explain(self) -> str:
        """Say what it does."""
        others = ", ".join(sorted(one.decode() for one in self.origins))
        return f"lets pages of this host{f', {others}' if others else ''} connect"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Refuse what a page of elsewhere asks."""
        request = exchange.request
        origin = request.get(b"origin")
        if origin is None:
            is_own_page = request.get(b"sec-fetch-site") not in _ELSEWHERE
        else:
            is_own_page = _may(origin, self.origins, exchange)
        return None if is_own_page else answer_of(STREAM_ORIGIN_REFUSED)


def _may(origin: bytes, others: frozenset[bytes], exchange: Exchange) -> bool:
    """Tell whether a page is of the host that it asks, or of one of these others."""
    if origin in others:
        return True
    request = exchange.request
    scheme, host = public_origin(exchange.peer, host=request.host, said=request.forwarding)
    return is_own(origin, scheme=scheme, host=host)
