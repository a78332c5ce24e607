"""Add what is missing, take away what tells too much."""

from typing import ClassVar, Final

from tta_gateway.features.security_headers.bound import SecurityHeadersBound
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.route import Route
from tta_gateway.upstream.way import public_origin


class SecurityHeaders:
    """Adds and removes fields of every answer."""

    name: ClassVar = "security_headers"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()
    words_alike: ClassVar = True

    def __init__(self, bound: SecurityHeadersBound) -> None:
        """Keep the fields, ready to be written."""
        self._encrypted = [(name.lower().encode(), value.encode()) for name, value in bound.add]
        # RFC 6797 7.2: it must not be said over plain HTTP, where anybody may have said it.
        self._plain = [field for field in self._encrypted if field[0] != _HSTS]
        self._watched = frozenset(name for name, _ in self._encrypted)
        self._remove = frozenset(name.lower().encode() for name in bound.remove)

    def for_route(self, route: Route | None) -> "SecurityHeaders | None":  # noqa: ARG002
        """Act everywhere, unless there is nothing to do."""
        return self if self._watched or self._remove else None

    def explain(self) -> str:
        """Say what it does."""
        added = ", ".join(name.decode() for name, _ in self._plain)
        removed = ", ".join(sorted(name.decode() for name in self._remove))
        more = [name.decode() for name, _ in self._encrypted if name == _HSTS]
        over = f"; over TLS adds {', '.join(more)} too" if more else ""
        return f"adds {added or 'nothing'}; removes {removed or 'nothing'}{over}"

    def likeness(self, exchange: Exchange) -> bytes:
        """Return what the fields of an answer depend on: whether the client speaks TLS."""
        return b"s" if _is_encrypted(exchange) else b""

    def on_response(self, exchange: Exchange) -> None:
        """Change the answer's fields."""
        response = exchange.response
        assert response is not None  # the response phase has one
        add = self._encrypted if _is_encrypted(exchange) else self._plain
        kept: Fields = []
        said: list[bytes] = []
        for field in response.fields:
            name = field[0]
            if name in self._remove:
                continue
            kept.append(field)
            if name in self._watched:
                said.append(name)
        # Mostly the service says none of it: bench/paper.py, SecurityHeaders.
        kept += [field for field in add if field[0] not in said] if said else add
        response.fields = kept


def _is_encrypted(exchange: Exchange) -> bool:
    """Tell whether the client speaks TLS, here or with a proxy that is believed."""
    peer = exchange.peer
    if not peer.trusted:
        return peer.scheme == _HTTPS
    request = exchange.request
    return public_origin(peer, host=request.host, said=request.forwarding)[0] == _HTTPS


_HSTS: Final = b"strict-transport-security"
_HTTPS: Final = b"https"
