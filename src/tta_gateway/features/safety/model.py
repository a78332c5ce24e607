"""Stage 2: a linear model over hashed words, pairs of words, and what stage 1 has found.

Two heads share what is read: one for a person at risk, one for what must not be shown.  A weight is
one byte.  scripts/safety_train.py makes the file; docs/safety/model-card.md says of what.
"""

import math
import struct
from typing import Final
from zlib import crc32

from tta_gateway.features.safety.finding import Finding

BITS: Final = 16
SIZE: Final = 1 << BITS
_MASK: Final = SIZE - 1
_MAGIC: Final = b"TTAS1"
_HEAD: Final = struct.Struct("<5s16sffffffff")
_ZERO: Final = 128
"""the byte of weight 0"""
_STEM: Final = 5
_PAIR: Final = 31
_SKIPPED: Final = 131
_KEPT: Final = 1 | 2 | 4 | 8 | 16 | 32 | 64 | 128


class ModelError(ValueError):
    """A file of weights that is not one, or of another version."""


class Head:
    """The weights of one question, and the scores from which its answer lifts a level."""

    __slots__ = ("_bias", "_scale", "_weights", "elevated", "high")

    def __init__(
        self, weights: bytes, *, scale: float, bias: float, elevated: float, high: float
    ) -> None:
        """Take SIZE bytes."""
        self._weights = weights
        self._scale = scale
        self._bias = bias
        self.elevated = elevated
        self.high = high

    def score(self, words: list[int], rules: list[int], length: float) -> float:
        """Return a number from 0 to 1; `length` is what words are divided by."""
        weights = self._weights
        of_words = 0
        for at in words:
            of_words += weights[at] - _ZERO
        of_rules = 0
        for at in rules:
            of_rules += weights[at] - _ZERO
        total = self._bias + self._scale * (of_words / length + of_rules)
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


class Model:
    """Both heads."""

    __slots__ = ("person", "service", "version")

    def __init__(self, data: bytes) -> None:
        """Read the file of weights; ModelError if it is none."""
        if len(data) != _HEAD.size + 2 * SIZE:
            raise ModelError("not the size of a file of weights")
        magic, version, *numbers = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            raise ModelError("not a file of weights")
        self.version = version.rstrip(b"\0").decode("ascii")
        first, second = data[_HEAD.size : _HEAD.size + SIZE], data[_HEAD.size + SIZE :]
        self.person = _head(first, numbers[:4])
        self.service = _head(second, numbers[4:])


def _head(weights: bytes, numbers: list[float]) -> Head:
    scale, bias, elevated, high = numbers
    return Head(weights, scale=scale, bias=bias, elevated=elevated, high=high)


def packed(version: str, heads: list[tuple[list[float], float, float, float]]) -> bytes:
    """Return the file of two heads: of each its weights, bias, and the scores that lift a level."""
    numbers: list[float] = []
    bodies = b""
    for weights, bias, elevated, high in heads:
        scale = max(1e-6, max(abs(weight) for weight in weights) / (_ZERO - 1))
        numbers += [scale, bias, elevated, high]
        bodies += bytes(round(weight / scale) + _ZERO for weight in weights)
    return _HEAD.pack(_MAGIC, version.encode("ascii"), *numbers) + bodies


def of_words(words: list[str]) -> list[int]:
    """Return the features of words: each, its stem, and pairs with the one and two before it.

    Each stands once, however often it was said: who says a word a hundred times means it no more.
    """
    made: list[int] = []
    before = 0
    earlier = 0
    for word in words:
        this = crc32(word.encode("utf-8", "replace"))
        made.append(this & _MASK)
        if len(word) > _STEM:
            made.append(crc32(word[:_STEM].encode("utf-8", "replace"), 1) & _MASK)
        if before:
            made.append((before * _PAIR + this) & _MASK)
        if earlier:
            made.append((earlier * _SKIPPED + this) & _MASK)
        earlier = before
        before = this
    return list(dict.fromkeys(made))


def of_findings(found: list[Finding]) -> list[int]:
    """Return the features of what stage 1 found: rules, how they are meant, and the levels."""
    made: set[int] = set()
    for one in found:
        name = one.rule.name
        made.add(crc32(f"{name}|{one.flags & _KEPT}".encode()) & _MASK)
        made.add(crc32(f"{name}|level{one.level}".encode()) & _MASK)
        made.add(crc32(f"{one.rule.category}|{one.level}".encode()) & _MASK)
        made.add(crc32(f"level{one.level}".encode()) & _MASK)
    if len(made) > 3 * 4:
        made.add(crc32(b"several") & _MASK)
    return sorted(made)


def length_of(words: list[str]) -> float:
    """Return what the features of words are divided by, so that long texts weigh no more.

    As features do, words count once.
    """
    return math.sqrt(4.0 + len(set(words)))
