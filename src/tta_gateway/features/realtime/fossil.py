"""What has changed from one message to the next, in the delta format of Fossil.

https://fossil-scm.org/home/doc/trunk/www/delta_format.wiki: the size of the result, copies of parts
of the base, text that is new, and a checksum.  Here the beginning and the end that both have are
copied, and what is between is new: a document of which one member changes is mostly that.
"""

import struct
from typing import Final

_DIGITS: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"


def delta(base: bytes, target: bytes) -> bytes:
    """Return how to make `target` of `base`; both are UTF-8, and so is what is returned."""
    most = min(len(base), len(target))
    head = _common(base, target, most)
    while 0 < head < len(target) and _is_inside(target[head]):
        head -= 1
    tail = _common_end(base, target, most - head)
    while tail and _is_inside(target[len(target) - tail]):
        tail -= 1
    new = target[head : len(target) - tail]
    parts = [_number(len(target)), b"\n"]
    if head:
        parts += [_number(head), b"@0,"]
    if new:
        parts += [_number(len(new)), b":", new]
    if tail:
        parts += [_number(tail), b"@", _number(len(base) - tail), b","]
    return b"".join([*parts, _number(_checksum(target)), b";"])


def _is_inside(byte: int) -> bool:
    """Return whether a byte goes on with a sign of UTF-8 (RFC 3629 3)."""
    return byte & 0xC0 == 0x80


def _common(base: bytes, target: bytes, most: int) -> int:
    """Return how long a beginning both have, by halves: slices are compared in C."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if base[least:middle] == target[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _common_end(base: bytes, target: bytes, most: int) -> int:
    """Return how long an end both have."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if base[len(base) - middle :] == target[len(target) - middle :]:
            least = middle
        else:
            most = middle - 1
    return least


def _number(value: int) -> bytes:
    digits = bytearray()
    while value >= 64:
        digits.append(_DIGITS[value & 63])
        value >>= 6
    digits.append(_DIGITS[value])
    digits.reverse()
    return bytes(digits)


def _checksum(data: bytes) -> int:
    """Return the sum of all words of 32 bits."""
    padded = data + bytes(-len(data) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF
