"""What lasts of logins by way of providers: what counts once, and which session there is whose."""

from typing import Protocol


class ExternalStore(Protocol):
    """Keeps it.  Each function is one transaction; Unavailable where that cannot be had."""

    async def use(self, digest: bytes, *, until: float) -> bool:
        """Use what counts once; False if it has been used."""

    async def link(self, session_id: str, there: bytes, *, ends: float, now: float) -> bool:
        """Note that a session is of one at a provider; False, and it is ended, if that is over."""

    async def end(
        self, digest: bytes, *, until: float, user_id: str, there: bytes | None, now: float
    ) -> bool:
        """End a user's sessions, or those of a session at a provider, by what counts once.

        Where there is both, those of the session that are the user's.  False if it has been used.
        """

    async def tidy(self, now: float) -> None:
        """Forget what is over."""
