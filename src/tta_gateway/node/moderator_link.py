"""The way to a moderator outside: one question on a connection of its own."""

import asyncio
import ssl
from typing import Final
from urllib.parse import urlsplit

from tta_gateway.features.safety.bound import ModeratorBound
from tta_gateway.features.safety.moderator import Unanswered
from tta_gateway.support.http_client import HttpError, Origin, Request, fetch
from tta_gateway.support.posting import encryption

_LARGEST: Final = 256 * 1024  # bytes of an answer
_OK: Final = 200


class ModeratorLink:
    """An Asks (features/safety/moderator.py)."""

    def __init__(self) -> None:
        """Connect when there is something to ask."""
        self._made: tuple[str, ssl.SSLContext | None] | None = None

    async def ask(self, bound: ModeratorBound, body: bytes) -> bytes:
        """Return its answer to a question in JSON; Unanswered."""
        parts = urlsplit(bound.url)
        try:
            tls = await self._encryption(bound)
            origin = Origin(parts.hostname or "", parts.port or (443 if tls else 80), tls=tls)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            request = Request(target, "POST", _fields(bound), body)
            answer = await fetch(origin, request, patience=bound.timeout, largest=_LARGEST)
        except (HttpError, OSError) as error:
            raise Unanswered(str(error)) from error
        if answer.status != _OK:
            raise Unanswered(f"it answers {answer.status}")
        return answer.body

    async def _encryption(self, bound: ModeratorBound) -> ssl.SSLContext | None:
        """Return how TLS is spoken: authorities are read once, and hold nobody up."""
        of = f"{bound.url}\n{bound.ca}"
        if self._made is None or self._made[0] != of:
            self._made = of, await asyncio.to_thread(encryption, bound.url, bound.ca)
        return self._made[1]


def _fields(bound: ModeratorBound) -> tuple[tuple[str, str], ...]:
    shown = (("Authorization", f"Bearer {bound.key}"),) if bound.key else ()
    return (("Content-Type", "application/json"), *shown)
