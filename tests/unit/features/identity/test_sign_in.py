"""Logins, refreshes and logouts, over a real database."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from argon2 import PasswordHasher

from tests.helpers.identity_house import ISSUING, NOW
from tests.helpers.sign_in_house import PASSWORD, SignInHouse, a_token, within
from tta_gateway.features.identity import metrics, problems
from tta_gateway.features.identity.burst import MANY, Burst
from tta_gateway.features.identity.hashing import Threads
from tta_gateway.features.identity.jws import read
from tta_gateway.features.identity.password import Passwords
from tta_gateway.features.identity.sign_in import SignIn
from tta_gateway.kernel.errors import ClientFault, Full, GatewayError
from tta_gateway.kernel.problem import Problem
from tta_gateway.support.metrics import Metric
from tta_gateway.support.sql.away import Unavailable


def sign_in(house: SignInHouse) -> SignIn:
    assert house.sign_in is not None
    return house.sign_in


async def refused(house: SignInHouse, name: str = "ada", password: str = PASSWORD) -> Problem:
    with pytest.raises(GatewayError) as raised:
        await house.login(name, password)
    return raised.value.problem


async def not_refreshed(house: SignInHouse, token: str) -> Problem:
    with pytest.raises(ClientFault) as raised:
        await sign_in(house).refresh(token)
    return raised.value.problem


def count(house: SignInHouse, metric: Metric, result: str) -> float:
    child = sign_in(house).counts.child(metric, result)
    return child.cells[child.at]


def test_whoever_knows_the_password_gets_tokens(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        grant = await house.login(" ADA ")
        claims = json.loads(read(grant.access_token.encode()).payload)
        assert (claims["sub"], claims["sid"]) == (grant.user.id, grant.session.id)
        assert (claims["iss"], claims["roles"]) == (ISSUING.url, ["player"])
        assert claims["exp"] - int(NOW) == grant.expires_in == 600
        assert count(house, metrics.LOGINS, "good") == 1.0
        for secret in (grant.access_token, grant.refresh_token):
            assert secret not in repr(grant)

    within(tmp_path, work)


def test_who_is_not_there_may_not_or_is_wrong_hears_the_same(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        assert house.accounts is not None
        eve = await house.accounts.create("eve", PASSWORD, (), by="admin")
        await house.accounts.disable(eve)
        heard = [
            await refused(house, "ada", "another one"),
            await refused(house, "nobody"),
            await refused(house, "not a name"),
            await refused(house, "eve"),
        ]
        assert heard == [problems.LOGIN_REFUSED] * 4
        assert count(house, metrics.LOGINS, "refused") == 4.0

    within(tmp_path, work)


class Looking(Threads):
    """Keeps by which hashes it was looked, at what."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: list[tuple[str, bytes]] = []

    async def is_right(self, known: str, text: bytes) -> bool:
        self.looked.append((known.rpartition("p=")[0], text))  # how dear it is, without the salt
        return await super().is_right(known, text)


def test_who_is_not_there_is_looked_for_as_long(tmp_path: Path) -> None:
    """The hash is what takes its time: one as dear is made, of whatever was sent."""

    async def work(house: SignInHouse) -> None:
        await house.ada()
        looking = Looking()
        sign_in(house).passwords = Passwords(looking)
        for name in ("ada", "nobody"):
            await refused(house, name, "another one")
        there, not_there = looking.looked
        assert there == not_there
        assert there[1] == b"another one"

    within(tmp_path, work)


