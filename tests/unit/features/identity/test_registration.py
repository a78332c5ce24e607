"""Who may register, and as what; over a real database."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import ADDRESS, SignInHouse, within
from tta_gateway.features.identity import metrics, problems
from tta_gateway.features.identity.accounts import Wrong
from tta_gateway.features.identity.password import Passwords
from tta_gateway.features.identity.registration import Registration, untold
from tta_gateway.features.identity.store import User
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.problem import Problem

GOOD = "several quiet words"
DAY = 86_400.0
Mode = Literal["off", "invited", "open"]


class House:
    def __init__(self, house: SignInHouse) -> None:
        self.house = house
        assert house.registration is not None
        self.registration: Registration = house.registration

    def let(self, mode: Mode) -> None:
        lockout = msgspec.structs.replace(ISSUING.lockout, registrations=3)
        issuing = msgspec.structs.replace(ISSUING, registration=mode, lockout=lockout)
        self.house.issuing = self.house.kept.issuing = issuing

    async def register(
        self, name: str = "mira", password: str = GOOD, *, code: str = "", address: str = ADDRESS
    ) -> User:
        return await self.registration.register(name, password, code=code, address=address)

    async def refused(self, name: str = "mira", password: str = GOOD, **more: str) -> Problem:
        with pytest.raises(GatewayError) as raised:
            await self.register(name, password, **more)
        return raised.value.problem

    async def invited(self, *roles: str) -> str:
        return (await self.registration.invite(roles, lasting=DAY, by="admin"))[1]

    def count(self, result: str) -> float:
        assert self.house.sign_in is not None
        child = self.house.sign_in.counts.child(metrics.REGISTRATIONS, result)
        return child.cells[child.at]


def at_home(folder: Path, work: Callable[[House], Awaitable[None]], mode: Mode = "open") -> None:
    async def done(house: SignInHouse) -> None:
        made = House(house)
        made.let(mode)
        await work(made)

    within(folder, done)


def test_whoever_registers_is_a_player_and_logs_in(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        user = await home.register("Mira")
        assert user.name == "mira"
        assert user.roles == {"player"}
        grant = await home.house.login("MIRA", GOOD)
        assert grant.user.id == user.id
        assert grant.user.roles == {"player"}
        assert home.house.steps == [("registered", user.id, user.id)]
        assert home.count("good") == 1.0

    at_home(tmp_path, work)


def test_a_name_that_is_taken_is_told_of_and_counts_for_the_address(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        await home.house.ada()
        assert await home.refused("ada") == problems.NAME_TAKEN
        assert await home.refused("ADA") == problems.NAME_TAKEN
        await home.register("mira")
        waiting = await home.refused("ben")
        assert (waiting.code, waiting.retry_after) == (problems.REGISTRATION_WAITING.code, 6)
        await home.register("ben", address="198.51.100.9")
        home.house.now += 6
        await home.register("cleo")
        again = await home.refused("dora")
        assert again.retry_after == 11
        # Who logs in from there is not concerned.
        await home.house.login("mira", GOOD)
        assert (home.count("taken"), home.count("waiting")) == (2.0, 2.0)

    at_home(tmp_path, work)


@pytest.mark.parametrize(
    ("name", "password", "problem"),
    [
        ("mi", GOOD, problems.NAME_WRONG),
        ("m" * 51, GOOD, problems.NAME_WRONG),
        ("clinic:mira", GOOD, problems.NAME_WRONG),
        ("a b c", GOOD, problems.NAME_WRONG),
        ("a/b", GOOD, problems.NAME_WRONG),
        ("", GOOD, problems.NAME_WRONG),
        ("mira", "short", problems.PASSWORD_WEAK),
        ("mira", "Password1234!", problems.PASSWORD_WEAK),
        ("mira-the-player", "mira-the-player1", problems.PASSWORD_WEAK),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, name: str, password: str, problem: Problem
) -> None:
    async def work(home: House) -> None:
        assert await home.refused(name, password) == problem
        assert await home.house.kept.users.all(after="", most=9) == []

    at_home(tmp_path, work)


def test_nobody_registers_where_nobody_may(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        assert await home.refused() == problems.REGISTRATION_OFF
        with pytest.raises(Wrong, match="Nobody can register"):
            await home.invited()

    at_home(tmp_path, work, "off")


def test_an_invitation_lets_one_in_once_with_its_roles(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        assert await home.refused() == problems.INVITATION_NEEDED
        code = await home.invited("therapist", "therapist")
        (known,) = await home.registration.invitations()
        assert (known.roles, known.until) == (("therapist",), home.house.now + DAY)
        await home.house.ada()
        assert await home.refused("ada", code=code) == problems.NAME_TAKEN  # and stays good
        user = await home.register(code=code)
        assert user.roles == {"player", "therapist"}
        assert (await home.house.login("mira", GOOD)).user.roles == {"player", "therapist"}
        assert await home.refused("ben", code=code) == problems.INVITATION_INVALID
        assert await home.registration.invitations() == []
        assert [step for step, _, _ in home.house.steps] == ["invited", "registered"]

    at_home(tmp_path, work, "invited")


def test_one_that_is_over_withdrawn_or_none_lets_nobody_in(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        code = await home.invited()
        (known,) = await home.registration.invitations()
        assert await home.registration.withdraw(known.id)
        assert not await home.registration.withdraw(known.id)
        assert await home.refused(code=code) == problems.INVITATION_INVALID
        code = await home.invited()
        home.house.now += DAY
        assert await home.refused(code=code) == problems.INVITATION_INVALID
        assert await home.refused(code="tta_in_" + "x" * 43) == problems.INVITATION_INVALID
        assert await home.refused(code="tta_pr_" + "x" * 43) == problems.INVITATION_INVALID

    at_home(tmp_path, work, "invited")


def test_who_is_invited_tries_names_no_faster_than_others(tmp_path: Path) -> None:
    """Red where a good invitation counts nothing: it asked for names, and for hashes, for ever."""

    async def work(home: House) -> None:
        await home.house.ada()
        code, other = await home.invited(), await home.invited()
        for _ in range(3):
            assert await home.refused("ada", code=code) == problems.NAME_TAKEN
        elsewhere = await home.refused("ada", code=code, address="198.51.100.9")
        assert (elsewhere.code, elsewhere.retry_after) == (problems.REGISTRATION_WAITING.code, 6)
        await home.register("ben", code=other)
        home.house.now += 6
        await home.register("mira", code=code)

    at_home(tmp_path, work, "invited")


def test_an_invitation_counts_for_nobodys_address(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        for number in range(6):
            await home.register(f"pupil{number}", code=await home.invited())

    at_home(tmp_path, work)


def test_what_two_people_grant_nobody_gives_away_alone(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        code = await home.invited("therapist")
        assert home.house.accounts is not None
        home.house.accounts.two_person = ("therapist",)
        with pytest.raises(Wrong, match="Nobody grants `therapist` alone"):
            await home.invited("therapist")
        with pytest.raises(Wrong, match="no role `emperor`"):
            await home.invited("emperor")
        # Nor by one from before that was so.
        assert await home.refused(code=code) == problems.INVITATION_INVALID

    at_home(tmp_path, work, "invited")


def test_where_too_many_passwords_wait_it_says_so(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        assert home.house.sign_in is not None
        home.house.sign_in.passwords = passwords = Passwords(longest=0.0)
        with passwords.place():
            assert await home.refused() == problems.LOGIN_BUSY
        assert home.count("busy") == 1.0

    at_home(tmp_path, work)


def test_one_that_two_use_at_once_lets_one_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(home: House) -> None:
        code = await home.invited()
        find = home.house.codes.find

        async def found(digest: bytes, *, now: float) -> object:
            known = await find(digest, now=now)
            monkeypatch.setattr(home.house.codes, "find", find)
            await home.register("ben", code=code)  # somebody is faster
            return known

        monkeypatch.setattr(home.house.codes, "find", found)
        assert await home.refused(code=code) == problems.INVITATION_INVALID

    at_home(tmp_path, work, "invited")


def test_alone_it_tells_nobody() -> None:
    untold("registered", "a", "a")
