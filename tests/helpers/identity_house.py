"""Users, sessions and keys in a real database, with a clock of the test's."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from tests.helpers.databases import emptied
from tta_gateway.features.identity import (
    refresh_token,
    sql_external,
    sql_recheck,
    sql_tables,
)
from tta_gateway.features.identity.bound import Issuing, Limits, Lockout, SecondFactor
from tta_gateway.features.identity.sql_factors import CODES, FACTORS, SPENT, SqlFactors
from tta_gateway.features.identity.sql_failures import SqlFailures
from tta_gateway.features.identity.sql_keys import SqlKeys
from tta_gateway.features.identity.sql_logins import SqlLogins
from tta_gateway.features.identity.sql_revocations import SqlRevocations
from tta_gateway.features.identity.sql_sessions import SqlSessions
from tta_gateway.features.identity.sql_users import SqlUsers
from tta_gateway.features.identity.store import ACTIVE, Revocation, Session, User
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import DatabaseUrl

NOW: Final = 1_800_000_000.0
KEY: Final = b"k" * 32
LASTING: Final = 620.0
_EMPTIED: Final = (
    FACTORS,
    CODES,
    SPENT,
    sql_tables.TOKENS,
    sql_tables.SESSIONS,
    sql_tables.ROLES,
    sql_tables.USERS,
    sql_tables.KEYS,
    sql_tables.REVOCATIONS,
    sql_tables.TRIES,
    sql_external.USED,
    sql_external.LINKS,
    sql_tables.ACCOUNT_CODES,
    sql_recheck.RECHECKS,
    sql_recheck.TIED,
)
ISSUING: Final = Issuing(
    url="https://home",
    roles={"player": ("profile:read:own",), "therapist": ("notes:read:care", "profile:read:own")},
    limits=Limits(idle=10_000.0, absolute=100_000.0),
    role_limits={"therapist": Limits(idle=1_000.0, absolute=5_000.0)},
    lockout=Lockout(account=3, address=10, first=5.0, longest=60.0, forgotten=1_000.0),
    second_factor=SecondFactor(name="home", rp_id="home", origins=("https://home",)),
)


class House:
    """All that is kept."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.issuing = ISSUING
        self.key = KEY
        self.users = SqlUsers(lambda: database, lasting=lambda: LASTING)
        self.sessions = SqlSessions(
            lambda: database,
            issuing=lambda: self.issuing,
            key=lambda: self.key,
            lasting=lambda: LASTING,
        )
        self.failures = SqlFailures(lambda: database, lockout=lambda: self.issuing.lockout)
        self.logins = SqlLogins(lambda: database, lockout=lambda: self.issuing.lockout)
        self.factors = SqlFactors(lambda: database, lasting=lambda: LASTING)
        self.keys = SqlKeys(lambda: database)
        self.revocations = SqlRevocations(lambda: database)

    async def user(self, name: str = "ada", roles: Iterable[str] = ("player",)) -> User:
        """Return a new user."""
        made = User(f"id-{name}", name, ACTIVE, NOW, NOW, frozenset(roles), "hash")
        await self.users.create(made, by="admin")
        return made

    async def session(self, user: User, name: str = "s1", *, now: float = NOW) -> str:
        """Return the first refresh token of a new session."""
        token = refresh_token.first()
        wanted = Session(f"{user.id}-{name}"[-36:], user.id, now, now, now + 100_000.0, "pwd")
        assert await self.sessions.begin(wanted, token, known=now + 1e6) is not None
        return token

    async def revoked(self) -> dict[tuple[str, str], Revocation]:
        """Return all revocations, by what they are of."""
        return {(one.kind, one.value): one for one in await self.revocations.revoked(-1.0)}


def at_home(url: DatabaseUrl, work: Callable[[House], Awaitable[None]]) -> None:
    """Do the work in a house that is empty."""

    async def done() -> None:
        async with emptied(url, *_EMPTIED) as database:
            await work(House(database))

    asyncio.run(done())
