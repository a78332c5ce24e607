"""Changes that two people make: one contract, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.helpers.databases import emptied
from tta_gateway.features.changes.algorithm import Over, State, Step
from tta_gateway.features.changes.sql_store import SqlStore
from tta_gateway.features.changes.store import Away, Change, NotTheirs, Unknown
from tta_gateway.support.sql.away import Unavailable
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e

Work = Callable[[SqlStore], Awaitable[None]]
NOW = 1_800_000_000.0


def a_change(id: str = "c1", **changed: object) -> Change:
    one = Change(
        id=id,
        kind="roles",
        change="{}",
        summary="grant admin to ada",
        reason="she begins on Monday",
        proposed_by="p1",
        proposed=NOW,
        until=NOW + 100,
    )
    return msgspec.structs.replace(one, **changed)


class Made:
    """Makes changes: writes each into a table of its own, in the transaction that it is given."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails

    async def __call__(self, transaction: AsyncConnection, one: Change) -> None:
        await transaction.execute(text("INSERT INTO made VALUES (:id)"), {"id": one.id})
        await asyncio.sleep(0.01)
        if self.fails:
            raise ValueError("as the test says")


async def approve(store: SqlStore, by: str = "p2", *, fails: bool = False) -> Change:
    made = Made(fails=fails)
    return await store.take("c1", Step.APPROVE, by=by, now=NOW + 1, note="so be it", apply=made)


@pytest.fixture
def on(url: DatabaseUrl) -> Callable[[Work], None]:
    """Does work on an empty store."""
    return lambda work: asyncio.run(_done(url, work))


async def _done(url: DatabaseUrl, work: Work) -> None:
    async with emptied(url, "two_person_changes") as database:
        async with database.write() as connection:
            await connection.execute(text("DROP TABLE IF EXISTS made"))
            await connection.execute(text("CREATE TABLE made (id VARCHAR(36))"))
        await work(SqlStore(lambda: database))


async def made_in(store: SqlStore) -> list[str]:
    async with store._database().read() as connection:
        return list((await connection.execute(text("SELECT id FROM made"))).scalars())


def test_what_is_proposed_is_made_when_somebody_else_approves_it(
    on: Callable[[Work], None],
) -> None:
    async def work(store: SqlStore) -> None:
        await store.propose(a_change())
        assert await store.all(most=9) == [a_change()]
        done = await approve(store)
        assert done == a_change(
            state=State.APPLIED, decided_by="p2", decided=NOW + 1, note="so be it"
        )
        assert await store.all(most=9) == [done]
        assert await made_in(store) == ["c1"]

    on(work)


def test_two_who_approve_at_once_make_it_once(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        await store.propose(a_change())
        several = [approve(store, f"p{number}") for number in range(2, 8)]
        told = await asyncio.gather(*several, return_exceptions=True)
        assert sorted(type(one).__name__ for one in told) == ["Change"] + ["Over"] * 5
        assert await made_in(store) == ["c1"]

    on(work)


def test_who_approves_while_another_rejects_or_withdraws_is_alone(
    on: Callable[[Work], None],
) -> None:
    async def work(store: SqlStore) -> None:
        await store.propose(a_change())
        made = Made()
        told = await asyncio.gather(
            approve(store),
            store.take("c1", Step.REJECT, by="p3", now=NOW + 1, note="", apply=made),
            store.take("c1", Step.WITHDRAW, by="p1", now=NOW + 1, note="", apply=made),
            return_exceptions=True,
        )
        (one,) = [each for each in told if isinstance(each, Change)]
        assert await made_in(store) == (["c1"] if one.state is State.APPLIED else [])

    on(work)


def test_what_cannot_be_made_is_still_proposed(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        await store.propose(a_change())
        with pytest.raises(ValueError, match="as the test says"):
            await approve(store, fails=True)
        assert await store.all(most=9) == [a_change()]
        assert await made_in(store) == []

    on(work)


def test_nobody_decides_what_is_theirs_over_or_not_there(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        with pytest.raises(Unknown):
            await approve(store)
        await store.propose(a_change())
        with pytest.raises(NotTheirs):
            await approve(store, "p1")
        with pytest.raises(NotTheirs):
            await approve(store, "clinic:p1")
        with pytest.raises(NotTheirs):
            await store.take("c1", Step.WITHDRAW, by="p2", now=NOW, note="", apply=Made())
        with pytest.raises(Over, match="expired"):
            await store.take("c1", Step.APPROVE, by="p2", now=NOW + 100, note="", apply=Made())
        assert await made_in(store) == []

    on(work)


def test_what_nobody_decides_expires_once(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        await store.propose(a_change())
        await store.propose(a_change("c2", until=NOW + 200))
        assert await store.expire(NOW + 99) == []
        told = await asyncio.gather(*(store.expire(NOW + 100) for _ in range(3)))
        assert [one.id for some in told for one in some] == ["c1"]
        assert [(one.id, one.state) for one in await store.all(most=9)] == [
            ("c2", State.PROPOSED),
            ("c1", State.EXPIRED),
        ]
        with pytest.raises(Over):
            await approve(store)

    on(work)


def test_without_a_database_it_is_away() -> None:
    def gone() -> Database:
        raise Unavailable("as the test says")

    async def done() -> None:
        store = SqlStore(gone)
        for work in (store.propose(a_change()), store.all(most=1), store.expire(NOW)):
            with pytest.raises(Away):
                await work

    asyncio.run(done())


def test_what_was_made_of_a_kind_is_found_since_a_moment(on: Callable[[Work], None]) -> None:
    async def work(store: SqlStore) -> None:
        made = {"state": State.APPLIED, "kind": "erasure"}
        for id, decided in (("e2", NOW + 2), ("e1", NOW + 1)):
            await store.propose(a_change(id, decided=decided, **made))
        await store.propose(a_change("open", kind="erasure"))
        await store.propose(a_change("other", state=State.APPLIED, decided=NOW + 1))
        assert [one.id for one in await store.applied("erasure", 0.0)] == ["e1", "e2"]
        assert [one.id for one in await store.applied("erasure", NOW + 2)] == ["e2"]

    on(work)
