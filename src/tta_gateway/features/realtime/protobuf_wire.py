"""The wire format of Protocol Buffers, as far as the client protocol has it: fields and varints.

https://protobuf.dev/programming-guides/encoding: what nobody here knows is read over, of a number
that comes twice the last counts, and a message that comes twice is both, one behind the other.
"""

from typing import Final

from tta_gateway.features.realtime.codec import Malformed

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_MOST: Final = 2**64 - 1
_LONGEST: Final = 10  # bytes of a varint


class Fields:
    """What stands in a message, by the numbers of its fields."""

    __slots__ = ("_texts", "_values")

    def __init__(self, data: bytes) -> None:
        """Read all of it, or raise Malformed."""
        self._values: dict[int, int] = {}
        self._texts: dict[int, list[bytes]] = {}
        at = 0
        while at < len(data):
            at = self._field(data, at)

    def _field(self, data: bytes, at: int) -> int:
        """Take the field that begins there, and return where it ends."""
        key, at = varint(data, at)
        number, form = key >> 3, key & 7
        if not 0 < number < 2**29:
            raise Malformed("a field has no number that a field may have")
        if form == _VARINT:
            self._values[number], at = varint(data, at)
            return at
        if form == _BYTES:
            size, at = varint(data, at)
            if size > len(data) - at:
                raise Malformed("a field ends behind its message")
            self._texts.setdefault(number, []).append(data[at : at + size])
            return at + size
        if form not in {_FIXED64, _FIXED32}:
            raise Malformed("a field is of no form that is known")
        at += 8 if form == _FIXED64 else 4
        if at > len(data):
            raise Malformed("a field ends behind its message")
        return at

    def has(self, number: int) -> bool:
        """Return whether a message is there, though it be empty."""
        return number in self._texts

    def number(self, number: int) -> int:
        """Return what stands there of 64 bits, 0 for nothing."""
        return self._values.get(number, 0)

    def signed(self, number: int) -> int:
        """Return a number of 32 bits that may be less than 0; of a longer one, its low bits."""
        low = self.number(number) & 0xFFFFFFFF
        return low - 2**32 if low >= 2**31 else low

    def flag(self, number: int) -> bool:
        """Return whether it is true."""
        return self.number(number) != 0

    def data(self, number: int) -> bytes:
        """Return bytes, of which the last count."""
        found = self._texts.get(number)
        return found[-1] if found else b""

    def text(self, number: int) -> str:
        """Return text, of which the last counts, or raise Malformed if it is none."""
        found = [_decoded(each) for each in self._texts.get(number, ())]
        return found[-1] if found else ""

    def message(self, number: int) -> "Fields":
        """Return the message that is there, all of its parts, or an empty one."""
        return Fields(b"".join(self._texts.get(number, ())))

    def each(self, number: int) -> list[bytes]:
        """Return the items of a list, or of a map."""
        return self._texts.get(number, [])


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of 64 bits, and where it ends, or raise Malformed."""
    value = shift = 0
    for place in range(at, min(at + _LONGEST, len(data))):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MOST, place + 1
        shift += 7
    raise Malformed("a number does not end")


def number(value: int) -> bytes:
    """Write a varint."""
    if value < 0x80:
        return bytes((value,))
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def delimited(data: bytes) -> bytes:
    """Write a message, or bytes, behind its length."""
    return number(len(data)) + data


def field_number(field: int, value: int) -> bytes:
    """Write a number, or nothing for 0."""
    return number(field << 3 | _VARINT) + number(value) if value else b""


def field_data(field: int, data: bytes) -> bytes:
    """Write bytes, or nothing where there are none."""
    return field_message(field, data) if data else b""


def field_text(field: int, text: str) -> bytes:
    """Write text, or nothing where there is none."""
    return field_data(field, text.encode())


def field_message(field: int, data: bytes) -> bytes:
    """Write a message, though it be empty."""
    return number(field << 3 | _BYTES) + delimited(data)


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("a text is not UTF-8") from error
