"""Where changes are kept: the port."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from tta_gateway.features.changes.algorithm import State, Step

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Away(Exception):
    """What is kept cannot be asked, or changed; nothing has been."""


class Unknown(Exception):
    """There is no such change."""


class NotTheirs(Exception):
    """Whoever wants to take a step may not; the words are for them."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was proposed; `decided` is when it came to what it is, 0.0 while it has not."""

    id: str
    kind: str
    change: str
    summary: str
    reason: str
    proposed_by: str
    proposed: float
    until: float
    state: State = State.PROPOSED
    decided_by: str = ""
    decided: float = 0.0
    note: str = ""


Apply: TypeAlias = Callable[[T, Change], Awaitable[None]]
"""Makes a change in a transaction; what it raises undoes that."""


class ChangeStore(Protocol[T_co]):
    """Keeps them; Away if it cannot be asked."""

    async def propose(self, one: Change) -> None:
        """Keep a change."""

    async def all(self, *, most: int) -> list[Change]:
        """Return the newest first: those that are proposed before all others."""

    async def applied(self, kind: str, since: float) -> list[Change]:
        """Return those of a kind that were made since, the oldest first."""

    async def take(
        self, id: str, step: Step, *, by: str, now: float, note: str, apply: Apply[T_co]
    ) -> Change:
        """Take a step; where it applies the change, make it in the same transaction.

        Unknown, Over, NotTheirs, or whatever `apply` raises: then nothing is changed.  One that is
        past its time is Over.
        """

    async def expire(self, now: float) -> list[Change]:
        """Have all that are past their time be expired; return those, each once over all nodes."""
