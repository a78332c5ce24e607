"""Challenges: what somebody holds between two steps of showing or enrolling a second factor.

Each is sealed with the nodes' key, so that any node opens it and nobody reads or changes it; it is
for one purpose, one person and one state of their account, lasts minutes, and counts once.  It is
no access token: it has none's form, and no worker opens it.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import msgspec

from tta_gateway.support.crypto.sealing import NotSealed, derived, seal, unseal

LASTING: Final = 300.0
"""Seconds that one may be answered in."""
_SEALED: Final = b"tta-gateway challenge 1"
_BYTES: Final = b"tta-gateway challenge bytes 1 "
LONGEST: Final = 4096
"""Characters of what may be one."""


class Purpose(Enum):
    """What one is for; it opens for nothing else."""

    LOGIN = "login"  # who has shown the first factor shows the second
    ENROL = "enrol"  # who has shown the first factor has to enrol a second
    STEP_UP = "step-up"  # who is logged in shows it once more
    TOTP = "totp"  # an authenticator is being enrolled
    KEY = "key"  # a security key is


@dataclass(frozen=True, slots=True)
class Challenge:
    """One of them: for whom, in which session or behind which challenge, and until when.

    `changed` is that of the user: what has ended their sessions since ends it too.  `methods` are
    those that have been shown already, and `link` what the session is to be tied to that comes of
    it: the one at the provider that has shown who it is.
    """

    purpose: str
    id: str
    user_id: str
    changed: float
    ends: float
    session: str = ""
    methods: str = ""
    link: str = ""
    secret: str = field(default="", repr=False)


def new_id() -> str:
    """Return what tells one from all others."""
    return secrets.token_hex(16)


def sealed(challenge: Challenge, key: bytes) -> str:
    """Return what its holder gets."""
    text = msgspec.json.encode(challenge)
    data = seal(text, key=derived(key, _SEALED), purpose=challenge.purpose.encode())
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def opened(token: str, purpose: Purpose, key: bytes, *, now: float) -> Challenge | None:
    """Return what is in it; None if it is for something else, over, or none of ours."""
    if len(token) > LONGEST:
        return None
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        text = unseal(data, key=derived(key, _SEALED), purpose=purpose.value.encode())
    except (binascii.Error, ValueError, NotSealed):
        return None
    found = msgspec.json.decode(text, type=Challenge)
    return found if now < found.ends else None


def to_sign(challenge: Challenge, key: bytes) -> bytes:
    """Return the bytes that a security key has to sign for it (WebAuthn 13.4.3)."""
    return derived(key, _BYTES + f"{challenge.purpose} {challenge.id}".encode())
