"""What lasts of users, sessions and keys: records, and the ports of whoever keeps them.

Each function is one transaction: all of it is so, or nothing.  Unavailable (support/sql) where the
database cannot be asked.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tta_gateway.features.identity.family import Verdict
from tta_gateway.features.identity.keyring import Change, StoredKey

Kind = Literal["session", "subject"]
ACTIVE, DISABLED = "active", "disabled"


class NameTaken(Exception):
    """Another user has that name."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody; tokens from before `changed` speak of them as they are no more.

    Where they log in by way of a service, `provider` is what that is called here, `name` their
    subject there, and `called` the name that they log in with.  `lent` are those of the `roles`
    which they have because the service says so.
    """

    id: str
    name: str
    state: str
    created: float
    changed: float
    roles: frozenset[str] = frozenset()
    password: str | None = field(default=None, repr=False)
    provider: str = ""
    called: str = ""
    lent: frozenset[str] = frozenset()

    @property
    def handle(self) -> str:
        """Return what operators call them."""
        return f"{self.provider}:{self.name}" if self.provider else self.name

    @property
    def is_active(self) -> bool:
        """Tell whether they may log in."""
        return self.state == ACTIVE

    def is_another_than(self, wanted: "User") -> bool:
        """Tell whether linking what was wanted has changed somebody who was there before."""
        return self.created < wanted.created and self.changed >= wanted.changed


@dataclass(frozen=True, slots=True)
class Tried:
    """Who tries to log in, if there is such a user; or the seconds that one has to wait."""

    user: User | None
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Session:
    """A login and all that has come of it; `used` is when an access token was issued last.

    `client` is the OAuth client that a code has given it to, and `scope` what it may do with it;
    empty where somebody has logged in at the gateway itself.
    `proved` is when a second factor was shown last; 0 if none was.
    """

    id: str
    user_id: str
    begun: float
    used: float
    ends: float
    methods: str
    client: str = ""
    scope: str = ""
    proved: float = 0.0


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What has become of a refresh token: where `verdict` is ROTATE, `token` is the next one."""

    verdict: Verdict
    user: User
    session: Session
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens of a session, or of a subject from before a time, that count no more.

    `until` is when none of them can be left; `changed` when it was written, by the database.
    """

    kind: str
    value: str
    before: float
    until: float
    changed: float = 0.0


class Guarded(Exception):
    """Whoever logs in has a second factor, which is to be shown first."""


class Users(Protocol):
    """Who there is."""

    async def create(self, user: User, *, by: str) -> None:
        """Add a user; NameTaken."""

    async def named(self, name: str) -> User | None:
        """Return who is called so."""

    async def at(self, provider: str, subject: str) -> User | None:
        """Return who is this subject of a provider."""

    async def link(self, user: User) -> User:
        """Return the user as kept, a new one if need be, with the roles lent now; NameTaken.

        Tokens from before count no more where those have changed.
        """

    async def of(self, user_id: str) -> User | None:
        """Return who has this id."""

    async def all(self, *, after: str, most: int) -> list[User]:
        """Return the users behind this handle, by handle."""

    async def set_password(self, user_id: str, password: str, *, now: float) -> None:
        """Keep another hash; all sessions end."""

    async def rehash(self, user_id: str, before: str, password: str) -> None:
        """Keep another hash of the same password, if it is still that one."""

    async def set_state(self, user_id: str, state: str, *, now: float) -> None:
        """Let them log in, or not; who may not has no session any more."""

    async def set_roles(
        self, user_id: str, *, grant: Iterable[str], revoke: Iterable[str], by: str, now: float
    ) -> bool:
        """Change their roles; tokens from before count no more.  False if nothing was to change."""


class Failures(Protocol):
    """Which logins have failed."""

    async def count(self, keys: Sequence[tuple[bytes, int]], *, now: float) -> float:
        """Count a login for each key, with its free failures; return the seconds to wait.

        Where one has to wait none is counted.
        """

    async def waits(self, keys: Sequence[bytes], *, now: float) -> float:
        """Return the seconds that one of these has to wait still."""

    async def take_back(self, key: bytes) -> None:
        """Take a good one back."""

    async def good(self, account: bytes, origin: bytes) -> None:
        """Forget those of an account, and take one back of where it came from."""

    async def forgive(self, key: bytes) -> None:
        """Forget all of them."""


class Logins(Protocol):
    """What each login asks and writes: of `Users`, `Failures` and `Sessions`, for less."""

    async def tried(self, name: str, keys: Sequence[tuple[bytes, int]], *, now: float) -> Tried:
        """Count a login for each key, with its free failures, and return who is called so.

        Where one has to wait none is counted.
        """

    async def begin(
        self,
        session: Session,
        token: str,
        *,
        known: float,
        tried: tuple[bytes, bytes],
        unguarded: bool = False,
    ) -> tuple[User, Session] | None:
        """Begin a session, as `Sessions.begin`, and forget what was tried for the account.

        What was tried from where it came from (the second of `tried`) is one less.  Both also
        where the user may not log in any more: the password was right.
        `unguarded`: only if the user has no second factor; else nothing is done, and it is Guarded.
        """


class Sessions(Protocol):
    """Who is logged in."""

    async def begin(
        self, session: Session, token: str, *, known: float
    ) -> tuple[User, Session] | None:
        """Begin a session with its first refresh token; None if the user may not any more.

        `known` is their `changed` as whoever proved them has seen it: what has been ended or
        changed since then counts for this, too.
        """

    async def prove(
        self, user_id: str, session_id: str, method: str, *, now: float
    ) -> tuple[User, Session] | None:
        """Have a second factor shown in a session; None if it is none of theirs that lasts."""

    async def refresh(self, token: str, *, now: float, client: str = "") -> Refreshed | None:
        """Use a refresh token; None if nobody knows it, or it is another client's."""

    async def use(self, session_id: str, *, now: float) -> tuple[User, Session] | None:
        """Go on with a session of the gateway's own; None if it lasts no more."""

    async def find(self, token: str) -> tuple[str, str, str]:
        """Return session, user and client of a refresh token, whatever has become of it.

        Nothing where nobody knows it.
        """

    async def open(self, user_id: str, *, now: float) -> list[Session]:
        """Return the sessions of a user that last, the newest first."""

    async def end(self, user_id: str, session_id: str, *, why: str, now: float) -> bool:
        """End a session; False if it is none of theirs that lasts."""

    async def end_all(self, user_id: str, *, why: str, now: float) -> int:
        """End all sessions of a user, and all tokens; return how many there were."""


class Revocations(Protocol):
    """What has been revoked."""

    async def revoked(self, since: float) -> list[Revocation]:
        """Return what was revoked since then, by the database's clock, in that order."""

    async def tidy(self, now: float) -> None:
        """Forget what is long over."""


class Keys(Protocol):
    """The keys that sign."""

    async def all(self) -> list[StoredKey]:
        """Return all of them, the oldest first."""

    async def change(
        self,
        decide: Callable[[Sequence[StoredKey]], Change],
        make: Callable[[float], StoredKey],
    ) -> bool:
        """Do with the keys that there are what is decided about them; tell if anything changed.

        `make` returns a key that signs from then.  Nodes that do so at once take turns.
        """
