"""Prepared statements say the same, whether the driver is asked or SQLAlchemy is."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    case,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.support.sql.away import Conflict
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.prepared import Prepared
from tta_gateway.support.sql.url import in_folder

THINGS = Table(
    "things",
    MetaData(),
    Column("name", String, primary_key=True),
    Column("count", Integer),
    Column("at", Double),
    Column("digest", LargeBinary),
)
THIS = THINGS.c.name == bindparam("thing")
ADD = Prepared(insert(THINGS))
ONE = Prepared(select(THINGS).where(THIS).with_for_update())
ALL = Prepared(select(THINGS.c.name, THINGS.c.count).order_by(THINGS.c.name))
COUNT = Prepared(select(THINGS.c.count).where(THIS))
LESS = Prepared(
    update(THINGS)
    .where(THIS)
    .values(
        count=case((THINGS.c.count > 0, THINGS.c.count - 1), else_=0),
        at=bindparam("then"),
    )
)
AWAY = Prepared(delete(THINGS).where(THIS))
Work = Callable[[AsyncConnection], Coroutine[Any, Any, None]]
Do = Callable[[Database, Work], Awaitable[None]]


async def at_once(database: Database, work: Work) -> None:
    await database.written(work)


async def by_statements(database: Database, work: Work) -> None:
    async with database.write() as connection:
        await work(connection)


both = pytest.mark.parametrize("do", [at_once, by_statements])


def on(folder: Path, do: Do, work: Work) -> None:
    """Do the work in a transaction on an empty table."""

    async def done() -> None:
        database = Database(in_folder(folder))
        try:
            async with database.write() as connection:
                await connection.run_sync(THINGS.metadata.create_all)
            await do(database, work)
        finally:
            await database.close()

    asyncio.run(done())


@both
def test_what_is_written_is_read(tmp_path: Path, do: Do) -> None:
    async def work(connection: AsyncConnection) -> None:
        await ADD.do(connection, name="b", count=2, at=1.5, digest=b"\0\xff")
        await ADD.do_each(connection, [{"name": name, "count": 1} for name in ("c", "a")])
        assert [tuple(row) for row in await ALL.all(connection)] == [("a", 1), ("b", 2), ("c", 1)]
        one, none = await ONE.first(connection, thing="b"), await ONE.first(connection, thing="x")
        assert one is not None
        assert (tuple(one), none) == (("b", 2, 1.5, b"\0\xff"), None)

    on(tmp_path, do, work)


@both
def test_what_stands_in_the_statement_itself_counts(tmp_path: Path, do: Do) -> None:
    async def work(connection: AsyncConnection) -> None:
        await ADD.do(connection, name="a", count=1, at=0.0)
        found = []
        for _ in range(3):
            found.append(await COUNT.scalar(connection, thing="a"))
            await LESS.do(connection, thing="a", then=3.0)
        assert found == [1, 0, 0]
        await AWAY.do(connection, thing="a")
        assert await COUNT.scalar(connection, thing="a") is None

    on(tmp_path, do, work)


@both
def test_what_is_there_already_is_a_conflict(tmp_path: Path, do: Do) -> None:
    async def work(connection: AsyncConnection) -> None:
        await ADD.do(connection, name="a")
        await ADD.do(connection, name="a")

    with pytest.raises(Conflict):
        on(tmp_path, do, work)
