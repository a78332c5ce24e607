"""Recovery codes: ten for whoever has lost a factor, each good once.

Each is eighty bits of chance, so that a plain digest keeps it as well as a slow hash would.
"""

import base64
import hashlib
import secrets
from typing import Final

COUNT: Final = 10
_BYTES: Final = 10
_GROUP: Final = 4
LONGEST: Final = 64
"""Characters of what may be one."""
_READ_AS: Final = str.maketrans({"0": "o", "1": "l", "8": "b", "-": None, " ": None})


def made() -> tuple[str, ...]:
    """Return new ones, as people write them down: `abcd-efgh-ijkl-mnop`."""
    return tuple(_one() for _ in range(COUNT))


def _one() -> str:
    text = base64.b32encode(secrets.token_bytes(_BYTES)).decode().lower()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def digest(code: str) -> bytes:
    """Return what is kept of one, however it is written: a zero is read as the letter."""
    plain = code.casefold().translate(_READ_AS)
    return hashlib.sha256(b"tta-gateway recovery 1 " + plain.encode("utf-8", "replace")).digest()
