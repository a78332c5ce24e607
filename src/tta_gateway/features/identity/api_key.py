"""API keys: what they look like, and what is kept of them.

    tta_<43 letters and digits: 256 bits of chance><6: a checksum>

The prefix and the checksum let scanners of source code find one that somebody has published, and
tell it from what only looks like one.  It is all chance, so that no slow hash is needed.
"""

import hashlib
import re
import secrets
from typing import Final
from zlib import crc32

PREFIX: Final = b"tta_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHANCE: Final = 43  # characters: 62 ** 43 is more than 2 ** 256
_CHECK: Final = 6
LENGTH: Final = len(PREFIX) + _CHANCE + _CHECK
_KEY: Final = re.compile(rb"tta_[0-9A-Za-z]{49}")


def made() -> str:
    """Return a new one."""
    chance = _digits(int.from_bytes(secrets.token_bytes(32)), _CHANCE)
    return f"tta_{chance}{_checksum(chance.encode())}"


def is_whole(key: bytes) -> bool:
    """Tell whether it is a key as they are made: no letter of it is missing or mistaken."""
    if _KEY.fullmatch(key) is None:
        return False
    return _checksum(key[len(PREFIX) : -_CHECK]).encode() == key[-_CHECK:]


def digest(key: bytes) -> bytes:
    """Return what is kept of it."""
    return hashlib.sha256(key).digest()


def _checksum(chance: bytes) -> str:
    return _digits(crc32(chance), _CHECK)


def _digits(number: int, count: int) -> str:
    found = []
    for _ in range(count):
        number, digit = divmod(number, len(_ALPHABET))
        found.append(_ALPHABET[digit])
    return "".join(reversed(found))
