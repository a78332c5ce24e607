"""One suite for every database: transactions are whole or undone, and its death is one error."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from tests.helpers.postgres_server import PostgresServer
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import DatabaseUrl, in_folder, parse

pytestmark = pytest.mark.e2e

TABLE = Table(
    "things",
    MetaData(),
    Column("name", String(40), primary_key=True),
    Column("count", Integer, nullable=False),
)
Work = Callable[[Database], Awaitable[None]]


def on(url: DatabaseUrl, work: Work) -> None:
    """Do the work on a database with an empty table."""

    async def done() -> None:
        database = Database(url)
        try:
            async with database.write() as connection:
                await connection.run_sync(TABLE.metadata.drop_all)
                await connection.run_sync(TABLE.metadata.create_all)
            await work(database)
        finally:
            await database.close()

    asyncio.run(done())


async def counts(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        rows = await connection.execute(select(TABLE.c.name, TABLE.c.count))
        return {str(row[0]): int(row[1]) for row in rows}


async def failing(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(insert(TABLE).values(name="a", count=1))
        raise KeyError


async def putting_both(database: Database) -> None:
    async with database.write() as connection:
        for name in ("b", "a"):
            await connection.execute(insert(TABLE).values(name=name, count=1))


async def giving_up(database: Database) -> None:
    async with asyncio.timeout(0.01), database.read() as connection:
        await connection.execute(select(TABLE.c.name))
        await asyncio.sleep(5)


async def asking_nowhere(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(text("SELECT * FROM nowhere"))


async def put(database: Database, name: str, count: int = 1) -> None:
    async with database.write() as connection:
        await connection.execute(insert(TABLE).values(name=name, count=count))


def test_what_is_written_is_read(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        await put(database, "a", 7)
        assert await counts(database) == {"a": 7}

    on(url, work)


def test_a_transaction_in_which_anything_is_raised_is_undone(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        with pytest.raises(KeyError):
            await failing(database)
        assert await counts(database) == {}

    on(url, work)


def test_what_is_there_already_is_a_conflict_and_undoes_all(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        await put(database, "a")
        with pytest.raises(Conflict) as raised:
            await putting_both(database)
        assert " " not in str(raised.value)
        assert await counts(database) == {"a": 1}

    on(url, work)


def test_a_statement_that_is_none_is_a_fault_of_ours(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        with pytest.raises(DBAPIError, match="nowhere"):
            await asking_nowhere(database)

    on(url, work)


def test_of_many_that_count_on_none_is_lost(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        await put(database, "a", 0)

        async def count_on() -> None:
            async with database.write() as connection:
                found = select(TABLE.c.count).where(TABLE.c.name == "a").with_for_update()
                count: int = (await connection.execute(found)).scalar_one()
                await connection.execute(update(TABLE).values(count=count + 1))

        await asyncio.gather(*(count_on() for _ in range(40)))
        assert await counts(database) == {"a": 40}

    on(url, work)


def test_who_reads_sees_one_state_and_does_not_wait_for_who_writes(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        await put(database, "a")
        async with database.read() as connection:
            before = (await connection.execute(select(TABLE.c.name))).all()
            await asyncio.wait_for(put(database, "b"), 5)
            assert (await connection.execute(select(TABLE.c.name))).all() == before
        assert await counts(database) == {"a": 1, "b": 1}

    on(url, work)


def test_no_connection_is_lost_to_who_gives_up(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        for _ in range(30):
            with pytest.raises(TimeoutError):
                await giving_up(database)
        assert await counts(database) == {}

    on(url, work)


def test_a_server_that_is_killed_is_unavailable_and_then_is_there_again(
    postgres: PostgresServer,
) -> None:
    async def work(database: Database) -> None:
        await put(database, "a")
        await asyncio.to_thread(postgres.kill)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await counts(database)
        with pytest.raises(Unavailable):
            await put(database, "b")
        await asyncio.to_thread(postgres.start_again)
        assert await counts(database) == {"a": 1}

    on(parse(postgres.url), work)


@pytest.mark.parametrize("wrong", ["password", "name", "port"])
def test_one_that_cannot_be_reached_is_unavailable_and_its_words_are_not_told(
    postgres: PostgresServer, wrong: str
) -> None:
    right = parse(postgres.url)
    changed: dict[str, object] = {"password": "other", "name": "elsewhere", "port": 9}
    url = DatabaseUrl(
        host=right.host,
        user=right.user,
        encrypted=False,
        **{  # type: ignore[arg-type]
            key: changed[key] if key == wrong else getattr(right, key)
            for key in ("password", "name", "port")
        },
    )

    async def work() -> None:
        database = Database(url)
        with pytest.raises(Unavailable) as raised:
            await counts(database)
        assert " " not in str(raised.value)
        await database.close()

    asyncio.run(work())


@pytest.mark.parametrize("mode", ["verify-full", "require"])
def test_a_server_that_speaks_in_the_clear_is_refused_where_it_must_not(
    postgres: PostgresServer, mode: str
) -> None:
    url = parse(f"{postgres.url}?sslmode={mode}")

    async def work() -> None:
        database = Database(url)
        with pytest.raises(Unavailable):
            await counts(database)
        await database.close()

    asyncio.run(work())


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async def work() -> None:
        database = Database(in_folder(tmp_path / "nowhere"))
        with pytest.raises(Unavailable):
            await counts(database)
        await database.close()

    asyncio.run(work())
