"""Whom administrators keep out, in SQL: who said so, when, why and until when, and who let them in.

What is over stays for a year, so that it can be told who was kept out; then it is deleted:
addresses are personal data.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.shield.bound import Block
from tta_gateway.features.shield.store import Away
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database

_BANS: Final = Table(
    "shield_bans",
    MetaData(),
    Column("source", String(64), primary_key=True),
    Column("since", Double, primary_key=True),
    Column("until", Double, nullable=False),
    Column("cause", Text, nullable=False),
    Column("set_by", String(320), nullable=False),
    Column("lifted", Double, nullable=False),
    Column("lifted_by", String(320), nullable=False),
)
_NOT_LIFTED: Final = _BANS.c.lifted == 0.0
_KEPT: Final = 366 * 86_400.0  # seconds that one is kept when it is over


class SqlStore:
    """Keeps them in a database."""

    def __init__(self, database: Callable[[], Database]) -> None:
        """Ask this database, which may raise Unavailable itself."""
        self._database = database

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database().write() as connection:
                yield connection
        except (Unavailable, Conflict) as error:
            raise Away(str(error)) from error

    async def ban(self, block: Block) -> None:
        """Keep who is kept out, in the place of what was said of them before."""
        source, since = block.source, block.since
        async with self._write() as connection:
            await connection.execute(delete(_BANS).where(_BANS.c.until < since - _KEPT))
            same = and_(_BANS.c.source == source, _BANS.c.since == since)
            if (await connection.execute(select(_BANS.c.since).where(same))).first() is not None:
                return  # it has been said before, and perhaps lifted since
            await _lift(connection, _before(source, since), at=since, by=block.by)
            row = {
                "source": source,
                "since": since,
                "until": block.until,
                "cause": block.cause,
                "set_by": block.by,
                "lifted": 0.0,
                "lifted_by": "",
            }
            await connection.execute(insert(_BANS).values(**row))

    async def lift(self, source: str, *, at: float, by: str) -> None:
        """Have all that was said of them until then be over."""
        async with self._write() as connection:
            await _lift(connection, _before(source, at), at=at, by=by)

    async def lasting(self, now: float, *, most: int) -> list[Block]:
        """Return those that last, the last to end first."""
        asked = select(_BANS).where(_NOT_LIFTED, _BANS.c.until > now)
        asked = asked.order_by(_BANS.c.until.desc()).limit(most)
        try:
            async with self._database().read() as connection:
                return [_block(row) for row in (await connection.execute(asked)).mappings()]
        except Unavailable as error:
            raise Away(str(error)) from error

    async def lifted(self, blocks: list[Block]) -> list[str]:
        """Return the sources of these that were kept here, and have been let in since."""
        since = {one.source: one.since for one in blocks}
        asked = select(_BANS.c.source, _BANS.c.since)
        asked = asked.where(_BANS.c.source.in_(since), _BANS.c.lifted > 0.0)
        try:
            async with self._database().read() as connection:
                found = (await connection.execute(asked)).all()
        except Unavailable as error:
            raise Away(str(error)) from error
        return [source for source, at in found if since[source] == at]


def _before(source: str, at: float) -> ColumnElement[bool]:
    return and_(_BANS.c.source == source, _BANS.c.since <= at, _BANS.c.until > at, _NOT_LIFTED)


async def _lift(
    connection: AsyncConnection, which: ColumnElement[bool], *, at: float, by: str
) -> None:
    await connection.execute(update(_BANS).where(which).values(lifted=at, lifted_by=by))


def _block(row: RowMapping) -> Block:
    return Block(
        source=row["source"],
        since=row["since"],
        until=row["until"],
        cause=row["cause"],
        by=row["set_by"],
    )
