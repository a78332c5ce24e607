"""The forest that nodes share: one contract, on both databases, and nobody is erased twice."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.helpers.databases import emptied
from tta_gateway.features.erasure.sql_store import SqlStore
from tta_gateway.support.crypto.forest import Made
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e


def adding(said: bytes) -> Made:
    """What makes it longer."""
    return lambda before: (before or b"") + said


def on(url: DatabaseUrl, work: Callable[[SqlStore], Awaitable[None]]) -> None:
    async def run() -> None:
        async with emptied(url, "store_keys", "store_erasures") as database:
            await work(SqlStore(lambda: database))

    asyncio.run(run())


def test_what_is_made_of_it_is_kept(url: DatabaseUrl) -> None:
    async def work(store: SqlStore) -> None:
        assert await store.revision() == 0
        assert await store.changed(adding(b"a")) == (1, b"a")
        assert await store.changed(adding(b"")) == (1, b"a")
        assert await store.changed(adding(b"b")) == (2, b"ab")
        assert await store.revision() == 2

    on(url, work)


def test_what_bears_an_id_is_done_once(url: DatabaseUrl) -> None:
    async def work(store: SqlStore) -> None:
        assert await store.changed(adding(b"a"), once="e1") == (1, b"a")
        assert await store.changed(adding(b"b"), once="e1") == (1, b"a")
        assert await store.changed(adding(b"b"), once="e2") == (2, b"ab")

    on(url, work)


def test_what_cannot_be_made_is_not_done(url: DatabaseUrl) -> None:
    def fails(_: bytes | None) -> bytes:
        raise ValueError("as the test says")

    async def work(store: SqlStore) -> None:
        with pytest.raises(ValueError, match="as the test says"):
            await store.changed(fails, once="e1")
        assert await store.changed(adding(b"a"), once="e1") == (1, b"a")

    on(url, work)


def test_nodes_that_erase_at_once_lose_nothing_of_each_other(url: DatabaseUrl) -> None:
    """Red without `with_for_update` on PostgreSQL."""

    async def work(store: SqlStore) -> None:
        await store.changed(adding(b""))
        said = [b"%d " % number for number in range(8)]
        async with asyncio.TaskGroup() as group:
            for one in said:
                group.create_task(store.changed(adding(one), once=one.decode()))
        number, kept = await store.changed(adding(b""))
        assert sorted(kept.split()) == [one.strip() for one in said]
        assert number == 9

    on(url, work)


def test_of_nodes_that_plant_it_at_once_one_does(url: DatabaseUrl) -> None:
    async def planted(store: SqlStore, said: bytes) -> bytes:
        while True:
            try:
                return (await store.changed(lambda before: before or said))[1]
            except Conflict:
                continue  # as a node does that looks again

    async def work(store: SqlStore) -> None:
        found = await asyncio.gather(*(planted(store, b"%d" % one) for one in range(6)))
        assert len(set(found)) == 1

    on(url, work)


def test_a_database_that_is_away_is_said() -> None:
    def away() -> Database:
        raise Unavailable("not there")

    with pytest.raises(Unavailable):
        asyncio.run(SqlStore(away).revision())
    with pytest.raises(Unavailable):
        asyncio.run(SqlStore(away).changed(adding(b"a")))
