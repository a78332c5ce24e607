"""An HTTP server in the loop of a test, that answers as a registry does; it may answer for ever."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tta_gateway.features.discovery.bound import RegistryOrigin

_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: str
    target: str
    path: str
    query: dict[str, list[str]]
    fields: dict[str, str]
    body: bytes


class Answering:
    """The answer to a request."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def whole(self, body: bytes, *, status: int = 200, **fields: str) -> None:
        """Give an answer of a stated length."""
        head = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}"]
        head += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        self._writer.write("\r\n".join(head).encode() + _END + body)
        await self._writer.drain()

    async def begin(self, *, status: int = 200, **fields: str) -> None:
        """Begin an answer in chunks."""
        head = [f"HTTP/1.1 {status} Told", "Transfer-Encoding: chunked"]
        head += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        await self.raw("\r\n".join(head).encode() + _END)

    async def piece(self, data: bytes) -> None:
        """Go on with it."""
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """End it."""
        await self.raw(b"0" + _END)

    async def raw(self, data: bytes) -> None:
        """Send just this."""
        self._writer.write(data)
        await self._writer.drain()


Serve = Callable[[Asked, Answering], Awaitable[None]]


class RegistryServer:
    """Somebody who answers at a port of loopback."""

    def __init__(self, port: int, *, tls: bool, unix: str = "") -> None:
        self.port = port
        self.unix = unix
        self.asked: list[Asked] = []
        self._tls = tls

    def origin(self, *, ca: str = "") -> RegistryOrigin:
        """Where it is reached."""
        return RegistryOrigin(
            host="127.0.0.1", port=self.port, unix=self.unix, tls=self._tls, ca=ca
        )


@contextlib.asynccontextmanager
async def serving(
    serve: Serve, *, tls: ssl.SSLContext | None = None, unix: str = ""
) -> AsyncIterator[RegistryServer]:
    """Answer as long as this lasts, at a port or a unix socket."""
    open_ones: set[asyncio.Task[None] | None] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            asked = await _asked(reader)
            registry.asked.append(asked)
            await serve(asked, Answering(writer))
        open_ones.discard(asyncio.current_task())
        writer.close()

    if unix:
        server = await asyncio.start_unix_server(one, unix)
        registry = RegistryServer(0, tls=False, unix=unix)
    else:
        server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
        registry = RegistryServer(server.sockets[0].getsockname()[1], tls=tls is not None)
    try:
        yield registry
    finally:
        server.close()
        for task in open_ones:
            if task is not None:
                task.cancel()
        await asyncio.sleep(0)


async def _asked(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(_END)).decode()
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    fields = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    method, target, _ = first.split(" ")
    url = urlsplit(target)
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    return Asked(method, target, url.path, parse_qs(url.query), fields, body)
