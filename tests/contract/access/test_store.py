"""Who cares for whom and which glass is broken: one contract, wherever it is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from tests.helpers.care_store import MemoryStore
from tests.helpers.databases import emptied, url_of
from tta_gateway.features.access.sql_store import SqlStore
from tta_gateway.features.access.store import Away, CareStore, Glass, Relation
from tta_gateway.support.sql.away import Unavailable
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e

Work = Callable[[CareStore], Awaitable[None]]
NOW = 1_800_000_000.0


def a_relation(carer: str = "t1", person: str = "p1", **changed: object) -> Relation:
    one = Relation(carer=carer, person=person, until=NOW + 100, granted_by="admin", granted=NOW)
    return msgspec.structs.replace(one, **changed)


def some_glass(id: str = "g1", **changed: object) -> Glass:
    one = Glass(id=id, carer="t1", person="p1", reason="why", opened=NOW, until=NOW + 100)
    return msgspec.structs.replace(one, **changed)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def on(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Work], None]:
    """Does work on an empty store."""
    if request.param == "memory":

        def in_memory(work: Work) -> None:
            async def done() -> None:
                await work(MemoryStore())

            asyncio.run(done())

        return in_memory
    url = url_of(request, tmp_path)
    return lambda work: asyncio.run(_done(url, work))


async def _done(url: DatabaseUrl, work: Work) -> None:
    async with emptied(url, "care_relations", "break_glass") as database:
        await work(SqlStore(lambda: database))


def test_care_lasts_until_its_time(on: Callable[[Work], None]) -> None:
    async def work(store: CareStore) -> None:
        one, other = a_relation("t2"), a_relation("t1", "p2", until=NOW + 10)
        await store.grant(one)
        await store.grant(other)
        assert await store.relations(NOW) == [other, one]
        assert await store.relations(NOW + 10) == [one]

    on(work)


def test_what_is_granted_again_is_in_the_place_of_what_was(on: Callable[[Work], None]) -> None:
    async def work(store: CareStore) -> None:
        await store.grant(a_relation())
        again = a_relation(granted=NOW + 1, until=NOW + 5)
        await store.grant(again)
        assert await store.relations(NOW + 2) == [again]

    on(work)


def test_what_is_ended_is_over_and_ends_once(on: Callable[[Work], None]) -> None:
    async def work(store: CareStore) -> None:
        await store.grant(a_relation())
        await store.grant(a_relation(person="p2"))
        assert await store.end("t1", "p1", by="admin", now=NOW + 1)
        assert not await store.end("t1", "p1", by="admin", now=NOW + 2)
        assert not await store.end("t2", "p2", by="admin", now=NOW + 2)
        assert not await store.end("t1", "p2", by="admin", now=NOW + 100)  # it had ended by itself
        assert [one.person for one in await store.relations(NOW + 3)] == ["p2"]

    on(work)


def test_glass_is_shown_from_the_last_one_on(on: Callable[[Work], None]) -> None:
    async def work(store: CareStore) -> None:
        one, other = some_glass(), some_glass("g2", opened=NOW + 1)
        await store.open(one)
        await store.open(other)
        assert await store.glass(NOW) == [other, one]
        assert await store.glass(NOW + 0.5) == [other]

    on(work)


def test_glass_is_closed_once_and_says_by_whom(on: Callable[[Work], None]) -> None:
    async def work(store: CareStore) -> None:
        await store.open(some_glass())
        await store.open(some_glass("g2", until=NOW + 1))
        assert await store.close("g1", by="t1", now=NOW + 2)
        assert not await store.close("g1", by="t1", now=NOW + 3)
        assert not await store.close("g2", by="t1", now=NOW + 2)  # it is over
        assert not await store.close("g3", by="t1", now=NOW + 2)
        found = {one.id: one for one in await store.glass(0.0)}
        assert (found["g1"].closed, found["g1"].closed_by) == (NOW + 2, "t1")
        assert found["g2"].closed == 0.0

    on(work)


def test_the_mark_is_another_whenever_anything_has_changed(on: Callable[[Work], None]) -> None:
    async def work(store: CareStore) -> None:
        marks = [await store.mark()]

        async def another() -> None:
            found = await store.mark()
            assert found not in marks
            marks.append(found)

        await store.grant(a_relation())
        await another()
        await store.grant(a_relation(granted=NOW + 1, until=NOW + 7))
        await another()
        await store.end("t1", "p1", by="admin", now=NOW + 2)
        await another()
        await store.open(some_glass())
        await another()
        await store.close("g1", by="admin", now=NOW + 2)
        await another()
        assert await store.mark() == marks[-1]

    on(work)


def test_a_database_that_is_away_is_one_thing_to_hear_of() -> None:
    def nowhere() -> Database:
        raise Unavailable("not there")

    store = SqlStore(nowhere)
    for asked in (
        store.mark,
        lambda: store.relations(NOW),
        lambda: store.glass(NOW),
        lambda: store.grant(a_relation()),
        lambda: store.end("t1", "p1", by="a", now=NOW),
        lambda: store.open(some_glass()),
        lambda: store.close("g1", by="a", now=NOW),
    ):
        with pytest.raises(Away):
            asyncio.run(_asked(asked))


async def _asked(work: Callable[[], Awaitable[object]]) -> None:
    await work()
