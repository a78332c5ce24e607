"""Tethers at WebSockets: who comes, with what token, and to which tether they come back.

Nobody is given what is somebody else's: a tether is found by its resume token, or by a session that
the query names, only for the person that it belongs to.
"""

from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import parse_qsl

import msgspec

from tta_gateway.features.tether import words
from tta_gateway.features.tether.backlog import Bounds
from tta_gateway.features.tether.bound import RECEIVED, RESUME, SOCKET, TetherBound
from tta_gateway.features.tether.session import (
    GOING_AWAY,
    LATER,
    POLICY,
    RESTART,
    Leg,
    Terms,
    Tether,
)
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.socket import Hearer, Socket, SocketTerms

LARGEST: Final = 1024 * 1024
"""Bytes of a message, as where messages are inspected."""
OURS: Final = frozenset((RESUME.encode(), RECEIVED.encode()))
"""Parameters of the query that are the gateway's, and that no service sees."""
_NUMBER: Final = 15  # digits
_SERVER_ERRORS: Final = 500
_FORBIDDEN: Final = (400, 401, 403, 404, 451)
_FORBIDDEN_BY_SERVICE: Final = (401, 403)
_EXPIRED: Final = 3000  # features/identity/open_streams.py: with another token it may go on
_IN_A_TURN: Final = 100
_NEVER: Final = float("inf")


class Proof(Protocol):
    """That somebody may be there, which goes on until it is `over`."""

    @property
    def exchange(self) -> Exchange:
        """What was asked."""
        ...

    def keep(self) -> None:
        """Have it go on."""

    def over(self) -> None:
        """End it."""


class Asker(Protocol):
    """Whoever has asked whether a token lets somebody in; it hears one of the first two, once."""

    def may(self, inquiry: Proof) -> None:
        """Go on."""

    def may_not(self, inquiry: Proof, response: Response) -> None:
        """Take the refusal."""

    def ended(self, inquiry: Proof, code: int, reason: bytes) -> None:
        """Take that they may be there no longer."""


class LegHearer(Protocol):
    """Whoever hears a leg; `refused` or `closed` comes once, and nothing behind it."""

    def opened(self) -> None:
        """Begin."""

    def refused(self, response: Response) -> None:
        """Take that it did not come about."""

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message of the service."""

    def tell(self, payload: bytes, *, is_text: bool) -> None:
        """Take something that the gateway says itself."""

    def may_write(self, *, may: bool) -> None:
        """Take note that the service does not keep up, or does again."""

    def closed(self, code: int, reason: bytes, *, is_of_policy: bool) -> None:
        """Take the end; `is_of_policy` says that the gateway has ended it, not the service."""


class Guest:
    """Who comes: the request that opened the socket, and the token that was shown behind it.

    `session` and `number` say which tether a leg is of, and which of its legs.
    """

    __slots__ = ("exchange", "number", "principal", "session", "token")

    def __init__(self, exchange: Exchange, principal: Principal | None, token: bytes = b"") -> None:
        """Know them."""
        self.exchange = exchange
        self.principal = principal
        self.token = token
        self.session = ""
        self.number = 0


class Desk(Protocol):
    """What proves tokens and opens legs."""

    def prove(self, exchange: Exchange, token: bytes, asker: Asker) -> Proof:
        """Ask whether this token lets somebody in on the route of that request."""

    def open(self, guest: Guest, hearer: LegHearer) -> Leg:
        """Begin to open a leg on behalf of a guest; its hearer hears of it in a later turn."""


class Watch(Protocol):
    """Who looks at the time (edge/sweeper.py)."""

    def watch(self, one: "Kept") -> None:
        """Call its `on_deadline` when its `deadline` has come."""

    def forget(self, one: "Kept") -> None:
        """Do so no longer."""


class TetherSockets:
    """The service behind routes with a tether: a hearer for each socket, and all tethers."""

    def __init__(
        self,
        desk: Desk,
        watch: Watch,
        *,
        clock: Callable[[], float],
        fresh: Callable[[], str],
        chance: Callable[[], float],
        stamp: Callable[[], str],
    ) -> None:
        """Hold none; `fresh` makes tokens that nobody guesses, `stamp` says the time of day."""
        self.terms = SocketTerms(largest=LARGEST)
        self.desk: Final = desk
        self.watch: Final = watch
        self.clock: Final = clock
        self.fresh: Final = fresh
        self.chance: Final = chance
        self.stamp: Final = stamp
        self.is_leaving = False
        self._by_token: dict[str, Kept] = {}
        self._by_session: dict[tuple[str, str, str], list[Kept]] = {}

    def __len__(self) -> int:
        """Return how many tethers there are."""
        return len(self._by_token)

    def hearer(self, exchange: Exchange) -> Hearer:
        """Return who hears the socket of this request."""
        return TetherHearer(self, exchange)

    def join(self, guest: Guest, bound: TetherBound, socket: Socket) -> "Kept":
        """Return the tether that a guest comes back to, or a new one."""
        asked = _asked(guest.exchange)
        key = _key(guest, bound, asked)
        found = self._found(asked.get(RESUME, ""), key, guest)
        if found is None:
            kept = Kept(self, guest, bound, key)
            self._by_token[kept.token] = kept
            if key is not None:
                self._by_session.setdefault(key, []).append(kept)
            self.watch.watch(kept)
            kept.begin(socket)
            return kept
        found.guest = _instead(found.guest, guest)
        said = asked.get(RECEIVED, "")
        is_number = said.isascii() and said.isdigit() and len(said) <= _NUMBER
        found.come_back(socket, int(said) if is_number else -1)
        return found

    def _found(self, token: str, key: tuple[str, str, str] | None, guest: Guest) -> "Kept | None":
        """Return the tether that a guest may go on with: their own."""
        if token:
            named = self._by_token.get(token)
            return named if named is not None and named.is_of(guest) else None
        now = self.clock()
        for one in reversed(self._by_session.get(key, []) if key is not None else []):
            if one.tether.seems_gone(now):
                return one
        return None

    def leave(self) -> None:
        """Keep nothing any more for whoever goes: nobody comes back to a worker that leaves."""
        self.is_leaving = True
        for kept in [one for one in self._by_token.values() if one.is_alone][:_IN_A_TURN]:
            kept.tether.end(GOING_AWAY, b"")

    def forget(self, kept: "Kept") -> None:
        """Know a tether no longer."""
        self.watch.forget(kept)
        self._by_token.pop(kept.token, None)
        if kept.key is not None:
            left = [one for one in self._by_session.get(kept.key, ()) if one is not kept]
            if left:
                self._by_session[kept.key] = left
            else:
                self._by_session.pop(kept.key, None)


class Kept:
    """A tether with what it is reached by; the sweeper's, and its Means."""

    def __init__(
        self,
        sockets: TetherSockets,
        guest: Guest,
        bound: TetherBound,
        key: tuple[str, str, str] | None,
    ) -> None:
        """Begin without a client."""
        self.deadline = _NEVER
        self.guest = guest
        self.key: Final = key
        self.token: Final = sockets.fresh()
        self._bound: Final = bound
        self._sockets: Final = sockets
        self._legs = 0
        self._session: Final = sockets.fresh()
        self._socket: Socket | None = None
        self._tether: Tether | None = None

    @property
    def is_alone(self) -> bool:
        """Tell whether no client is there."""
        return self._socket is None

    @property
    def tether(self) -> Tether:
        """Return it, once it has begun."""
        assert self._tether is not None  # `begin` is called at once
        return self._tether

    def is_of(self, guest: Guest) -> bool:
        """Tell whether it is this person's, on the same route."""
        mine, theirs = self.guest.principal, guest.principal
        if (mine is None) != (theirs is None):
            return False
        if _route_of(self.guest) != _route_of(guest):
            return False
        return mine is None or theirs is None or mine.key == theirs.key

    def begin(self, socket: Socket) -> None:
        """Begin with this client."""
        bound = self._bound
        bounds = Bounds(messages=bound.messages, size=bound.size)
        terms = Terms(resume=bound.resume, reattach=bound.reattach, bounds=bounds)
        self._socket = socket
        now = self._sockets.clock()
        self._tether = Tether(self, terms, token=self.token, client=socket, now=now)
        self.deadline = self._tether.due

    def come_back(self, socket: Socket, received: int) -> None:
        """Go on with this client."""
        self._socket = socket
        self.tether.client_came(socket, received=received, now=self._sockets.clock())
        self.deadline = self.tether.due

    # What the socket says

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message of the client."""
        self.tether.client_said(payload, is_text=is_text, now=self._sockets.clock())

    def ponged(self, payload: bytes) -> None:
        """Take a sign of life."""
        self.tether.client_ponged(payload, self._sockets.clock())
        self.deadline = self.tether.due

    def may_write(self, *, may: bool) -> None:
        """Take note that the client does not keep up, or does again."""
        self.tether.client_may_write(may=may)

    def went(self, code: int) -> None:
        """Take that the client has gone."""
        self._socket = None
        self.tether.client_went(code, self._sockets.clock())
        if self._sockets.is_leaving:
            self.tether.end(GOING_AWAY, b"")
        self.deadline = self.tether.due

    # What time it is

    def on_deadline(self, now: float) -> None:
        """Do what is due."""
        self.tether.tick(now)
        self.deadline = self.tether.due

    # What the tether asks (its Means)

    def reach(self, tether: Tether) -> Leg:
        """Begin to open a leg."""
        self._legs += 1
        guest = self.guest
        guest.session, guest.number = self._session, self._legs
        hearer = _Ear(self, tether)
        leg = self._sockets.desk.open(guest, hearer)
        hearer.leg = leg
        return leg

    def tell(self, tether: Tether, status: str, more: dict[str, object]) -> None:
        """Tell the client what happens."""
        socket = self._socket
        if socket is None or not self._bound.events:
            return
        if status == "attached":
            more = {"resume": tether.token, **more}
        exchange = self.guest.exchange
        wording = exchange.plan.wording
        if wording is not None:
            said = wording.event(exchange, words.EVENT, {"status": status, **more})
        else:
            session = self.key[2] if self.key is not None else ""
            said = words.event(status, session=session, at=self._sockets.stamp(), more=more)
        socket.send(said, is_text=True)

    def say(self, payload: bytes, *, is_text: bool) -> None:
        """Say something of the gateway's own to a client that is there."""
        if self._socket is not None:
            self._socket.send(payload, is_text=is_text)

    def over(self, tether: Tether) -> None:  # noqa: ARG002 - a port
        """Know it no longer."""
        self._socket = None
        self._sockets.forget(self)

    def chance(self) -> float:
        """Return a number from 0 to 1."""
        return self._sockets.chance()

    def now(self) -> float:
        """Return the time."""
        return self._sockets.clock()


