"""Second factors as they are kept, and the port of whoever keeps them.

Each function is one transaction.  Unavailable (support/sql) where the database cannot be asked.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Protocol

TOTP: Final = "totp"
KEY: Final = "webauthn"
RECOVERY: Final = "recovery"
MOST: Final = 10
"""Factors that somebody may have."""


BOTH: Final = "mfa"
"""What RFC 8176 calls it that more than one was shown."""


def joined(before: str, method: str) -> str:
    """Return all methods that have been shown, each once."""
    return " ".join(dict.fromkeys((*before.split(), method, BOTH)))


class Taken(Exception):
    """It cannot be added: it is there, or there is one already, or there are too many."""


class LastOne(Exception):
    """It is the only one, and one is needed."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor; `counter` is the last that has counted, of steps or of signatures.

    `secret` is sealed, and of one-time codes; `credential` and `public_key` are of security keys.
    """

    id: str
    user_id: str
    kind: str
    label: str
    created: float
    used: float | None = None
    counter: int = 0
    secret: bytes | None = field(default=None, repr=False)
    credential: bytes | None = field(default=None, repr=False)
    public_key: bytes | None = field(default=None, repr=False)


class Factors(Protocol):
    """Who has which."""

    async def of(self, user_id: str) -> list[Factor]:
        """Return somebody's, the oldest first."""

    async def codes_left(self, user_id: str) -> int:
        """Return how many recovery codes somebody has left."""

    async def granted(self, user_id: str, roles: Collection[str]) -> float | None:
        """Return when the first of these roles was granted to somebody."""

    async def add(self, factor: Factor, codes: Collection[bytes], *, is_first: bool) -> None:
        """Add one; the first comes with recovery codes, and only while there is none.  Taken."""

    async def advance(self, factor_id: str, counter: int, *, now: float) -> bool:
        """Have a counter go on; False if it has been there before, or there is no such factor.

        A security key that does not count stays at 0.
        """

    async def remove(self, user_id: str, factor_id: str, *, keeps_one: bool) -> Factor | None:
        """Take one away, and with the last the recovery codes; None if it is none of theirs.

        LastOne, where one must stay.
        """

    async def clear(self, user_id: str, *, now: float) -> int:
        """Take all of them away, and end all sessions; return how many factors there were."""

    async def set_codes(self, user_id: str, codes: Collection[bytes]) -> None:
        """Have these recovery codes count, and no others."""

    async def take_code(self, user_id: str, code: bytes) -> bool:
        """Use a recovery code up; False if it is none of theirs that is left."""

    async def spend(self, challenge_id: str, *, until: float, now: float) -> bool:
        """Use a challenge up; False if it has been before."""
