"""A small mutator: takes inputs apart and puts them together wrongly, as an attacker might.

The same seed gives the same inputs.  What it is told to `keep` it goes on from.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeAlias, TypeVar

Change: TypeAlias = Callable[["Mutator", bytes], bytes]
_T = TypeVar("_T")

_LONGEST: Final = 48 * 1024
_LONGEST_KEPT: Final = 1024
_MOST_KEPT: Final = 3000
_OLDEST: Final = 100
_AGAIN: Final = 0.6
_AT_ONCE: Final = 0.5
_BYTE_BY_BYTE: Final = 0.02
_STRAY: Final = (b"\r", b"\n", b"\r\n", b"\x00", b"\t", b" ", b"\x7f", b"\x0b", b"\xa0", b":", b",")
_NUMBERS: Final = (
    b"0", b"1", b"5", b"05", b"+5", b"-1", b"0x5", b"5,5", b"5 5", b"9007199254740992",
    b"9007199254740993", b"18446744073709551616", b"ffffffffffffffff", b"\xb2", b"1e1", b"",
)  # fmt: skip


class Mutator:
    """Makes inputs out of seeds, tokens and chance."""

    def __init__(self, seeds: list[bytes], tokens: tuple[bytes, ...], chance: Random) -> None:
        self.kept = list(seeds)
        self._seeds = len(seeds)
        self._tokens = tokens
        self._roll = chance.random

    def next(self) -> list[bytes]:
        """Return one input, in the pieces in which it is to arrive."""
        data = self._pick(_CHANGES)(self, self._pick(self.kept))
        while self._roll() < _AGAIN:
            data = self._pick(_CHANGES)(self, data)
        return self._in_pieces(data[:_LONGEST] or b"\r")

    def keep(self, data: bytes) -> None:
        """Go on from this input too; one of the oldest that is no seed makes room."""
        if len(self.kept) >= _MOST_KEPT + self._seeds:
            del self.kept[self._seeds + self._below(_OLDEST)]
        if len(data) <= _LONGEST_KEPT:
            self.kept.append(data)

    def _in_pieces(self, data: bytes) -> list[bytes]:
        roll = self._roll()
        if roll < _AT_ONCE or len(data) < 2:
            return [data]
        if roll < _AT_ONCE + _BYTE_BY_BYTE and len(data) <= _LONGEST_KEPT:
            return [data[at : at + 1] for at in range(len(data))]
        places = sorted({1 + self._below(len(data) - 1) for _ in range(1 + self._below(4))})
        return [
            data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)
        ]

    def _below(self, limit: int) -> int:
        return int(self._roll() * limit)

    def _pick(self, choices: Sequence[_T]) -> _T:
        return choices[int(self._roll() * len(choices))]

    def _span(self, data: bytes) -> tuple[int, int]:
        """Return a stretch of the data, more often a short one."""
        start = self._below(len(data) + 1)
        return start, min(len(data), start + self._below(self._pick((2, 4, 16, 64, 1024))) + 1)

    def _line(self, data: bytes) -> tuple[int, int]:
        """Return where a line begins, and where the next one does."""
        at = self._below(len(data) + 1)
        start = data.rfind(b"\r\n", 0, at) + 2
        end = data.find(b"\r\n", at) + 2
        return (start if start > 1 else 0), (end if end > 1 else len(data))

    # The changes

    def _flip_a_bit(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self._below(len(data))
        return data[:at] + bytes((data[at] ^ (1 << self._below(8)),)) + data[at + 1 :]

    def _put_any_byte(self, data: bytes) -> bytes:
        at = self._below(len(data) + 1)
        return data[:at] + bytes((self._below(256),)) + data[at + self._below(2) :]

    def _put_a_stray_byte(self, data: bytes) -> bytes:
        at = self._below(len(data) + 1)
        return data[:at] + self._pick(_STRAY) + data[at + self._below(2) :]

    def _put_a_stray_byte_at_an_edge(self, data: bytes) -> bytes:
        """Put a stray byte beside a CRLF, a colon or a space, where it matters most."""
        edge = self._pick((b"\r\n", b":", b" ", b"\n", b",", b";"))
        at = data.find(edge, self._below(len(data) + 1))
        if at < 0:
            return data
        at += self._below(2) * len(edge)
        return data[:at] + self._pick(_STRAY) + data[at:]

    def _insert_a_token(self, data: bytes) -> bytes:
        at = self._below(len(data) + 1)
        return data[:at] + self._pick(self._tokens) + data[at:]

    def _insert_a_token_as_a_line(self, data: bytes) -> bytes:
        _, at = self._line(data)
        return data[:at] + self._pick(self._tokens).rstrip(b"\r\n") + b"\r\n" + data[at:]

    def _replace_by_a_token(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + self._pick(self._tokens) + data[end:]

    def _replace_a_line(self, data: bytes) -> bytes:
        start, end = self._line(data)
        return data[:start] + self._pick(self._tokens).rstrip(b"\r\n") + b"\r\n" + data[end:]

    def _change_a_number(self, data: bytes) -> bytes:
        at = self._below(len(data) + 1)
        while at < len(data) and not data[at : at + 1].isdigit():
            at += 1
        end = at
        while end < len(data) and data[end : end + 1].isdigit():
            end += 1
        return data[:at] + self._pick(_NUMBERS) + data[end:]

    def _delete(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _duplicate(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:end] + data[start:end] + data[end:]

    def _repeat(self, data: bytes) -> bytes:
        """Repeat a stretch or a line until a limit comes near."""
        start, end = self._pick((self._span, self._line))(data)
        times = self._pick((3, 7, 15, 99, 101)) if self._below(8) else _LONGEST // (end - start + 1)
        return data[:end] + (data[start:end] * times)[:_LONGEST] + data[end:]

    def _duplicate_a_line(self, data: bytes) -> bytes:
        start, end = self._line(data)
        _, at = self._line(data)
        return data[:at] + data[start:end] + data[at:]

    def _delete_a_line(self, data: bytes) -> bytes:
        start, end = self._line(data)
        return data[:start] + data[end:]

    def _turn_case(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[start:end].swapcase() + data[end:]

    def _end_early(self, data: bytes) -> bytes:
        return data[: self._below(len(data) + 1)]

    def _splice(self, data: bytes) -> bytes:
        other = self._pick(self.kept)
        start, end = self._line(data)[0], self._line(other)[0]
        if self._below(2):
            start, end = self._below(len(data) + 1), self._below(len(other) + 1)
        return data[:start] + other[end:]

    def _append(self, data: bytes) -> bytes:
        return data + self._pick(self.kept)

    def _say_it_again(self, data: bytes) -> bytes:
        """Repeat all of it, at times with something between: what was said before is remembered."""
        between = self._pick(self.kept) if self._below(2) else b""
        return data + between + data

    def _leave(self, data: bytes) -> bytes:
        return data


# More often what leaves most of the input as it is; rarely what makes it long, and slow to check.
_CHANGES: Final[tuple[Change, ...]] = (
    Mutator._flip_a_bit, Mutator._flip_a_bit,
    Mutator._put_any_byte, Mutator._put_any_byte,
    Mutator._put_a_stray_byte, Mutator._put_a_stray_byte,
    Mutator._put_a_stray_byte_at_an_edge, Mutator._put_a_stray_byte_at_an_edge,
    Mutator._insert_a_token, Mutator._insert_a_token,
    Mutator._insert_a_token_as_a_line, Mutator._insert_a_token_as_a_line,
    Mutator._insert_a_token_as_a_line, Mutator._insert_a_token_as_a_line,
    Mutator._replace_by_a_token, Mutator._replace_a_line,
    Mutator._change_a_number, Mutator._change_a_number,
    Mutator._delete, Mutator._duplicate, Mutator._repeat,
    Mutator._duplicate_a_line, Mutator._duplicate_a_line, Mutator._delete_a_line,
    Mutator._turn_case, Mutator._end_early,
    Mutator._splice, Mutator._splice, Mutator._append, Mutator._say_it_again,
    Mutator._leave,
)  # fmt: skip
