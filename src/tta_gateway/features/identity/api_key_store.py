"""API keys that last: records, and the port of whoever keeps them.

Each function is one transaction.  Unavailable (support/sql) where the database cannot be asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Refusal(Exception):
    """Why it is not done, in words for operators."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key: `hint` is how it begins; several of one name take turns.

    Times are in seconds of the epoch; `changed` is by the clock that all nodes share.
    """

    id: str
    name: str
    digest: bytes = field(repr=False)
    hint: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...]
    created: float
    expires: float
    revoked: float | None = None
    changed: float = 0.0

    def counts(self, now: float) -> bool:
        """Tell whether it counts at this time."""
        return self.revoked is None and now < self.expires


class ApiKeyStore(Protocol):
    """Keeps them."""

    async def all(self) -> list[ApiKey]:
        """Return all of them, by name and age."""

    async def changed(self, since: float) -> list[ApiKey]:
        """Return those that have changed since then, by the clock that all nodes share."""

    async def change(
        self, name: str, decide: Callable[[Sequence[ApiKey]], Sequence[ApiKey]]
    ) -> list[ApiKey]:
        """Write what is decided of the keys of a name, of which no other node decides meanwhile.

        Return what is written.
        """

    async def count(self, now: float) -> int:
        """Return how many count at this time."""

    async def tidy(self, before: float) -> None:
        """Forget those that were over by then."""
