"""Codes that stand for something of an account, once and for a while: invitations, and resets.

    tta_in_<43 characters: 256 bits of chance>      an invitation: whoever has it may register
    tta_pr_<likewise>                               a reset: whoever has it may choose a password

They begin so that scanners of published text find them.  Of one only the digest is kept; it is all
chance, so that no slow hash is needed.
"""

import hashlib
import secrets
from enum import Enum
from typing import Final

from tta_gateway.features.identity.jws import encoded

LONGEST: Final = 128  # characters of what may be one
_BYTES: Final = 32


class CodePurpose(Enum):
    """What one is for."""

    INVITE = "invite"
    RESET = "reset"


_PREFIXES: Final = {CodePurpose.INVITE: "tta_in_", CodePurpose.RESET: "tta_pr_"}


def made(purpose: CodePurpose) -> str:
    """Return a new one."""
    return _PREFIXES[purpose] + encoded(secrets.token_bytes(_BYTES)).decode()


def digest(code: str, purpose: CodePurpose) -> bytes | None:
    """Return what is kept of one; None if it is none of this purpose."""
    text = code.strip()
    if len(text) > LONGEST or not text.startswith(_PREFIXES[purpose]):
        return None
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
