"""Frames: records in bytes, so that a torn or damaged one is told from the others.

    marker 4 | length 4 | checksum 4 | data

Numbers are little-endian; the checksum (CRC-32, as zlib's) is of length and data.  Zeros are room
that nobody has written in yet.  Behind a frame that makes no sense the next is looked for by its
marker: one in four billion random places looks like one, and none of those has its checksum too.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

LARGEST: Final = 128 * 1024
"""bytes of the data of a frame"""
HEAD: Final = 12
_MARKER: Final = b"\xf5TJ\xa7"
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame: where it begins and ends, and its data."""

    begin: int
    end: int
    data: bytes


def framed(data: bytes) -> bytes:
    """Return data as a frame; ValueError if it is too large for one."""
    if len(data) > LARGEST:
        raise ValueError(f"a record has at most {LARGEST} bytes")
    length = _LENGTH.pack(len(data))
    return b"".join((_MARKER, length, _LENGTH.pack(_checksum(length, data)), data))


def frame_at(whole: bytes, at: int) -> Frame | None:
    """Return the frame that begins exactly there; None if none does, or not all of it is there."""
    if whole[at : at + 4] != _MARKER or len(whole) < at + HEAD:
        return None
    length = whole[at + 4 : at + 8]
    begin = at + HEAD
    end = begin + _LENGTH.unpack(length)[0]
    if end - begin > LARGEST or end > len(whole):
        return None
    data = whole[begin:end]
    if _LENGTH.unpack_from(whole, at + 8)[0] != _checksum(length, data):
        return None
    return Frame(at, end, data)


def next_frame(whole: bytes, at: int) -> Frame | None:
    """Return the first frame that begins there or later; None if there is none."""
    while True:
        at = whole.find(_MARKER, at)
        if at < 0:
            return None
        found = frame_at(whole, at)
        if found is not None:
            return found
        at += 1


def is_blank(whole: bytes, at: int) -> bool:
    """Tell whether nobody has written anything there yet, nor behind it."""
    return not whole[at:].strip(b"\0")


def end_of_last(whole: bytes, at: int) -> int:
    """Return where the last whole frame behind this place ends; the place itself without one."""
    while (found := next_frame(whole, at)) is not None:
        at = found.end
    return at


def _checksum(length: bytes, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(length))
