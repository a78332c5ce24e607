"""Tethers at WebSockets: who comes, with what token, and to which tether they come back.

Nobody is given what is somebody else's: a tether is found by its resume token, or by a session that
the query names, only for the person that it belongs to.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import Final, Protocol

from tta_gateway.features.tether import words
from tta_gateway.features.tether.bound import TetherBound
from tta_gateway.features.tether.desk import Desk, Proof
from tta_gateway.features.tether.guest import Guest, bound_of_route, instead
from tta_gateway.features.tether.kept import Kept, Place
from tta_gateway.features.tether.parcel import Parcel
from tta_gateway.features.tether.relay import (
    TAKEN,
    Afar,
    Ask,
    Elsewhere,
    Line,
    Nobody,
    NobodyAfar,
    Relayed,
    Remote,
)
from tta_gateway.features.tether.session import (
    GOING_AWAY,
    LATER,
    POLICY,
    RESTART,
    Client,
)
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.socket import Hearer, Socket, SocketTerms

LARGEST: Final = 1024 * 1024
"""Bytes of a message, as where messages are inspected."""
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500
_FORBIDDEN: Final = (400, 401, 403, 404, 451)
_FORBIDDEN_BY_SERVICE: Final = (401, 403)
_EXPIRED: Final = 3000  # features/identity/open_streams.py: with another token it may go on
_IN_A_TURN: Final = 100
MOST_AWAY: Final = 8
"""Tethers of one person whose client is away: of more, who has been away for longest is waited for
no longer."""
_NEVER: Final = float("inf")
_LEAVES: Final = b"the worker goes: connect again"
_ERASED: Final = b"what was kept has been erased: connect again"
_LOGGED_OUT: Final = b"the session has been ended: log in again"


class Watch(Protocol):
    """Who looks at the time (edge/sweeper.py)."""

    def watch(self, one: Kept) -> None:
        """Call its `on_deadline` when its `deadline` has come."""

    def forget(self, one: Kept) -> None:
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
        self.desk = desk
        self.watch: Final = watch
        self._clock: Final = clock
        self._fresh: Final = fresh
        self._chance: Final = chance
        self._stamp: Final = stamp
        self.count: Callable[[str], None] = lambda _: None
        """hears what has become of a tether (metrics.py)"""
        self.elsewhere: Elsewhere = Nobody()
        """The other workers, which may have the tether that somebody comes back to."""
        self.afar: Afar = NobodyAfar()
        """Those of other nodes, where nobody here has it."""
        self.later: Callable[[Callable[[], None]], object] = _at_once
        """calls something in the next turn of the loop"""
        self.has_ended: Callable[[Principal], bool] = _goes_on
        """tells whether somebody's login has ended"""
        self.is_leaving = False
        self._parting: dict[Kept, list[Callable[[bool], None]]] = {}
        """those that are to go on elsewhere, and who waits for that"""
        self._by_token: dict[str, Kept] = {}
        self._by_session: dict[tuple[str, str, str], list[Kept]] = {}
        self._by_login: dict[str, dict[Kept, None]] = {}
        self._alone: dict[str, list[Kept]] = {}
        """by whose they are, those whose client is away; the longest first"""

    def clock(self) -> float:
        """Return the time."""
        return self._clock()

    def fresh(self) -> str:
        """Return a token that nobody guesses."""
        return self._fresh()

    def chance(self) -> float:
        """Return a number from 0 to 1."""
        return self._chance()

    def stamp(self) -> str:
        """Return the time of day as text."""
        return self._stamp()

    def counted(self, event: str) -> None:
        """Take note of what has become of a tether."""
        self.count(event)

    def __len__(self) -> int:
        """Return how many tethers there are."""
        return len(self._by_token)

    def hearer(self, exchange: Exchange) -> Hearer:
        """Return who hears the socket of this request."""
        return TetherHearer(self, exchange)

    def find(self, ask: Ask) -> Kept | None:
        """Return the tether that somebody comes back to: their own, here."""
        if ask.token:
            named = self._by_token.get(ask.token)
            return named if named is not None and named.is_of(ask) else None
        now = self.clock()
        for one in reversed(self._by_session.get(ask.key, []) if ask.key is not None else []):
            if one.tether.seems_gone(now) and one.is_of(ask):
                return one
        return None

    def begin(self, guest: Guest, ask: Ask, bound: TetherBound, socket: Client) -> Kept:
        """Return a new tether."""
        kept = Kept(self, guest, bound, ask.key)
        self._list(kept)
        self.counted("begun")
        kept.begin(socket)
        return kept

    def take_up(self, parcel: Parcel, guest: Guest) -> Kept:
        """Return a tether that was handed over; its client comes next, or is waited for."""
        kept = Kept(self, guest, bound_of_route(guest.exchange.plan.route), parcel.key, parcel)
        self._list(kept)
        kept.go_on(parcel)
        self.left_alone(kept)
        return kept

    def _list(self, kept: Kept) -> None:
        self._by_token[kept.token] = kept
        if kept.key is not None:
            self._by_session.setdefault(kept.key, []).append(kept)
        self._by_login.setdefault(kept.login, {})[kept] = None
        self.watch.watch(kept)
        self.afar.holds(kept.token, kept.key)

    def hand(self, kept: Kept, guest: Guest) -> None:
        """Have somebody stand for a tether from now on, by their login."""
        self._strike_login(kept)
        kept.guest = guest
        self._by_login.setdefault(kept.login, {})[kept] = None

    def _strike_login(self, kept: Kept) -> None:
        listed = self._by_login.get(kept.login, {})
        listed.pop(kept, None)
        if not listed:
            self._by_login.pop(kept.login, None)

    def _strike(self, kept: Kept) -> None:
        """Have nobody find it any more."""
        self.joined(kept)
        self._strike_login(kept)
        self._by_token.pop(kept.token, None)
        if kept.key is not None:
            left = [one for one in self._by_session.get(kept.key, ()) if one is not kept]
            if left:
                self._by_session[kept.key] = left
            else:
                self._by_session.pop(kept.key, None)

    def take(self, ask: Ask, line: Line) -> bool:
        """Take a client that has come to another worker, if its tether is here."""
        kept = None if self.is_leaving else self.find(ask)
        if kept is None:
            return False
        line.send(TAKEN)
        remote = Remote(line)
        self.hand(kept, kept.guest.come_to_another(ask))
        kept.come_back(remote, ask.received)
        remote.serve(kept.at(remote))
        return True

    def give(self, ask: Ask, told: Callable[[bool], None]) -> bool:
        """Hand a tether over to the node that a client has come to; False if it is not here.

        `told` hears whether it is in the store, for that node to take.
        """
        kept = self.find(ask) or self._parting_for(ask)
        if kept is None:
            return False
        self._part(kept, told, code=GOING_AWAY, reason=b"it goes on over another connection")
        return True

    def _parting_for(self, ask: Ask) -> Kept | None:
        for kept in reversed(self._parting):
            is_named = kept.token == ask.token if ask.token else kept.key == ask.key
            if is_named and kept.is_of(ask):
                return kept
        return None

    def _part(self, kept: Kept, told: Callable[[bool], None], *, code: int, reason: bytes) -> None:
        waiting = self._parting.get(kept)
        if waiting is not None:
            waiting.append(told)
            return
        self._parting[kept] = [told]
        self._strike(kept)
        kept.part(code, reason)

    def parted(self, kept: Kept, parcel: Parcel) -> None:
        """Put down what is to go on at another worker."""
        self.watch.forget(kept)
        if kept.is_erased or kept.is_logged_out:
            self._put(kept, parcel, False)
        else:
            self.afar.put_down(parcel, partial(self._put, kept, parcel))

    def _put(self, kept: Kept, parcel: Parcel, is_down: bool) -> None:
        """Tell that it is there for others; where it could not be put down it goes on here.

        What nobody has asked for may be asked for by nobody: what waited counts as not arrived.
        Nor has anybody been given what was of a login that has ended.
        """
        is_done_with = kept.is_erased or kept.is_logged_out
        waiting = self._parting.pop(kept)
        if is_down:
            self.counted("handed_over")
        elif self.is_leaving or is_done_with:
            self.counted("ended")
        else:
            self.take_up(parcel, kept.guest)
        is_unasked = not is_down or all(one is _nobody_waits for one in waiting)
        if is_done_with or (self.is_leaving and is_unasked):
            kept.tether.lost()
        for told in waiting:
            told(is_down and not kept.is_logged_out)

    def leave(self) -> bool:
        """Keep nothing any more for whoever goes: nobody comes back to a worker that leaves.

        Others may go on with what is put down for them.  Tell whether nothing is left to be done.
        """
        self.is_leaving = True
        for kept in [one for one in self._by_token.values() if not one.is_here][:_IN_A_TURN]:
            if self.afar.is_there:
                self._part(kept, _nobody_waits, code=RESTART, reason=_LEAVES)
            else:
                kept.tether.end(RESTART, _LEAVES)
        return not self._parting and all(one.is_here for one in self._by_token.values())

    def erase(self, whose: str) -> None:
        """End all tethers of somebody, whether or not a client is there: nothing is kept of it."""
        for kept in self._parting:
            kept.is_erased = kept.is_erased or kept.whose == whose
        for kept in [one for one in self._by_token.values() if one.whose == whose]:
            kept.tether.end(GOING_AWAY, _ERASED)

    def log_out(self, sessions: Collection[str], concerns: Callable[[Principal], bool]) -> None:
        """End the tethers of logins that have ended, where that concerns whose they are.

        Where a side is there, the connection or the socket of that login ends by itself; where none
        is, nobody else would end them.
        """
        here = [kept for one in sessions if one for kept in self._by_login.get(one, ())]
        parting = [kept for kept in self._parting if kept.login and kept.login in sessions]
        for kept in (*here, *parting):
            principal = kept.guest.principal
            kept.is_logged_out = principal is not None and concerns(principal)
        self._dismiss([kept for kept in here if kept.is_logged_out])

    def _dismiss(self, kept: list[Kept]) -> None:
        """End these, a few in a turn of the loop."""
        for one in kept[:_IN_A_TURN]:
            one.tether.end(POLICY, _LOGGED_OUT)
        if len(kept) > _IN_A_TURN:
            self.later(partial(self._dismiss, kept[_IN_A_TURN:]))

    def stop(self) -> None:
        """End what is left, where there is no more time: what waits for a service is lost."""
        for kept in [*self._by_token.values(), *self._parting]:
            kept.tether.end(RESTART, _LEAVES)
            kept.tether.lost()

    def goes_on(self) -> bool:
        """Tell whether who is away now is waited for."""
        return not self.is_leaving or self.afar.is_there

    def left_alone(self, kept: Kept) -> None:
        """Take note that a client is away; of one person only so many are waited for."""
        waiting = self._alone.setdefault(kept.whose, [])
        waiting.append(kept)
        if len(waiting) > MOST_AWAY:
            waiting[0].tether.end(GOING_AWAY, b"")

    def joined(self, kept: Kept) -> None:
        """Take note that a client is there, or is waited for no longer."""
        waiting = [one for one in self._alone.get(kept.whose, ()) if one is not kept]
        if waiting:
            self._alone[kept.whose] = waiting
        else:
            self._alone.pop(kept.whose, None)

    def forget(self, kept: Kept) -> None:
        """Know a tether no longer."""
        self.watch.forget(kept)
        self.counted("ended")
        self.afar.forget(kept.token)
        self._strike(kept)
        for told in self._parting.pop(kept, ()):
            told(False)


