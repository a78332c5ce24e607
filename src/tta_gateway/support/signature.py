"""Signatures: who has written some bytes, and that nobody has changed them (Ed25519, RFC 8032)."""

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES: Final = 32


class NotSigned(ValueError):
    """The bytes are not those that the owner of the key has signed."""


def verify(data: bytes, *, signature: str, key: str) -> None:
    """Return if the owner of the public key has signed the data; NotSigned otherwise.

    Signature and key are in base64.  ValueError if the key is none.
    """
    public = public_key(key)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(_decoded(signature), data)
    except (InvalidSignature, ValueError) as error:
        raise NotSigned("is not what has been signed, or was signed with another key") from error


def public_key(text: str) -> bytes:
    """Return a public key; ValueError if the text is none."""
    try:
        made = _decoded(text)
    except ValueError:
        made = b""
    if len(made) != KEY_BYTES:
        raise ValueError(f"is no public key of Ed25519: {KEY_BYTES} bytes in base64 are one")
    return made


def sign(data: bytes, key: Ed25519PrivateKey) -> tuple[str, str]:
    """Return the signature of some data, and the public key that proves it, in base64."""
    return _encoded(key.sign(data)), _encoded(key.public_key().public_bytes_raw())


def new_key() -> Ed25519PrivateKey:
    """Return a private key made by chance."""
    return Ed25519PrivateKey.generate()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
