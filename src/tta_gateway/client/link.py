"""A link to the gateway: one request, one answer, one connection (RFC 9112); TCP, unix or TLS.

Registering is a request every few seconds, so that nothing is gained by a connection that is kept,
and nothing has to be known about one that has broken meanwhile.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from tta_gateway.client.credentials import Credentials

_LARGEST: Final = 1 << 20  # bytes of an answer
_PORTS: Final = {"http": 80, "https": 443}
Tls: TypeAlias = ssl.SSLContext | Credentials | None


class Unreachable(Exception):
    """No answer is to be had; why is in the text."""


class Answer:
    """What the gateway has said."""

    __slots__ = ("body", "fields", "status")

    def __init__(self, status: int, fields: Mapping[str, str], body: bytes) -> None:
        """Keep it; names of fields are in lower case."""
        self.status = status
        self.fields = fields
        self.body = body

    def document(self) -> dict[str, object]:
        """Return the body as JSON; empty if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Link:
    """The way to the gateway's internal listener."""

    def __init__(self, gateway: str, *, tls: Tls, patience: float) -> None:
        """Go to `http://…`, `https://…` or `unix:` and a path; ValueError if it is none of them.

        `tls` is how `https://` is spoken, by default with the authorities of this machine; of
        credentials, the files are read again when they are others.
        """
        self._patience = patience
        self._unix = gateway.removeprefix("unix:") if gateway.startswith("unix:") else ""
        self._host, self._port, self._authority = "localhost", 0, "localhost"
        self._tls: Tls = None
        if not self._unix:
            self._read(gateway, tls)

    def _read(self, gateway: str, tls: Tls) -> None:
        parts = urlsplit(gateway)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(
                f"{gateway!r} is no internal listener: write 'http://127.0.0.1:8083', 'https://…' "
                "or 'unix:' and a path"
            )
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._authority = parts.netloc
        if parts.scheme == "https":
            self._tls = tls or ssl.create_default_context()

    @property
    def is_encrypted(self) -> bool:
        """Tell whether there is TLS on the way, and so a certificate can be shown."""
        return self._tls is not None

    async def ask(
        self, method: str, target: str, *, token: str | None, document: object = None
    ) -> Answer:
        """Send a request and return its answer; Unreachable if there is none in time."""
        body = b"" if document is None else json.dumps(document).encode()
        shown = "" if token is None else f"authorization: Bearer {token}\r\n"
        head = (
            f"{method} {target} HTTP/1.1\r\nhost: {self._authority}\r\nconnection: close\r\n"
            f"{shown}accept: application/json\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(self._patience):
                return await self._exchange(head.encode("latin-1") + body)
        except TimeoutError:
            raise Unreachable(f"no answer within {self._patience:g} s") from None
        except (OSError, EOFError, ValueError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error

    async def _exchange(self, request: bytes) -> Answer:
        reader, writer = await self._open()
        try:
            writer.write(request)
            await writer.drain()
            return await _answer(reader)
        finally:
            writer.transport.abort()

    def _context(self) -> ssl.SSLContext | None:
        tls = self._tls
        return tls.context() if isinstance(tls, Credentials) else tls

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._unix:
            return await asyncio.open_unix_connection(self._unix, limit=_LARGEST)
        return await asyncio.open_connection(
            self._host, self._port, ssl=self._context(), limit=_LARGEST
        )


async def _answer(reader: asyncio.StreamReader) -> Answer:
    """Read an answer; ValueError if it is none, EOFError if it breaks off."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("what answers does not speak HTTP")
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return Answer(int(rest[:3]), fields, await _body(reader, fields))


async def _body(reader: asyncio.StreamReader, fields: Mapping[str, str]) -> bytes:
    if fields.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in fields:
        return await reader.readexactly(min(int(fields["content-length"]), _LARGEST))
    return await reader.read(_LARGEST)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    left = _LARGEST
    while True:
        size = int((await reader.readline()).partition(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        left -= size
        if left < 0:
            raise ValueError("the answer is too large")
        parts.append(await reader.readexactly(size))
        await reader.readline()
