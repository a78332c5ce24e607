"""What lasts of logins by way of providers: what counts once, and which session there is whose."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Tie:
    """What a session came of at a provider, by digests: it ends with that.

    `there` is the session there, if that was told; `subject` is who they are there, whose sessions
    may all have been ended since the provider's answer was taken (`since`).
    """

    there: bytes
    subject: bytes
    since: float


@dataclass(frozen=True, slots=True)
class Over:
    """What a provider says to be over: all of a subject's sessions, or one there (`there`).

    Where there is both, those of the session that are the user's.
    """

    there: bytes = b""
    subject: bytes = b""
    user_id: str = ""


class ExternalStore(Protocol):
    """Keeps it.  Each function is one transaction; Unavailable where that cannot be had."""

    async def use(self, digest: bytes, *, until: float, now: float) -> float | None:
        """Use what counts once; None if it has been used.

        It returns the time by the clock that all nodes share.
        """

    async def link(self, session_id: str, tie: Tie, *, ends: float, now: float) -> bool:
        """Note what a session came of; False, and it is ended, if that is over.

        Whoever is told that it is not over, and who ends it, take turns: it is seen by one of both.
        """

    async def end(self, digest: bytes, over: Over, *, until: float, now: float) -> bool:
        """End what is over, by what counts once; False if that has been used."""

    async def tidy(self, now: float) -> None:
        """Forget what is over."""
