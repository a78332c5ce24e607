"""The HTTP client of control: asks registries and services, an answer at a time or as it comes.

One connection a request: what is asked here is asked seldom, or stays open for minutes, and a
connection that has grown stale is never met.  Whoever asks bounds the time and the size.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from typing import Final

import httptools

from tta_gateway.support.socket_path import short

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of an answer, unless somebody says otherwise."""
_LARGEST_HEAD: Final = 64 * 1024
_PIECE: Final = 64 * 1024
_ALIVE: Final = (  # seconds until a peer that has vanished is missed: 30
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class HttpError(Exception):
    """There is no answer, or none that could be read: why, in words."""


class HttpTimeout(HttpError):
    """The answer, or the next piece of it, took too long."""


class HttpUnreachable(HttpError):
    """No connection came about: nothing of the request has been sent."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom to ask: a host and port, or a unix socket; with `tls`, encrypted, as `server_name`.

    `called` is what it reads as Host, where that is not its address.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    unix: str = ""
    called: str = ""

    @property
    def authority(self) -> str:
        """Return what stands in the Host field."""
        if self.called:
            return self.called
        if self.unix:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        # Without the usual port, as all clients do it: some make the names of their pages of it.
        usual = 80 if self.tls is None else 443
        return host if self.port == usual else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask: a path with its query, fields of the head, and a body if there is one."""

    target: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def head(self, authority: str) -> bytes:
        """Return it as it is sent, up to its body."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {authority}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if self.body or self.method not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as a whole; the names of its fields are in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes = field(repr=False)


class Stream:
    """An answer whose body comes bit by bit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read from this connection."""
        self.status = 0
        self.fields: dict[str, str] = {}
        self._reader = reader
        self._writer = writer
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._has_head = False
        self._over = False

    # What llhttp says

    def on_message_begin(self) -> None:
        """Begin, perhaps behind an interim answer (RFC 9110 15.2)."""
        self.fields = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head."""
        if not self._has_head:
            self.fields[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take note that the head is there."""
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200

    def on_body(self, body: bytes) -> None:
        """Take a piece."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Take note that all of it is there."""
        self._over = self._has_head

    # What who asks does

    async def send(self, data: bytes) -> None:
        """Send the request, and read on until the head of the answer is there."""
        self._writer.write(data)
        await self._writer.drain()
        read = 0
        while not self._has_head:
            read += await self._more()
            if read > _LARGEST_HEAD and not self._has_head:
                raise HttpError("the head of its answer does not end")

    async def read(self) -> bytes:
        """Return the next of the body; nothing if that was all."""
        while not self._pieces and not self._over:
            await self._more()
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    async def _more(self) -> int:
        data = await self._reader.read(_PIECE)
        if not data:
            framed = "content-length" in self.fields or "transfer-encoding" in self.fields
            if not self._has_head or framed:
                raise HttpError("it closed the connection before its answer was over")
            self._over = True  # RFC 9112 6.3, point 8
        else:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise HttpError(f"what it sends is not HTTP: {error}") from error
        return len(data)

    def close(self) -> None:
        """End the connection."""
        self._writer.transport.abort()


async def begin(
    origin: Origin, request: Request, *, patience: float, connect: float | None = None
) -> Stream:
    """Return the answer as soon as its head is there; HttpError says why there is none.

    A connection has all of the time to come about, unless `connect` says less.
    """
    try:
        async with asyncio.timeout(patience):
            reader, writer = await _connected(origin, connect)
            return await _begun(Stream(reader, writer), origin, request)
    except OSError as error:  # TimeoutError is one
        raise _translated(error, patience) from error


async def _connected(
    origin: Origin, patience: float | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(patience):
            return await _connect(origin)
    except TimeoutError as error:
        raise HttpUnreachable("no connection to it comes about in time") from error
    except OSError as error:
        raise HttpUnreachable(str(_translated(error, 0.0))) from error


async def _begun(stream: Stream, origin: Origin, request: Request) -> Stream:
    try:
        await stream.send(request.head(origin.authority) + request.body)
    except BaseException:
        stream.close()
        raise
    return stream


async def fetch(
    origin: Origin,
    request: Request,
    *,
    patience: float,
    connect: float | None = None,
    largest: int = LARGEST,
) -> Answer:
    """Return a whole answer; HttpError says why there is none."""
    try:
        async with asyncio.timeout(patience):
            stream = await begin(origin, request, patience=patience, connect=connect)
            return await _fetched(stream, largest)
    except OSError as error:
        raise _translated(error, patience) from error


async def _fetched(stream: Stream, largest: int) -> Answer:
    try:
        body = await _whole(stream, largest)
    finally:
        stream.close()
    return Answer(stream.status, stream.fields, body)


async def next_of(stream: Stream, *, patience: float) -> bytes:
    """Return the next of a body; HttpTimeout if nothing comes in time."""
    try:
        async with asyncio.timeout(patience):
            return await stream.read()
    except OSError as error:
        raise _translated(error, patience) from error


async def _whole(stream: Stream, largest: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await stream.read():
        size += len(piece)
        if size > largest:
            raise HttpError(f"its answer is larger than {largest} bytes")
        pieces.append(piece)
    return b"".join(pieces)


async def _connect(origin: Origin) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if origin.unix:
        with short(origin.unix) as path:
            return await asyncio.open_unix_connection(path)
    name = (origin.server_name or origin.host) if origin.tls is not None else None
    reader, writer = await asyncio.open_connection(
        origin.host, origin.port, ssl=origin.tls, server_hostname=name
    )
    sock = writer.get_extra_info("socket")
    for level, option, value in _ALIVE:
        sock.setsockopt(level, option, value)
    return reader, writer


def _translated(error: OSError, patience: float) -> HttpError:
    """Return the error as who asks is to know it."""
    if isinstance(error, TimeoutError):
        return HttpTimeout(f"it does not answer within {patience:g} s")
    if isinstance(error, ssl.SSLCertVerificationError):
        return HttpError(f"its certificate is not good: {error.verify_message}")
    return HttpError(error.strerror or str(error) or type(error).__name__)
