"""Find out who is asking, where the route wants to know."""

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

import msgspec

from tta_gateway.features.identity.access_cookie import AccessCookie
from tta_gateway.features.identity.api_key import PREFIX
from tta_gateway.features.identity.api_keys import ApiKeys
from tta_gateway.features.identity.bound import QueryBound
from tta_gateway.features.identity.credential import (
    MARKER,
    Ambiguous,
    named_in,
    of_query,
    token_of,
    without_token,
)
from tta_gateway.features.identity.metrics import LOGINS
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.problems import (
    EXPIRED,
    LOGIN_BUSY,
    MALFORMED,
    MISSING,
    NOT_THEIRS,
    ORIGIN_REFUSED,
    REVOKED,
)
from tta_gateway.features.identity.public import HASHING
from tta_gateway.features.identity.remembered import Remembered
from tta_gateway.features.identity.revoked import Revoked
from tta_gateway.features.identity.ticket import PARAMETER, Tickets
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, RequestHead, Response, answer_of, is_of_events
from tta_gateway.kernel.own import CLOSED_FOR, OWN
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem
from tta_gateway.kernel.route import Route
from tta_gateway.support.metrics import Registry

_PROTOCOL: Final = b"sec-websocket-protocol"
_API_KEY: Final = b"x-api-key"
_SWITCHED: Final = 101
_UNAVAILABLE: Final = 503
_LONGEST: Final = 5.0  # seconds: whatever control says, somebody looks again
LAPSED: Final = 24 * 3600.0
"""Seconds behind its end in which a token still says who may be in need; nobody is let in by it."""


class Identity:
    """Proves tokens, and remembers those that it has proved."""

    name: ClassVar = "identity"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset(("principal",))

    def __init__(
        self,
        verifier: Verifier,
        *,
        wall: Callable[[], float],
        streams: OpenStreams,
        cookie: AccessCookie | None = None,
        registry: Registry | None = None,
    ) -> None:
        """Believe what the verifier does, at the time of the epoch that `wall` tells.

        What stays open behind its answer is held in `streams`.  A `cookie` may show a token, too.
        """
        self.closed_until = 0.0
        """Until when control has said that it has no room for logins."""
        self.turned_away = (registry or Registry()).child(LOGINS, "busy")
        self.cookie = cookie
        self.api_keys = ApiKeys()
        """Those that count."""
        self.tickets = Tickets()
        """Proves those, and has each be used once."""
        self.streams = streams
        self._verifier = verifier
        self.wall = wall
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
        if self.revoked.has(principal) or not self.api_keys.counts(principal):
            self.streams.revoked(
                self._is_over, sessions=(principal.session,), subjects=(principal.subject,)
            )

    def _is_over(self, principal: Principal) -> bool:
        return self.revoked.has(principal) or not self.api_keys.counts(principal)

    def for_route(
        self, route: Route | None
    ) -> "BoundIdentity | TicketIdentity | Unasked | Anteroom | None":
        """Act where the route asks who it is."""
        if route is None:
            return None
        if route.auth == "none":
            unasked = None if self.cookie is None else Unasked(self.cookie)
            is_looked_at = route.service == OWN and route.path in HASHING
            return Anteroom(self, unasked) if is_looked_at else unasked
        is_needed = route.auth == "required"
        raw = route.features.get("identity")
        if raw is None:
            return BoundIdentity(self, is_needed=is_needed)
        query = msgspec.msgpack.decode(raw, type=QueryBound)
        usual = BoundIdentity(self, is_needed=is_needed)
        if query.token:
            usual = QueriedIdentity(self, query, is_needed=is_needed)
        return TicketIdentity(self, usual) if query.ticket else usual

    def principal_of(self, token: bytes) -> Principal | Problem:
        """Return whose token it is, or what is wrong with it."""
        now = self.wall()
        if token.startswith(PREFIX):
            return self.api_keys.find(token, now)
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

    def lapsed(self, token: bytes) -> Principal | None:
        """Return whose token it was that has expired, less than a day ago, and is not revoked."""
        if token.startswith(PREFIX):
            return None
        now = self.wall()
        found: Principal | Problem | None = self._remembered.find(token)
        if found is None:
            found = self._verifier.prove(token, now, LAPSED)
        if not isinstance(found, Principal) or found.expires + LAPSED <= now:
            return None
        return None if self.revoked.has(found) else found

    def knows(self, token: bytes) -> bool:
        """Tell whether a token was proved before and still counts; nothing is proved for it."""
        now = self.wall()
        if token.startswith(PREFIX):
            return isinstance(self.api_keys.find(token, now), Principal)
        found = self._remembered.find(token)
        return found is not None and found.expires > now and not self.revoked.has(found)

    def ticket_of(self, ticket: bytes, path: bytes) -> Principal | Problem:
        """Return whose ticket for this path it is, or what is wrong with it."""
        found = self.tickets.proved(ticket, path, self.wall())
        return REVOKED if isinstance(found, Principal) and self.revoked.has(found) else found


