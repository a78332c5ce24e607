"""What a worker needs to know of other nodes, and what control tells it."""

from math import inf
from typing import Final

import msgspec

WORD: Final = "nodes/word"
"""The name of the live section that says until when a worker may go by what it knows."""


class NodesBound(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there may be other nodes: their store for state is not embedded here."""

    shared: bool = False


class RouteNodes(msgspec.Struct, frozen=True, kw_only=True):
    """Stands with a route that nobody is served on whom others may have shut out meanwhile."""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """Control's word: until when, by the machine's monotonic clock, all that is known is so.

    `turn` grows with each thing that workers are to confirm: who has taken up this section has
    taken up all that was told before.
    """

    turn: int = 0
    until: float = inf


_word: Final = msgspec.msgpack.Decoder(Word)


def word_of(raw: msgspec.Raw) -> Word:
    """Return the word that a section holds; msgspec.DecodeError if it is none."""
    return _word.decode(raw)
