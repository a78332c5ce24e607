"""Peers that send back every message, over real sockets, around the engine of `wire/`."""

import asyncio
import os
from typing import Final, cast

from tta_gateway.kernel.message import Fields, RequestHead, Response
from tta_gateway.wire.http1_server import ServerCodec
from tta_gateway.wire.limits import Limits
from tta_gateway.wire.socket_codec import Message, SocketEvent, SocketLimits
from tta_gateway.wire.socket_endpoint import SocketEndpoint
from tta_gateway.wire.socket_handshake import answered, asking, opening, refused

LARGE: Final = SocketLimits(frame=1 << 25, message=1 << 25)


class Peer(asyncio.Protocol):
    """What a server and a client have in common; `ended` is done when the connection is."""

    def __init__(self, limits: SocketLimits = LARGE) -> None:
        """Wait for a connection."""
        self.endpoint: SocketEndpoint | None = None
        self.messages: list[bytes] = []
        self.echoes = True
        self.limits = limits
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Tell that it is over."""
        if not self.ended.done():
            self.ended.set_result(None)

    def pause_writing(self) -> None:
        """Wait for a peer that does not read."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def heard(self, events: list[SocketEvent]) -> None:
        """Send messages back, and end when nothing more can come."""
        endpoint = self.endpoint
        assert endpoint is not None  # the handshake is over
        for event in events:
            if endpoint.heed(event) and isinstance(event, Message):
                if self.echoes:
                    endpoint.send(event.data, is_text=event.is_text)
                else:
                    self.messages.append(event.data)
        self.transport.write(endpoint.taken())
        if endpoint.over:
            self.over()
        elif endpoint.is_behind:
            asyncio.get_running_loop().call_soon(self.go_on)

    def go_on(self) -> None:
        """Read on in what has come."""
        assert self.endpoint is not None  # it is behind
        if not self.transport.is_closing():
            self.heard(self.endpoint.go_on())

    def over(self) -> None:
        """End the connection: a server does, a client waits for it (RFC 6455 7.1.1)."""
        self.transport.close()


class Server(Peer):
    """A server's side."""

    def __init__(self) -> None:
        """Wait for a request."""
        Peer.__init__(self)
        self._codec = ServerCodec(Limits())

    def data_received(self, data: bytes) -> None:
        """Take a request, and then frames."""
        if self.endpoint is not None:
            self.heard(self.endpoint.receive(data))
            return
        for event in self._codec.receive(data):
            if isinstance(event, RequestHead):
                self._open(event)

    def _open(self, head: RequestHead) -> None:
        codec = self._codec
        refusal = refused(head)
        if refusal is not None:
            self.transport.write(codec.send_head(refusal, last=True))
            self.transport.close()
            return
        opened = opening(head, deflates=True)
        opened.response.fields.append((b"server", b"tta_gateway"))
        self.transport.write(codec.send_head(opened.response))
        self.endpoint = SocketEndpoint(limits=self.limits, agreed=opened.agreed)
        if codec.waiting:
            self.heard(self.endpoint.receive(codec.waiting))


class Client(Peer):
    """A client's side."""

    def __init__(self, target: str, *, echoes: bool = True) -> None:
        """Ask for this."""
        Peer.__init__(self)
        self.echoes = echoes
        self._target = target
        self._asked: Fields = asking(os.urandom(16), deflates=True)
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        Peer.connection_made(self, transport)
        lines = b"".join(b"%b: %b\r\n" % field for field in self._asked)
        line = f"GET {self._target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        self.transport.write(line.encode() + lines + b"\r\n")

    def data_received(self, data: bytes) -> None:
        """Take an answer, and then frames."""
        if self.endpoint is None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            result = answered(_read(head), self._asked)
            assert not result.problem, result.problem
            self.endpoint = SocketEndpoint(
                limits=LARGE, agreed=result.agreed, mask=lambda: os.urandom(4)
            )
        self.heard(self.endpoint.receive(data))

    def over(self) -> None:
        """Wait a moment for the server to end the connection."""
        asyncio.get_running_loop().call_later(1.0, self.transport.close)


def _read(head: bytes) -> Response:
    lines = head.split(b"\r\n")
    parts = (line.partition(b":") for line in lines[1:])
    fields = [(name.lower(), value.strip()) for name, _, value in parts]
    return Response(int(lines[0].split()[1]), fields)
