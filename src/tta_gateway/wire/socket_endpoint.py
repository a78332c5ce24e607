"""One side of a WebSocket: a reader, and what RFC 6455 has an endpoint do by itself.

A Ping is answered, a Close is answered by one with its code, and what breaks a rule is said in a
Close, behind which the connection ends.  What is to be written is gathered in `out`, in order.
Whoever passes Pings on, instead of answering them, does not have the endpoint heed them.
"""

from collections.abc import Callable
from typing import Final

from tta_gateway.wire.socket_codec import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_CODE,
    PING,
    PONG,
    TEXT,
    Broken,
    Close,
    Fragment,
    Message,
    Ping,
    SocketEvent,
    SocketLimits,
    SocketReader,
    close_data,
    framed,
)
from tta_gateway.wire.socket_deflate import Agreed, Deflater

_LEAST: Final = 128  # bytes that are worth deflating
LOST: Final = 1006
"""What is told, and never said: the connection ended without a Close (RFC 6455 7.4.1)."""
_NO_LIMITS: Final = SocketLimits()


class SocketEndpoint:
    """A server's side, or a client's where `mask` gives four bytes that nobody can foretell.

    `closed` tells that a Close of ours is in `out`; `over` that the peer's has come too, or that
    nothing is read any more, so that the connection is to end behind what is in `out`.
    """

    __slots__ = ("_deflater", "_mask", "_pong", "_reader", "closed", "is_held", "out")

    def __init__(
        self,
        *,
        limits: SocketLimits = _NO_LIMITS,
        agreed: Agreed | None = None,
        mask: Callable[[], bytes] | None = None,
        streams: bool = False,
    ) -> None:
        """Begin behind the handshake, in which this was agreed."""
        is_server = mask is None
        inflater = None if agreed is None else agreed.inflater(is_server=is_server)
        self._reader = SocketReader(
            is_server=is_server, limits=limits, inflater=inflater, streams=streams
        )
        self._deflater: Deflater | None = None
        if agreed is not None:
            self._deflater = agreed.deflater(is_server=is_server)
        self._mask = mask
        self._pong: bytes | None = None
        self.out: list[bytes] = []
        self.closed = False
        self.is_held = False  # the peer does not read: nothing is answered but the last Ping

    # What has come

    @property
    def is_behind(self) -> bool:
        """Tell whether more has come than is read in one turn: `go_on` is next."""
        return self._reader.waiting != b""

    @property
    def over(self) -> bool:
        """Tell whether nothing that comes is read any more."""
        return self._reader.over

    def receive(self, data: bytes) -> list[SocketEvent]:
        """Take bytes; return what they say, each of which is to be heeded in its turn."""
        return self._reader.receive(data)

    def go_on(self) -> list[SocketEvent]:
        """Read on in what has come already, in a turn of its own."""
        return self._reader.receive(b"")

    def heed(self, event: SocketEvent) -> bool:
        """Do what an event asks for; False where it is nobody's any more.

        So what is answered to one event stands before what is answered to the next.  Behind a Close
        of ours only the peer's counts.
        """
        if type(event) is Message:
            return not self.closed
        if isinstance(event, Ping):
            self._answer(event.data)
        elif isinstance(event, Close):
            self.close(event.code, event.reason)
            return True
        elif isinstance(event, Broken):
            self.close(event.code, event.reason.encode())
            return True
        return not self.closed

    def _answer(self, data: bytes) -> None:
        """Answer a Ping; where the peer does not read, the last alone (RFC 6455 5.5.3)."""
        if self.is_held:
            self._pong = data
        else:
            self.pong(data)

    def hold(self) -> None:
        """Take note that the peer does not read what is written."""
        self.is_held = True

    def release(self) -> None:
        """Take note that it does again."""
        self.is_held = False
        data, self._pong = self._pong, None
        if data is not None:
            self._answer(data)

    # What leaves

    @property
    def is_plain(self) -> bool:
        """Tell whether one frame does for many: nothing is deflated, and nothing masked."""
        return self._deflater is None and self._mask is None

    def send(self, data: bytes, *, is_text: bool) -> None:
        """Send a message in one frame; behind a Close of ours nothing follows."""
        if self.closed:
            return
        opcode, deflater = TEXT if is_text else BINARY, self._deflater
        if deflater is None or len(data) < _LEAST:
            self.out.append(self._framed(opcode, data))
        else:
            self.out.append(self._framed(opcode, deflater.deflate(data), compressed=True))

    def send_frame(self, frame: bytes) -> None:
        """Send a frame that is ready, where `is_plain`."""
        if not self.closed:
            self.out.append(frame)

    def send_fragment(self, fragment: Fragment) -> None:
        """Send a part of a message as it has come; it is not deflated."""
        if self.closed:
            return
        opcode = CONTINUATION
        if fragment.begins:
            opcode = TEXT if fragment.is_text else BINARY
        self.out.append(self._framed(opcode, fragment.data, final=fragment.final))

    def ping(self, data: bytes = b"") -> None:
        """Ask for a sign of life, by at most 125 bytes."""
        if not self.closed:
            self.out.append(self._framed(PING, data))

    def pong(self, data: bytes) -> None:
        """Give one."""
        if not self.closed:
            self.out.append(self._framed(PONG, data))

    def close(self, code: int = NO_CODE, reason: bytes = b"") -> None:
        """Say why this ends, once; a peer that has said so has had its answer."""
        if not self.closed:
            self.closed = True
            self.out.append(self._framed(CLOSE, close_data(code, reason)))

    def stop(self) -> None:
        """Read nothing any more."""
        self.closed = True
        self._reader.stop()

    def _framed(
        self, opcode: int, data: bytes, *, final: bool = True, compressed: bool = False
    ) -> bytes:
        mask = self._mask
        key = b"" if mask is None else mask()
        return framed(opcode, data, mask=key, final=final, compressed=compressed)

    def taken(self) -> bytes:
        """Return what is to be written, and forget it."""
        out, self.out = self.out, []
        return out[0] if len(out) == 1 else b"".join(out)
