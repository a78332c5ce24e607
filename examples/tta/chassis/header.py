"""The headers that the platform puts on every answer which its guard let through."""

from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.tta.chassis import clock

Fields = Mapping[str, str]

SAFE: Final[Fields] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; frame-src 'none';",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Therapeutic-Safety": "monitored",
    "X-Crisis-Hotline": "988",
}


def safe() -> Callable[[], Fields]:
    """Return what makes the security headers: the same each time."""
    return lambda: SAFE


def measured() -> Callable[[], Fields]:
    """Return what makes the headers of one request: its number, and the time it took.

    The number is the service's own.  The platform ignores the one that a caller sends.
    """
    began = clock.elapsed()
    number = str(uuid4())
    return lambda: {"X-Request-ID": number, "X-Process-Time": str(clock.elapsed() - began)}


class Stamp:
    """ASGI: add fields to each answer that passes."""

    def __init__(self, app: ASGIApp, begin: Callable[[], Callable[[], Fields]]) -> None:
        """Call `begin` as a request arrives, and what it returned as the answer leaves."""
        self._app = app
        self._begin = begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with its new fields."""
        fields = self._begin()

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(fields())
            await send(message)

        await self._app(scope, receive, stamped)
