"""What is kept in SQL for asking elsewhere again, and which sessions rest on it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.recheck_store import TURN, Kept
from tta_gateway.features.identity.sql_revocations import end_session
from tta_gateway.features.identity.sql_tables import SESSIONS, put_new

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

_ALL: Final = sa.MetaData()
RECHECKS: Final = sa.Table(
    "rechecks",
    _ALL,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("user_id", sa.String),
    sa.Column("provider", sa.String),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("asked", sa.Double),
    sa.Column("ends", sa.Double),
)
TIED: Final = sa.Table(
    "recheck_sessions",
    _ALL,
    sa.Column("session_id", sa.String, primary_key=True),
    sa.Column("recheck_id", sa.String),
)


class SqlRecheck:
    """Keeps it."""

    def __init__(self, database: Callable[[], "Database"], *, lasting: Callable[[], float]) -> None:
        """Keep it in this database; `lasting` is how long an access token may be left."""
        self._database = database
        self._lasting = lasting

    async def keep(self, kept: Kept, *, until: float) -> None:
        """Keep it; where no session is tied to it by then it is forgotten."""
        async with self._database().write() as connection:
            await connection.execute(insert(RECHECKS).values(**asdict(kept), ends=until))

    async def tie(self, id: str, session_id: str, *, ends: float) -> None:
        """Note that a session rests on it, which lasts until then."""
        async with self._database().write() as connection:
            await connection.execute(update(RECHECKS).where(RECHECKS.c.id == id).values(ends=ends))
            await put_new(connection, TIED, session_id=session_id, recheck_id=id)

    async def due(
        self, session_id: str, *, every: Callable[[str], float], now: float
    ) -> Kept | None:
        """Take a session's turn to ask: None if there is nothing to ask, or somebody has just."""
        asked = (
            select(RECHECKS)
            .join(TIED, TIED.c.recheck_id == RECHECKS.c.id)
            .where(TIED.c.session_id == session_id)
        )
        async with self._database().read() as connection:
            row = (await connection.execute(asked)).mappings().first()
        if row is None:
            return None
        pause = every(row["provider"])
        if not pause or row["asked"] + pause > now:
            return None
        # Whoever writes first has the turn: what a provider renews it takes once.
        same = RECHECKS.c.id == row["id"], RECHECKS.c.asked == row["asked"]
        async with self._database().write() as connection:
            taken = update(RECHECKS).where(*same).values(asked=max(now, now + TURN - pause))
            found = await connection.execute(taken)
            if found.rowcount != 1:
                return None
            again = select(RECHECKS).where(RECHECKS.c.id == row["id"])
            mine = (await connection.execute(again)).mappings().one()
        return Kept(mine["id"], mine["user_id"], mine["provider"], mine["sealed"], row["asked"])

    async def renew(self, id: str, sealed: bytes) -> None:
        """Keep something else in its place."""
        async with self._database().write() as connection:
            await connection.execute(
                update(RECHECKS).where(RECHECKS.c.id == id).values(sealed=sealed)
            )

    async def postpone(self, id: str, asked: float) -> None:
        """Have it be asked as if it had been asked then."""
        async with self._database().write() as connection:
            await connection.execute(
                update(RECHECKS).where(RECHECKS.c.id == id).values(asked=asked)
            )

    async def end(self, id: str, *, now: float) -> None:
        """End all sessions that rest on it, and forget it."""
        until = now + self._lasting()
        asked = (
            select(SESSIONS.c.id)
            .join(TIED, TIED.c.session_id == SESSIONS.c.id)
            .where(TIED.c.recheck_id == id, SESSIONS.c.ended.is_(None))
            .order_by(SESSIONS.c.id)  # as all do who end several: so nobody waits in a ring
        )
        async with self._database().write() as connection:
            # Until there is none: a code may have led to another while its parent was waited for.
            while found := (await connection.execute(asked)).scalars().all():
                for session_id in found:
                    await end_session(connection, session_id, why="provider", now=now, until=until)
            await _forget(connection, RECHECKS.c.id == id)

    async def tidy(self, now: float) -> None:
        """Forget what no session that lasts rests on."""
        over = select(SESSIONS.c.id).where(SESSIONS.c.ended.is_not(None))
        async with self._database().write() as connection:
            await connection.execute(delete(TIED).where(TIED.c.session_id.in_(over)))
            tied = select(TIED.c.recheck_id)
            # One that waits for its session is young.
            alone = RECHECKS.c.id.not_in(tied) & (RECHECKS.c.asked < now - WAITS)
            await _forget(connection, (RECHECKS.c.ends < now) | alone)


WAITS: Final = 900.0
"""seconds in which a login becomes a session, second factor and all"""


async def _forget(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> None:
    gone = select(RECHECKS.c.id).where(which)
    await connection.execute(delete(TIED).where(TIED.c.recheck_id.in_(gone)))
    await connection.execute(delete(RECHECKS).where(which))


async def rests_too(
    connection: AsyncConnection, session_id: str, *, parent: str, ends: float
) -> None:
    """Have a session rest on what its parent does, which is kept until both have ended."""
    asked = select(TIED.c.recheck_id).where(TIED.c.session_id == parent)
    found = await connection.scalar(asked)
    if found is not None:
        longer = RECHECKS.c.id == found, RECHECKS.c.ends < ends
        await connection.execute(update(RECHECKS).where(*longer).values(ends=ends))
        await put_new(connection, TIED, session_id=session_id, recheck_id=found)
