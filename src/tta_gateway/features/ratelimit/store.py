"""What is asked of the store for state: the ports, and what is told through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol


class Away(Exception):
    """The store cannot be asked; `may_be_done`: it may carry out all the same what was asked."""

    def __init__(self, reason: str, *, may_be_done: bool) -> None:
        """Keep why."""
        super().__init__(reason)
        self.reason = reason
        self.may_be_done = may_be_done


@dataclass(frozen=True, slots=True)
class Asked:
    """What one exact limit is asked: whether so much may pass, by these figures.

    `window` is the number of a quota's, and `ends` when it is over in seconds of the epoch; both
    are 0 for a rate, for which `step` and `depth` are in seconds.
    """

    id: str
    key: str
    step: float = 0.0
    depth: float = 0.0
    window: int = 0
    ends: float = 0.0
    cost: int = 1
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """How a bucket stands: `wait` is 0 where the request has passed.

    `since` and `full` are seconds from now; of a quota the window's number, and what is counted.
    """

    wait: float
    since: float
    full: float
    nonce: bytes


class Exact(Protocol):
    """Asks the store for each request."""

    async def take(self, asked: Sequence[Asked]) -> list[Answered]:
        """Take from all of these or from none of them, in one step; Away if nobody answers."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What the store is told of a bucket: `told` as `algorithm.Told`, or only what is `known`.

    `window` is the number of a quota's, and `ends` when it is over in seconds of the epoch; both
    are 0 for a rate, whose `depth` is in seconds.
    """

    id: str
    key: str
    told: tuple[float, float, float, float] | None = None
    known: tuple[float, float] = (-inf, -inf)
    window: int = 0
    ends: float = 0.0
    depth: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    """What all have spent: since when it is busy and when full again, or a window and its count."""

    since: float
    full: float
    nonce: bytes


class Settles(Protocol):
    """Takes what was spent."""

    async def settle(self, owed: Sequence[Owed]) -> list[Settled]:
        """Add what was spent, and return what all have spent; Away if nobody answers."""


class Buckets(Protocol):
    """Shows and empties buckets, for operators."""

    async def look(self, one: Owed) -> Settled:
        """Return what all have spent of a bucket; Away if nobody answers."""

    async def reset(self, one: Owed, nonce: bytes) -> None:
        """Have a bucket full again, wherever it is known; Away if nobody answers."""
