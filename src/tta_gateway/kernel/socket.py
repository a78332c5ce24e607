"""WebSockets that the gateway answers itself: the port between what knows sockets and what hears.

A feature offers a `SocketService` under a name; a route that bears the name (`Route.socket`) leads
there.  Each socket that opens has a `Hearer` of its own.  All calls are plain ones, in the turn of
the loop in which something has come; nobody need lock or await anything.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.said import Need


class SocketTerms:
    """What holds for the sockets of one service.

    `protocols` are those that are spoken, of which the first that a client names is chosen; it may
    name none.  A message that is larger than `largest` bytes ends with 1009.  `deflates` says
    whether messages may be deflated (RFC 7692): it costs memory and time, and beside secrets the
    length of what is deflated tells something of them.  `farewell` is the code and the reason by
    which sockets hear that the gateway goes, where they are to hear another than of a tunnel.
    """

    __slots__ = ("deflates", "farewell", "largest", "protocols")

    def __init__(
        self,
        *,
        protocols: Sequence[bytes] = (),
        largest: int = 65536,
        deflates: bool = False,
        farewell: tuple[int, bytes] | None = None,
    ) -> None:
        """Offer this."""
        self.protocols = protocols
        self.largest = largest
        self.deflates = deflates
        self.farewell = farewell


class Socket(Protocol):
    """A socket, as whoever hears it may use it.  Once it is closed, nothing of this does anything.

    `protocol` is the one that was chosen, or b"".
    """

    exchange: Exchange
    protocol: bytes

    def send(self, payload: bytes, *, is_text: bool) -> None:
        """Send a message; text must be UTF-8.

        The same object for many sockets, one after the other, is made into a frame only once.
        """

    def ping(self, payload: bytes = b"") -> None:
        """Ask for a sign of life, by at most 125 bytes."""

    def hear_pongs(self, hearer: Callable[[bytes], None]) -> None:
        """Have the payload of each Pong heard there from now on, in its turn among messages."""

    def close(self, code: int, reason: bytes) -> None:
        """End it: nothing is sent behind this, and what is heard any more is `late`.

        `closed` comes when the client has answered, or has gone.
        """

    def pause(self) -> None:
        """Hear no message for a while: the client is read no further."""

    def resume(self) -> None:
        """Hear again, in a turn of its own."""

    def wake_at(self, when: float) -> None:
        """Call `due` at this time of the loop's clock, to a fifth of a second; inf: not at all."""


class Hearer(Protocol):
    """What hears one socket; `closed` comes once, and nothing behind it."""

    def opened(self, socket: Socket) -> None:
        """Begin: the answer to the handshake has left."""

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message, whole; text is UTF-8."""

    def late(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message that has come too late, behind a Close of ours or the client's going.

        It is carried out no more, and nothing is answered; it may be said again elsewhere, or not.
        What somebody at risk says by it is kept as not delivered.
        """

    def may_write(self, *, may: bool) -> None:
        """Take note that the client does not keep up, or does again.

        Whatever is sent meanwhile piles up in memory: better is to wait, or to close.
        """

    def due(self, now: float) -> None:
        """Do what was to be done by now."""

    def closed(self, code: int) -> None:
        """Take note of the end: the code of the client's Close, or of ours, where that came first.

        1005 is a Close without a code, 1006 a client that has gone without one.
        """


class SocketService(Protocol):
    """What a route of the gateway's own leads to."""

    terms: SocketTerms

    def hearer(self, exchange: Exchange) -> Hearer:
        """Return who hears the socket of this request, which has passed all policies."""


class LegHearer(Protocol):
    """What hears a socket to a service that the gateway has opened itself.

    `refused` or `closed` comes once, and nothing behind it.
    """

    def opened(self) -> None:
        """Begin."""

    def refused(self, response: Response) -> None:
        """Take that it did not come about."""

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message of the service."""

    def tell(self, payload: bytes, *, is_text: bool, is_help: bool) -> None:
        """Take something that the gateway says itself, perhaps behind the end; see `Talk`."""

    def passed(self, payload: bytes, *, is_text: bool, need: Need | None) -> None:
        """Take a message of the client's that has gone to the service, as policies have made it.

        `need` is what was found in it, if somebody may need help.
        """

    def stopped(self, payload: bytes) -> None:
        """Take that policies have let a message of the client's not go on."""

    def may_write(self, *, may: bool) -> None:
        """Take note that the service does not keep up, or does again."""

    def closed(self, code: int, reason: bytes, *, is_of_policy: bool) -> None:
        """Take the end; `is_of_policy` says that the gateway has ended it, not the service."""
