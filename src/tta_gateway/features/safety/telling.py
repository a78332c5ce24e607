"""What services that asked for it are told of who may be at risk; the others are told nothing.

Of a request the fields say it.  In a WebSocket it is a text message of the gateway's own, ahead of
the one that it is about: it repeats what a field of the handshake said, so that a client, whose
messages come the same way, cannot say it.
"""

import secrets
from collections.abc import Collection
from hashlib import blake2b
from itertools import count
from typing import Final

import msgspec

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.listening import SAFETY_LEVEL
from tta_gateway.kernel.verdict import Category

CATEGORIES: Final = b"x-safety-categories"
"""The field that tells a service what that is about."""
KEY: Final = b"x-safety-key"
"""The field of a WebSocket's handshake by whose value its service knows the gateway's words."""
_encode: Final = msgspec.json.Encoder().encode
_numbers: Final = count(1)


class Telling:
    """Tells those services."""

    def __init__(self, services: Collection[str] = ()) -> None:
        """Tell these."""
        self._services = frozenset(services)
        self._secret = secrets.token_bytes(32)

    def has_asked(self, exchange: Exchange) -> bool:
        """Tell whether the service that an exchange goes to has asked to be told."""
        if not self._services:
            return False
        route = exchange.plan.route
        return (exchange.service or ("" if route is None else route.service)) in self._services

    def tell(self, exchange: Exchange, level: int, categories: tuple[Category, ...]) -> None:
        """Have a request say it: the fields are the gateway's own, and no client's."""
        if not self.has_asked(exchange):
            return
        exchange.extra.append((SAFETY_LEVEL, b"%d" % level))
        if categories:
            exchange.extra.append((CATEGORIES, ", ".join(categories).encode()))

    def introduce(self, exchange: Exchange) -> None:
        """Have the handshake of a WebSocket say by what the service knows what it is told there."""
        if self.has_asked(exchange):
            exchange.extra.append((KEY, self._key(exchange).encode()))

    def word(self, exchange: Exchange, level: int, categories: tuple[Category, ...]) -> bytes:
        """Return what a service is told in its WebSocket; nothing if it has not asked."""
        if not self.has_asked(exchange):
            return b""
        key = self._key(exchange)
        told = {"type": "safety", "level": level, "categories": categories, "key": key}
        return _encode(told)

    def _key(self, exchange: Exchange) -> str:
        socket = socket_of(exchange).encode()
        return blake2b(socket, key=self._secret, digest_size=16).hexdigest()


def socket_of(exchange: Exchange) -> str:
    """Return the name of a socket, which nobody but the gateway gives."""
    if not exchange.socket_id:
        exchange.socket_id = f"socket {next(_numbers)} {exchange.request_id.decode('latin-1')}"
    return exchange.socket_id
