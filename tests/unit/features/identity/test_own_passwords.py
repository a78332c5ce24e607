"""People change their own passwords; over a real database."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import ADDRESS, PASSWORD, SignInHouse, within
from tta_gateway.features.identity import problems
from tta_gateway.features.identity.accounts import Wrong
from tta_gateway.features.identity.factor import TOTP, Factor
from tta_gateway.features.identity.own_passwords import OwnPasswords
from tta_gateway.features.identity.password import Passwords
from tta_gateway.features.identity.sign_in import Grant
from tta_gateway.features.identity.store import ACTIVE, User
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem

NEWER = "several quiet words"


class House:
    def __init__(self, house: SignInHouse) -> None:
        self.house = house
        assert house.own_passwords is not None
        self.passwords: OwnPasswords = house.own_passwords

    def who(self, grant: Grant) -> Principal:
        return self.house.bearers.themselves(f"Bearer {grant.access_token}")

    async def change(
        self, who: Principal, before: str = PASSWORD, after: str = NEWER
    ) -> Problem | None:
        try:
            await self.passwords.change(who, before, after, address=ADDRESS)
        except GatewayError as error:
            return error.problem
        return None

    async def redeem(self, code: str, password: str = NEWER) -> Problem | None:
        try:
            await self.passwords.redeem(code, password, address=ADDRESS)
        except GatewayError as error:
            return error.problem
        return None

    async def code(self, name: str = "ada") -> str:
        user = await self.house.kept.users.named(name)
        assert user is not None
        return (await self.passwords.code_for(user, by="admin"))[1]

    async def lasts(self, grant: Grant) -> bool:
        assert self.house.sign_in is not None
        open_ones = await self.house.sign_in.open(grant.user.id)
        return grant.session.id in [one.id for one in open_ones]


def at_home(folder: Path, work: Callable[[House], Awaitable[None]]) -> None:
    async def done(house: SignInHouse) -> None:
        await house.ada()
        await work(House(house))

    within(folder, done)


def test_who_knows_the_old_one_chooses_another_and_stays(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        here, there = await home.house.login(), await home.house.login()
        who, told = home.who(here), home.house.told
        assert await home.change(who) is None
        assert (await home.lasts(here), await home.lasts(there)) == (True, False)
        assert home.house.told > told  # every node hears of it before the answer
        revoked = await home.house.kept.revoked()
        assert ("session", there.session.id) in revoked
        assert ("session", here.session.id) not in revoked
        assert home.house.sign_in is not None
        assert (await home.house.sign_in.refresh(here.refresh_token)).user.id == here.user.id
        assert (await home.house.login(password=NEWER)).user.id == here.user.id
        with pytest.raises(ClientFault):
            await home.house.login()
        assert home.house.steps == [("password_changed", here.user.id, here.user.id)]

    at_home(tmp_path, work)


def test_who_is_shut_out_while_the_new_one_is_hashed_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(home: House) -> None:
        grant = await home.house.login()
        sign_in = home.house.sign_in
        assert sign_in is not None
        hashed = sign_in.passwords.hashed

        async def late(password: str) -> str:
            await sign_in.logout_all(grant.user.id)
            return await hashed(password)

        monkeypatch.setattr(sign_in.passwords, "hashed", late)
        assert await home.change(home.who(grant)) == problems.REVOKED
        await home.house.login()
        assert home.house.steps == []

    at_home(tmp_path, work)


def test_who_does_not_know_it_guesses_no_faster_than_at_the_door(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        who = home.who(await home.house.login())
        wrong = [await home.change(who, "wrong password") for _ in range(3)]
        assert wrong == [problems.PASSWORD_WRONG] * 3
        waiting = await home.change(who)
        assert waiting is not None
        assert waiting.code == problems.LOGIN_WAITING.code
        home.house.now += 60
        assert await home.change(who) is None

    at_home(tmp_path, work)


def test_a_password_that_would_be_guessed_changes_nothing(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        who = home.who(await home.house.login())
        for weak in ("short", "Password1234!"):
            assert await home.change(who, after=weak) == problems.PASSWORD_WEAK
        await home.house.login()

    at_home(tmp_path, work)


def test_who_has_a_second_factor_shows_it_first(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        grant = await home.house.login()
        factor = Factor("f", grant.user.id, TOTP, "", home.house.now, secret=b"s")
        await home.house.kept.factors.add(factor, (), is_first=True)
        who = home.who(grant)
        asked = await home.change(who)
        assert asked == problems.step_up(2, 600)
        proved = msgspec.structs.replace(who, level=2)
        old = msgspec.structs.replace(proved, authenticated=home.house.now - 601)
        assert await home.change(old) == asked
        assert await home.change(proved) is None

    at_home(tmp_path, work)


def test_who_logs_in_elsewhere_changes_it_there(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        now = home.house.now
        other = User("home:u", "u", ACTIVE, now, now, provider="home")
        await home.house.kept.users.link(other)
        principal = Principal(subject="home:u", issuer="gateway")
        assert await home.change(principal) == problems.NOT_SERVED
        nobody = Principal(subject="nobody", issuer="gateway")
        assert await home.change(nobody) == problems.REVOKED
        with pytest.raises(Wrong, match="kept by `home`"):
            await home.passwords.code_for(other, by="admin")
        ada = await home.house.kept.users.named("ada")
        assert ada is not None
        with pytest.raises(Wrong, match="enable"):
            await home.passwords.code_for(replace(ada, state="disabled"), by="admin")

    at_home(tmp_path, work)


def test_who_has_forgotten_it_chooses_another_by_a_code_once(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        grant = await home.house.login()
        for _ in range(3):
            with pytest.raises(ClientFault):
                await home.house.login(password="wrong")
        first, code = await home.code(), await home.code()
        assert await home.redeem(first) == problems.RESET_INVALID  # the last one counts
        assert await home.redeem(code, "short") == problems.PASSWORD_WEAK  # and it stays good
        assert await home.redeem(code) is None
        assert not await home.lasts(grant)
        await home.house.login(password=NEWER)  # failed logins are forgotten
        assert await home.redeem(code) == problems.RESET_INVALID
        assert [one for one, _, _ in home.house.steps] == [
            "reset_begun",
            "reset_begun",
            "password_reset",
        ]

    at_home(tmp_path, work)


@pytest.mark.parametrize("code", ["", "tta_pr_" + "x" * 43, "tta_in_" + "x" * 43])
def test_whoever_guesses_codes_waits(tmp_path: Path, code: str) -> None:
    async def work(home: House) -> None:
        heard = [await home.redeem(code) for _ in range(11)]
        assert heard[:10] == [problems.RESET_INVALID] * 10
        last = heard[10]
        assert last is not None
        assert last.code == problems.LOGIN_WAITING.code

    at_home(tmp_path, work)


def test_a_code_is_over_after_an_hour_and_with_a_change_of_the_password(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        code = await home.code()
        home.house.now += 3600
        assert await home.redeem(code) == problems.RESET_INVALID
        code = await home.code()
        assert await home.change(home.who(await home.house.login())) is None
        assert await home.redeem(code) == problems.RESET_INVALID

    at_home(tmp_path, work)


def test_second_factors_are_asked_for_as_before(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        ada = await home.house.kept.users.named("ada")
        assert ada is not None
        factor = Factor("f", ada.id, TOTP, "", home.house.now, secret=b"s")
        await home.house.kept.factors.add(factor, (), is_first=True)
        assert await home.redeem(await home.code()) is None
        with pytest.raises(ClientFault) as asked:
            await home.house.login(password=NEWER)
        assert asked.value.problem is problems.FACTOR_NEEDED

    at_home(tmp_path, work)


def test_where_too_many_passwords_wait_it_says_so_and_counts_nothing(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        who, code = home.who(await home.house.login()), await home.code()
        assert home.house.sign_in is not None
        home.house.sign_in.passwords = passwords = Passwords(longest=0.0)
        with passwords.place():
            assert [await home.change(who) for _ in range(5)] == [problems.LOGIN_BUSY] * 5
            assert await home.redeem(code) == problems.LOGIN_BUSY
        assert home.house.issuing == ISSUING
        assert await home.redeem(code) is None

    at_home(tmp_path, work)
