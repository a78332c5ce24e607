"""A tether as its worker keeps it: with whom it is of, what it is reached by, and its time."""

from typing import Final, Protocol

import msgspec

from tta_gateway.features.tether import words
from tta_gateway.features.tether.algorithm import State
from tta_gateway.features.tether.backlog import Bounds
from tta_gateway.features.tether.bond import CLIENT, SERVICE, Bond
from tta_gateway.features.tether.bound import TetherBound
from tta_gateway.features.tether.desk import Desk
from tta_gateway.features.tether.guest import Guest, route_of
from tta_gateway.features.tether.parcel import Parcel, Seat
from tta_gateway.features.tether.relay import Ask, Remote
from tta_gateway.features.tether.session import (
    GOING_AWAY,
    LATER,
    POLICY,
    RESTART,
    Client,
    Leg,
    Terms,
    Tether,
)
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.said import Hearing, Need

_TOO_MANY: Final = 429
_FORBIDDEN: Final = (400, 401, 403, 404, 451)
_FORBIDDEN_BY_SERVICE: Final = (401, 403)
_EXPIRED: Final = 3000  # features/identity/open_streams.py: with another token it may go on
_NEVER: Final = float("inf")


class Keeper(Protocol):
    """Whoever keeps all tethers of the worker."""

    desk: Desk

    def clock(self) -> float:
        """Return the time."""
        ...

    def fresh(self) -> str:
        """Return a token that nobody guesses."""
        ...

    def chance(self) -> float:
        """Return a number from 0 to 1."""
        ...

    def stamp(self) -> str:
        """Return the time of day as text."""
        ...

    def counted(self, event: str) -> None:
        """Take note of what has become of a tether."""

    def joined(self, kept: "Kept") -> None:
        """Take note that a client is there."""

    def left_alone(self, kept: "Kept") -> None:
        """Take note that a client is away."""

    def goes_on(self) -> bool:
        """Tell whether who is away now is waited for: here, or elsewhere."""
        ...

    def parted(self, kept: "Kept", parcel: Parcel) -> None:
        """Take one that is to go on at another worker."""

    def forget(self, kept: "Kept") -> None:
        """Know a tether no longer."""