class _Ear:
    """Hears one leg for its tether."""

    def __init__(self, kept: Kept, tether: Tether) -> None:
        self._kept = kept
        self._tether = tether
        self.leg: Leg | None = None

    def opened(self) -> None:
        """Pass on that it is open."""
        assert self.leg is not None  # it hears of itself in a later turn
        self._tether.service_came(self.leg, self._kept.now())
        self._kept.deadline = self._tether.due

    def refused(self, response: Response) -> None:
        """Pass on why it did not come about."""
        assert self.leg is not None  # likewise
        problem = response.problem
        forbidden = _FORBIDDEN_BY_SERVICE if problem is None else _FORBIDDEN
        is_forbidden = response.status in forbidden
        why = b"the service refuses" if problem is None else problem.code.encode()
        self._tether.service_refused(
            self.leg,
            self._kept.now(),
            code=POLICY if is_forbidden else LATER,
            reason=why,
            is_of_token=problem is not None and problem.code.startswith("identity_"),
        )
        self._kept.deadline = self._tether.due

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Pass on what the service says."""
        self._tether.service_said(payload, is_text=is_text, now=self._kept.now())
        self._kept.deadline = self._tether.due

    def tell(self, payload: bytes, *, is_text: bool) -> None:
        """Pass on what the gateway says itself: it is not kept for whoever is away."""
        self._kept.say(payload, is_text=is_text)

    def may_write(self, *, may: bool) -> None:
        """Pass on that the service does not keep up, or does again."""
        self._tether.service_may_write(may=may)

    def closed(self, code: int, reason: bytes, *, is_of_policy: bool) -> None:
        """Pass on the end: what the gateway has ended is over, but for a token that has expired."""
        assert self.leg is not None  # likewise
        if is_of_policy and code != _EXPIRED:
            self._tether.end(code, reason)
        else:
            code = RESTART if is_of_policy else code
            self._tether.service_went(self.leg, code, reason, self._kept.now())
        self._kept.deadline = self._tether.due


class TetherHearer:
    """Hears one socket: until it is known whose it is for itself, and then for its tether."""

    def __init__(self, sockets: TetherSockets, exchange: Exchange) -> None:
        """Wait for the socket to be open."""
        self._sockets: Final = sockets
        self._exchange: Final = exchange
        self._bound: Final = bound_of_route(exchange.plan.route)
        self._socket: Socket | None = None
        self._kept: Kept | None = None
        self._proof: Proof | None = None
        self._token = b""

    def opened(self, socket: Socket) -> None:
        """Begin, or wait for a token."""
        self._socket = socket
        principal = self._exchange.principal
        if principal is None and self._bound.first_message:
            socket.wake_at(self._sockets.clock() + self._bound.first_message)
            return
        self._join(Guest(self._exchange, principal))

    def _join(self, guest: Guest) -> None:
        socket = self._socket
        if socket is not None:
            self._kept = kept = self._sockets.join(guest, self._bound, socket)
            socket.hear_pongs(kept.ponged)

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message; the first may be a token."""
        if self._kept is not None:
            if self._is_theirs(self._kept):
                self._kept.message(payload, is_text=is_text)
            return
        socket = self._socket
        if socket is None or self._proof is not None:
            return
        token = words.token_in(payload) if is_text else None
        if token is None:
            socket.close(POLICY, b"the first message must be {type: auth, token: ...}")
            return
        socket.wake_at(_NEVER)
        socket.pause()
        self._token = token
        self._proof = self._sockets.desk.prove(self._exchange, token, self)

    def _is_theirs(self, kept: Kept) -> bool:
        """Tell whether the tether has not gone on over another socket."""
        socket = self._socket
        return socket is not None and kept.tether.is_of(socket)

    # What the desk says of the token

    def may(self, inquiry: Proof) -> None:
        """Go on with whose it is."""
        self._proof = inquiry
        socket = self._socket
        if socket is None:
            inquiry.over()
            return
        inquiry.keep()
        self._join(Guest(self._exchange, inquiry.exchange.principal, self._token))
        socket.resume()

    def may_not(self, inquiry: Proof, response: Response) -> None:  # noqa: ARG002 - a port
        """End it."""
        socket = self._socket
        if socket is None:
            return
        problem = response.problem
        why = b"refused" if problem is None else problem.code.encode()
        socket.close(POLICY if response.status < _SERVER_ERRORS else LATER, why)

    def ended(self, inquiry: Proof, code: int, reason: bytes) -> None:  # noqa: ARG002 - a port
        """End the client's side: it may go on no longer, or with another token."""
        if self._socket is not None:
            self._socket.close(code, reason)

    # What the socket says besides

    def may_write(self, *, may: bool) -> None:
        """Pass on that the client does not keep up, or does again."""
        if self._kept is not None and self._is_theirs(self._kept):
            self._kept.may_write(may=may)

    def due(self, now: float) -> None:  # noqa: ARG002 - the port's
        """End it: no token has come."""
        if self._socket is not None and self._kept is None:
            self._socket.close(POLICY, b"no token has come in time")

    def closed(self, code: int) -> None:
        """Take that the client has gone; where another has come in its place, nothing follows."""
        kept, self._kept = self._kept, None
        if self._proof is not None:
            self._proof.over()
        if kept is not None and self._is_theirs(kept):
            kept.went(code)
        self._socket = None


def bound_of_route(route: Route | None) -> TetherBound:
    """Return what is written of the tethers of a route."""
    raw = None if route is None else route.features.get(SOCKET)
    return TetherBound() if raw is None else msgspec.msgpack.decode(raw, type=TetherBound)


def _asked(exchange: Exchange) -> dict[str, str]:
    """Return what the query says; of what it says twice, the last."""
    query = exchange.request.query
    return {} if query is None else dict(parse_qsl(query.decode("latin-1")))


def _key(guest: Guest, bound: TetherBound, asked: dict[str, str]) -> tuple[str, str, str] | None:
    """Return by what a person's session is found on a route; None where it is not."""
    named = asked.get(bound.session, "") if bound.session else ""
    if guest.principal is None or not named:
        return None
    return guest.principal.key, _route_of(guest), named


def _route_of(guest: Guest) -> str:
    """Return the name of the route, with what stands in the path: another path, another session."""
    route = guest.exchange.plan.route
    return f"{'' if route is None else route.name} {guest.exchange.request.path.decode('latin-1')}"


def _instead(before: Guest, guest: Guest) -> Guest:
    """Return who stands for a tether from now on, as the same session to the service."""
    guest.session, guest.number = before.session, before.number
    return guest
