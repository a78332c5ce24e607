"""Whom administrators keep out: one contract, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import text

from tests.helpers.databases import emptied
from tta_gateway.features.shield.bound import Block
from tta_gateway.features.shield.sql_store import SqlStore
from tta_gateway.features.shield.store import Away
from tta_gateway.support.sql.away import Unavailable
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e

Work = Callable[[SqlStore], Awaitable[None]]
NOW = 1_800_000_000.25
YEAR = 366 * 86_400.0


def a_ban(source: str = "192.0.2.7", **changed: float) -> Block:
    one = Block(source=source, since=NOW, until=NOW + 100.0, cause="asked for", by="admin")
    return msgspec.structs.replace(one, **changed)


@pytest.fixture
def on(url: DatabaseUrl) -> Callable[[Work], None]:
    """Does work on an empty store."""
    return lambda work: asyncio.run(_done(url, work))


async def _done(url: DatabaseUrl, work: Work) -> None:
    async with emptied(url, "shield_bans") as database:
        await work(SqlStore(lambda: database))


async def rows(store: SqlStore) -> list[tuple[object, ...]]:
    asked = (
        "SELECT source, since, set_by, lifted, lifted_by FROM shield_bans ORDER BY source, since"
    )
    async with store._database().read() as connection:
        return [tuple(row) for row in await connection.execute(text(asked))]


def test_who_is_kept_out_is_told_with_who_said_so_and_why_until_it_ends(
    on: Callable[[Work], None],
) -> None:
    async def work(store: SqlStore) -> None:
        longer = a_ban("2001:db8::/64", until=NOW + 200.0)
        await store.ban(a_ban())
        await store.ban(longer)
        assert await store.lasting(NOW, most=9) == [longer, a_ban()]
        assert await store.lasting(NOW, most=1) == [longer]
        assert await store.lasting(NOW + 100.0, most=9) == [longer]
        assert await store.lasting(NOW + 200.0, most=9) == []

    on(work)


def test_who_is_let_in_is_no_more_and_it_stays_known_who_did(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        await store.ban(a_ban())
        await store.ban(a_ban("192.0.2.8"))
        await store.lift("192.0.2.7", at=NOW + 5.0, by="ada")
        await store.lift("192.0.2.7", at=NOW + 6.0, by="eve")  # there is nothing left of it
        await store.lift("192.0.2.8", at=NOW - 1.0, by="eve")  # of before it was said
        assert await store.lasting(NOW + 6.0, most=9) == [a_ban("192.0.2.8")]
        assert await rows(store) == [
            ("192.0.2.7", NOW, "admin", NOW + 5.0, "ada"),
            ("192.0.2.8", NOW, "admin", 0.0, ""),
        ]

    on(work)


def test_it_is_told_which_of_them_have_been_let_in(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        other = a_ban("2001:db8::/64")
        await store.ban(a_ban())
        await store.ban(other)
        await store.lift("192.0.2.7", at=NOW + 1.0, by="ben")
        assert await store.lifted([a_ban(), other]) == ["192.0.2.7"]
        assert await store.lifted([a_ban(since=NOW + 2.0), a_ban("192.0.2.9")]) == []
        assert await store.lifted([]) == []

    on(work)


def test_the_last_word_counts_and_what_is_said_twice_counts_once(
    on: Callable[[Work], None],
) -> None:
    async def work(store: SqlStore) -> None:
        later = a_ban(since=NOW + 1.0, until=NOW + 50.0)
        for one in (a_ban(), later, a_ban(), later):
            await store.ban(one)
        assert await store.lasting(NOW + 1.0, most=9) == [later]
        assert [row[3] for row in await rows(store)] == [NOW + 1.0, 0.0]
        await store.lift("192.0.2.7", at=NOW + 2.0, by="ada")
        await store.ban(later)  # a connection broke while it was written the first time
        assert await store.lasting(NOW + 3.0, most=9) == []

    on(work)


def test_nodes_that_write_the_same_at_once_write_it_once(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        told = await asyncio.gather(*(store.ban(a_ban()) for _ in range(5)), return_exceptions=True)
        assert {type(one) for one in told} <= {type(None), Away}
        await store.ban(a_ban())
        assert await store.lasting(NOW, most=9) == [a_ban()]

    on(work)


def test_what_has_been_over_for_a_year_is_deleted(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        await store.ban(a_ban())
        for since, left in ((NOW + 99.0 + YEAR, 2), (NOW + 101.0 + YEAR, 2)):
            await store.ban(a_ban("192.0.2.8", since=since, until=since + 1.0))
            assert len(await rows(store)) == left

    on(work)


def test_without_a_database_it_is_away() -> None:
    def gone() -> Database:
        raise Unavailable("as the test says")

    async def done() -> None:
        store = SqlStore(gone)
        works = (
            store.ban(a_ban()),
            store.lift("192.0.2.7", at=NOW, by="ada"),
            store.lasting(NOW, most=1),
        )
        for work in works:
            with pytest.raises(Away, match="as the test says"):
                await work

    asyncio.run(done())
