"""A WebSocket between a client and a service that is looked into: an endpoint for each side.

Each leg is a WebSocket of its own, with its own masks and its own compression.  In a direction that
is inspected a message is passed on when it is whole and has been let through; in the other one it
is passed on frame by frame, as it comes.  Pings and Pongs go through, and so do the codes of
Closes; what one side does wrong is said to it, and the other hears that it has gone.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from tta_gateway.wire.socket_codec import (
    Broken,
    Close,
    Fragment,
    Message,
    Ping,
    Pong,
    SocketEvent,
    SocketLimits,
)
from tta_gateway.wire.socket_deflate import Agreed
from tta_gateway.wire.socket_endpoint import SocketEndpoint
from tta_gateway.wire.web_socket import GOING_AWAY, RESTARTED

HELD: Final = Message(b"", is_text=False)
"""What an inspector returns that must wait: `decided` is called later."""
Inspect = Callable[[Message], Message | None]
"""Returns what is passed on in the message's place, mostly itself; None: nothing is."""
_CLIENT_GONE: Final = b"the client has gone"
_SERVICE_GONE: Final = b"the service has gone: connect again"


class Way:
    """One direction.  `inspect` sees each message of it; without, none waits for its end.

    `farewell` is what the other side hears where this one ends without a Close, or by a fault.
    With `hears_on` the inspector sees also what comes when nobody takes it any more.
    """

    __slots__ = (
        "_ahead",
        "_events",
        "_farewell",
        "_hears_on",
        "_inspect",
        "_is_lost",
        "_is_within",
        "is_held",
        "source",
        "target",
    )

    def __init__(
        self,
        source: SocketEndpoint,
        target: SocketEndpoint,
        inspect: Inspect | None,
        farewell: tuple[int, bytes],
        *,
        hears_on: bool = False,
    ) -> None:
        """Lead from one to the other."""
        self.source = source
        self.target = target
        self._inspect = inspect
        self._farewell = farewell
        self._hears_on = hears_on and inspect is not None
        self._events: deque[SocketEvent] = deque()
        self._is_lost = False
        self._is_within = False  # a message that is passed on in fragments: nothing may part them
        self._ahead: list[Message] = []  # what is to be said behind that
        self.is_held = False
        """Whether a message waits for what is decided: the source is not to be read meanwhile."""

    @property
    def is_behind(self) -> bool:
        """Tell whether there is more to read in a turn of its own."""
        return self.source.is_behind and not self.is_held

    @property
    def is_done(self) -> bool:
        """Tell whether nothing of what has come is still to be passed on."""
        return not self.is_held and not self.source.is_behind

    def receive(self, data: bytes) -> None:
        """Take what the source has sent; what follows from it is in `out` of both."""
        self._events.extend(self.source.receive(data))
        self._pass_on()

    def go_on(self) -> None:
        """Read on in what has come already, in a turn of its own."""
        self.receive(b"")

    def decided(self, message: Message | None) -> None:
        """Go on behind the message that was held, with what is passed on in its place."""
        self.is_held = False
        self._send(message)
        self._pass_on()

    def tell(self, message: Message) -> None:
        """Say something of the gateway's own to the target, before what has not gone on yet."""
        if self._is_within:
            self._ahead.append(message)
        else:
            self._send(message)

    def lost(self) -> None:
        """Take note that the source has ended without a Close; what it has said still counts."""
        if not self.source.over:
            self._is_lost = True
            self._pass_on()

    def _pass_on(self) -> None:
        events = self._events
        while events and not self.is_held:
            self._pass(events.popleft())
        if self._is_lost and self.is_done:
            self.source.stop()
            self.target.close(*self._farewell)

    def _pass(self, event: SocketEvent) -> None:
        source, target = self.source, self.target
        if isinstance(event, Message):
            self._inspected(event)
        elif isinstance(event, Fragment):
            self._pass_fragment(event)
        elif isinstance(event, Ping):
            target.ping(event.data)
        elif isinstance(event, Pong):
            target.pong(event.data)
        else:
            assert isinstance(event, (Close, Broken))  # there is no other event
            source.heed(event)
            if isinstance(event, Close):
                target.close(event.code, event.reason)
            else:
                target.close(*self._farewell)

    def _pass_fragment(self, fragment: Fragment) -> None:
        self.target.send_fragment(fragment)
        self._is_within = not fragment.final
        if fragment.final and self._ahead:
            ahead, self._ahead = self._ahead, []
            for message in ahead:
                self._send(message)

    def _inspected(self, message: Message) -> None:
        """Pass a message on, if whoever inspects it lets it through."""
        inspect = self._inspect
        if self.target.closed and not self._hears_on:
            return  # nobody takes it any more
        if inspect is None:
            self._send(message)
            return
        self.is_held = True  # until it is told, whatever the inspector calls meanwhile
        verdict = inspect(message)
        if verdict is not HELD:
            self.is_held = False
            self._send(verdict)

    def _send(self, message: Message | None) -> None:
        if message is not None:
            self.target.send(message.data, is_text=message.is_text)


class SocketRelay:
    """Both directions."""

    __slots__ = ("client", "from_client", "from_service", "service")

    def __init__(
        self,
        *,
        limits: SocketLimits,
        mask: Callable[[], bytes],
        client: Agreed | None = None,
        service: Agreed | None = None,
        of_client: Inspect | None = None,
        of_service: Inspect | None = None,
    ) -> None:
        """Begin behind both handshakes, in which this was agreed with the client and the service.

        `of_client` sees what the client says, `of_service` what the service says.
        """
        self.client = SocketEndpoint(limits=limits, agreed=client, streams=of_client is None)
        self.service = SocketEndpoint(
            limits=limits, agreed=service, mask=mask, streams=of_service is None
        )
        gone = (GOING_AWAY, _CLIENT_GONE), (RESTARTED, _SERVICE_GONE)
        self.from_client = Way(self.client, self.service, of_client, gone[0], hears_on=True)
        self.from_service = Way(self.service, self.client, of_service, gone[1])

    def tell(self, data: bytes, *, is_text: bool) -> None:
        """Say something of the gateway's own to the client, as soon as no message is under way."""
        self.from_service.tell(Message(data, is_text=is_text))

    def inform(self, data: bytes) -> bool:
        """Say a text of the gateway's own to the service; False if it takes nothing any more."""
        if self.service.closed:
            return False
        self.from_client.tell(Message(data, is_text=True))
        return True

    def close(self, code: int, reason: bytes) -> None:
        """Say to the client why the gateway ends this, and to the service that its client goes."""
        self.client.close(code, reason)
        self.service.close(GOING_AWAY, reason)
