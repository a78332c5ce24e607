"""One-time codes of an authenticator: RFC 6238, six digits, a step of thirty seconds, SHA-1.

That is what every authenticator speaks; SHA-1 is no weakness in an HMAC.  The step before and the
one behind count too, because clocks differ and people type slowly.  Each step counts once.
"""

import hmac
import re
from typing import Final

import pyotp

STEP: Final = 30  # seconds
_AROUND: Final = (0, -1, 1)
_CODE: Final = re.compile(r"[0-9]{6}")


def new_secret() -> str:
    """Return a secret: 160 bits of chance, as RFC 4226 4 wants, in base 32."""
    return pyotp.random_base32(32)


def uri(secret: str, *, name: str, of: str) -> str:
    """Return what an authenticator reads, as a picture mostly: whose codes, and `of` whom."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=of)


def step_of(secret: str, code: str, *, now: float, last: int) -> int | None:
    """Return the step that a code is of; None if it is of none behind the last that has counted."""
    said = code.replace(" ", "")
    if not _CODE.fullmatch(said):
        return None
    made, found = pyotp.TOTP(secret), None
    for around in _AROUND:  # all of them, however early one fits: so time tells nothing
        step = int(now) // STEP + around
        fits = hmac.compare_digest(made.generate_otp(step), said)
        if fits and step > last and found is None:
            found = step
    return found
