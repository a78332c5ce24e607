"""Bindings: a service's own socket bound to a channel of the hub, both ways.

A bound socket is a member of its channel like any other: a connection of the hub in this process,
which connects with what its client has shown, subscribes and recovers.  So whoever judges members
judges it, it is seen in presence, what ends members ends it, and it hears all in the one order of
the channel.  What is said at the socket is published by the outbox.

What members say goes to the service by one of the session's sockets, where the route wants it: the
first to claim a publication takes it, of all workers and nodes.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import msgspec

from tta_gateway.features.realtime.attendant import Ports
from tta_gateway.features.realtime.codes import INTERNAL, TOKEN_EXPIRED, Disconnection
from tta_gateway.features.realtime.doorkeeper import Allowed, Caller
from tta_gateway.features.realtime.hub import Connection, Hub
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.publication import Position
from tta_gateway.features.tether.bond import BY, CLIENT, SERVICE, SOCKET, Bonded
from tta_gateway.features.tether.parcel import Seat
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.said import Need
from tta_gateway.node.outbox import Outbox
from tta_gateway.support.tasks import Died

_NEVER: Final = float("inf")
_FIRST: Final = 0.5  # seconds
_LONGEST: Final = 20.0
_LAST: Final = 5.0  # seconds that the last words may take to be published
_HANDED: Final = 1.0  # seconds for that, where it is taken elsewhere
_FINAL: Final = 2500  # unsubscriptions below are for good (features/realtime/codes.py)
_PING: Final = b"{}"
_CODEC: Final = JsonCodec()
_CONNECT: Final = 1
_SUBSCRIBE: Final = 2
_encode: Final = msgspec.json.Encoder().encode


class _Publication(msgspec.Struct, frozen=True):
    data: msgspec.Raw = msgspec.Raw(b"null")
    offset: int = 0
    tags: dict[str, str] = {}


class _Subscribed(msgspec.Struct, frozen=True):
    epoch: str = ""
    offset: int = 0
    recovered: bool = False
    was_recovering: bool = False
    publications: list[_Publication] = []


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    temporary: bool = False


class _Unsubscribed(msgspec.Struct, frozen=True):
    code: int = 0


class _Push(msgspec.Struct, frozen=True):
    channel: str = ""
    pub: _Publication | None = None
    unsubscribe: _Unsubscribed | None = None


class _Message(msgspec.Struct, frozen=True):
    id: int = 0
    error: _Error | None = None
    subscribe: _Subscribed | None = None
    push: _Push | None = None


_decode: Final = msgspec.json.Decoder(_Message).decode


class Lobby(Protocol):
    """Who is told of members, by their ids, before the hub and behind it (node/hub_desk.py)."""

    def came(self, client: str, opening: Exchange, *, is_inner: bool = False) -> None:
        """Know one, and the request that opened its socket."""
        ...

    def gone(self, client: str) -> None:
        """Know it no longer."""
        ...

    def may_speak(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may publish at all, whatever it is; no service is asked."""
        ...