class Unasked:
    """A route that wants to know nothing: its service sees no token even so."""

    def __init__(self, cookie: AccessCookie) -> None:
        """Take out this cookie."""
        self._cookie = cookie

    def explain(self) -> str:
        """Say what it does."""
        return "takes out the cookie of access tokens"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Take it out, whatever is in it."""
        try:
            self._cookie.take(exchange)
        except Ambiguous:
            return None
        return None


class Anteroom:
    """Where people log in: a worker turns them away itself for as long as control has no room.

    So that those who are refused cost control nothing, which has more to do (bench/asking.py).
    """

    words_nothing: ClassVar = True

    def __init__(self, identity: Identity, unasked: Unasked | None) -> None:
        """Take out the cookie as elsewhere."""
        self._identity = identity
        self._unasked = unasked

    def explain(self) -> str:
        """Say what it does."""
        told = "turns logins away while there is no room for them"
        return told if self._unasked is None else f"{self._unasked.explain()}; {told}"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Turn it away while it need not come."""
        identity = self._identity
        if identity.wall() < identity.closed_until:
            identity.turned_away.add()
            return answer_of(LOGIN_BUSY)
        return None if self._unasked is None else self._unasked.on_request(exchange)

    def on_response(self, exchange: Exchange) -> None:
        """Take control's word for how long nobody need come; clients do not see it."""
        response = exchange.response
        assert response is not None  # the response phase has one
        if response.local or response.status != _UNAVAILABLE:
            return
        for name, value in response.fields:
            if name == CLOSED_FOR:
                response.fields = [field for field in response.fields if field[0] != CLOSED_FOR]
                self._identity.closed_until = self._identity.wall() + min(float(value), _LONGEST)
                return


class BoundIdentity:
    """What one route wants to know."""

    words_nothing: ClassVar = True

    def __init__(self, identity: Identity, *, is_needed: bool) -> None:
        """Refuse whoever shows no token, if that is needed."""
        self._identity = identity
        self._is_needed = is_needed

    def explain(self) -> str:
        """Say what it does."""
        if self._is_needed:
            return "asks for an access token"
        return "takes an access token, and lets in who shows none"

    def on_request(self, exchange: Exchange) -> Response | Refusal | None:
        """Find out who it is; refuse a token that is not believed, even where none is needed."""
        cookie = self._identity.cookie
        try:
            token = self.shown(exchange)
            if cookie is not None:
                kept = cookie.take(exchange)
                if token is None and kept is not None:
                    if not cookie.may_be_used(exchange):
                        return answer_of(ORIGIN_REFUSED)
                    token = kept
        except Ambiguous:
            return answer_of(MALFORMED)
        return self._known(exchange, token)

    def shown(self, exchange: Exchange) -> bytes | None:
        """Return the token that a request shows, or the API key; Ambiguous if it shows two."""
        request = exchange.request
        token, key = token_of(request), request.get(_API_KEY)
        if key is None or not key.startswith(PREFIX):
            return token
        if token and token != key:
            raise Ambiguous("a token and a key")
        exchange.upstream_fields = [field for field in request.fields if field[0] != _API_KEY]
        return key

    def is_theirs(self, exchange: Exchange, principal: Principal) -> bool:  # noqa: ARG002 - others look
        """Tell whether the request names nobody else."""
        return True

    def _known(self, exchange: Exchange, token: bytes | None) -> Response | Refusal | None:
        """Find out whose token it is."""
        if token is None:
            return answer_of(MISSING) if self._is_needed else None
        found = self._identity.principal_of(token)
        if not isinstance(found, Principal):
            if found is not EXPIRED or exchange.plan.scan is None:
                return answer_of(found)
            # Who is in need may not be lost for a token that ended while they wrote.
            exchange.lapsed = self._identity.lapsed(token)
            return Refusal(answer_of(found), deferrable=exchange.lapsed is not None)
        # A key is for the gateway alone: no service is shown one.
        exchange.principal, exchange.token = found, b"" if token.startswith(PREFIX) else token
        if exchange.request.upgrade == b"websocket":
            fields = exchange.request.fields
            if exchange.upstream_fields is not None:
                fields = exchange.upstream_fields
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

    def shown(self, exchange: Exchange) -> bytes | None:
        """Return the token that a request shows, of a WebSocket in the query, too."""
        token = super().shown(exchange)
        if exchange.request.upgrade != b"websocket" or not exchange.request.query:
            return token
        beside, left = of_query(exchange.request, self._parameter)
        if beside is None:
            return token
        if token and token != beside:
            raise Ambiguous("two tokens")
        exchange.upstream_query = left
        return beside

    def _known(self, exchange: Exchange, token: bytes | None) -> Response | Refusal | None:
        refusal = super()._known(exchange, token)
        if refusal is not None or exchange.principal is None:
            return refusal
        return None if self.is_theirs(exchange, exchange.principal) else answer_of(NOT_THEIRS)

    def is_theirs(self, exchange: Exchange, principal: Principal) -> bool:
        """Tell whether the query names nobody else."""
        query = exchange.request.query
        if not query or not self._subject:
            return True
        subject = principal.subject.encode()
        return all(one == subject for one in named_in(query, self._subject))


