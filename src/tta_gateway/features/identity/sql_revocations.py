"""Revocations in SQL: written in the transaction of what they follow from."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.account_code import CodePurpose
from tta_gateway.features.identity.sql_tables import (
    ACCOUNT_CODES,
    REVOCATIONS,
    SESSIONS,
    TOKENS,
    TRIES,
    USERS,
    put,
    stamp,
)
from tta_gateway.features.identity.store import Revocation
from tta_gateway.support.sql.prepared import Prepared

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

_DAY: Final = 86_400.0  # seconds
_REMEMBERED: Final = 7 * _DAY  # seconds for which what is over is kept
_SINCE: Final = Prepared(
    select(REVOCATIONS)
    .where(REVOCATIONS.c.changed > bindparam("since"))
    .order_by(REVOCATIONS.c.changed, REVOCATIONS.c.kind, REVOCATIONS.c.value)
)


async def end_session(
    connection: AsyncConnection, session_id: str, *, why: str, now: float, until: float
) -> None:
    """End a session that lasts, and its tokens."""
    await connection.execute(
        update(SESSIONS)
        .where(SESSIONS.c.id == session_id, SESSIONS.c.ended.is_(None))
        .values(ended=now, why_ended=why)
    )
    await revoke(connection, "session", session_id, before=now, until=until)


async def end_sessions(
    connection: AsyncConnection, user_id: str, *, why: str, now: float, until: float
) -> int:
    """End all sessions of a user and all their tokens; return how many lasted."""
    # The user first, as whoever refreshes does: so nobody waits in a ring.
    await connection.execute(select(USERS.c.id).where(USERS.c.id == user_id).with_for_update())
    lasting = SESSIONS.c.user_id == user_id, SESSIONS.c.ended.is_(None), SESSIONS.c.ends > now
    asked = select(SESSIONS.c.id).where(*lasting).order_by(SESSIONS.c.id)
    found = (await connection.execute(asked)).scalars().all()
    for session_id in found:
        await end_session(connection, session_id, why=why, now=now, until=until)
    await revoke_subject(connection, user_id, now=now, until=until)
    return len(found)


async def revoke_subject(
    connection: AsyncConnection, user_id: str, *, now: float, until: float
) -> None:
    """Have all tokens of a user count no more that any node has issued so far.

    The clock of the node that has issued the last one may be ahead of this one's: `changed` is
    behind all of them, and before whatever is issued from now on.
    """
    last = select(func.max(SESSIONS.c.used)).where(SESSIONS.c.user_id == user_id)
    before = max(now, (await connection.execute(last)).scalar() or 0.0)
    await connection.execute(update(USERS).where(USERS.c.id == user_id).values(changed=before))
    await revoke(connection, "subject", user_id, before=before, until=until)


async def revoke(
    connection: AsyncConnection, kind: str, value: str, *, before: float, until: float
) -> None:
    """Write a revocation."""
    changed = await stamp(connection, before)
    await put(
        connection,
        REVOCATIONS,
        kind=kind,
        value=value,
        before=before,
        until=until,
        changed=changed,
    )


async def void_resets(connection: AsyncConnection, user_id: str) -> None:
    """Have the codes with which somebody may choose a password be no good any more."""
    theirs = ACCOUNT_CODES.c.user_id == user_id, ACCOUNT_CODES.c.purpose == CodePurpose.RESET.value
    unused = ACCOUNT_CODES.c.used.is_(None)
    await connection.execute(delete(ACCOUNT_CODES).where(*theirs, unused))


class SqlRevocations:
    """Reads them, and tidies up."""

    def __init__(self, database: Callable[[], "Database"]) -> None:
        """Ask this database."""
        self._database = database

    async def revoked(self, since: float) -> list[Revocation]:
        """Return what was revoked since then, by the database's clock, in that order."""

        async def work(connection: AsyncConnection) -> list[Revocation]:
            return [Revocation(*row) for row in await _SINCE.all(connection, since=since)]

        return await self._database().seen(work)

    async def tidy(self, now: float) -> None:
        """Forget what is long over."""
        long_ago = now - _REMEMBERED
        over = select(SESSIONS.c.id).where(
            (SESSIONS.c.ended < long_ago) | (SESSIONS.c.ends < long_ago)
        )
        async with self._database().write() as connection:
            await connection.execute(
                delete(TOKENS).where((TOKENS.c.used < long_ago) | TOKENS.c.session_id.in_(over))
            )
            await connection.execute(delete(SESSIONS).where(SESSIONS.c.id.in_(over)))
            await connection.execute(delete(REVOCATIONS).where(REVOCATIONS.c.until < now))
            await connection.execute(delete(TRIES).where(TRIES.c.last < now - _DAY))
