"""Show a route's service who is asking."""

from collections.abc import Callable
from typing import ClassVar, Final

from tta_gateway.features.token_relay.algorithm import CLAIMED
from tta_gateway.features.token_relay.bound import Relay, TokenRelayBound
from tta_gateway.features.token_relay.minting import Mint
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route

_AUTHORIZATION: Final = b"authorization"
_BEARER: Final = b"Bearer "
_AS_IT_CAME: Final = Relay()


class Showing:
    """What one service is shown."""

    def __init__(self, relay: Relay, wall: Callable[[], float]) -> None:
        """Make what is needed for that; `wall` tells the time of the epoch."""
        self._wall = wall
        self.mode = relay.mode
        self.query = relay.query.encode()
        self._mint = Mint(relay) if relay.mode == "mint" else None

    def token(self, principal: Principal, shown: bytes) -> bytes:
        """Return the token that it is shown, where this one was `shown`; empty: none."""
        if self._mint is not None:
            return self._mint.token(principal, self._wall())
        return shown if self.mode == "pass" else b""


class TokenRelay:
    """Stands behind the choice of the service, and before what the operator changes by hand."""

    name: ClassVar = "token_relay"
    needs: ClassVar[frozenset[str]] = frozenset(("principal", "service"))
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, bound: TokenRelayBound, *, wall: Callable[[], float]) -> None:
        """Show services this; `wall` tells the time of the epoch."""
        self._showings = {name: Showing(relay, wall) for name, relay in bound.services.items()}
        self._usual = Showing(_AS_IT_CAME, wall)

    def for_route(self, route: Route | None) -> "BoundTokenRelay | None":
        """Act wherever a service is asked."""
        if route is None or (not route.service and not route.features.get("split")):
            return None
        return BoundTokenRelay(self, route.service)

    def showing(self, service: str) -> Showing:
        """Return what this service is shown."""
        return self._showings.get(service, self._usual)


class BoundTokenRelay:
    """What the services of one route are shown."""

    def __init__(self, relay: TokenRelay, service: str) -> None:
        """Keep them; `service` is the route's own."""
        self._relay = relay
        self._service = service

    def explain(self) -> str:
        """Say what it does."""
        showing = self._relay.showing(self._service)
        where = f" in the query of WebSockets (`{showing.query.decode()}`)" if showing.query else ""
        said = {
            "pass": f"passes the access token on{where}",
            "strip": "shows no access token to the service",
            "mint": f"shows the service a token of the gateway's own{where}",
        }
        return said[showing.mode]

    def on_request(self, exchange: Exchange) -> None:
        """Take out what the client says of who it is, and show what was proved."""
        request, fields = exchange.request, exchange.upstream_fields
        left = before = request.fields if fields is None else fields
        if request.has_any(CLAIMED):
            left = [field for field in before if field[0] not in CLAIMED]
        showing = self._relay.showing(exchange.service or self._service)
        if exchange.principal is None:
            if showing.mode != "pass":
                left = _without_token(left)  # one that nobody has looked at
        else:
            token = showing.token(exchange.principal, exchange.token)
            if showing.query and request.upgrade == b"websocket":
                _ask_with(exchange, showing.query, token)
                token = b""
            left = _shown(left, token)
        if left is not before:
            exchange.upstream_fields = left


def _shown(fields: Fields, token: bytes) -> Fields:
    """Return the fields with this token alone; without any, if there is none."""
    value = _BEARER + token
    for name, said in fields:
        if name == _AUTHORIZATION:
            if token and said == value:
                return fields
            fields = [field for field in fields if field[0] != _AUTHORIZATION]
            break
    return [*fields, (_AUTHORIZATION, value)] if token else fields


def _without_token(fields: Fields) -> Fields:
    """Return the fields without any bearer token."""
    for name, said in fields:
        if name == _AUTHORIZATION and said[:6].lower() == b"bearer":
            return [field for field in fields if field[0] != _AUTHORIZATION]
    return fields


def _ask_with(exchange: Exchange, name: bytes, token: bytes) -> None:
    """Have the query show the token."""
    query = exchange.upstream_query
    if query is None:
        query = exchange.request.query or b""
    if token:
        query = b"%b&%b=%b" % (query, name, token) if query else b"%b=%b" % (name, token)
    exchange.upstream_query = query
