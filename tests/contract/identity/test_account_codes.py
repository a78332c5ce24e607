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
