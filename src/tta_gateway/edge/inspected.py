"""A WebSocket between a client and a service, whose messages policies look at.

It stands where `edge/web_socket.py` passes bytes on as they are, on routes with policies that look
at messages.  In a direction that they look at, a message is passed on when it is whole and they
have let it through; in the other one, frame by frame.  Each leg has its own compression
(`edge/legs.py`).
"""

import os
from collections.abc import Callable
from typing import Final

from tta_gateway.edge.entrance import Entrance
from tta_gateway.edge.legs import Legs
from tta_gateway.kernel.exchange import Exchange, Spliced, Tunnel
from tta_gateway.pipeline.conversation import Conversation, Passage
from tta_gateway.wire.socket_codec import Message, SocketLimits
from tta_gateway.wire.socket_relay import HELD, SocketRelay, Way

LARGEST: Final = 1024 * 1024
"""Bytes of a message: it is held whole while it is looked at."""
_UNTAKEN: Final = 64 * 1024
_LEAVING: Final = b"the gateway is going away: connect again"


class Lane:
    """One direction: what its source sends is written here, and its source is held back here."""

    __slots__ = (
        "_has_ended",
        "_in_turn",
        "_is_paused",
        "_is_slow",
        "_socket",
        "source",
        "target",
        "way",
    )

    def __init__(self, socket: "Inspected", way: Way, source: Tunnel, target: Tunnel) -> None:
        """Lead from one side to the other."""
        self._socket = socket
        self.way = way
        self.source = source
        self.target = target
        self._is_slow = False  # the target does not keep up
        self._is_paused = False
        self._has_ended = False  # the source
        self._in_turn = False  # the rest is read in a turn of its own

    # The end of a tunnel that the source's connection knows

    def write(self, data: bytes) -> None:
        """Take what the source has sent."""
        self.way.receive(data)
        self._socket.settle()

    def write_eof(self) -> None:
        """Take note that the source has ended, perhaps without a Close."""
        self.way.lost()
        self._has_ended = True
        self._socket.settle()

    def pause_reading(self) -> None:
        """Hold the other side back: this one does not take what it says."""
        self._socket.other(self).hold_back(is_slow=True)

    def resume_reading(self) -> None:
        """Let the other side go on."""
        self._socket.other(self).hold_back(is_slow=False)

    def abort(self) -> None:
        """Take note that the source has broken off; the other side hears of it in order."""
        self.write_eof()

    # How fast it goes

    def hold_back(self, *, is_slow: bool) -> None:
        """Take note of whether the target keeps up."""
        self._is_slow = is_slow
        self.regulate()
        socket = self._socket
        if self is socket.to_client:
            socket.untaken = 0
            socket.to_service.regulate()

    def regulate(self) -> None:
        """Read the source, or do not: while a message is looked at, nothing follows it."""
        if self._has_ended and self.way.is_done:
            self._socket.end(self.target)
        way = self.way
        # What is compressed stays so until it is taken: a little may become very much.
        if way.is_behind and not self._in_turn and not self._is_slow:
            self._in_turn = True
            self._socket.later(self._go_on)
        waits = self._in_turn or way.is_held or way.is_behind
        paused = self._is_slow or waits or self._is_unheard()
        if paused != self._is_paused:
            self._is_paused = paused
            if paused:
                self.source.pause_reading()
            else:
                self.source.resume_reading()

    def _is_unheard(self) -> bool:
        """Tell whether the client asks on, and takes none of what the gateway itself answers."""
        socket = self._socket
        return self is socket.to_service and socket.untaken > _UNTAKEN

    @property
    def is_slow(self) -> bool:
        """Tell whether the target does not keep up."""
        return self._is_slow

    @property
    def is_all_said(self) -> bool:
        """Tell whether nothing follows: of what the target does not take, nobody knows when."""
        return self.way.is_done or (self._is_slow and not self.way.is_held)

    def _go_on(self) -> None:
        self._in_turn = False
        if not self._is_slow:
            self.way.go_on()
        self._socket.settle()


