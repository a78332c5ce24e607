"""What lasts of asking elsewhere again whether an account is still good."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

TURN: Final = 30.0
"""Seconds for which whoever asks is alone: what a provider gives anew it may take once."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a provider has given for asking about somebody again, sealed; `asked`: when it was."""

    id: str
    user_id: str
    provider: str
    sealed: bytes = field(repr=False)
    asked: float


class RecheckStore(Protocol):
    """Keeps it.  Each function is one transaction; Unavailable where that cannot be had."""

    async def keep(self, kept: Kept, *, until: float) -> None:
        """Keep it; where no session is tied to it by then it is forgotten."""

    async def tie(self, id: str, session_id: str, *, ends: float) -> None:
        """Note that a session rests on it, which lasts until then."""

    async def due(
        self, session_id: str, *, every: Callable[[str], float], now: float
    ) -> Kept | None:
        """Take a session's turn to ask: None if there is nothing to ask, or somebody has just.

        `every` says of a provider how many seconds lie between two questions; 0: none is asked.
        """

    async def renew(self, id: str, sealed: bytes) -> None:
        """Keep something else in its place."""

    async def postpone(self, id: str, asked: float) -> None:
        """Have it be asked as if it had been asked then."""

    async def end(self, id: str, *, now: float) -> None:
        """End all sessions that rest on it, and forget it."""

    async def tidy(self, now: float) -> None:
        """Forget what no session that lasts rests on."""
