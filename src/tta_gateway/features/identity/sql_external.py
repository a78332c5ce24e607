"""Logins by way of providers in SQL: digests of what counts once, and of sessions there."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy import Select, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.sql_revocations import end_session, end_sessions
from tta_gateway.features.identity.sql_tables import SESSIONS, put
from tta_gateway.features.identity.store import Session
from tta_gateway.support.sql.away import Conflict

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

_ALL: Final = sa.MetaData()
USED: Final = sa.Table(
    "external_used",
    _ALL,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("until", sa.Double),
)
LINKS: Final = sa.Table(
    "external_sessions",
    _ALL,
    sa.Column("session_id", sa.String, primary_key=True),
    sa.Column("there", sa.LargeBinary),
    sa.Column("ends", sa.Double),
)
_REMEMBERED: Final = 900.0
"""seconds for which a session at a provider is known to be over: longer than a login takes"""


class SqlExternal:
    """Keeps it."""

    def __init__(self, database: Callable[[], "Database"], *, lasting: Callable[[], float]) -> None:
        """Keep it in this database; `lasting` is how long an access token may be left."""
        self._database = database
        self._lasting = lasting

    async def use(self, digest: bytes, *, until: float) -> bool:
        """Use what counts once; False if it has been used."""
        try:
            async with self._database().write() as connection:
                await connection.execute(insert(USED).values(digest=digest, until=until))
        except Conflict:
            return False
        return True

    async def link(self, session_id: str, there: bytes, *, ends: float, now: float) -> bool:
        """Note that a session is of one at a provider; False, and it is ended, if that is over."""
        async with self._database().write() as connection:
            is_over = select(USED.c.digest).where(USED.c.digest == there, USED.c.until > now)
            if (await connection.execute(is_over)).first() is not None:
                await self._end(connection, session_id, now=now)
                return False
            values = {"session_id": session_id, "there": there, "ends": ends}
            await connection.execute(insert(LINKS).values(**values))
            return True

    async def end(
        self, digest: bytes, *, until: float, user_id: str, there: bytes | None, now: float
    ) -> bool:
        """End a user's sessions, or those of a session at a provider, by what counts once."""
        try:
            async with self._database().write() as connection:
                await connection.execute(insert(USED).values(digest=digest, until=until))
                if there is None:
                    lasting = now + self._lasting()
                    await end_sessions(connection, user_id, why="provider", now=now, until=lasting)
                    return True
                found = (await connection.execute(_linked(there, user_id))).scalars().all()
                for session_id in found:
                    await self._end(connection, session_id, now=now)
                await put(connection, USED, digest=there, until=now + _REMEMBERED)
        except Conflict:
            return False
        return True

    async def _end(self, connection: AsyncConnection, session_id: object, *, now: float) -> None:
        until = now + self._lasting()
        await end_session(connection, str(session_id), why="provider", now=now, until=until)

    async def tidy(self, now: float) -> None:
        """Forget what is over."""
        async with self._database().write() as connection:
            await connection.execute(delete(USED).where(USED.c.until < now))
            await connection.execute(delete(LINKS).where(LINKS.c.ends < now))


async def tied(connection: AsyncConnection, session: Session, *, parent: str) -> None:
    """Tie a session to what its parent is tied to at a provider: both end with that."""
    asked = select(LINKS.c.there).where(LINKS.c.session_id == parent)
    there = await connection.scalar(asked)
    if there is not None:
        values = {"session_id": session.id, "there": there, "ends": session.ends}
        await connection.execute(insert(LINKS).values(**values))


def _linked(there: bytes, user_id: str) -> Select[tuple[object]]:
    """Return what asks for the sessions that last of one at a provider; of one user, if named."""
    asked = (
        select(SESSIONS.c.id)
        .join(LINKS, LINKS.c.session_id == SESSIONS.c.id)
        .where(LINKS.c.there == there, SESSIONS.c.ended.is_(None))
    )
    return asked.where(SESSIONS.c.user_id == user_id) if user_id else asked
