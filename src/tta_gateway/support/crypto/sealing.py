"""Sealing: bytes that only who has the key can read, and nobody can change unseen.

AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D): nonce, ciphertext and tag.  `purpose` is
bound to the bytes, so that what was sealed for one thing is not taken for another.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_NONCE: Final = 12


class NotSealed(ValueError):
    """The bytes were not sealed with this key for this purpose, or have been changed."""


class Erased(NotSealed):
    """The key has been erased, or was never kept here: nobody can read it any more."""


def seal(data: bytes, *, key: bytes, purpose: bytes) -> bytes:
    """Return the data sealed."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, purpose)


def unseal(sealed: bytes, *, key: bytes, purpose: bytes) -> bytes:
    """Return the data that was sealed; NotSealed if it was not, or not so."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose)
    except (InvalidTag, ValueError) as error:
        raise NotSealed("not sealed with this key, or changed since") from error


def derived(key: bytes, purpose: bytes) -> bytes:
    """Return a key for one thing, of which nothing of the other can be found out."""
    return hmac.new(key, purpose, hashlib.sha256).digest()


def key_in(file: Path) -> bytes:
    """Return the key of a file, made by chance where there is none; OSError if it cannot be had."""
    if not file.exists():
        _make(file)
    key = file.read_bytes()
    if len(key) != KEY_BYTES:
        raise OSError(f"{file} holds no key: {KEY_BYTES} bytes are one; take the file away")
    return key


def _make(file: Path) -> None:
    """Make a key in one step: there is a whole one or none; who was faster stays."""
    beside = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(secrets.token_bytes(KEY_BYTES))
        out.flush()
        os.fsync(out.fileno())
    with contextlib.suppress(FileExistsError):
        file.hardlink_to(beside)
    beside.unlink()