def _at_once(call: Callable[[], None]) -> None:
    call()


def _goes_on(principal: Principal) -> bool:  # noqa: ARG001 - a port
    """Know of no logout."""
    return False


def _nobody_waits(is_down: bool) -> None:
    """Tell nobody."""


class _Talk:
    """A socket without a tether, or one that takes nothing more, as the scan may use it."""

    def __init__(self, socket: Socket | None) -> None:
        self._socket = socket

    def tell(self, data: bytes, *, is_text: bool, is_help: bool = False) -> None:  # noqa: ARG002 - nothing is kept here
        """Tell the client."""
        if self._socket is not None:
            self._socket.send(data, is_text=is_text)

    def inform(self, data: bytes) -> bool:  # noqa: ARG002 - the port's
        """Tell no service: what is said waits for one."""
        return False

    def close(self, code: int, reason: bytes) -> None:
        """End it."""
        if self._socket is not None:
            self._socket.close(code, reason)


class TetherHearer:
    """Hears one socket: until it is known whose it is for itself, and then for its tether."""

    def __init__(self, sockets: TetherSockets, exchange: Exchange) -> None:
        """Wait for the socket to be open."""
        self._sockets: Final = sockets
        self._exchange: Final = exchange
        self._bound: Final = bound_of_route(exchange.plan.route)
        self._socket: Socket | None = None
        self._place: Place | Relayed | None = None
        self._guest: Guest | None = None
        self._proof: Proof | None = None
        self._token = b""
        self._may_write = True
        self._is_ended = False

    def opened(self, socket: Socket) -> None:
        """Begin, or wait for a token."""
        self._socket = socket
        principal = self._exchange.principal
        if not self._bound.first_message:
            self._join(Guest(self._exchange, principal))
        elif principal is None:
            socket.wake_at(self._sockets.clock() + self._bound.first_message)
        else:  # the handshake has proved who they are, and not yet what they may do
            self._prove(socket, b"")

    def _join(self, guest: Guest) -> None:
        """Go on with the tether that they come back to, here or at another worker; or begin."""
        socket = self._socket
        if socket is None:
            return
        self._guest = guest
        sockets, ask = self._sockets, guest.ask(self._bound)
        found = sockets.find(ask)
        if found is not None:
            sockets.hand(found, instead(found.guest, guest))
            found.come_back(socket, ask.received)
            self._goes_on(found.at(socket))
        elif (ask.token or ask.key) and (
            sockets.elsewhere.seek(ask, partial(self._told, guest, ask))
            or sockets.afar.seek(ask, partial(self._given, guest, ask))
        ):
            socket.pause()
        else:
            self._goes_on(sockets.begin(guest, ask, self._bound, socket).at(socket))

    def _told(self, guest: Guest, ask: Ask, line: Line | None) -> None:
        """Go on at another worker, or ask those of other nodes."""
        socket = self._socket
        if socket is None:
            if line is not None:
                line.end()
        elif line is not None:
            socket.resume()
            self._goes_on(Relayed(line, socket))
        elif not self._sockets.afar.seek(ask, partial(self._given, guest, ask)):
            self._given(guest, ask, None)

    def _given(self, guest: Guest, ask: Ask, parcel: Parcel | None) -> None:
        """Go on with what another node has handed over, or begin.

        Where the client has gone meanwhile, it is waited for here.
        """
        socket, sockets = self._socket, self._sockets
        kept = None if parcel is None else sockets.take_up(parcel, guest)
        whose = None if parcel is None else parcel.principal
        if kept is not None and whose is not None and sockets.has_ended(whose):
            kept.tether.end(POLICY, _LOGGED_OUT)
            kept = None
        if socket is None:
            return
        socket.resume()
        if kept is None:
            kept = sockets.begin(guest, ask, self._bound, socket)
        else:
            kept.come_back(socket, ask.received)
        self._goes_on(kept.at(socket))

    def _goes_on(self, place: Place | Relayed) -> None:
        self._place = place
        if not self._may_write:
            place.may_write(may=False)
        if self._socket is not None:
            self._socket.hear_pongs(place.ponged)

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message; the first may be a token."""
        if self._place is not None:
            self._place.message(payload, is_text=is_text)
            return
        socket = self._socket
        if socket is None or self._proof is not None:
            return
        token = words.token_in(payload) if is_text else None
        if token is None:
            self._hear_in_vain(payload, is_text=is_text, talk=_Talk(socket))
            self._say_farewell(socket)
            socket.close(POLICY, b"the first message must be {type: auth, token: ...}")
            return
        socket.wake_at(_NEVER)
        self._prove(socket, token)

    def late(self, payload: bytes, *, is_text: bool) -> None:
        """Listen to what comes behind the end, but for a token that is shown."""
        is_token = self._guest is None and is_text and words.token_in(payload) is not None
        if not is_token:
            self._hear_in_vain(payload, is_text=is_text, talk=_Talk(None))

    def _hear_in_vain(self, payload: bytes, *, is_text: bool, talk: _Talk) -> None:
        """Listen to a message that goes nowhere: what somebody at risk says is kept as that."""
        guest = self._guest or Guest(self._exchange, None)
        hearing = self._sockets.desk.hear(guest, payload, is_text=is_text, talk=talk)
        if hearing is not None:
            hearing.lost()

    def _prove(self, socket: Socket, token: bytes) -> None:
        """Ask about a token, and hear nothing meanwhile; empty: the request has shown one."""
        socket.pause()
        self._token = token
        self._proof = self._sockets.desk.prove(self._exchange, token, self)

    # What the desk says of the token

    def may(self, inquiry: Proof) -> None:
        """Go on with whose it is."""
        self._proof = inquiry
        socket = self._socket
        if socket is None:
            inquiry.over()
            return
        inquiry.keep()
        if self._is_ended:
            return  # a fault in what it means to keep it: nobody may
        socket.resume()  # whoever is joined may hold it back again
        self._join(Guest(self._exchange, inquiry.exchange.principal, self._token))

    def may_not(self, inquiry: Proof, response: Response) -> None:  # noqa: ARG002 - a port
        """End it."""
        socket = self._socket
        if socket is None:
            return
        problem = response.problem
        why = b"refused" if problem is None else problem.code.encode()
        self._say_farewell(socket)
        socket.close(POLICY if response.status < _SERVER_ERRORS else LATER, why)

    def ended(self, inquiry: Proof, code: int, reason: bytes) -> None:  # noqa: ARG002 - a port
        """End the client's side: it may go on no longer, or with another token."""
        self._is_ended = True
        if self._socket is not None:
            self._say_farewell(self._socket)
            self._socket.close(code, reason)

    def _say_farewell(self, socket: Socket) -> None:
        """Say where help is: nobody is refused without it."""
        help = self._sockets.desk.farewell(self._exchange)
        if help:
            socket.send(help, is_text=True)

    # What the socket says besides

    def may_write(self, *, may: bool) -> None:
        """Pass on that the client does not keep up, or does again."""
        self._may_write = may
        if self._place is not None:
            self._place.may_write(may=may)

    def due(self, now: float) -> None:  # noqa: ARG002 - the port's
        """End it: no token has come."""
        if self._socket is not None and self._proof is None and self._place is None:
            self._say_farewell(self._socket)
            self._socket.close(POLICY, b"no token has come in time")

    def closed(self, code: int) -> None:
        """Take that the client has gone; where another has come in its place, nothing follows."""
        place, self._place = self._place, None
        self._socket = None
        if self._proof is not None:
            self._proof.over()
        if place is not None:
            place.went(code)
