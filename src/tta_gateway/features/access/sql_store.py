"""Care and broken glass in SQL."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import (
    Column,
    Double,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    case,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.access.store import Away, Glass, Relation
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database

_TABLES: Final = MetaData()
_CARE: Final = Table(
    "care_relations",
    _TABLES,
    Column("carer", String(320), primary_key=True),
    Column("person", String(320), primary_key=True),
    Column("granted", Double, primary_key=True),
    Column("until", Double, nullable=False),
    Column("granted_by", String(320), nullable=False),
    Column("ended", Double),
    Column("ended_by", String(320)),
)
_GLASS: Final = Table(
    "break_glass",
    _TABLES,
    Column("id", String(36), primary_key=True),
    Column("carer", String(320), nullable=False),
    Column("person", String(320), nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("closed", Double),
    Column("closed_by", String(320)),
)
_LASTS: Final = _CARE.c.ended.is_(None)
_MOST: Final = 1000  # rows of glass that are shown


class SqlStore:
    """Keeps both in a database."""

    def __init__(self, database: Callable[[], Database]) -> None:
        """Ask this database, which may raise Unavailable itself."""
        self._database = database

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database().read() as connection:
                yield connection
        except Unavailable as error:
            raise Away(str(error)) from error

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database().write() as connection:
                yield connection
        except (Unavailable, Conflict) as error:
            raise Away(str(error)) from error

    async def mark(self) -> tuple[float, ...]:
        """Return how many there are of each, how many are over, and until when the others last."""
        care = select(
            func.count(),
            func.count(_CARE.c.ended),
            func.coalesce(func.sum(case((_LASTS, _CARE.c.until), else_=0.0)), 0.0),
        )
        glass = select(func.count(), func.count(_GLASS.c.closed)).select_from(_GLASS)
        async with self._read() as connection:
            one = (await connection.execute(care)).one()
            other = (await connection.execute(glass)).one()
        return tuple(float(figure) for figure in (*one, *other))

    async def relations(self, now: float) -> list[Relation]:
        """Return those that last."""
        asked = (
            select(_CARE).where(_LASTS, _CARE.c.until > now).order_by(_CARE.c.carer, _CARE.c.person)
        )
        async with self._read() as connection:
            return [_relation(row) for row in (await connection.execute(asked)).mappings()]

    async def glass(self, since: float) -> list[Glass]:
        """Return what was broken since then."""
        asked = (
            select(_GLASS)
            .where(_GLASS.c.opened >= since)
            .order_by(_GLASS.c.opened.desc(), _GLASS.c.id)
            .limit(_MOST)
        )
        async with self._read() as connection:
            return [_glass(row) for row in (await connection.execute(asked)).mappings()]

    async def grant(self, one: Relation) -> None:
        """End the one before, and write this one."""
        async with self._write() as connection:
            await _end(connection, one.carer, one.person, by=one.granted_by, now=one.granted)
            await connection.execute(
                insert(_CARE).values(
                    carer=one.carer,
                    person=one.person,
                    granted=one.granted,
                    until=one.until,
                    granted_by=one.granted_by,
                )
            )

    async def end(self, carer: str, person: str, *, by: str, now: float) -> bool:
        """End it."""
        async with self._write() as connection:
            return await _end(connection, carer, person, by=by, now=now)

    async def open(self, one: Glass) -> None:
        """Write it."""
        async with self._write() as connection:
            await connection.execute(
                insert(_GLASS).values(
                    id=one.id,
                    carer=one.carer,
                    person=one.person,
                    reason=one.reason,
                    opened=one.opened,
                    until=one.until,
                )
            )

    async def close(self, id: str, *, by: str, now: float) -> bool:
        """Write that it is closed, if it is open still."""
        asked = (
            update(_GLASS)
            .where(_GLASS.c.id == id, _GLASS.c.closed.is_(None), _GLASS.c.until > now)
            .values(closed=now, closed_by=by)
        )
        async with self._write() as connection:
            return (await connection.execute(asked)).rowcount > 0


async def _end(
    connection: AsyncConnection, carer: str, person: str, *, by: str, now: float
) -> bool:
    asked = (
        update(_CARE)
        .where(_CARE.c.carer == carer, _CARE.c.person == person, _LASTS, _CARE.c.until > now)
        .values(ended=now, ended_by=by)
    )
    return (await connection.execute(asked)).rowcount > 0


def _relation(row: RowMapping) -> Relation:
    return Relation(
        carer=row["carer"],
        person=row["person"],
        until=row["until"],
        granted_by=row["granted_by"],
        granted=row["granted"],
    )


def _glass(row: RowMapping) -> Glass:
    return Glass(
        id=row["id"],
        carer=row["carer"],
        person=row["person"],
        reason=row["reason"],
        opened=row["opened"],
        until=row["until"],
        closed=row["closed"] or 0.0,
        closed_by=row["closed_by"] or "",
    )