class Watch(Protocol):
    """Who looks at the time (edge/sweeper.py)."""

    def watch(self, one: "Binding") -> None:
        """Call its `on_deadline` when its `deadline` has come."""

    def forget(self, one: "Binding") -> None:
        """Do so no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """Binds the tethers of one worker; `fresh` makes names that nobody has made before.

    `chance` is from 0 to 1, `died` hears of tasks.
    """

    hub: Hub
    lobby: Lobby
    ports: Ports
    watch: Watch
    fresh: Callable[[], str]
    chance: Callable[[], float]
    died: Died

    def bind(
        self, channel: str, bonded: Bonded, *, serves: bool, seat: Seat | None = None
    ) -> "Binding":
        """Begin to be in a channel, or go on in a `seat` of there.

        `serves`: a service hears what members say.
        """
        return Binding(self, channel, bonded, serves=serves, seat=seat)


class Binding:
    """One socket's place in a channel; the hub's Writer, and watched by the sweeper."""

    def __init__(
        self,
        bindings: Bindings,
        channel: str,
        bonded: Bonded,
        *,
        serves: bool,
        seat: Seat | None,
    ) -> None:
        """Begin to come in."""
        self.deadline = _NEVER
        self._bindings: Final = bindings
        self._channel: Final = channel
        self._bonded: Final = bonded
        self._serves: Final = serves
        self._name: Final = bindings.fresh() if seat is None else seat.name
        """by which it knows again what was said at its own socket"""
        self._id = ""
        self._connection: Connection | None = None
        self._position: Position | None = None
        """up to where it has heard the channel"""
        self._frames: deque[bytes] = deque()
        self._is_reading = self._is_told = self._is_over = False
        self._taken: Callable[[Seat], None] | None = None
        """hears its seat, where it is taken elsewhere"""
        self._is_out = False
        """whether it may not be there: nothing that is said meanwhile is for the channel"""
        self._may_write, self._tries = True, 0
        self._outbox: Final = Outbox(
            bindings.ports,
            channel,
            tags={SOCKET: self._name},
            speaks=bindings.lobby.may_speak,
            unshared=self._unshared,
            died=bindings.died,
        )
        if seat is not None:
            self._sit(seat)
        bindings.watch.watch(self)
        asyncio.get_running_loop().call_soon(self._come_in)

    def _sit(self, seat: Seat) -> None:
        """Go on where it was at another worker."""
        self._position = Position(seat.offset, seat.epoch)
        self._is_told = True
        self._outbox.number = seat.number

    # --- what the tether says ---

    def said(self, payload: bytes, *, is_text: bool, by: str, need: Need | None = None) -> None:
        """Publish it, behind all that was said before."""
        if not self._is_over and not self._is_out:
            self._outbox.put(payload, is_text=is_text, by=by, need=need)

    def may_write(self, *, may: bool) -> None:
        """Hear no further, or again; what is too much is recovered."""
        self._may_write = may
        if self._connection is not None:
            self._connection.may_write(may)

    def came_back(self) -> None:
        """Come in at once where a token was in the way: there is another, perhaps."""
        if self._connection is None and not self._is_over:
            self._tries = 0
            self.deadline = 0.0

    def over(self) -> None:
        """Leave, behind what is still to be published."""
        if self._is_over:
            return
        self._is_over = True
        self.deadline = self._bindings.ports.clock.monotonic() + _LAST
        self._outbox.end(self._part)

    def hand_over(self, done: Callable[[Seat], None]) -> None:
        """Leave it to be taken elsewhere, behind what is still to be published."""
        self._is_over = True
        self._taken = done
        self.deadline = self._bindings.ports.clock.monotonic() + _HANDED
        self._outbox.end(self._part)

    # --- the member ---

    def on_deadline(self, now: float) -> None:  # noqa: ARG002 - the sweeper's
        """Come in."""
        self.deadline = _NEVER
        if self._is_over:
            self._part()
        else:
            self._come_in()

    def _come_in(self) -> None:
        if self._connection is not None or self._is_over:
            return
        self._is_out = False
        all_of_us = self._bindings
        guest = self._bonded.guest
        opening = guest.exchange
        self._id = all_of_us.fresh()
        all_of_us.lobby.came(self._id, opening, is_inner=True)
        self._connection = all_of_us.hub.open(
            _CODEC, self, client=self._id, chance=all_of_us.chance(), address=opening.client
        )
        if not self._may_write:
            self._connection.may_write(False)
        token = guest.token or opening.token
        self._ask(_CONNECT, "connect", {"token": token.decode("latin-1")} if token else {})

    def _part(self) -> None:
        """Leave for good: all that was said is published, or waits for too long."""
        self.deadline = _NEVER
        self._leave()
        taken, self._taken = self._taken, None
        if taken is not None and len(self._outbox):
            self._unshared(INTERNAL.code)
        self._outbox.clear()
        self._bindings.watch.forget(self)
        if taken is not None:
            at = self._position or Position()
            taken(Seat(self._name, self._outbox.number, at.offset, at.epoch))

    def _ask(self, number: int, name: str, what: dict[str, object]) -> None:
        if self._connection is not None:
            self._connection.received(_encode({"id": number, name: what}))

    def _leave(self) -> None:
        """Be a member no longer."""
        connection, self._connection = self._connection, None
        self._frames.clear()
        self._outbox.hold()
        if connection is not None:
            connection.lost()
            self._bindings.lobby.gone(self._id)

    def _again(self) -> None:
        """Come in a little later."""
        self._leave()
        pause = min(_LONGEST, _FIRST * float(2 ** min(self._tries, 10)))
        self._tries += 1
        now = self._bindings.ports.clock.monotonic()
        self.deadline = now + pause * (1.0 - self._bindings.chance() / 2.0)

    def _give_up(self, code: int) -> None:
        """Be in the channel no longer, until a client comes back that may."""
        self._leave()
        self._is_told = False
        if code != TOKEN_EXPIRED.code:  # with another it goes on, and hears what it has missed
            self._is_out = True
            self._position = None
            self._outbox.clear()
        self._bonded.told("unbound", {"channel": self._channel, "code": code})

    def _unshared(self, code: int) -> None:
        self._bonded.told("unshared", {"channel": self._channel, "code": code})

    # --- what the hub writes (its Writer) ---

    def write(self, frame: bytes) -> None:
        """Take a frame; it is read in a turn of its own, when the hub is done."""
        self._frames.append(frame)
        if not self._is_reading:
            self._is_reading = True
            asyncio.get_running_loop().call_soon(self._read)

    def close(self, why: Disconnection) -> None:
        """Take that the hub has ended it, behind all that was written."""
        self._read()
        if self._connection is None:
            return
        if why.is_final:
            self._give_up(why.code)
        else:
            self._again()

    def pause_reading(self) -> None:
        """Go on: it asks little."""

    def resume_reading(self) -> None:
        """Go on."""

    def _read(self) -> None:
        self._is_reading = False
        frames = self._frames
        while frames and not self._is_over:
            for line in frames.popleft().split(b"\n"):
                self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        connection = self._connection
        if connection is None:
            return  # it has left, by a line before this one
        if line == _PING:
            connection.received(_PING)
        else:
            self._take(_decode(line))

    def _take(self, message: _Message) -> None:
        if message.push is not None:
            self._pushed(message.push)
        elif message.error is not None:
            self._refused(message.error)
        elif message.id == _CONNECT:
            self._subscribe()
        elif message.subscribe is not None:
            self._subscribed(message.subscribe)

    def _subscribe(self) -> None:
        asked: dict[str, object] = {"channel": self._channel}
        at = self._position
        if at is not None and at.epoch:
            asked.update(recover=True, offset=at.offset, epoch=at.epoch)
        self._ask(_SUBSCRIBE, "subscribe", asked)

    def _refused(self, error: _Error) -> None:
        if error.temporary:
            self._again()
        else:
            self._give_up(error.code)

    def _subscribed(self, told: _Subscribed) -> None:
        """Begin, or go on behind what was missed meanwhile."""
        self._tries = 0
        self._outbox.go_on(Caller(self._user, self._id))
        is_new = not self._is_told
        self._is_told = True
        if is_new:
            self._bonded.told("bound", {"channel": self._channel})
        elif told.was_recovering and not told.recovered:
            self._bonded.told("bound", {"channel": self._channel, "recovered": False})
        self._position = Position(told.offset, told.epoch)  # what was missed stands behind it
        if told.was_recovering and told.recovered:
            for one in told.publications:
                self._heard(one)

    @property
    def _user(self) -> str:
        return "" if self._connection is None else self._connection.session.user

    def _pushed(self, push: _Push) -> None:
        if push.channel != self._channel:
            return  # an order of services has it read another: nobody here hears that
        if push.pub is not None:
            self._heard(push.pub)
        elif push.unsubscribe is not None:
            if push.unsubscribe.code < _FINAL:
                self._give_up(push.unsubscribe.code)
            else:
                self._outbox.hold()
                self._subscribe()

    def _heard(self, publication: _Publication) -> None:
        """Take what was published; what was said at this socket its client knows."""
        at = self._position
        if publication.offset and at is not None:
            self._position = Position(publication.offset, at.epoch)
        tags = publication.tags
        if tags.get(SOCKET) == self._name:
            return
        by = tags.get(BY, "")
        by = by if SOCKET in tags and by in (CLIENT, SERVICE) else ""
        payload = bytes(publication.data)
        self._bonded.others_said(payload, by_service=by == SERVICE)
        if not by and self._serves and publication.offset and at is not None:
            place = f"{at.epoch} {publication.offset}"
            self._outbox.claim(place, partial(self._claimed, payload))

    def _claimed(self, payload: bytes, is_ours: bool) -> None:
        if is_ours and (not self._is_over or self._taken is not None):
            self._bonded.service_hears(payload)
