"""Find out who is asking, where the route wants to know."""

from collections.abc import Callable
from typing import ClassVar, Final

import msgspec

from tta_gateway.features.identity.bound import QueryBound
from tta_gateway.features.identity.credential import (
    MARKER,
    Ambiguous,
    named_in,
    of_query,
    token_of,
    without_token,
)
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.problems import EXPIRED, MALFORMED, MISSING, NOT_THEIRS, REVOKED
from tta_gateway.features.identity.remembered import Remembered
from tta_gateway.features.identity.revoked import Revoked
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of, is_of_events
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem
from tta_gateway.kernel.route import Route

_PROTOCOL: Final = b"sec-websocket-protocol"
_SWITCHED: Final = 101


class Identity:
    """Proves tokens, and remembers those that it has proved."""

    name: ClassVar = "identity"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset(("principal",))

    def __init__(
        self, verifier: Verifier, *, wall: Callable[[], float], streams: OpenStreams
    ) -> None:
        """Believe what the verifier does, at the time of the epoch that `wall` tells.

        What stays open behind its answer is held in `streams`.
        """
        self.streams = streams
        self._verifier = verifier
        self._wall = wall
        self._remembered = Remembered()
        self.revoked = Revoked()
        """What counts no more, whatever has been proved of it."""

    def believe(self, verifier: Verifier) -> None:
        """Believe what this verifier does from now on; nothing else is remembered."""
        self._verifier = verifier
        self._remembered = Remembered()

    def hold(self, exchange: Exchange, principal: Principal) -> None:
        """Have what stays open end with whose it is, even if that was while the service thought."""
        self.streams.hold(exchange, principal)
        if self.revoked.has(principal):
            self.streams.revoked(
                self.revoked.has, sessions=(principal.session,), subjects=(principal.subject,)
            )

    def for_route(self, route: Route | None) -> "BoundIdentity | None":
        """Act where the route asks who it is."""
        if route is None or route.auth == "none":
            return None
        raw = route.features.get("identity")
        if raw is None:
            return BoundIdentity(self, is_needed=route.auth == "required")
        query = msgspec.msgpack.decode(raw, type=QueryBound)
        return QueriedIdentity(self, query, is_needed=route.auth == "required")

    def principal_of(self, token: bytes) -> Principal | Problem:
        """Return whose token it is, or what is wrong with it."""
        now = self._wall()
        found = self._remembered.find(token)
        if found is None:
            told = self._verifier.prove(token, now)
            if not isinstance(told, Principal):
                return told
            self._remembered.keep(token, told)
            found = told
        if found.expires <= now:
            return EXPIRED
        return REVOKED if self.revoked.has(found) else found


class BoundIdentity:
    """What one route wants to know."""

    def __init__(self, identity: Identity, *, is_needed: bool) -> None:
        """Refuse whoever shows no token, if that is needed."""
        self._identity = identity
        self._is_needed = is_needed

    def explain(self) -> str:
        """Say what it does."""
        if self._is_needed:
            return "asks for an access token"
        return "takes an access token, and lets in who shows none"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Find out who it is; refuse a token that is not believed, even where none is needed."""
        try:
            token = self._shown(exchange)
        except Ambiguous:
            return answer_of(MALFORMED)
        return self._known(exchange, token)

    def _shown(self, exchange: Exchange) -> bytes | None:
        """Return the token that a request shows."""
        return token_of(exchange.request)

    def _known(self, exchange: Exchange, token: bytes | None) -> Response | None:
        """Find out whose token it is."""
        if token is None:
            return answer_of(MISSING) if self._is_needed else None
        found = self._identity.principal_of(token)
        if not isinstance(found, Principal):
            return answer_of(found)
        exchange.principal, exchange.token = found, token
        if exchange.request.upgrade == b"websocket":
            fields = exchange.request.fields
            left = without_token(fields)
            if left is not fields:
                exchange.upstream_fields = left
        return None

    def on_response(self, exchange: Exchange) -> None:
        """Hold what stays open; name the marker where the service of a page chose no protocol."""
        response, principal = exchange.response, exchange.principal
        assert response is not None  # the response phase has one
        if principal is None:
            return
        if response.status == _SWITCHED:
            self._identity.hold(exchange, principal)
            _name_marker(exchange, response)
        elif response.body is None and is_of_events(response):
            self._identity.hold(exchange, principal)

    def on_finish(self, exchange: Exchange) -> None:
        """Hold it no longer."""
        self._identity.streams.forget(exchange)


class QueriedIdentity(BoundIdentity):
    """What a route wants to know whose WebSockets may show a token in the query, too.

    Such a token is for WebSockets alone, whose pages can set no field, and goes no further that
    way: addresses are written down in many places.
    """

    def __init__(self, identity: Identity, query: QueryBound, *, is_needed: bool) -> None:
        """Look into this parameter."""
        BoundIdentity.__init__(self, identity, is_needed=is_needed)
        self._parameter = query.token.encode()
        self._subject = query.subject.encode()

    def explain(self) -> str:
        """Say what it does."""
        told = BoundIdentity.explain(self)
        return f"{told}; of WebSockets in the query too, as `{self._parameter.decode()}`"

    def _shown(self, exchange: Exchange) -> bytes | None:
        token = token_of(exchange.request)
        if exchange.request.upgrade != b"websocket" or not exchange.request.query:
            return token
        beside, left = of_query(exchange.request, self._parameter)
        if beside is None:
            return token
        if token and token != beside:
            raise Ambiguous("two tokens")
        exchange.upstream_query = left
        return beside

    def _known(self, exchange: Exchange, token: bytes | None) -> Response | None:
        refusal = super()._known(exchange, token)
        principal, query = exchange.principal, exchange.request.query
        if refusal is not None or principal is None or not query or not self._subject:
            return refusal
        if any(one != principal.subject.encode() for one in named_in(query, self._subject)):
            return answer_of(NOT_THEIRS)
        return None


def _name_marker(exchange: Exchange, response: Response) -> None:
    """Have the answer choose the marker where the service has chosen nothing: a browser waits."""
    fields = exchange.request.fields
    if without_token(fields) is not fields and all(one != _PROTOCOL for one, _ in response.fields):
        response.fields = [*response.fields, (_PROTOCOL, MARKER)]