class Inspected:
    """Both directions; to the client's connection it is like any `WebSocket`."""

    __slots__ = (
        "_client",
        "_client_gone",
        "_client_over",
        "_conversation",
        "_is_looking",
        "_relay",
        "_said",
        "_service",
        "_service_over",
        "_was_said",
        "later",
        "to_client",
        "to_service",
        "untaken",
    )

    def __init__(
        self,
        client: Tunnel,
        service: Spliced,
        *,
        exchange: Exchange,
        entrance: Entrance,
        legs: Legs,
        said: Callable[[], None],
    ) -> None:
        """Lead both ways; `said` hears that the client has had a Close."""
        self._client = client
        self._service = service
        self._said = said
        self.later: Callable[[Callable[[], None]], object] = entrance.loop.call_soon
        self._was_said = self._client_over = self._service_over = self._client_gone = False
        self._is_looking = False
        self.untaken = 0  # bytes of the gateway's own, since the client does not keep up
        self._conversation = talk = Conversation(exchange, entrance.runner, self)
        talk.from_client.decided = self._decided_of_client
        talk.from_service.decided = self._decided_of_service
        self._relay = relay = SocketRelay(
            limits=SocketLimits(frame=LARGEST, message=LARGEST),
            mask=_mask,
            client=legs.client,
            service=legs.service,
            of_client=None if talk.from_client.is_open else self._of_client,
            of_service=None if talk.from_service.is_open else self._of_service,
        )
        self.to_service = Lane(self, relay.from_client, client, service)
        self.to_client = Lane(self, relay.from_service, service, client)

    def other(self, lane: Lane) -> Lane:
        """Return the other direction."""
        return self.to_client if lane is self.to_service else self.to_service

    # What the client's connection asks of a WebSocket

    def leave(self, code: int) -> None:
        """Tell both sides that the gateway goes."""
        self.close(code, _LEAVING)

    def close(self, code: int, reason: bytes) -> None:
        """Tell both sides why the gateway ends this."""
        self._relay.close(code, reason)
        if not self._is_looking:
            self.settle()

    def client_gone(self, *, in_order: bool) -> None:  # noqa: ARG002 - the service hears it anyway
        """End the service's side, behind what is still looked at: the client has gone."""
        self._client_over = self._client_gone = True
        self._relay.from_client.lost()
        self.settle()

    def settle(self) -> None:
        """Write what follows from what has been taken, and end what is over."""
        client, service = self._relay.client, self._relay.service
        if client.out:
            self._client.write(client.taken())
        if service.out:
            self._service.write(service.taken())
        if client.closed and not self._was_said:
            self._was_said = True
            self._said()
        if client.over and client.closed:
            self.end(self._client)
        if service.over and service.closed:
            self.end(self._service)
        if self._client_gone and self.to_service.is_all_said:
            self._client_gone = False
            self._service.let_go()
        self.to_service.regulate()
        self.to_client.regulate()

    def end(self, side: Tunnel) -> None:
        """End what is written to a side, once."""
        if side is self._client and not self._client_over:
            self._client_over = True
            side.write_eof()
        elif side is self._service and not self._service_over:
            self._service_over = True
            side.write_eof()

    # What policies ask of a socket

    def tell(self, data: bytes, *, is_text: bool, is_help: bool = False) -> None:  # noqa: ARG002 - nothing is kept here
        """Say something of the gateway's own to the client, before what has not gone on yet."""
        self._relay.tell(data, is_text=is_text)
        if self.to_client.is_slow:
            self.untaken += len(data)
        if not self._is_looking:
            self.settle()

    def inform(self, data: bytes) -> bool:
        """Say a text of the gateway's own to the service, before what has not gone on yet."""
        is_there = self._relay.inform(data)
        if not self._is_looking:
            self.settle()
        return is_there

    # What policies say

    def _of_client(self, message: Message) -> Message | None:
        passed = self._inspect(self._conversation.from_client, message)
        if passed is not HELD:
            self._take_note()
        return passed

    def _take_note(self) -> None:
        """Have it kept where what somebody at risk has said reaches no service any more."""
        said = self._conversation.from_client.passes
        if said is not None and said.need is not None and self._relay.service.closed:
            said.need.lost()

    def _of_service(self, message: Message) -> Message | None:
        return self._inspect(self._conversation.from_service, message)

    def _inspect(self, passage: Passage, message: Message) -> Message | None:
        self._is_looking = True  # whoever has brought the message settles what follows from it
        is_decided = passage.look(message.data, is_text=message.is_text)
        self._is_looking = False
        return _passed_by(passage) if is_decided else HELD

    def _decided_of_client(self) -> None:
        self._take_note()
        self._relay.from_client.decided(_passed_by(self._conversation.from_client))
        self.settle()

    def _decided_of_service(self) -> None:
        self._relay.from_service.decided(_passed_by(self._conversation.from_service))
        self.settle()


def _passed_by(passage: Passage) -> Message | None:
    said = passage.passes
    return None if said is None else Message(said.data, is_text=said.is_text)


def _mask() -> bytes:
    """Return four bytes that nobody can foretell (RFC 6455 5.3)."""
    return os.urandom(4)
