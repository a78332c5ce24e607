"""A check that an endpoint opens a WebSocket (RFC 6455 4.1), and lets it be closed."""

import asyncio
import base64
import hashlib
import secrets
from contextlib import suppress
from typing import Final

from tta_gateway.features.health.http_check import LIMITS
from tta_gateway.features.health.target import Failed, Target, connection
from tta_gateway.kernel.message import Response
from tta_gateway.wire.event import Reset
from tta_gateway.wire.http1_client import ClientCodec

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_GOODBYE: Final = (1000).to_bytes(2, "big")
_PARTING: Final = 0.2  # seconds
_CHUNK: Final = 16 * 1024


async def look(target: Target) -> None:
    """Shake hands, and say goodbye; Failed if the handshake does not come about."""
    key = base64.b64encode(secrets.token_bytes(16))
    async with connection(target) as (reader, writer):
        codec = ClientCodec(LIMITS)
        fields = target.head(
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", key.decode()),
        )
        line = f"GET {target.check.path}".encode()
        writer.write(codec.send_head(line, fields, b"", stream_id=1))
        _judge(await _answer(reader, codec), key)
        writer.write(_close())  # some services run wild when a client just vanishes
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(_PARTING):
                while await reader.read(_CHUNK):
                    pass


async def _answer(reader: asyncio.StreamReader, codec: ClientCodec) -> Response:
    while True:
        data = await reader.read(_CHUNK)
        for event in codec.receive(data) if data else codec.receive_eof():
            if isinstance(event, Reset):
                detail = event.error.detail or event.error.problem.title
                raise Failed(f"its answer is none: {detail}")
            if isinstance(event, Response) and (event.status == 101 or event.status >= 200):
                return event


def _judge(response: Response, key: bytes) -> None:
    if response.status != 101:
        raise Failed(f"status {response.status} to a WebSocket's handshake")
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    upgrade = (response.get(b"upgrade") or b"").lower()
    if upgrade != b"websocket" or response.get(b"sec-websocket-accept") != base64.b64encode(digest):
        raise Failed("its answer to a WebSocket's handshake is none")


def _close() -> bytes:
    """Return a Close frame, masked as those of clients are (RFC 6455 5.3)."""
    mask = secrets.token_bytes(4)
    said = bytes(one ^ other for one, other in zip(_GOODBYE, mask, strict=False))
    return b"\x88\x82" + mask + said
