"""Refresh tokens: chance at the beginning of a session, and then each made of the one before.

    first      256 bits of chance
    next       HMAC-SHA-256 of it, with a key that only the nodes have

So every node gives tabs that refresh at once the same successor, and no token is ever kept: in the
database stands the digest of each.
"""

import hashlib
import hmac
import secrets
from typing import Final

from tta_gateway.features.identity.jws import encoded

_BYTES: Final = 32
_PURPOSE: Final = b"tta-gateway refresh 1"
LONGEST: Final = 256  # characters of what may be one


def first() -> str:
    """Return the first of a session."""
    return encoded(secrets.token_bytes(_BYTES)).decode()


def next_of(token: str, key: bytes) -> str:
    """Return what follows it."""
    made = hmac.new(key, _PURPOSE + token.encode(), hashlib.sha256).digest()
    return encoded(made).decode()


def digest(token: str) -> bytes:
    """Return what is kept of it.  It is all chance, so that no slow hash is needed."""
    return hashlib.sha256(token.encode()).digest()
