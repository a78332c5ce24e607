"""Codes of accounts: each counts once, whoever is faster, on each database."""

import asyncio
from dataclasses import replace
from typing import Final

import pytest

from tests.helpers.identity_house import LASTING, NOW, House, at_home
from tta_gateway.features.identity.account_code import CodePurpose
from tta_gateway.features.identity.account_code_store import AccountCode, Spent
from tta_gateway.features.identity.sql_account_codes import SqlAccountCodes
from tta_gateway.features.identity.store import ACTIVE, DISABLED, NameTaken, User
from tta_gateway.support.sql.url import DatabaseUrl

D1, D2 = b"1" * 32, b"2" * 32
INVITE: Final = AccountCode("c1", CodePurpose.INVITE, NOW, "admin", NOW + 100, roles=("coach",))
RESET: Final = AccountCode("c2", CodePurpose.RESET, NOW, "admin", NOW + 100, user_id="id-ada")


def store(house: House) -> SqlAccountCodes:
    return SqlAccountCodes(lambda: house.database, lasting=lambda: LASTING)


def a_user(name: str) -> User:
    return User(f"id-{name}", name, ACTIVE, NOW, NOW, frozenset({"player", "coach"}), "hash")


def test_an_invitation_makes_one_user_whoever_is_faster(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        codes = store(house)
        await codes.add(D1, INVITE)
        assert await codes.find(D1, now=NOW) == INVITE

        async def register(name: str) -> str:
            try:
                await codes.register(a_user(name), by="admin", invitation=D1, now=NOW)
            except Spent:
                return "spent"
            return name

        done = await asyncio.gather(*(register(f"u{number}") for number in range(5)))
        assert sorted(done)[:4] == ["spent"] * 4
        (user,) = await house.users.all(after="", most=9)
        assert user.name == sorted(done)[4]
        assert user.roles == {"player", "coach"}
        assert await codes.find(D1, now=NOW) is None

    at_home(url, work)


def test_where_the_name_is_taken_the_invitation_stays_good(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        codes = store(house)
        await house.user()
        await codes.add(D1, INVITE)
        other = replace(a_user("ada"), id="another")
        with pytest.raises(NameTaken):
            await codes.register(other, by="admin", invitation=D1, now=NOW)
        assert await codes.find(D1, now=NOW) == INVITE
        await codes.register(a_user("ben"), by="self", invitation=None, now=NOW)
        with pytest.raises(Spent):
            await codes.register(a_user("cleo"), by="a", invitation=D1, now=NOW + 100)
        assert [one.name for one in await house.users.all(after="", most=9)] == ["ada", "ben"]

    at_home(url, work)


def test_a_reset_counts_once_and_ends_all_sessions(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        codes, ada = store(house), await house.user()
        await house.session(ada)
        await codes.add(D1, RESET)
        await codes.add(D2, replace(RESET, id="c3"))  # the one before it is no good any more

        async def reset(digest: bytes) -> bool:
            try:
                return (await codes.reset(digest, "newer", now=NOW + 1)).id == ada.id
            except Spent:
                return False

        done = await asyncio.gather(*(reset(one) for one in (D1, D2, D2, D2)))
        assert sorted(done) == [False, False, False, True]
        found = await house.users.named("ada")
        assert found is not None
        assert found.password == "newer"
        assert await house.sessions.open(ada.id, now=NOW + 1) == []
        assert {("subject", ada.id), ("session", "id-ada-s1")} <= (await house.revoked()).keys()

    at_home(url, work)


def test_who_may_not_log_in_may_not_reset(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        codes, ada = store(house), await house.user()
        await codes.add(D1, RESET)
        await house.users.set_state(ada.id, DISABLED, now=NOW)
        with pytest.raises(Spent):
            await codes.reset(D1, "newer", now=NOW)
        with pytest.raises(Spent):
            await codes.reset(D2, "newer", now=NOW)

    at_home(url, work)


def test_a_change_ends_the_other_sessions_and_codes(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        codes, ada = store(house), await house.user()
        for name in ("s1", "s2"):
            await house.session(ada, name)
        await codes.add(D1, RESET)
        await codes.change(ada.id, "newer", but="id-ada-s1", now=NOW + 1)
        lasting = await house.sessions.open(ada.id, now=NOW + 1)
        assert [one.id for one in lasting] == ["id-ada-s1"]
        assert await codes.find(D1, now=NOW + 1) is None
        revoked = await house.revoked()
        assert ("session", "id-ada-s2") in revoked
        assert ("subject", ada.id) not in revoked
        found = await house.users.named("ada")
        assert found is not None
        assert (found.password, found.changed) == ("newer", NOW + 1)

    at_home(url, work)


@pytest.mark.parametrize("way", ["passwd", "disable"])
def test_what_whoever_looks_after_accounts_does_voids_codes(url: DatabaseUrl, way: str) -> None:
    """Red without `void_resets` in sql_users.py: a code from before gave another password."""

    async def work(house: House) -> None:
        codes, ada = store(house), await house.user()
        await codes.add(D1, RESET)
        if way == "passwd":
            await house.users.set_password(ada.id, "theirs", now=NOW)
        else:
            await house.users.set_state(ada.id, DISABLED, now=NOW)
            await house.users.set_state(ada.id, ACTIVE, now=NOW)
        assert await codes.find(D1, now=NOW) is None
        with pytest.raises(Spent):
            await codes.reset(D1, "newer", now=NOW)

    at_home(url, work)


@pytest.mark.parametrize("way", ["reset", "passwd", "logout"])
def test_who_has_been_shut_out_meanwhile_changes_nothing(url: DatabaseUrl, way: str) -> None:
    """The old password was right, and while the new one was hashed its owner took it back.

    Red where `change` asks nobody whether the session lasts (sql_account_codes.py).
    """

    async def work(house: House) -> None:
        codes, ada = store(house), await house.user()
        await house.session(ada)
        await codes.add(D1, RESET)
        if way == "reset":
            await codes.reset(D1, "theirs", now=NOW + 1)
        elif way == "passwd":
            await house.users.set_password(ada.id, "theirs", now=NOW + 1)
        else:
            await house.sessions.end(ada.id, "id-ada-s1", why="logout", now=NOW + 1)
        before = await house.users.named("ada")
        with pytest.raises(Spent):
            await codes.change(ada.id, "an intruder's", but="id-ada-s1", now=NOW + 1)
        assert await house.users.named("ada") == before

    at_home(url, work)


def test_a_change_takes_no_earlier_one_back(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        codes, ada = store(house), await house.user()
        await house.sessions.end_all(ada.id, why="logout-all", now=NOW + 9)  # another's clock
        await house.session(ada)
        await codes.change(ada.id, "newer", but="id-ada-s1", now=NOW + 1)
        found = await house.users.named("ada")
        assert found is not None
        assert found.changed == NOW + 9

    at_home(url, work)


def test_those_that_are_good_are_known_until_they_are_withdrawn(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        codes = store(house)
        await codes.add(D1, INVITE)
        await codes.add(D2, RESET)
        assert await codes.open(CodePurpose.INVITE, now=NOW) == [INVITE]
        assert await codes.open(CodePurpose.INVITE, now=NOW + 100) == []
        assert not await codes.withdraw("c2", CodePurpose.INVITE)
        assert await codes.withdraw("c1", CodePurpose.INVITE)
        assert await codes.open(CodePurpose.INVITE, now=NOW) == []
        await codes.tidy(NOW + 100)
        assert await codes.find(D2, now=NOW) == RESET
        await codes.tidy(NOW + 100 + 31 * 86_400)
        assert await codes.find(D2, now=NOW) is None

    at_home(url, work)
