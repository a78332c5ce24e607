"""Codes of accounts as they are kept, and the port of whoever keeps them.

Each function is one transaction.  Unavailable (support/sql) where the database cannot be asked.
"""

from dataclasses import dataclass
from typing import Protocol

from tta_gateway.features.identity.account_code import CodePurpose
from tta_gateway.features.identity.store import User


@dataclass(frozen=True, slots=True)
class AccountCode:
    """A code: of whom, or with which roles, and until when it is good."""

    id: str
    purpose: CodePurpose
    made: float
    made_by: str
    until: float
    user_id: str = ""
    roles: tuple[str, ...] = ()


class Spent(Exception):
    """The code is not known, over, or has been used."""


class AccountCodes(Protocol):
    """Keeps them."""

    async def add(self, digest: bytes, code: AccountCode) -> None:
        """Keep a code; of resets each person has one: those before it are no good any more."""

    async def find(self, digest: bytes, *, now: float) -> AccountCode | None:
        """Return a code that is good; nothing is done with it."""

    async def register(self, user: User, *, by: str, invitation: bytes | None, now: float) -> None:
        """Make a user, by an invitation that is used up with that; NameTaken, Spent.

        Where the name is taken the invitation stays good.
        """

    async def reset(self, digest: bytes, password: str, *, now: float) -> User:
        """Keep the hash of a new password for whom the code is of, and end their sessions; Spent.

        Nobody's second factors change.
        """

    async def change(self, user_id: str, password: str, *, but: str, now: float) -> None:
        """Keep the hash of a new password, and end all sessions but one; codes of theirs too.

        Spent if that one has ended meanwhile: what has ended it counts.
        """

    async def open(self, purpose: CodePurpose, *, now: float) -> list[AccountCode]:
        """Return those that are good, the oldest first."""

    async def withdraw(self, id: str, purpose: CodePurpose) -> bool:
        """Have a code be no good any more; False if it was not."""

    async def tidy(self, now: float) -> None:
        """Forget what is long over."""
