"""Give every exchange an id, and pass it on."""

from typing import ClassVar

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import NO_FIELDS
from tta_gateway.kernel.route import Route
from tta_gateway.support.identifier import REQUEST_ID, TRACEPARENT, Identifiers


class Trace:
    """Gives `request_id` and `traceparent`."""

    name: ClassVar = "trace"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset({"request_id", "traceparent"})
    words_alike: ClassVar = True

    def __init__(self, identifiers: Identifiers) -> None:
        """Draw ids from here."""
        self._identifiers = identifiers

    def for_route(self, route: Route | None) -> "Trace":  # noqa: ARG002 - the same everywhere
        """Trace every exchange."""
        return self

    def explain(self) -> str:
        """Say what it does."""
        return "gives X-Request-ID and traceparent"

    def on_request(self, exchange: Exchange) -> None:
        """Keep or make the id, begin or continue the trace."""
        said = exchange.request.forwarding
        request_id = traceparent = None
        if said is not NO_FIELDS:
            request_id, traceparent = _said(exchange)
            if traceparent is not None:  # vendors' part of a trace that goes on
                exchange.extra += [field for field in said if field[0] == b"tracestate"]
        if request_id is None:
            request_id = self._identifiers.uuid7()
        if traceparent is None:
            traceparent = self._identifiers.traceparent()
        exchange.request_id = request_id
        exchange.traceparent = traceparent
        exchange.extra += ((b"x-request-id", request_id), (b"traceparent", traceparent))

    def on_response(self, exchange: Exchange) -> None:
        """Tell the client the id; the service's own word about it goes."""
        response = exchange.response
        assert response is not None  # the response phase has one
        fields = response.fields
        for name, _ in fields:
            if name == b"x-request-id":
                fields = [field for field in fields if field[0] != name]
                break
        fields.append((b"x-request-id", exchange.request_id))
        response.fields = fields


def _said(exchange: Exchange) -> tuple[bytes | None, bytes | None]:
    """Return the id and trace that the client names, where they may be believed."""
    request_id = traceparent = None
    for name, value in exchange.request.forwarding:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            request_id = value
        elif name == b"traceparent" and exchange.peer.trusted and TRACEPARENT.fullmatch(value):
            traceparent = value
    return request_id, traceparent
