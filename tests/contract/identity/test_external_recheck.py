"""Accounts of a real provider are asked about again, and end with it."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from tests.contract.identity.test_external_login import House
from tests.helpers.openid_provider import OpenidProvider, openid_provider
from tests.helpers.sign_in_house import SignInHouse, within
from tta_gateway.features.identity import metrics, problems
from tta_gateway.features.identity.sign_in import Grant
from tta_gateway.kernel.errors import ClientFault

EACH: Final = 60.0


class Again:
    """A gateway beside a provider, and who has logged in."""

    def __init__(self, house: House, home: OpenidProvider, grant: Grant) -> None:
        self.house, self.home, self.grant = house, home, grant

    async def refresh(self, *, later: float = EACH) -> Grant:
        self.house.kept.now += later
        assert self.house.kept.sign_in is not None
        self.grant = await self.house.kept.sign_in.refresh(self.grant.refresh_token)
        return self.grant

    @property
    def asked(self) -> int:
        """How often the provider has been asked for tokens, beside the login."""
        return self.home.asked.count("/token") - 1

    def count(self, result: str) -> float:
        child = self.house.kept.counts.child(metrics.RECHECKS, "clinic", result)
        return child.cells[child.at]


def again(
    folder: Path,
    work: Callable[[Again], Awaitable[None]],
    *,
    offline: bool = True,
    **more: object,
) -> None:
    with openid_provider() as home:
        home.offline = offline

        async def done(kept: SignInHouse) -> None:
            house = House(kept, home, recheck=EACH, **more)
            await work(Again(house, home, (await house.let_in()).grant))

        within(folder, done, now=time.time())


def test_it_is_asked_as_often_as_is_said_and_each_token_once(tmp_path: Path) -> None:
    async def work(one: Again) -> None:
        await one.refresh(later=EACH - 1)
        assert one.asked == 0
        for number in (1, 2, 3):
            before = {*one.home.refreshes}
            await one.refresh()
            assert (one.asked, before & {*one.home.refreshes}) == (number, set())
        await one.refresh(later=1)
        assert (one.asked, one.count("good"), one.house.kept.said) == (3, 3.0, [])

    again(tmp_path, work)


def test_an_account_that_is_good_no_more_there_ends_here(tmp_path: Path) -> None:
    async def work(one: Again) -> None:
        one.home.refreshes.clear()
        before = one.house.kept.told
        with pytest.raises(ClientFault) as caught:
            await one.refresh()
        assert caught.value.problem is problems.SESSION_OVER
        assert await one.house.lasting(one.grant.user.id) == 0
        assert one.house.kept.told > before  # every node hears of it before the answer
        ((_, told),) = [event for event in one.house.kept.events if event[0] == "recheck_ended"]
        assert (told["cause"], one.count("ended")) == (
            "it answers `invalid_grant` to a refresh token",
            1.0,
        )

    again(tmp_path, work)


def test_one_that_is_away_counts_against_nobody(tmp_path: Path) -> None:
    async def work(one: Again) -> None:
        one.home.is_away = True
        await one.refresh()
        assert one.house.kept.said == ["identity:clinic"]
        await one.refresh(later=30)  # not at each renewal
        assert (one.asked, one.count("away")) == (1, 1.0)
        await one.refresh()
        assert one.asked == 2
        one.home.is_away = False
        await one.refresh()
        assert one.house.kept.said == ["identity:clinic"] * 2
        assert (await one.house.lasting(one.grant.user.id), one.count("good")) == (1, 1.0)

    again(tmp_path, work)


def test_what_it_says_of_roles_by_now_counts(tmp_path: Path) -> None:
    async def work(one: Again) -> None:
        assert one.grant.user.roles == {"coach"}
        one.home.claims = {"groups": ["player", "therapist"]}
        one.home.renewed = {}
        assert (await one.refresh()).user.roles == {"player"}
        one.home.renewed = {"groups": []}
        assert (await one.refresh()).user.roles == frozenset()

    with openid_provider() as home:
        home.offline, home.claims = True, {"groups": ["coach"]}

        async def done(kept: SignInHouse) -> None:
            more = {"role_claim": "groups", "roles": ("player", "coach")}
            house = House(kept, home, recheck=EACH, **more)
            await work(Again(house, home, (await house.let_in()).grant))

        within(tmp_path, done, now=time.time())


@pytest.mark.parametrize(
    ("said", "is_over"),
    [
        ({"sub": "another"}, True),
        ({"iss": "https://evil.example"}, False),  # what is not proved ends nothing
        ({"aud": "another"}, False),
        ({"sub": None}, False),
        ({}, False),
    ],
)
def test_what_it_says_of_who_it_is_is_looked_at(
    tmp_path: Path, said: dict[str, object], is_over: bool
) -> None:
    async def work(one: Again) -> None:
        one.home.renewed = said
        if not is_over:
            await one.refresh()
        else:
            with pytest.raises(ClientFault):
                await one.refresh()
        assert await one.house.lasting(one.grant.user.id) == (0 if is_over else 1)
        assert one.count("away") == (1.0 if said and not is_over else 0.0)

    again(tmp_path, work)


def test_one_that_gives_nothing_to_ask_by_is_told_of(tmp_path: Path) -> None:
    async def work(one: Again) -> None:
        await one.refresh()
        assert one.asked == 0
        assert [name for name, _ in one.house.kept.events] == ["external_without_refresh_token"]

    again(tmp_path, work, offline=False)


def test_with_other_keys_of_the_nodes_nothing_is_asked(tmp_path: Path) -> None:
    async def work(one: Again) -> None:
        one.house.kept.sealing = b"o" * 32
        await one.refresh()
        assert one.asked == 0
        assert one.house.kept.events[-1][0] == "recheck_unreadable"

    again(tmp_path, work)


def test_what_is_kept_is_sealed(tmp_path: Path) -> None:
    async def work(one: Again) -> None:
        (token,) = one.home.refreshes
        tokens.append(token.encode())

    tokens: list[bytes] = []
    again(tmp_path, work)
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert b"rechecks" in written
    assert tokens[0] not in written


def test_a_provider_that_left_the_configuration_ends_its_sessions_as_before(
    tmp_path: Path,
) -> None:
    async def work(one: Again) -> None:
        one.house.kept.issuing = one.house.issuing.__class__(url="https://home")
        with pytest.raises(ClientFault):
            await one.refresh()
        assert one.asked == 0

    again(tmp_path, work)
