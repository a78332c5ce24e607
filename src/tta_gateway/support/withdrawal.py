"""Withdrawal: what operators call a certificate that counts no longer, one spelling for each.

Apart from what reads certificates (svid.py): who reads a configuration need not import that.
"""

import re
from typing import Final

_DIGITS: Final = re.compile(r"[0-9a-f]+")
_SERIAL, _PRINT = 40, 64  # hexadecimal digits


def called(text: str) -> str:
    """Return a serial number, or a SHA-256 fingerprint, as it is compared; ValueError if neither.

    Both are hexadecimal digits, with colons or without: 64 of a fingerprint, 40 at most of a
    serial number (RFC 5280 4.1.2.2).
    """
    digits = text.replace(":", "").lower()
    if not _DIGITS.fullmatch(digits) or len(digits) not in {*range(1, _SERIAL + 1), _PRINT}:
        raise ValueError(
            f"`{text}` is neither a serial number (1 to {_SERIAL} hexadecimal digits) nor a "
            f"SHA-256 fingerprint ({_PRINT}): `tta-gateway pki show` prints both"
        )
    return digits if len(digits) == _PRINT else f"{int(digits, 16):x}"
