"""JSON Web Signatures in their compact form, read strictly (RFC 7515, RFC 8725).

Nothing in a token chooses the key or the way of proving it: `alg` and `kid` are only compared with
what the keys at hand allow.  What names or carries a key (`jwk`, `jku`, `x5u`, `x5c`) is not looked
at, and what must be understood (`crit`) is refused, because nothing of it is.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final, TypeGuard

LONGEST: Final = 8 * 1024  # bytes of a token
_LONGEST_NAME: Final = 256  # characters of a key's id, or of a type
_DIGITS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class Malformed(ValueError):
    """The token is not what the standard says; the words may be shown to who has sent it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A token in its parts, of which nothing is proved yet."""

    algorithm: str
    key_id: str
    """The key that it names; empty if it names none."""
    type: str
    """Of the header, in lower case, without `application/`; empty if it says none."""
    input: bytes
    """What is signed (RFC 7515 5.2)."""
    payload: bytes
    signature: bytes


def read(token: bytes) -> Signed:
    """Return a token in its parts; Malformed if it is none."""
    if len(token) > LONGEST:
        raise Malformed(f"longer than {LONGEST} bytes")
    parts = token.split(b".")
    if len(parts) != 3:
        raise Malformed("not three parts with dots between them")
    header = objects(decoded(parts[0]))
    if "crit" in header:
        raise Malformed("names extensions that must be understood")
    if "b64" in header or "enc" in header or "zip" in header:
        raise Malformed("is encoded in a way that is not taken here")
    kind = _text(header, "typ").lower().removeprefix("application/")
    return Signed(
        algorithm=_text(header, "alg"),
        key_id=_text(header, "kid"),
        type=kind,
        input=token[: len(parts[0]) + 1 + len(parts[1])],
        payload=decoded(parts[1]),
        signature=decoded(parts[2]),
    )


def decoded(text: bytes) -> bytes:
    """Return what base64url digits say (RFC 4648 5): without padding, and written in one way."""
    if not _DIGITS.issuperset(text):
        raise Malformed("holds what is no base64url digit")
    try:
        data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise Malformed("ends within a byte") from error
    if encoded(data) != text:
        raise Malformed("has bits behind its last byte")
    return data


def encoded(data: bytes) -> bytes:
    """Return bytes as base64url digits without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def objects(text: bytes) -> dict[str, object]:
    """Return a JSON object whose names are each there once; Malformed if it is none."""
    try:
        told: object = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:  # UTF-8, and numbers of too many digits, too
        raise Malformed("holds no JSON object") from error
    if not _is_object(told):
        raise Malformed("holds no JSON object")
    return told


def _is_object(told: object) -> TypeGuard[dict[str, object]]:
    return isinstance(told, dict)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise Malformed("names something twice")
    return told


def _no_number(text: str) -> object:
    raise Malformed(f"holds {text}, which is no number")


def _text(header: dict[str, object], name: str) -> str:
    """Return a text of the header; empty if it is not there."""
    found = header.get(name, "")
    if not isinstance(found, str) or len(found) > _LONGEST_NAME:
        raise Malformed(f"says a `{name}` that is no short text")
    return found
