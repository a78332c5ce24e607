"""Logins by way of providers in SQL: digests of what counts once, and of sessions there."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy import Select, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.external_store import Over, Tie
from tta_gateway.features.identity.sql_revocations import end_session, end_sessions
from tta_gateway.features.identity.sql_tables import SESSIONS, held, put, stamp
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

    async def use(self, digest: bytes, *, until: float, now: float) -> float | None:
        """Use what counts once, and return the time that all nodes share; None if it is used."""
        try:
            async with self._database().write() as connection:
                await connection.execute(insert(USED).values(digest=digest, until=until))
                return await stamp(connection, now)
        except Conflict:
            return None

    async def link(self, session_id: str, tie: Tie, *, ends: float, now: float) -> bool:
        """Note what a session came of; False, and it is ended, if that is over."""
        async with self._database().write() as connection:
            if await self._is_over(connection, tie, now=now):
                await self._end(connection, session_id, now=now)
                return False
            if tie.there:
                values = {"session_id": session_id, "there": tie.there, "ends": ends}
                await connection.execute(insert(LINKS).values(**values))
            return True

    async def _is_over(self, connection: AsyncConnection, tie: Tie, *, now: float) -> bool:
        """Tell whether what a session came of is over, in turn with whoever ends it.

        The subject first: between the two stands the user, whom others hold (`held_there`).
        """
        if await _over(connection, tie.subject) >= tie.since + _REMEMBERED:
            return True
        return bool(tie.there) and await _over(connection, tie.there) > now

    async def end(self, digest: bytes, over: Over, *, until: float, now: float) -> bool:
        """End what is over, by what counts once; False if that has been used."""
        try:
            async with self._database().write() as connection:
                await connection.execute(insert(USED).values(digest=digest, until=until))
                await self._noted(connection, over, now=now)
                if over.there:
                    await self._end_linked(connection, over, now=now)
                else:
                    await self._end_all(connection, over.user_id, now=now)
        except Conflict:
            return False
        return True

    async def _noted(self, connection: AsyncConnection, over: Over, *, now: float) -> None:
        """Write down what is over, before looking what there is of it.

        Whoever begins something of it in this moment has done so before, and it is found here, or
        waits for this.
        """
        began = now if over.there else await stamp(connection, now)
        what = over.there or over.subject
        await put(connection, USED, digest=what, until=began + _REMEMBERED)

    async def _end_linked(self, connection: AsyncConnection, over: Over, *, now: float) -> None:
        found = (await connection.execute(_linked(over.there, over.user_id))).scalars().all()
        for session_id in found:
            await self._end(connection, session_id, now=now)

    async def _end_all(self, connection: AsyncConnection, user_id: str, *, now: float) -> None:
        until = now + self._lasting()
        await end_sessions(connection, user_id, why="provider", now=now, until=until)

    async def _end(self, connection: AsyncConnection, session_id: object, *, now: float) -> None:
        until = now + self._lasting()
        await end_session(connection, str(session_id), why="provider", now=now, until=until)

    async def tidy(self, now: float) -> None:
        """Forget what is over."""
        async with self._database().write() as connection:
            await connection.execute(delete(USED).where(USED.c.until < now))
            await connection.execute(delete(LINKS).where(LINKS.c.ends < now))


async def held_there(connection: AsyncConnection, parent: str) -> bytes:
    """Return what a session is tied to at a provider, if anything; nobody ends it meanwhile.

    It is asked behind the user and before the session, as all do: so nobody waits in a ring.
    Whether it is over stands in the session.
    """
    there = await connection.scalar(select(LINKS.c.there).where(LINKS.c.session_id == parent))
    if there is None:
        return b""
    await _over(connection, there)
    return bytes(there)


async def tied(connection: AsyncConnection, session: Session, there: bytes) -> None:
    """Tie a session to what its parent is tied to, and holds: both end with that."""
    if there:
        values = {"session_id": session.id, "there": there, "ends": session.ends}
        await connection.execute(insert(LINKS).values(**values))


async def _over(connection: AsyncConnection, what: bytes) -> float:
    """Return until when something is known to be over, in turn with whoever ends it; else 0."""
    return float((await held(connection, USED, digest=what, until=0.0))["until"])


def _linked(there: bytes, user_id: str) -> Select[tuple[object]]:
    """Return what asks for the sessions that last of one at a provider; of one user, if named."""
    asked = (
        select(SESSIONS.c.id)
        .join(LINKS, LINKS.c.session_id == SESSIONS.c.id)
        .where(LINKS.c.there == there, SESSIONS.c.ended.is_(None))
        .order_by(SESSIONS.c.id)  # as all do who end several: so nobody waits in a ring
    )
    return asked.where(SESSIONS.c.user_id == user_id) if user_id else asked
