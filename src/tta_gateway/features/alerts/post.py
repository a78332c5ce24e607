"""Posting: one request to a URL on a connection of its own, for sinks that speak HTTP.

What is answered does not matter beyond its status.  Certificates are verified, by the operator's
authorities or the machine's.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from tta_gateway.features.alerts.sink import SinkFailed

PATIENCE: Final = 10.0  # seconds, for all of it
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?:[ \r\n])")
_MOST_FIELDS: Final = 200
_HOPELESS: Final = (400, 413, 422)  # the same again would be refused again


def encryption(url: str, ca: str) -> ssl.SSLContext | None:
    """Return how to speak TLS to a URL, None where it wants none."""
    if urlsplit(url).scheme != "https":
        return None
    return ssl.create_default_context(cadata=ca or None)


async def post(
    url: str,
    body: bytes,
    fields: Mapping[str, str],
    *,
    context: ssl.SSLContext | None,
    patience: float = PATIENCE,
) -> None:
    """Post JSON; SinkFailed, with the reason in words, unless it is taken."""
    try:
        async with asyncio.timeout(patience):
            status = await _posted(url, body, fields, context)
    except TimeoutError:
        raise SinkFailed(f"it did not answer within {patience:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise SinkFailed(f"its certificate is not good: {error.verify_message}") from None
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SinkFailed(f"it cannot be reached: {words}") from None
    if not 200 <= status < 300:
        raise SinkFailed(f"it answers {status}", again=status not in _HOPELESS)


async def _posted(
    url: str, body: bytes, fields: Mapping[str, str], context: ssl.SSLContext | None
) -> int:
    """Return the status of the answer."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = {
            "host": parts.netloc,
            "user-agent": "tta-gateway",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
            **fields,
        }
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        return await _status(reader)
    finally:
        writer.transport.abort()


async def _status(reader: asyncio.StreamReader) -> int:
    """Return the status of the answer, past interim ones (RFC 9110 15.2)."""
    status = 100
    while status < 200:
        line = await reader.readline()
        match = _STATUS.match(line)
        if match is None:
            raise ValueError("what it answers is no HTTP" if line else "it ends the connection")
        status = int(match[1])
        for _ in range(_MOST_FIELDS if status < 200 else 0):
            if await reader.readline() in (b"\r\n", b"\n", b""):
                break
    return status
