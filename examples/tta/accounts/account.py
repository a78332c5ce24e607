"""An account, a login, and the rule that locks an account after too many bad passwords."""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from pydantic import BaseModel, Field

from examples.tta.accounts.role import PERMISSIONS, Role
from examples.tta.chassis.email import Email

MAX_FAILURES: Final = 5
LOCKED_FOR: Final = timedelta(minutes=30)


def _id() -> str:
    return str(uuid4())


class Registration(BaseModel):
    """What someone sends to get an account.

    The platform makes whoever asks for it a therapist or an administrator.  A sample must not: it
    takes the role, so that the request is the platform's, and always makes a player.
    """

    username: str = Field(min_length=3, max_length=50)
    email: Email
    password: str = Field(min_length=8)
    role: Role = "player"


class Credentials(BaseModel):
    """What someone sends to log in."""

    username: str
    password: str


class Login(BaseModel):
    """One login: the session that a token belongs to, until it is logged out."""

    session_id: str = Field(default_factory=_id)
    username: str


class Account(BaseModel):
    """Someone who may log in."""

    user_id: str = Field(default_factory=_id)
    username: str
    email: str
    password: str  # salt and hash
    role: Role = "player"
    last_login: datetime | None = None
    failures: int = 0
    locked_until: datetime | None = None

    @property
    def permissions(self) -> list[str]:
        """Return what the account's role may do."""
        return list(PERMISSIONS[self.role])

    def is_locked(self, now: datetime) -> bool:
        """Return whether not even the right password helps."""
        return self.locked_until is not None and now < self.locked_until

    def failed(self, now: datetime) -> "Account":
        """Return the account after one more bad password."""
        failures = self.failures + 1
        if failures < MAX_FAILURES:
            return self.model_copy(update={"failures": failures})
        return self.model_copy(update={"failures": 0, "locked_until": now + LOCKED_FOR})

    def entered(self, now: datetime) -> "Account":
        """Return the account after a login."""
        return self.model_copy(
            update={"failures": 0, "locked_until": None, "last_login": now.replace(tzinfo=None)}
        )