def test_after_some_failures_one_has_to_wait_whoever_it_is(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        for name in ("ada", "nobody"):
            for _ in range(3):
                assert await refused(house, name, "another one") is problems.LOGIN_REFUSED
            waiting = await refused(house, name)  # not even with the right one
            assert (waiting.code, waiting.retry_after) == (problems.LOGIN_WAITING.code, 6)
        house.now += 6.0
        await house.login()
        assert await refused(house, "ada", "another one") is problems.LOGIN_REFUSED

    within(tmp_path, work)


def test_one_address_cannot_try_all_names(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        for number in range(10):
            assert (await refused(house, f"n{number}")) is problems.LOGIN_REFUSED
        assert (await refused(house)).code == problems.LOGIN_WAITING.code
        elsewhere = await sign_in(house).login("ada", PASSWORD, address="192.0.2.9")
        assert elsewhere.user.name == "ada"

    within(tmp_path, work)


def test_good_logins_do_not_count_for_their_address(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        for _ in range(12):
            await house.login()

    within(tmp_path, work)


def test_a_good_login_of_one_s_own_buys_no_guesses_of_others(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        for number in range(9):
            await refused(house, f"n{number}")
            await house.login()
        await refused(house, "n9")
        assert (await refused(house)).code == problems.LOGIN_WAITING.code

    within(tmp_path, work)


def test_where_too_many_wait_the_next_is_told_so_and_not_counted(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        lockout = msgspec.structs.replace(ISSUING.lockout, account=100)
        house.issuing = house.kept.issuing = msgspec.structs.replace(ISSUING, lockout=lockout)
        sign_in(house).passwords.close()
        sign_in(house).passwords = Passwords(longest=0.0)
        found = await asyncio.gather(*(house.login() for _ in range(8)), return_exceptions=True)
        busy = [one for one in found if isinstance(one, Full)]
        assert {one.problem for one in busy} == {problems.LOGIN_BUSY}
        assert all(one.seconds > 0 for one in busy)
        assert len(busy) == 7
        for _ in range(4):
            await house.login()

    within(tmp_path, work)


def test_an_old_way_of_hashing_ends_with_a_login(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        user = await house.kept.users.named("ada")
        assert user is not None
        old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        await house.kept.users.set_password(user.id, old, now=NOW)
        await house.login()
        found = await house.kept.users.named("ada")
        assert found is not None
        assert found.password != old
        await house.login()

    within(tmp_path, work)


def test_without_its_database_nobody_is_let_in_and_it_is_said(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        grant = await house.login()

        def away() -> object:
            raise Unavailable("away")

        house.kept.logins._database = away  # type: ignore[assignment]
        house.kept.sessions._database = away  # type: ignore[assignment]
        with pytest.raises(Unavailable):
            await house.login()
        with pytest.raises(Unavailable):
            await sign_in(house).refresh(grant.refresh_token)
        assert count(house, metrics.LOGINS, "away") == 1.0

    within(tmp_path, work)


def test_a_right_password_is_no_failure_though_no_session_can_be_begun(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        wrong = [await refused(house, password="another one") for _ in range(2)]
        assert wrong == [problems.LOGIN_REFUSED] * 2
        begin = house.kept.logins.begin

        async def away(*_: object, **__: object) -> None:
            raise Unavailable("away")

        house.kept.logins.begin = away  # type: ignore[method-assign]
        for _ in range(ISSUING.lockout.account + 2):
            with pytest.raises(Unavailable):
                await house.login()
        house.kept.logins.begin = begin  # type: ignore[method-assign]
        await house.login()

    within(tmp_path, work)


def test_a_refresh_gives_the_next_of_both(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        first = await house.login()
        house.now += 500.0
        second = await sign_in(house).refresh(first.refresh_token)
        assert second.session.id == first.session.id
        assert second.refresh_token != first.refresh_token
        claims = json.loads(read(second.access_token.encode()).payload)
        assert (claims["iat"], claims["auth_time"]) == (NOW + 500.0, int(NOW))

    within(tmp_path, work)


def test_one_that_was_used_before_ends_the_session_and_operators_hear_of_it(
    tmp_path: Path,
) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        first = await house.login()
        second = await sign_in(house).refresh(first.refresh_token)
        house.now += 31.0
        assert await not_refreshed(house, first.refresh_token) is problems.REFRESH_REUSED
        assert await not_refreshed(house, second.refresh_token) is problems.SESSION_OVER
        told = {"user": first.user.id, "session": first.session.id}
        assert (house.events, house.told) == ([("refresh_token_reused", told)], 1)
        assert count(house, metrics.REFRESHES, "reused") == 1.0

    within(tmp_path, work)


def test_what_is_none_is_refused(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        for token in (a_token(), "", "x" * 300, "\u00e9"):
            assert await not_refreshed(house, token) is problems.REFRESH_INVALID

    within(tmp_path, work)


def test_logged_out_is_logged_out(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        grant = await house.login()
        place = await sign_in(house).session_of(grant.refresh_token)
        assert place == (grant.session.id, grant.user.id)
        assert await sign_in(house).session_of("x" * 300) == ("", "")
        assert await sign_in(house).logout(grant.user.id, grant.session.id)
        assert not await sign_in(house).logout(grant.user.id, grant.session.id)
        assert await not_refreshed(house, grant.refresh_token) is problems.SESSION_OVER
        assert await sign_in(house).open(grant.user.id) == []

    within(tmp_path, work)


def test_everywhere_is_everywhere(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        grants = [await house.login() for _ in range(3)]
        assert len(await sign_in(house).open(grants[0].user.id)) == 3
        assert await sign_in(house).logout_all(grants[0].user.id) == 3
        for grant in grants:
            assert await not_refreshed(house, grant.refresh_token) is problems.SESSION_OVER
        found = await sign_in(house).user(grants[0].user.id)
        assert found is not None
        assert found.name == "ada"

    within(tmp_path, work)


def test_whoever_is_disabled_while_the_password_is_looked_at_is_refused(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        user = await house.kept.users.named("ada")
        assert user is not None
        user_id = user.id

        class Late(Threads):
            async def is_right(self, known: str, text: bytes) -> bool:
                await house.kept.users.set_state(user_id, "disabled", now=NOW)
                return await super().is_right(known, text)

        sign_in(house).passwords = Passwords(Late())
        assert await refused(house) is problems.LOGIN_REFUSED

    within(tmp_path, work)


def test_many_failed_logins_are_told_of_once_and_a_good_one_counts_for_nothing(
    tmp_path: Path,
) -> None:
    async def work(house: SignInHouse) -> None:
        told: list[Burst] = []
        sign_in(house).failing = told.append
        lockout = msgspec.structs.replace(ISSUING.lockout, address=100)
        house.issuing = house.kept.issuing = msgspec.structs.replace(ISSUING, lockout=lockout)
        await house.ada()
        await house.login()
        for number in range(MANY - 1):
            await refused(house, f"n{number % 9}", "wrong " * 2)
        assert told == []
        await house.login()
        assert told == []
        await refused(house, "n9", "wrong " * 2)
        (burst,) = told
        assert (burst.failed, burst.names, burst.addresses) == (MANY, 10, 1)

    within(tmp_path, work)