class Kept:
    """A tether with what it is reached by; the sweeper's, and its Means."""

    def __init__(
        self,
        keeper: Keeper,
        guest: Guest,
        bound: TetherBound,
        key: tuple[str, str, str] | None,
        parcel: Parcel | None = None,
    ) -> None:
        """Begin without a client; `parcel`: it has begun at another worker."""
        self.deadline = _NEVER
        self.guest = guest
        self.key: Final = key
        self.whose: Final = _whose(guest)
        """Whose it is, of whom only so much is kept; it stays, wherever they come back from."""
        self.is_erased = False
        """Whether nothing may be kept of it any more, wherever it is just being put."""
        self.is_logged_out = False
        """Whether the login that it was of last has ended: likewise, and nobody comes back."""
        self.token: Final = keeper.fresh() if parcel is None else parcel.token
        self._bound: Final = bound
        self._keeper: Final = keeper
        self._legs = 0 if parcel is None else parcel.legs
        self._session: Final = keeper.fresh() if parcel is None else parcel.session
        self._client: Client | None = None
        self._tether: Tether | None = None
        self._bond: Bond | None = None

    @property
    def login(self) -> str:
        """Return by which login of theirs it is somebody's; empty: by none that is known."""
        principal = self.guest.principal
        return "" if principal is None else principal.session

    @property
    def is_here(self) -> bool:
        """Tell whether its client is there, at this worker."""
        return self._client is not None and not isinstance(self._client, Remote)

    def is_at(self, client: Client) -> bool:
        """Tell whether this is the client's socket."""
        return self.tether.is_of(client)

    def at(self, client: Client) -> "Place":
        """Return it as it is heard from this socket, for as long as that is the client's."""
        return Place(self, client)

    @property
    def tether(self) -> Tether:
        """Return it, once it has begun."""
        assert self._tether is not None  # `begin` is called at once
        return self._tether

    def is_of(self, ask: Ask) -> bool:
        """Tell whether it is this person's, on the same route, and what they show is no less."""
        if self.is_logged_out or route_of(self.guest) != ask.route:
            return False
        return may_have(ask.principal, self.guest.principal)

    def begin(self, client: Client) -> None:
        """Begin with this client."""
        self._client = client
        self._tether = self._with(client)
        self.deadline = self._tether.due
        self._bind(None)

    def go_on(self, parcel: Parcel) -> None:
        """Begin with what was packed elsewhere, and wait for its client."""
        self._tether = self._with(None)
        self.guest.session, self.guest.number = self._session, self._legs
        self._tether.unpack(parcel.contents)
        self.deadline = self._tether.due
        self._bind(parcel.seat)

    def _with(self, client: Client | None) -> Tether:
        bound = self._bound
        bounds = Bounds(messages=bound.messages, size=bound.size)
        terms = Terms(resume=bound.resume, reattach=bound.reattach, bounds=bounds)
        now = self._keeper.clock()
        return Tether(self, terms, token=self.token, client=client, now=now)

    def _bind(self, seat: Seat | None) -> None:
        bound = self._bound
        channel = self.guest.channel(bound)
        if channel:
            self._bond = self._keeper.desk.bind(channel, self, serves=bound.serves, seat=seat)

    def come_back(self, client: Client, received: int) -> None:
        """Go on with this client."""
        self._client = client
        self._keeper.joined(self)
        self._keeper.counted("resumed")
        self.tether.client_came(client, received=received, now=self._keeper.clock())
        self.deadline = self.tether.due
        if self._bond is not None:
            self._bond.came_back()

    # What the socket says

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message of the client."""
        self.tether.client_said(payload, is_text=is_text, now=self._keeper.clock())

    def ponged(self, payload: bytes) -> None:
        """Take a sign of life."""
        self.tether.client_ponged(payload, self._keeper.clock())
        self.deadline = self.tether.due

    def may_write(self, *, may: bool) -> None:
        """Take note that the client does not keep up, or does again."""
        self.tether.client_may_write(may=may)
        if self._bond is not None:
            self._bond.may_write(may=may)

    def went(self, code: int) -> None:
        """Take that the client has gone."""
        self._client = None
        self.tether.client_went(code, self._keeper.clock())
        self._hear_on()
        if self.tether.is_alone and self._keeper.goes_on():
            self._keeper.left_alone(self)
        else:
            self.tether.end(GOING_AWAY, b"")
        self.deadline = self.tether.due

    # Going on at another worker

    def part(self, code: int, reason: bytes) -> None:
        """Be packed for another worker; `Keeper.parted` follows, or the end."""
        self._client = None
        self.tether.part(code, reason, self._keeper.clock())
        self.deadline = self.tether.due

    def parted(self, tether: Tether) -> None:  # noqa: ARG002 - a port
        """Leave the channel, if it is in one, and be packed."""
        bond, self._bond = self._bond, None
        if bond is None:
            self._pack(None)
        else:
            bond.hand_over(self._pack)

    def _pack(self, seat: Seat | None) -> None:
        if self.tether.state is State.OVER:
            return  # it has ended meanwhile, which was told
        principal = self.guest.principal
        if principal is not None:
            principal = msgspec.structs.replace(principal, claims={})
        parcel = Parcel(
            token=self.token,
            key=self.key,
            principal=principal,
            route=route_of(self.guest),
            session=self._session,
            legs=self._legs,
            resume=self._bound.resume,
            seat=seat,
            contents=self.tether.packed(),
        )
        self._keeper.parted(self, parcel)

    # What time it is

    def on_deadline(self, now: float) -> None:
        """Do what is due."""
        self.tether.tick(now)
        if self._client is not None and self.tether.is_alone:  # no sign of life
            self._client = None
            self._keeper.left_alone(self)
            self._hear_on()
        self.deadline = self.tether.due

    def _hear_on(self) -> None:
        """Hear what others say, without a client that does not keep up."""
        if self._bond is not None:
            self._bond.may_write(may=True)

    # What is said in the channel that it is bound to

    def said(self, payload: bytes, *, is_text: bool, by: str, need: Need | None = None) -> None:
        """Have those in the channel hear what was said here."""
        if self._bond is not None:
            self._bond.said(payload, is_text=is_text, by=by, need=need)

    def others_said(self, payload: bytes, *, by_service: bool) -> None:
        """Pass on what others have said, in the words of the route."""
        exchange = self.guest.exchange
        wording, heard = exchange.plan.wording, payload
        if wording is not None:
            heard = wording.heard(exchange, payload, by_service=by_service)
        self.tether.others_said(heard, now=self._keeper.clock())
        self.deadline = self.tether.due

    def service_hears(self, payload: bytes) -> None:
        """Have the service hear what a member has said; the client is told where it cannot."""
        if not self.tether.service_hears(payload):
            self.told("unheard", {})

    def told(self, status: str, more: dict[str, object]) -> None:
        """Tell the client what happens to the bond."""
        self._keeper.counted(status)
        self.tell(self.tether, status, more)

    # What the tether asks (its Means)

    def reach(self, tether: Tether) -> Leg:
        """Begin to open a leg."""
        self._legs += 1
        guest = self.guest
        guest.session, guest.number = self._session, self._legs
        hearer = _Ear(self, tether)
        leg = self._keeper.desk.open(guest, hearer)
        hearer.leg = leg
        return leg

    def tell(self, tether: Tether, status: str, more: dict[str, object]) -> None:
        """Tell the client what happens."""
        if status == "reattached":
            self._keeper.counted(status)
        client = self._client
        if client is None or not self._bound.events:
            return
        if status == "attached":
            more = {"resume": tether.token, **more}
        exchange = self.guest.exchange
        wording = exchange.plan.wording
        if wording is not None:
            said = wording.event(exchange, words.EVENT, {"status": status, **more})
        else:
            session = self.key[2] if self.key is not None else ""
            said = words.event(status, session=session, at=self._keeper.stamp(), more=more)
        client.send(said, is_text=True)

    def hear(self, payload: bytes, *, is_text: bool, is_helped: bool = False) -> Hearing | None:
        """Listen to what waits for the service."""
        talk = _Talk(self, helps=not is_helped)
        return self._keeper.desk.hear(self.guest, payload, is_text=is_text, talk=talk)

    def farewell(self, fate: Fate) -> bytes:
        """Return the help that goes before an end."""
        return self._keeper.desk.farewell(self.guest.exchange, fate)

    def over(self, tether: Tether) -> None:  # noqa: ARG002 - a port
        """Know it no longer."""
        self._client = None
        bond, self._bond = self._bond, None
        if bond is not None:
            bond.over()
        self._keeper.forget(self)

    def chance(self) -> float:
        """Return a number from 0 to 1."""
        return self._keeper.chance()

    def now(self) -> float:
        """Return the time."""
        return self._keeper.clock()


class Place:
    """A tether as it is heard from one socket: nothing, once its client has another."""

    def __init__(self, kept: Kept, client: Client) -> None:
        """Hear it from there."""
        self._kept = kept
        self._client = client

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message of the client."""
        if self._kept.is_at(self._client):
            self._kept.message(payload, is_text=is_text)

    def ponged(self, payload: bytes) -> None:
        """Take a sign of life."""
        if self._kept.is_at(self._client):
            self._kept.ponged(payload)

    def may_write(self, *, may: bool) -> None:
        """Take note that the client does not keep up, or does again."""
        if self._kept.is_at(self._client):
            self._kept.may_write(may=may)

    def went(self, code: int) -> None:
        """Take that the client has gone."""
        if self._kept.is_at(self._client):
            self._kept.went(code)


