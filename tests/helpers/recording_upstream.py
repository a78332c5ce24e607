"""An upstream that records every byte it gets, judges it, and answers plainly or from a script."""

import asyncio
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tests.helpers.independent_parser import Finding, Head, Request, RequestParser

BODY_MARK: Final = b"upstream saw "
"""Every plain answer has this and the target as its body."""
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LATER: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What to answer, byte for byte, instead of the plain 200."""

    raw: bytes
    closes: bool = False
    """Close after the bytes; otherwise the connection is left open."""
    before_body: bool = False
    """Answer the head of the request, without waiting for its body."""
    when_idle: bool = False
    """Answer plainly, then send the bytes while nobody asks for anything."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What reached the upstream in a stretch of time, on all its connections."""

    requests: tuple[Request, ...]
    findings: tuple[Finding, ...]
    raw: bytes

    @property
    def targets(self) -> list[bytes]:
        """The targets of the complete requests."""
        return [request.head.target for request in self.requests]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in the upstream's record."""

    requests: int
    findings: int
    raw: int


@dataclass(slots=True)
class _Record:
    """Everything seen so far, in the order of arrival."""

    requests: list[Request] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)


def listen_on_loopback(port: int = 0) -> socket.socket:
    """A listening socket, so that a gateway can be told its port before the upstream runs."""
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    listener.setblocking(False)
    return listener


class RecordingUpstream:
    """Serves the socket it is given for as long as its `async with` block lasts."""

    def __init__(self, listener: socket.socket) -> None:
        self.scripts: dict[bytes, Script] = {}
        """By target; a request for another target is answered 200."""
        self.reused: set[bytes] = set()
        """Scripted targets whose connection the gateway used again though it must not."""
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._record = _Record()
        self._last_event = 0.0
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=self._listener)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server  # set on entering
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await self._server.wait_closed()

    def mark(self) -> Mark:
        """Remember where the record stands now."""
        seen = self._record
        return Mark(len(seen.requests), len(seen.findings), len(seen.raw))

    def since(self, mark: Mark) -> Observation:
        """What has come after the mark."""
        seen = self._record
        return Observation(
            tuple(seen.requests[mark.requests :]),
            tuple(seen.findings[mark.findings :]),
            bytes(seen.raw[mark.raw :]),
        )

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing has arrived for so long."""
        rest = seconds
        while rest > 0:
            await asyncio.sleep(rest)
            rest = self._last_event + seconds - asyncio.get_running_loop().time()

    def note(self, data: bytes, requests: list[Request], findings: list[Finding]) -> None:
        """Take down what one connection brought."""
        self._last_event = asyncio.get_running_loop().time()
        self._record.raw += data
        self._record.requests += requests
        self._record.findings += findings

    def opened(self, connection: "_Connection") -> None:
        """Remember a connection, to end it with the server."""
        self._connections.add(connection)

    def closed(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self._connections.discard(connection)


class _Connection(asyncio.Protocol):
    """One connection from the gateway."""

    def __init__(self, upstream: RecordingUpstream) -> None:
        self._upstream = upstream
        self._parser = RequestParser()
        self._told = 0
        self._scripted: bytes | None = None
        self._answered_early = False
        self._has_continued = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # a TCP server gives nothing else
        self._transport = transport
        self._upstream.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._upstream.closed(self)

    def abort(self) -> None:
        """End without ceremony."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        requests = self._parser.feed(data)
        findings = self._parser.findings[self._told :]
        self._told = len(self._parser.findings)
        self._upstream.note(data, requests, findings)
        for request in requests:
            self._answer(request.head)
        if self._parser.is_broken:
            self._transport.write(_BAD_REQUEST)
            self._transport.close()
        elif self._parser.pending:
            self._meet_head(self._parser.pending)

    def _meet_head(self, head: Head) -> None:
        script = self._upstream.scripts.get(head.target)
        if script and script.before_body and not self._answered_early:
            self._answered_early = True
            self._play(head.target, script)
        elif head.values(b"expect") and not self._has_continued:
            self._has_continued = True
            self._transport.write(_CONTINUE)

    def _answer(self, head: Head) -> None:
        self._has_continued = False
        if self._answered_early:  # the body has come after all: the connection is clean again
            self._answered_early, self._scripted = False, None
            return
        if self._scripted:
            self._upstream.reused.add(self._scripted)
        script = self._upstream.scripts.get(head.target)
        if script and script.before_body:  # the body came with the head: nothing is left unread
            self._transport.write(script.raw)
            return
        if script and not script.when_idle:
            self._play(head.target, script)
            return
        self._transport.write(_plain_answer(head))
        if script:
            asyncio.get_running_loop().call_later(_LATER, self._play, head.target, script)
        elif _is_last(head):
            self._transport.close()

    def _play(self, target: bytes, script: Script) -> None:
        self._scripted = target
        self._transport.write(script.raw)
        if script.closes:
            self._transport.close()


def _plain_answer(head: Head) -> bytes:
    body = BODY_MARK + head.target
    lines = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
    return lines if head.method == b"HEAD" else lines + body


def _is_last(head: Head) -> bool:
    options = b",".join(head.values(b"connection")).lower()
    return b"close" in options or (head.version == b"1.0" and b"keep-alive" not in options)
