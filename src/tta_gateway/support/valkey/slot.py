"""Slots of a cluster: which of 16,384 a key belongs to.

The cluster specification of Valkey, "Key distribution model" and "Hash tags".
"""

import binascii
from typing import Final

COUNT: Final = 16384


def slot(key: bytes) -> int:
    """Return the slot of a key; keys with the same `{tag}` share one."""
    begin = key.find(b"{")
    if begin >= 0:
        end = key.find(b"}", begin + 1)
        if end > begin + 1:
            key = key[begin + 1 : end]
    return binascii.crc_hqx(key, 0) % COUNT  # CRC-16/XMODEM
