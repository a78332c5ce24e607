"""What lasts of logins by way of providers, on each database."""

import asyncio

from tests.helpers.identity_house import LASTING, NOW, House, at_home
from tta_gateway.features.identity.external_store import Over, Tie
from tta_gateway.features.identity.sql_external import SqlExternal
from tta_gateway.support.sql.url import DatabaseUrl

THERE, ELSEWHERE, SUBJECT = b"t" * 32, b"e" * 32, b"s" * 32


def tie(there: bytes, *, since: float = NOW) -> Tie:
    return Tie(there, SUBJECT, since)


def store(house: House) -> SqlExternal:
    return SqlExternal(lambda: house.database, lasting=lambda: LASTING)


async def lasting(house: House, user_id: str) -> set[str]:
    return {one.id for one in await house.sessions.open(user_id, now=NOW)}


def test_what_counts_once_counts_once(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        kept = store(house)
        done = await asyncio.gather(
            *(kept.use(b"a" * 32, until=NOW + 9, now=NOW) for _ in range(5))
        )
        assert [one is None for one in done].count(True) == 4
        assert await kept.use(b"b" * 32, until=NOW + 99, now=NOW)
        await kept.tidy(NOW + 10)
        assert await kept.use(b"a" * 32, until=NOW + 99, now=NOW)
        assert await kept.use(b"b" * 32, until=NOW + 99, now=NOW) is None

    at_home(url, work)


def test_sessions_of_one_there_end_together(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        kept, ada, eve = store(house), await house.user(), await house.user("eve")
        for user, name, there in (
            (ada, "s1", THERE),
            (ada, "s2", THERE),
            (ada, "s3", ELSEWHERE),
            (eve, "s4", THERE),
        ):
            await house.session(user, name)
            linked = f"{user.id}-{name}"[-36:]
            assert await kept.link(linked, tie(there), ends=NOW + 100, now=NOW)

        async def end(digest: bytes, user_id: str, there: bytes) -> bool:
            over = Over(there=there, subject=SUBJECT, user_id=user_id)
            return await kept.end(digest, over, until=NOW + 60, now=NOW)

        assert await end(b"1", ada.id, THERE)
        assert await lasting(house, ada.id) == {"id-ada-s3"}
        assert await lasting(house, eve.id) == {"id-eve-s4"}
        assert not await end(b"1", "", THERE)
        assert await lasting(house, eve.id) == {"id-eve-s4"}
        assert await end(b"2", "", THERE)
        assert await lasting(house, eve.id) == set()
        assert await end(b"3", "nobody", b"")
        assert await end(b"4", ada.id, b"")
        assert await lasting(house, ada.id) == set()
        revoked = await house.revoked()
        assert {("session", "id-ada-s1"), ("subject", ada.id)} <= revoked.keys()

    at_home(url, work)


def test_a_session_of_one_that_is_over_does_not_begin(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        kept, ada = store(house), await house.user()
        assert await kept.end(b"1", Over(there=THERE), until=NOW + 60, now=NOW)
        await house.session(ada)
        assert not await kept.link("id-ada-s1", tie(THERE), ends=NOW + 100, now=NOW + 1)
        assert await lasting(house, ada.id) == set()
        await kept.tidy(NOW + 1000)
        await house.session(ada, "s2", now=NOW + 1000)
        assert await kept.link("id-ada-s2", tie(THERE), ends=NOW + 2000, now=NOW + 1000)

    at_home(url, work)
