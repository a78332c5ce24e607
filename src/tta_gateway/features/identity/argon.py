"""Argon2id, as passwords are hashed here.

OWASP's parameters: m=19 MiB, t=2, p=1.  A hash takes tens of milliseconds of a core.
"""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY: Final = 19 * 1024  # KiB
NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$TxD5/ixn8Eru17wQhAsmeg$"
    "CIVKahPWbnhTCQCrDZj8mmwWqao3ZJpz69qR5W3AEnw"
)
"""What a password is compared with where there is none, so that it takes as long."""
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=MEMORY, parallelism=1)


def hashed(text: bytes) -> str:
    """Return a new hash."""
    return _hasher.hash(text)


def is_right(known: str, text: bytes) -> bool:
    """Tell whether it is the password of that hash, which may be none."""
    try:
        return _hasher.verify(known, text)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(known: str) -> bool:
    """Tell whether a hash was made otherwise than they are now."""
    return _shape(known) != _USUAL and _hasher.check_needs_rehash(known)


def _shape(known: str) -> tuple[str, ...]:
    """Return what a hash says of how it was made: all but its salt, its end, and their lengths."""
    head, *ends = known.rsplit("$", 2)
    return head, *(str(len(one)) for one in ends)


_USUAL: Final = _shape(NOBODYS)
