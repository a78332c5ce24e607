"""Posting: one request to a URL on a connection of its own, for whoever tells people's tools.

What is answered does not matter beyond its status.  Certificates are verified, by the operator's
authorities or the machine's.  Where there is a secret each call carries
`X-TTA-Signature: t=<seconds>,v1=<hex>`: the HMAC-SHA256 of the seconds, a full stop and the body.
Whoever checks it, and that the seconds are near, knows that the call is ours and new.
"""

import asyncio
import hashlib
import hmac
import re
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

PATIENCE: Final = 10.0  # seconds, for all of it
SIGNATURE: Final = "x-tta-signature"
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?:[ \r\n])")
_MOST_FIELDS: Final = 200
_HOPELESS: Final = (400, 413, 422)  # the same again would be refused again


class NotTaken(Exception):
    """The other side has not taken it; `again` says whether another try may help."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        """Keep the reason, in words."""
        super().__init__(why)
        self.again = again


def signature(secret: str, body: bytes, *, now: float) -> str:
    """Return the value of the field that signs a body."""
    seconds = str(int(now))
    mac = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


def shown(token: str, secret: str, body: bytes, *, now: float) -> dict[str, str]:
    """Return the fields of a call that show a token and sign its body, where there is either."""
    fields = {}
    if token:
        fields["authorization"] = f"Bearer {token}"
    if secret:
        fields[SIGNATURE] = signature(secret, body, now=now)
    return fields


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
    """Post JSON; NotTaken, with the reason in words, unless it is taken."""
    try:
        async with asyncio.timeout(patience):
            status = await _posted(url, body, fields, context)
    except TimeoutError:
        raise NotTaken(f"it did not answer within {patience:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise NotTaken(f"its certificate is not good: {error.verify_message}") from None
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise NotTaken(f"it cannot be reached: {words}") from None
    if not 200 <= status < 300:
        raise NotTaken(f"it answers {status}", again=status not in _HOPELESS)


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
