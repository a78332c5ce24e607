"""What lasts of OAuth: clients, codes and assertions; the ports of whoever keeps them.

Each function is one transaction.  Unavailable (support/sql) where the database cannot be asked.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from tta_gateway.features.identity.oauth_client import OAuthClient, Terms
from tta_gateway.features.identity.store import Session, User


class NameInUse(Exception):
    """Another client has that name."""


class SecretsFull(Exception):
    """A client has as many secrets as it may."""


class Redemption(Enum):
    """Why a code is worth nothing."""

    UNKNOWN = "unknown"  # or another client's
    REPLAYED = "replayed"  # the session that has come of it is over
    EXPIRED = "expired"
    WRONG = "wrong"  # another address, or not the verifier: it is used up
    OVER = "over"  # its user may not any more, or has logged out everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for; `begun` is when its user has logged in, and how.

    `proved` is when they have shown a second factor; 0 if they have not.  `parent` is the session
    of the browser: what ends that before the code is used ends the code.
    """

    client_id: str
    user_id: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str
    begun: float
    methods: str
    until: float
    proved: float = 0.0
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a client shows for a token; `challenge` is what its verifier makes."""

    code: bytes
    client_id: str
    redirect_uri: str
    challenge: str


class OAuthClients(Protocol):
    """Who there is."""

    async def create(self, client: OAuthClient) -> None:
        """Add a client; NameInUse."""

    async def of(self, client_id: str) -> OAuthClient | None:
        """Return the client of this id."""

    async def all(self) -> list[OAuthClient]:
        """Return all of them, by name."""

    async def change(self, client_id: str, terms: Terms, *, epoch: str, now: float) -> None:
        """Let it do this from now on; tokens of its own count no more."""

    async def set_state(self, client_id: str, state: str, *, epoch: str, now: float) -> None:
        """Let it in, or not; who may not has no session and no token any more."""

    async def add_secret(self, client_id: str, digest: bytes, *, now: float) -> None:
        """Give it another secret; SecretsFull."""

    async def withdraw(self, client_id: str, digest: bytes, *, epoch: str, now: float) -> None:
        """Have a secret count no more, nor tokens of its own."""

    async def renew(self, client_id: str, *, epoch: str, now: float) -> None:
        """Have tokens of its own count no more."""

    async def remove(self, client_id: str, *, now: float) -> None:
        """Forget it; its sessions and tokens are over."""

    async def first_shown(self, digest: bytes, *, until: float) -> bool:
        """Note an assertion; False if it has been shown before."""


class Codes(Protocol):
    """What was issued to whom."""

    async def add(self, digest: bytes, code: Code) -> None:
        """Keep a code."""

    async def redeem(
        self, shown: Shown, *, session_id: str, token: str, now: float
    ) -> tuple[User, Session, Code] | Redemption:
        """Begin the session that a code is good for, once, with its first refresh token."""

    async def tidy(self, now: float) -> None:
        """Forget what is long over."""