class _Talk:
    """A tether as the scan may use it (kernel/said.py)."""

    def __init__(self, kept: Kept, *, helps: bool) -> None:
        self._kept = kept
        self._helps = helps

    def tell(self, data: bytes, *, is_text: bool, is_help: bool = False) -> None:
        """Tell the client; the card is theirs already where it was given before."""
        if is_help and not self._helps:
            return
        self._kept.tether.gateway_said(data, is_text=is_text, is_help=is_help)

    def inform(self, data: bytes) -> bool:  # noqa: ARG002 - the port's
        """Tell no service: what is said waits for one."""
        return False

    def close(self, code: int, reason: bytes) -> None:
        """End it."""
        self._kept.tether.end(code, reason)


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
        if problem is not None and response.status == _TOO_MANY and not self._tether.has_begun:
            self._tether.end(LATER, why)  # as a request would be refused
            return
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
        self._kept.said(payload, is_text=is_text, by=SERVICE)

    def passed(self, payload: bytes, *, is_text: bool, need: Need | None) -> None:
        """Pass on what has gone to the service."""
        self._kept.said(payload, is_text=is_text, by=CLIENT, need=need)

    def tell(self, payload: bytes, *, is_text: bool, is_help: bool) -> None:
        """Pass on what the gateway says itself; for whoever is away the help card alone is kept."""
        self._tether.gateway_said(payload, is_text=is_text, is_help=is_help)

    def stopped(self, payload: bytes) -> None:
        """Pass on that a message of the client's has not reached the service."""
        if self.leg is not None:
            self._tether.client_stopped(self.leg, payload)

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


def _whose(guest: Guest) -> str:
    """Return whose a tether is; nobody known is known by address."""
    principal = guest.principal
    return f"address {guest.exchange.client}" if principal is None else principal.key


def may_have(theirs: Principal | None, mine: Principal | None) -> bool:
    """Tell whether who comes may have what was opened for somebody: nobody else, and no less.

    The service's socket was opened with a token; who shows one that may do other things, or proves
    less, would speak and read with the rights of the one before.
    """
    if mine is None or theirs is None:
        return mine is theirs
    return (
        theirs.key == mine.key
        and theirs.roles == mine.roles
        and theirs.is_narrow == mine.is_narrow
        and theirs.scopes == mine.scopes
        and theirs.permitted == mine.permitted
        and theirs.level >= mine.level
    )
