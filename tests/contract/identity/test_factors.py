"""Second factors, on every database: what counts once, whoever shows it at the same time."""

import asyncio
from dataclasses import replace

import pytest

from tests.helpers.identity_house import NOW, House, at_home
from tta_gateway.features.identity.factor import KEY, MOST, TOTP, Factor, LastOne, Taken
from tta_gateway.features.identity.store import DISABLED, Session, User
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e
CODES = tuple(bytes([number]) * 32 for number in range(10))


def totp(user: User, name: str = "f1") -> Factor:
    return Factor(name, user.id, TOTP, "phone", NOW, counter=100, secret=b"sealed")


def key(user: User, name: str = "k1") -> Factor:
    credential = name.encode() * 8
    return Factor(name, user.id, KEY, "key", NOW + 1.0, credential=credential, public_key=b"pub")


def test_what_is_added_is_told_and_the_first_brings_the_codes(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada, bob = await house.user(), await house.user("bob")
        assert (await house.factors.of(ada.id), await house.factors.codes_left(ada.id)) == ([], 0)
        await house.factors.add(totp(ada), CODES, is_first=True)
        await house.factors.add(key(ada), (), is_first=False)
        assert await house.factors.of(ada.id) == [totp(ada), key(ada)]
        assert await house.factors.codes_left(ada.id) == 10
        assert (await house.factors.of(bob.id), await house.factors.codes_left(bob.id)) == ([], 0)

    at_home(url, work)


def test_a_first_one_is_first_and_a_credential_is_one_person_s(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada, bob = await house.user(), await house.user("bob")
        await house.factors.add(key(ada), CODES, is_first=True)
        for factor, is_first in (
            (totp(ada), True),  # there is one
            (key(ada), False),  # it is there
            (replace(key(bob), id="k2"), True),  # it is another's
        ):
            with pytest.raises(Taken):
                await house.factors.add(factor, CODES, is_first=is_first)
        for number in range(1, MOST):
            await house.factors.add(totp(ada, f"f{number}"), (), is_first=False)
        with pytest.raises(Taken):
            await house.factors.add(totp(ada, "f99"), (), is_first=False)
        assert len(await house.factors.of(ada.id)) == MOST
        assert await house.factors.of(bob.id) == []
        assert await house.factors.codes_left(bob.id) == 0  # nothing is left of what failed

    at_home(url, work)


def test_of_two_that_enrol_the_first_at_once_one_does(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        done = await asyncio.gather(
            *(
                house.factors.add(totp(ada, f"f{number}"), CODES, is_first=True)
                for number in range(4)
            ),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in done) == ["NoneType", *["Taken"] * 3]
        assert len(await house.factors.of(ada.id)) == 1

    at_home(url, work)


def test_a_step_counts_once_however_many_show_it_at_once(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        await house.factors.add(totp(await house.user()), (), is_first=True)
        done = await asyncio.gather(
            *(house.factors.advance("f1", 101, now=NOW + 5.0) for _ in range(6))
        )
        assert done.count(True) == 1
        for counter, counts in ((101, False), (100, False), (102, True), (101, False)):
            assert await house.factors.advance("f1", counter, now=NOW + 6.0) == counts
        (found,) = await house.factors.of("id-ada")
        assert (found.counter, found.used) == (102, NOW + 6.0)
        assert not await house.factors.advance("f2", 103, now=NOW)

    at_home(url, work)


def test_a_key_that_does_not_count_stays_at_0_and_one_that_has_counted_does_not_stop(
    url: DatabaseUrl,
) -> None:
    async def work(house: House) -> None:
        await house.factors.add(key(await house.user()), (), is_first=True)
        told = [(0, True), (0, True), (7, True), (0, False), (7, False), (8, True)]
        for counter, counts in told:
            assert await house.factors.advance("k1", counter, now=NOW) == counts
        assert await house.factors.advance("k1", 2**32 - 1, now=NOW)

    at_home(url, work)


def test_a_recovery_code_counts_once_and_for_its_own(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada, bob = await house.user(), await house.user("bob")
        await house.factors.add(totp(ada), CODES, is_first=True)
        assert not await house.factors.take_code(bob.id, CODES[0])
        done = await asyncio.gather(*(house.factors.take_code(ada.id, CODES[0]) for _ in range(4)))
        assert done.count(True) == 1
        assert await house.factors.codes_left(ada.id) == 9
        await house.factors.set_codes(ada.id, (b"n" * 32,))
        assert not await house.factors.take_code(ada.id, CODES[1])
        assert await house.factors.take_code(ada.id, b"n" * 32)

    at_home(url, work)


def test_a_challenge_is_spent_once_and_forgotten_when_it_is_over(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        done = await asyncio.gather(
            *(house.factors.spend("c1", until=NOW + 60.0, now=NOW) for _ in range(4))
        )
        assert done.count(True) == 1
        assert not await house.factors.spend("c1", until=NOW + 60.0, now=NOW + 60.0)
        assert await house.factors.spend("c1", until=NOW + 90.0, now=NOW + 60.1)

    at_home(url, work)


def test_the_last_one_takes_the_codes_along_or_stays(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada, bob = await house.user(), await house.user("bob")
        await house.factors.add(totp(ada), CODES, is_first=True)
        await house.factors.add(key(ada), (), is_first=False)
        assert await house.factors.remove(bob.id, "f1", keeps_one=False) is None
        assert await house.factors.remove(ada.id, "f1", keeps_one=True) == totp(ada)
        with pytest.raises(LastOne):
            await house.factors.remove(ada.id, "k1", keeps_one=True)
        assert await house.factors.codes_left(ada.id) == 10
        assert await house.factors.remove(ada.id, "k1", keeps_one=False) == key(ada)
        assert await house.factors.codes_left(ada.id) == 0

    at_home(url, work)


def test_of_two_that_remove_the_last_two_at_once_one_stays(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        await house.factors.add(totp(ada), CODES, is_first=True)
        await house.factors.add(key(ada), (), is_first=False)
        done = await asyncio.gather(
            *(house.factors.remove(ada.id, one, keeps_one=True) for one in ("f1", "k1")),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in done) == ["Factor", "LastOne"]
        assert len(await house.factors.of(ada.id)) == 1

    at_home(url, work)


def test_an_operator_takes_all_away_and_ends_the_sessions(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        await house.session(ada)
        await house.factors.add(totp(ada), CODES, is_first=True)
        await house.factors.add(key(ada), (), is_first=False)
        assert await house.factors.clear(ada.id, now=NOW + 1.0) == 2
        assert await house.factors.of(ada.id) == []
        assert await house.factors.codes_left(ada.id) == 0
        assert await house.sessions.open(ada.id, now=NOW + 1.0) == []
        assert ("subject", ada.id) in await house.revoked()
        assert await house.factors.clear(ada.id, now=NOW + 2.0) == 0

    at_home(url, work)


def test_it_is_known_when_the_first_of_some_roles_was_granted(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        assert await house.factors.granted(ada.id, ("therapist", "admin")) is None
        for role, at in (("therapist", 10.0), ("admin", 20.0)):
            await house.users.set_roles(ada.id, grant=(role,), revoke=(), by="x", now=NOW + at)
        assert await house.factors.granted(ada.id, ("therapist", "admin")) == NOW + 10.0
        assert await house.factors.granted(ada.id, ("admin",)) == NOW + 20.0

    at_home(url, work)


def test_a_session_is_proved_once_more_and_keeps_that_through_refreshes(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        token = await house.session(ada)
        (before,) = await house.sessions.open(ada.id, now=NOW)
        assert before.proved == 0.0
        found = await house.sessions.prove(ada.id, before.id, "otp", now=NOW + 50.0)
        assert found is not None
        assert found[1] == replace(
            before, methods="pwd otp mfa", proved=NOW + 50.0, used=NOW + 50.0
        )
        refreshed = await house.sessions.refresh(token, now=NOW + 90.0)
        assert refreshed is not None
        assert (refreshed.session.proved, refreshed.session.methods) == (NOW + 50.0, "pwd otp mfa")

    at_home(url, work)


def test_what_does_not_last_or_is_another_s_is_not_proved(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada, bob = await house.user(), await house.user("bob")
        await house.session(ada)
        (session,) = await house.sessions.open(ada.id, now=NOW)

        async def proved(user: User, now: float = NOW) -> tuple[User, Session] | None:
            return await house.sessions.prove(user.id, session.id, "otp", now=now)

        assert await proved(bob) is None
        assert await proved(ada, session.ends) is None
        await house.sessions.end(ada.id, session.id, why="logout", now=NOW)
        assert await proved(ada) is None
        await house.users.set_state(bob.id, DISABLED, now=NOW)
        assert await house.sessions.prove("nobody", session.id, "otp", now=NOW) is None

    at_home(url, work)
