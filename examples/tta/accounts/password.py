"""Passwords: how strong they must be, and how they are kept (scrypt, never in the clear)."""

import hashlib
import hmac
import os
import re
from typing import Final

_COST: Final = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB and some 50 ms a password

_RULES: Final = (
    (r"[A-Z]", "Password must contain at least one uppercase letter"),
    (r"[a-z]", "Password must contain at least one lowercase letter"),
    (r"\d", "Password must contain at least one digit"),
    (r"[^\w\s]", "Password must contain at least one special character"),
)


def weaknesses(password: str) -> list[str]:
    """Return what is wrong with the password; its length was checked before."""
    return [complaint for pattern, complaint in _RULES if not re.search(pattern, password)]


def digest(password: str) -> str:
    """Return what to keep of the password: salt and hash."""
    salt = os.urandom(16)
    return f"{salt.hex()}:{_hash(password, salt)}"


def matches(password: str, kept: str) -> bool:
    """Return whether this is the password that was kept."""
    salt, _, expected = kept.partition(":")
    return hmac.compare_digest(_hash(password, bytes.fromhex(salt)), expected)


def _hash(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()