class TicketIdentity:
    """What a route wants to know where a ticket will do: of a WebSocket, or an answer of events."""

    words_nothing: ClassVar = True

    def __init__(self, identity: Identity, usual: BoundIdentity) -> None:
        """Go on as usual where no ticket is shown."""
        self._identity = identity
        self._usual = usual

    def explain(self) -> str:
        """Say what it does."""
        name = PARAMETER.decode()
        return f"{self._usual.explain()}; or a ticket for once, of the query (`{name}`)"

    def on_request(
        self, exchange: Exchange
    ) -> Response | Refusal | Awaitable[Response | None] | None:
        """Find out who it is, by a ticket if one is shown; that is taken out in any case."""
        request = exchange.request
        query = request.query
        if not query or query.find(PARAMETER + b"=") < 0:
            return self._usual.on_request(exchange)
        try:
            ticket, left = of_query(request, PARAMETER)
            beside = self._usual.shown(exchange)
        except Ambiguous:
            return answer_of(MALFORMED)
        if ticket is None:
            return self._usual.on_request(exchange)
        if beside is not None or not _opens(request):
            return answer_of(MALFORMED)
        exchange.upstream_query = left
        if self._identity.cookie is not None:
            Unasked(self._identity.cookie).on_request(exchange)
        found = self._identity.ticket_of(ticket, request.path)
        if not isinstance(found, Principal):
            return answer_of(found)
        if not self._usual.is_theirs(exchange, found):
            return answer_of(NOT_THEIRS)
        return self._spent(exchange, found)

    async def _spent(self, exchange: Exchange, principal: Principal) -> Response | None:
        """Let in the first who shows it."""
        problem = await self._identity.tickets.spent(principal)
        if problem is not None:
            return answer_of(problem)
        if self._identity.revoked.has(principal):
            return answer_of(REVOKED)
        exchange.principal, exchange.token = principal, b""
        return None

    def on_response(self, exchange: Exchange) -> None:
        """Hold what stays open."""
        self._usual.on_response(exchange)

    def on_finish(self, exchange: Exchange) -> None:
        """Hold it no longer."""
        self._usual.on_finish(exchange)


def _opens(request: RequestHead) -> bool:
    """Tell whether a request opens what a ticket is for."""
    if request.upgrade is not None:
        return request.upgrade == b"websocket"
    accepted = request.get(b"accept")
    is_of_events = accepted is not None and accepted.find(b"text/event-stream") >= 0
    return request.method == b"GET" and is_of_events


def _name_marker(exchange: Exchange, response: Response) -> None:
    """Have the answer choose the marker where the service has chosen nothing: a browser waits."""
    fields = exchange.request.fields
    if without_token(fields) is not fields and all(one != _PROTOCOL for one, _ in response.fields):
        response.fields = [*response.fields, (_PROTOCOL, MARKER)]
