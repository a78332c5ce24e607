"""What is asked elsewhere again: whose turn it is, and what rests on it, on each database."""

import asyncio
from typing import Final

from sqlalchemy import func, select

from tests.helpers.identity_house import LASTING, NOW, House, at_home
from tta_gateway.features.identity.recheck_store import TURN, Kept
from tta_gateway.features.identity.sql_recheck import RECHECKS, TIED, WAITS, SqlRecheck, rests_too
from tta_gateway.support.sql.url import DatabaseUrl

EACH: Final = 60.0
S1, S2 = "id-ada-s1", "id-ada-s2"


def store(house: House) -> SqlRecheck:
    return SqlRecheck(lambda: house.database, lasting=lambda: LASTING)


def every(name: str) -> float:
    return EACH if name == "clinic" else 0.0


def kept(id: str = "r1", provider: str = "clinic", at: float = NOW) -> Kept:
    return Kept(id, "id-ada", provider, b"sealed", at)


async def rows(house: House) -> tuple[int, int]:
    async with house.database.read() as connection:
        counts = [await connection.scalar(select(func.count()).select_from(one)) for one in _ALL]
    return counts[0] or 0, counts[1] or 0


_ALL = (RECHECKS, TIED)


async def two_sessions(house: House) -> SqlRecheck:
    """Two sessions of one login: the second is a client's."""
    asking, ada = store(house), await house.user()
    await asking.keep(kept(), until=NOW + WAITS)
    for name in ("s1", "s2"):
        await house.session(ada, name)
    await asking.tie("r1", S1, ends=NOW + 100_000)
    async with house.database.write() as connection:
        await rests_too(connection, S2, parent=S1, ends=NOW)
        await rests_too(connection, "another", parent="nobody's", ends=NOW)
    return asking


def test_nobody_asks_while_another_does_however_often_it_is_to_be(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        asking = await two_sessions(house)

        def each_second(_: str) -> float:
            return 1.0

        assert await asking.due(S1, every=each_second, now=NOW + 1) == kept()
        assert await asking.due(S2, every=each_second, now=NOW + TURN) is None
        assert await asking.due(S2, every=each_second, now=NOW + 2 + TURN) is not None

    at_home(url, work)


def test_of_those_who_renew_at_once_one_asks(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        asking = await two_sessions(house)
        assert await asking.due(S1, every=every, now=NOW + EACH - 1) is None
        assert await asking.due("nobody's", every=every, now=NOW + EACH) is None
        at_once = [asking.due(one, every=every, now=NOW + EACH) for one in (S1, S2) * 3]
        found = [one for one in await asyncio.gather(*at_once) if one is not None]
        assert found == [kept()]
        assert await asking.due(S1, every=every, now=NOW + EACH + 1) is None
        await asking.renew("r1", b"another")
        again = await asking.due(S2, every=every, now=NOW + 2 * EACH)
        assert again is not None
        assert (again.sealed, again.asked) == (b"another", NOW + EACH)
        await asking.postpone("r1", NOW + EACH)
        assert await asking.due(S1, every=every, now=NOW + 2 * EACH) is not None

    at_home(url, work)


def test_one_whose_provider_is_not_asked_is_never_due(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        asking = store(house)
        await house.session(await house.user())
        await asking.keep(kept(provider="other"), until=NOW + WAITS)
        await asking.tie("r1", S1, ends=NOW + 100_000)
        assert await asking.due(S1, every=every, now=NOW + 1e6) is None

    at_home(url, work)


def test_all_that_rests_on_it_ends_with_it(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        asking = await two_sessions(house)
        ada = await house.users.named("ada")
        assert ada is not None
        await house.session(ada, "s3")
        await asking.end("r1", now=NOW + 1)
        lasting = await house.sessions.open("id-ada", now=NOW + 1)
        assert [one.id for one in lasting] == ["id-ada-s3"]
        assert {("session", S1), ("session", S2)} <= (await house.revoked()).keys()
        assert await rows(house) == (0, 0)

    at_home(url, work)


def test_what_no_session_rests_on_is_forgotten(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        asking = await two_sessions(house)
        await asking.keep(kept("r2"), until=NOW + WAITS)
        await asking.tidy(NOW + WAITS - 1)
        assert await rows(house) == (2, 2)
        await asking.tidy(NOW + WAITS + 1)  # no login has become a session
        assert await rows(house) == (1, 2)
        await house.sessions.end("id-ada", S1, why="logout", now=NOW)
        await asking.tidy(NOW + WAITS + 1)
        assert await rows(house) == (1, 1)
        await house.sessions.end("id-ada", S2, why="logout", now=NOW)
        await asking.tidy(NOW + WAITS + 1)
        assert await rows(house) == (0, 0)

    at_home(url, work)


def test_what_a_longer_session_rests_on_is_kept_as_long(url: DatabaseUrl) -> None:
    """Red where `rests_too` leaves the end of its parent (sql_recheck.py)."""

    async def work(house: House) -> None:
        asking, ada = store(house), await house.user()
        await asking.keep(kept(), until=NOW + WAITS)
        for name in ("s1", "s2"):
            await house.session(ada, name)
        await asking.tie("r1", S1, ends=NOW + 2000)
        async with house.database.write() as connection:
            await rests_too(connection, S2, parent=S1, ends=NOW + 9000)
        await asking.tidy(NOW + 2001)
        assert await asking.due(S2, every=every, now=NOW + 2001) is not None
        await asking.tidy(NOW + 9001)
        assert await rows(house) == (0, 0)

    at_home(url, work)
