"""What a fuzz target is, and what it holds a parser to.

A target's `check` takes one input as the pieces in which it arrives.  It raises Violation where a
promise is broken; any other exception is a failure too, because the codecs declare none.  It
returns a shape: inputs with a new one are kept and mutated further.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeAlias

Pieces: TypeAlias = list[bytes]


class Violation(AssertionError):
    """A parser broke a promise."""


def demand(kept: bool, promise: str, *evidence: object) -> None:
    """Raise Violation unless the promise was kept."""
    if not kept:
        raise Violation(": ".join([promise, *(f"{item!r:.2000}" for item in evidence)]))


@dataclass(frozen=True, slots=True)
class Target:
    """One parser, with the inputs to begin with and the tokens that mean something to it."""

    name: str
    check: Callable[[Pieces], Hashable]
    alone: Callable[[Pieces], object]
    """Only the parser: what is timed where the check as a whole has taken long."""
    seeds: Callable[[], list[bytes]]
    tokens: tuple[bytes, ...]
    share: int
    """How many of ten inputs are for this target."""
