"""Transactions in one go: what they do, and what they may not; more is in tests/contract/sql."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import column, insert, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.prepared import Prepared
from tta_gateway.support.sql.url import in_folder

ADD = text("INSERT INTO a VALUES (:b)")


def on(folder: Path, work: Callable[[Database], Awaitable[None]]) -> None:
    """Do the work on a database with an empty table."""

    async def made(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("CREATE TABLE a (b INTEGER PRIMARY KEY)")

    async def done() -> None:
        database = Database(in_folder(folder))
        try:
            await database.written(made)
            await work(database)
        finally:
            await database.close()

    asyncio.run(done())


async def two(connection: AsyncConnection) -> str:
    await connection.execute(ADD, {"b": 2})
    return threading.current_thread().name


async def sum_of(connection: AsyncConnection) -> int:
    found: int = await connection.scalar(text("SELECT coalesce(sum(b), 0) FROM a"))
    return found


def test_what_is_written_on_one_thread_is_seen_on_another(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        assert await database.written(two) == "sqlite writes"
        assert await database.seen(sum_of) == 2

    on(tmp_path, work)


def test_one_that_fails_is_undone_and_the_next_one_is_done(tmp_path: Path) -> None:
    async def failing(connection: AsyncConnection) -> None:
        await two(connection)
        raise KeyError

    async def work(database: Database) -> None:
        with pytest.raises(KeyError):
            await database.written(failing)
        await database.written(two)
        with pytest.raises(Conflict):
            await database.written(two)
        assert await database.seen(sum_of) == 2

    on(tmp_path, work)


def test_prepared_statements_and_others_are_of_one_transaction(tmp_path: Path) -> None:
    add = Prepared(insert(table("a", column("b"))))

    async def both(connection: AsyncConnection, *, fails: bool) -> None:
        await add.do(connection, b=7)
        await two(connection)
        await add.do(connection, b=2 if fails else 9)

    async def work(database: Database) -> None:
        with pytest.raises(Conflict):
            await database.written(partial(both, fails=True))
        with pytest.raises(Conflict):  # by the driver alone
            await database.written(lambda held: add.do_each(held, [{"b": 1}, {"b": 1}]))
        assert await database.seen(sum_of) == 0
        await database.written(partial(both, fails=False))
        await database.written(lambda held: add.do(held, b=1))
        assert await database.seen(sum_of) == 19

    on(tmp_path, work)


def test_one_that_waits_for_something_else_is_undone_and_said_to_be_a_fault(tmp_path: Path) -> None:
    async def waiting(connection: AsyncConnection) -> None:
        await two(connection)
        await asyncio.sleep(0)

    async def work(database: Database) -> None:
        with pytest.raises(RuntimeError, match="in one go"):
            await database.written(waiting)
        assert await database.seen(sum_of) == 0

    on(tmp_path, work)


def test_one_that_nobody_waits_for_any_more_is_undone(tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()

    async def slow(connection: AsyncConnection) -> None:
        await two(connection)
        begun.set()
        may_end.wait(10)

    async def work(database: Database) -> None:
        first = asyncio.ensure_future(database.written(slow))
        await asyncio.to_thread(begun.wait, 10)
        second = asyncio.ensure_future(database.written(two))
        await asyncio.sleep(0)
        for one in (first, second):
            one.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        may_end.set()
        await database.written(two)  # in its turn: the first would be in its way
        assert await database.seen(sum_of) == 2

    on(tmp_path, work)


def test_once_it_is_closed_nobody_has_its_threads_begin_again(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        await database.written(two)
        await database.close()
        for asked in (database.seen(sum_of), database.written(two)):
            with pytest.raises(Unavailable):
                await asked

    on(tmp_path, work)


def test_its_end_does_not_wait_for_one_that_hangs(tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()

    async def hanging(connection: AsyncConnection) -> None:  # noqa: ARG001 - a transaction
        begun.set()
        may_end.wait(30)

    async def work(database: Database) -> None:
        first = asyncio.ensure_future(database.written(hanging))
        await asyncio.to_thread(begun.wait, 10)
        try:
            async with asyncio.timeout(10):
                await database.close(patience=0.1)
        finally:
            may_end.set()
        await first

    on(tmp_path, work)
