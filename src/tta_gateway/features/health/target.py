"""What is looked at, and how a look at it ends badly."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from tta_gateway.features.health.bound import Check
from tta_gateway.kernel.route import Endpoint
from tta_gateway.support.socket_path import short

_PARTING: Final = 0.2  # seconds, for the end of a connection
# Of ours, not of the endpoint: no descriptor, port or buffer is left.
_OURS: Final = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
)


class Failed(Exception):
    """An endpoint does not pass a check; says why."""


class Untold(Exception):
    """A look tells nothing about the endpoint: the fault is ours."""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint and how it is looked at.

    `host` is what it reads as Host where the check says nothing else; `context` and `server_name`
    are for an endpoint that speaks TLS.
    """

    endpoint: Endpoint
    check: Check
    host: str = ""
    context: ssl.SSLContext | None = None
    server_name: str = ""

    @property
    def port(self) -> int:
        """Return the port to look at."""
        return self.check.port or self.endpoint.port

    def head(self, *own: tuple[str, str]) -> bytes:
        """Return the fields of a request: those of the operator, and else the gateway's own."""
        fields = {
            "host": self.host or self._authority(),
            "user-agent": "tta-gateway-health",
            "accept-encoding": "identity",
            **dict(own),
            **dict(self.check.fields),
        }
        return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode("latin-1")

    def _authority(self) -> str:
        if self.endpoint.unix:
            return "localhost"
        host = self.endpoint.server_name
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@asynccontextmanager
async def connection(
    target: Target,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection to the endpoint; Failed if none comes about, or it breaks."""
    try:
        reader, writer = await _open(target)
        try:
            yield reader, writer
        finally:
            await _end(writer)
    except OSError as error:
        if error.errno in _OURS and not isinstance(error, ssl.SSLError | socket.gaierror):
            raise Untold(str(error)) from error
        raise Failed(_why(error)) from error
    except UnicodeError as error:
        raise Failed("its name is none") from error


async def _open(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    endpoint = target.endpoint
    if endpoint.unix:
        with short(endpoint.unix) as path:
            return await asyncio.open_unix_connection(path)
    if not endpoint.tls:
        return await asyncio.open_connection(endpoint.host, target.port)
    assert target.context is not None  # settings: every service with an `https://` endpoint has it
    return await asyncio.open_connection(
        endpoint.host,
        target.port,
        ssl=target.context,
        server_hostname=target.server_name or endpoint.server_name,
    )


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PARTING):
            await writer.wait_closed()
            return
    writer.transport.abort()


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS came about: {getattr(error, 'reason', None) or error}"
    if isinstance(error, socket.gaierror):
        return "its name has no address"
    if isinstance(error, ConnectionRefusedError):
        return "it refuses connections"
    if isinstance(error, ConnectionError):
        return "it closed the connection"
    return error.strerror or str(error)
