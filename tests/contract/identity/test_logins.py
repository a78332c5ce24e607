"""What a login asks and writes, on every database: tries that count, and sessions that begin."""

import asyncio

import pytest

from tests.helpers.identity_house import NOW, House, at_home
from tta_gateway.features.identity import refresh_token
from tta_gateway.features.identity.factor import TOTP, Factor
from tta_gateway.features.identity.store import DISABLED, Guarded, Session, Tried, User
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e

ACCOUNT, PLACE = b"a" * 32, b"p" * 32
KEYS = [(ACCOUNT, 3), (PLACE, 9)]


async def tried(house: House, name: str = "ada", *, now: float = NOW) -> Tried:
    return await house.logins.tried(name, KEYS, now=now)


async def begun(
    house: House, user: User, name: str = "s1", *, unguarded: bool = False
) -> tuple[User, Session] | None:
    wanted = Session(name, user.id, NOW, NOW, NOW + 100_000.0, "pwd")
    return await house.logins.begin(
        wanted,
        refresh_token.first(),
        known=user.changed,
        tried=(ACCOUNT, PLACE),
        unguarded=unguarded,
    )


def test_who_tries_is_found_and_counted_until_they_have_to_wait(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        assert [await tried(house) for _ in range(2)] == [Tried(ada)] * 2
        assert await tried(house, "nobody") == Tried(None)
        assert await tried(house) == Tried(None, 5.0)
        assert await tried(house, now=NOW + 5.0) == Tried(ada)

    at_home(url, work)


def test_of_many_that_try_at_once_no_more_are_let_through(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        found = await asyncio.gather(*(tried(house) for _ in range(8)))
        assert [one.user for one in found if not one.wait] == [ada] * 3
        assert [one.wait for one in found if one.wait] == [5.0] * 5

    at_home(url, work)


def test_a_session_begins_and_what_was_tried_for_it_is_forgotten(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        for _ in range(3):
            await tried(house)
        found = await begun(house, ada)
        assert found is not None
        assert found[0] == ada
        assert await house.sessions.open(ada.id, now=NOW) == [found[1]]
        assert await house.failures.count([(ACCOUNT, 1)], now=NOW) == 0.0  # it is the first again
        assert await house.failures.count([(ACCOUNT, 1)], now=NOW) == 5.0
        # Of three from there one is taken back.
        waits = [await house.failures.count([(PLACE, 4)], now=NOW) for _ in range(3)]
        assert waits == [0.0, 0.0, 5.0]

    at_home(url, work)


@pytest.mark.parametrize("what", ["state", "password"])
def test_none_begins_behind_a_change_and_the_try_was_good_even_so(
    url: DatabaseUrl, what: str
) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        for _ in range(3):
            await tried(house)
        if what == "state":
            await house.users.set_state(ada.id, DISABLED, now=NOW + 1.0)
        else:
            await house.users.set_password(ada.id, "another", now=NOW + 1.0)
        assert await begun(house, ada) is None
        assert await house.sessions.open(ada.id, now=NOW) == []
        assert await house.failures.waits([ACCOUNT, PLACE], now=NOW) == 0.0

    at_home(url, work)


def test_none_that_is_to_be_unguarded_begins_beside_a_second_factor(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada, bob = await house.user(), await house.user("bob")
        factor = Factor("f1", ada.id, TOTP, "phone", NOW, secret=b"sealed")
        await house.factors.add(factor, [b"digest"], is_first=True)
        for _ in range(3):
            await tried(house)
        with pytest.raises(Guarded):
            await begun(house, ada, unguarded=True)
        assert await house.sessions.open(ada.id, now=NOW) == []
        assert await tried(house) == Tried(None, 5.0)  # nothing is forgotten yet
        assert await begun(house, ada) is not None
        assert await begun(house, bob, "s2", unguarded=True) is not None

    at_home(url, work)


def test_many_begin_at_once_from_one_place(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        users = [await house.user(f"u{number}") for number in range(12)]
        found = await asyncio.gather(*(begun(house, one, f"s-{one.id}") for one in users))
        assert [one[0] for one in found if one is not None] == users

    at_home(url, work)
