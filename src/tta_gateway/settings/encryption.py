"""Encryption and the journal, as operators write them."""

import base64
import binascii
import re
from typing import Annotated, Final, Literal, TypeAlias

from tta_gateway.settings.reason import Reason
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.support.config import Config, Items
from tta_gateway.support.crypto.sealing import KEY_BYTES

_HEX: Final = re.compile(f"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")
_MAKE: Final = "`openssl rand -hex 32` makes a good one"


def _key(value: object) -> bytes:
    """Return the key that a text stands for: 64 hexadecimal digits, or base64 of 32 bytes."""
    text = value.strip() if isinstance(value, str) else ""
    if _HEX.fullmatch(text):
        key = bytes.fromhex(text)
    else:
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"must be {2 * KEY_BYTES} hexadecimal digits, or as much in base64: {_MAKE}"
        )
    if len(set(key)) < KEY_BYTES // 4:
        raise ValueError(f"can be guessed: {_MAKE}")
    return key


EncryptionKey: TypeAlias = Annotated[Secret[bytes], Holds(_key)]


class EncryptionConfig(Config):
    """What content that rests is sealed with.

    Each person has a data key; these keys seal the data keys, and nothing else.
    """

    keys: Items[EncryptionKey] = ()
    """Key-encryption keys, each `{file: …}` or `{env: …}`: the first seals, all of them open.  To
    change it, put a new one first, and take the old one away once nothing is sealed with it.  Left
    out, one is made in `state_dir`: whoever has that folder then has the key as well."""

    unsealed: Reason | None = None
    """Why what people write may stand unsealed in the store that `valkey_url` names, which others
    may share.  With `realtime` and without `keys` that is refused if there is no reason."""


class JournalConfig(Config):
    """What workers keep until the guard has taken it over."""

    in_memory: Literal["refuse", "allow"] = "refuse"
    """What to do where `state_dir` is kept in memory (tmpfs): `refuse` to start, or `allow` it, for
    a demonstration, where it does not matter that all is lost with the machine's power."""


def keys(config: EncryptionConfig) -> tuple[bytes, ...]:
    """Return the keys, the newest first; one that is written twice counts once."""
    return tuple(dict.fromkeys(one.value for one in config.keys))
