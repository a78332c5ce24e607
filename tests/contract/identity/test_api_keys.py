"""API keys, on every database."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from tests.helpers.identity_house import NOW, House, at_home
from tta_gateway.features.identity.api_key_store import ApiKey
from tta_gateway.features.identity.sql_api_keys import SqlApiKeys
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e


def a_key(number: int, name: str = "reports") -> ApiKey:
    return ApiKey(
        id=f"id-{number}",
        name=name,
        digest=bytes([number]) * 32,
        hint="tta_abcdef",
        roles=("player", "service"),
        permissions=("notes:read",),
        created=NOW + number,
        expires=NOW + 1000,
    )


async def emptied(house: House) -> SqlApiKeys:
    """The keys of this database, of which there is none."""
    store = SqlApiKeys(lambda: house.database)
    await store.tidy(1e12)
    return store


def test_what_is_decided_is_kept_and_told(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        store = await emptied(house)
        await store.change("reports", lambda _: [a_key(1), a_key(2)])
        await store.change("other", lambda _: [a_key(3, "other")])
        found = await store.all()
        assert [replace(one, changed=0.0) for one in found] == [
            a_key(3, "other"),
            a_key(1),
            a_key(2),
        ]
        assert await store.count(NOW) == 3
        assert await store.count(NOW + 1000) == 0
        latest = max(one.changed for one in found)
        assert await store.changed(latest) == []
        assert await store.changed(-1.0) == found

    at_home(url, work)


def test_who_decides_sees_the_keys_of_that_name_and_changes_them(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        store = await emptied(house)
        await store.change("reports", lambda _: [a_key(1)])
        await store.change("other", lambda _: [a_key(3, "other")])

        def revoke(known: Sequence[ApiKey]) -> Sequence[ApiKey]:
            return [replace(one, revoked=NOW + 5) for one in known]

        (gone,) = await store.change("reports", revoke)
        assert gone.id == "id-1"
        assert await store.count(NOW) == 1
        changed = {one.id: one.revoked for one in await store.changed(-1.0)}
        assert changed == {"id-1": NOW + 5, "id-3": None}
        await store.tidy(NOW + 6)
        assert [one.id for one in await store.all()] == ["id-3"]

    at_home(url, work)


def test_of_two_who_make_one_name_at_once_the_second_sees_the_first(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        store = await emptied(house)
        seen: list[int] = []

        def decide(number: int, known: Sequence[ApiKey]) -> Sequence[ApiKey]:
            seen.append(len(known))
            return [a_key(number)] if not known else []

        deciding = [store.change("reports", partial(decide, number)) for number in range(1, 5)]
        await asyncio.gather(*deciding)
        assert sorted(seen) == [0, 1, 1, 1]

    at_home(url, work)


def test_two_keys_of_one_digest_cannot_be(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        store = await emptied(house)
        await store.change("a", lambda _: [a_key(1, "a")])
        with pytest.raises(Exception, match=r"IntegrityError|UniqueViolation"):
            await store.change("b", lambda _: [replace(a_key(1, "b"), id="another")])

    at_home(url, work)
