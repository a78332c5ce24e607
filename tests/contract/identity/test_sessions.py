"""Sessions and refresh tokens, on every database: families that are rotated, followed and ended."""

import asyncio

import pytest
from sqlalchemy import select

from tests.helpers.identity_house import KEY, LASTING, NOW, House, at_home
from tta_gateway.features.identity import refresh_token
from tta_gateway.features.identity.family import Verdict
from tta_gateway.features.identity.refresh_token import next_of
from tta_gateway.features.identity.sql_tables import SESSIONS, TOKENS
from tta_gateway.features.identity.store import DISABLED, Refreshed, Session
from tta_gateway.support.sql.away import Conflict
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e


async def refreshed(house: House, token: str, after: float) -> Refreshed:
    """Use a token so many seconds after the login."""
    found = await house.sessions.refresh(token, now=NOW + after)
    assert found is not None
    return found


async def why_ended(house: House) -> list[str | None]:
    async with house.database.read() as connection:
        rows = await connection.execute(select(SESSIONS.c.why_ended).order_by(SESSIONS.c.id))
        return list(rows.scalars())


def test_a_token_is_used_once_and_the_next_one_counts(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        token = await house.session(await house.user())
        for turn in range(1, 4):
            found = await refreshed(house, token, 600.0 * turn)
            assert (found.verdict, found.session.used) == (Verdict.ROTATE, NOW + 600.0 * turn)
            assert found.token == next_of(token, KEY)
            token = found.token

    at_home(url, work)


def test_no_token_stands_in_the_database(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        token = await house.session(await house.user())
        await refreshed(house, token, 1.0)
        async with house.database.read() as connection:
            rows = (await connection.execute(select(TOKENS))).all()
        assert len(rows) == 2
        assert token not in repr(rows)
        assert {row.digest for row in rows} == {
            refresh_token.digest(token),
            refresh_token.digest(next_of(token, KEY)),
        }

    at_home(url, work)


def test_tabs_that_refresh_at_once_all_get_the_same_successor(url: DatabaseUrl) -> None:
    async def once(house: House, token: str, after: float) -> Refreshed:
        try:
            return await refreshed(house, token, after)
        except Conflict:  # as sign_in.py does
            return await refreshed(house, token, after)

    async def work(house: House) -> None:
        token = await house.session(await house.user())
        found = await asyncio.gather(*(once(house, token, 600.0 + tab) for tab in range(5)))
        assert {one.verdict for one in found} == {Verdict.ROTATE}
        assert {one.token for one in found} == {next_of(token, KEY)}
        assert (await refreshed(house, found[0].token, 1_200.0)).verdict is Verdict.ROTATE

    at_home(url, work)


def test_a_late_tab_gets_the_newest_one(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        first = await house.session(await house.user())
        second = (await refreshed(house, first, 600.0)).token
        third = (await refreshed(house, second, 610.0)).token
        assert (await refreshed(house, first, 620.0)).token == third
        assert (await refreshed(house, third, 1_200.0)).verdict is Verdict.ROTATE

    at_home(url, work)


def test_whoever_leaves_a_hundred_behind_within_the_grace_is_no_tab(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        first = token = await house.session(await house.user())
        for _ in range(101):
            token = (await refreshed(house, token, 600.0)).token
        assert (await refreshed(house, first, 601.0)).verdict is Verdict.REUSED

    at_home(url, work)


def test_one_that_comes_back_later_ends_the_session(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        user = await house.user()
        first = await house.session(user)
        second = (await refreshed(house, first, 600.0)).token
        assert (await refreshed(house, first, 631.0)).verdict is Verdict.REUSED
        assert (await refreshed(house, second, 632.0)).verdict is Verdict.ENDED
        assert (await refreshed(house, first, 633.0)).verdict is Verdict.ENDED
        assert await why_ended(house) == ["reused"]
        revoked = (await house.revoked())["session", f"{user.id}-s1"]
        assert (revoked.before, revoked.until) == (NOW + 631.0, NOW + 631.0 + LASTING)

    at_home(url, work)


def test_one_that_nobody_knows_is_none(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        await house.session(await house.user())
        assert await house.sessions.refresh(refresh_token.first(), now=NOW) is None
        assert await house.sessions.find(refresh_token.first()) == ("", "", "")

    at_home(url, work)


@pytest.mark.parametrize(
    ("roles", "after", "verdict"),
    [
        (("player",), 9_999.0, Verdict.ROTATE),
        (("player",), 10_001.0, Verdict.IDLE),
        (("therapist",), 999.0, Verdict.ROTATE),
        (("therapist", "player"), 1_001.0, Verdict.IDLE),
        (("player",), 100_000.0, Verdict.OVER),
    ],
)
def test_a_session_ends_by_itself(
    url: DatabaseUrl, roles: tuple[str, ...], after: float, verdict: Verdict
) -> None:
    async def work(house: House) -> None:
        token = await house.session(await house.user(roles=roles))
        assert (await refreshed(house, token, after)).verdict is verdict

    at_home(url, work)


def test_another_key_of_the_nodes_ends_nothing(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        first = await house.session(await house.user())
        await refreshed(house, first, 600.0)
        house.key = b"l" * 32
        again = await refreshed(house, first, 610.0)  # what follows it is not known by this key
        assert again.verdict is Verdict.ROTATE
        assert (await refreshed(house, again.token, 1_200.0)).verdict is Verdict.ROTATE

    at_home(url, work)


def test_sessions_are_ended_one_by_one_by_whose_they_are(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada, bob = await house.user("ada"), await house.user("bob")
        token = await house.session(ada)
        await house.session(ada, "s2", now=NOW + 1)
        assert [one.id for one in await house.sessions.open(ada.id, now=NOW + 2)] == [
            "id-ada-s2",
            "id-ada-s1",
        ]
        assert await house.sessions.find(token) == ("id-ada-s1", ada.id, "")
        assert not await house.sessions.end(bob.id, "id-ada-s1", why="logout", now=NOW + 3)
        assert await house.sessions.end(ada.id, "id-ada-s1", why="logout", now=NOW + 3)
        assert not await house.sessions.end(ada.id, "id-ada-s1", why="logout", now=NOW + 4)
        assert {*await house.revoked()} == {("session", "id-ada-s1")}
        assert (await refreshed(house, token, 5.0)).verdict is Verdict.ENDED
        assert len(await house.sessions.open(ada.id, now=NOW + 5)) == 1

    at_home(url, work)


def test_all_of_a_user_are_ended_and_all_that_was_issued(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada, bob = await house.user("ada"), await house.user("bob")
        tokens = [await house.session(ada), await house.session(ada, "s2")]
        other = await house.session(bob)
        assert await house.sessions.end_all(ada.id, why="logout-all", now=NOW + 5) == 2
        for token in tokens:
            assert (await refreshed(house, token, 6.0)).verdict is Verdict.ENDED
        assert (await refreshed(house, other, 6.0)).verdict is Verdict.ROTATE
        revoked = await house.revoked()
        assert {*revoked} == {
            ("session", "id-ada-s1"),
            ("session", "id-ada-s2"),
            ("subject", ada.id),
        }
        assert revoked["subject", ada.id].before == NOW + 5

    at_home(url, work)


def test_whoever_is_disabled_cannot_begin_or_go_on(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        token = await house.session(ada)
        await house.users.set_state(ada.id, DISABLED, now=NOW + 1)
        assert (await refreshed(house, token, 2.0)).verdict is Verdict.ENDED
        assert await why_ended(house) == [DISABLED]
        wanted = Session("s9", ada.id, NOW, NOW, NOW + 9, "pwd")
        assert await house.sessions.begin(wanted, refresh_token.first(), known=NOW + 9) is None

    at_home(url, work)


@pytest.mark.parametrize("way", ["passwd", "roles", "logout-all"])
def test_a_login_of_before_a_change_begins_nothing_behind_it(url: DatabaseUrl, way: str) -> None:
    """The old password was being looked at while another was chosen; red without `known`."""

    async def work(house: House) -> None:
        ada = await house.user()
        if way == "passwd":
            await house.users.set_password(ada.id, "theirs", now=NOW + 1)
        elif way == "roles":
            await house.users.set_roles(ada.id, grant=["therapist"], revoke=(), by="a", now=NOW + 1)
        else:
            await house.sessions.end_all(ada.id, why=way, now=NOW + 1)
        wanted = Session("s9", ada.id, NOW + 2, NOW + 2, NOW + 9, "pwd")
        begin = house.sessions.begin
        assert await begin(wanted, refresh_token.first(), known=ada.changed) is None
        now_known = await house.users.named("ada")
        assert now_known is not None
        assert await begin(wanted, refresh_token.first(), known=now_known.changed) is not None

    at_home(url, work)


def test_what_is_issued_behind_a_change_is_dated_behind_it(url: DatabaseUrl) -> None:
    """Even where the clock of the node that changes is ahead of the one that issues, or behind."""

    async def work(house: House) -> None:
        ada = await house.user()
        token = await house.session(ada, now=NOW + 50)  # by a clock that is ahead
        await house.users.set_roles(ada.id, grant=["therapist"], revoke=[], by="a", now=NOW)
        before = (await house.revoked())["subject", ada.id].before
        assert before >= NOW + 50
        found = await house.sessions.refresh(token, now=NOW + 1)  # by one that is behind
        assert found is not None
        assert found.session.used > before
        assert found.user.roles == {"player", "therapist"}

    at_home(url, work)


def test_what_is_long_over_is_forgotten_and_nothing_else(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        await house.session(ada, "old")
        young = await house.session(ada, "young")
        await house.sessions.end(ada.id, "id-ada-old", why="logout", now=NOW)
        await house.revocations.tidy(NOW + 60)
        assert len(await why_ended(house)) == 2
        assert len(await house.revoked()) == 1
        await house.revocations.tidy(NOW + LASTING + 1)
        assert await house.revoked() == {}
        week = 7 * 86_400.0
        async with house.database.write() as connection:
            kept = SESSIONS.update().where(SESSIONS.c.id == "id-ada-young")
            await connection.execute(kept.values(ends=NOW + 2 * week))
        await house.revocations.tidy(NOW + week + 1)
        assert await why_ended(house) == [None]
        assert await house.sessions.find(young) == ("id-ada-young", ada.id, "")

    at_home(url, work)
