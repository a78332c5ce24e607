"""Users as operators make and change them."""

from pathlib import Path

import pytest

from tests.helpers.sign_in_house import PASSWORD, SignInHouse, within
from tta_gateway.features.identity.accounts import Accounts, Wrong
from tta_gateway.features.identity.store import NameTaken, User
from tta_gateway.kernel.errors import ClientFault


def accounts(house: SignInHouse) -> Accounts:
    assert house.accounts is not None
    return house.accounts


async def ada(house: SignInHouse) -> User:
    await house.ada()
    found = await accounts(house).named(" ADA ")
    assert found is not None
    return found


def test_a_user_is_made_with_a_hash_of_the_password(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        user = await ada(house)
        assert (user.name, user.roles, user.state) == ("ada", frozenset({"player"}), "active")
        assert user.password is not None
        assert PASSWORD not in user.password
        with pytest.raises(NameTaken):
            await accounts(house).create("Ada", PASSWORD, (), by="admin")
        assert [one.name for one in await accounts(house).all(after="", most=9_999)] == ["ada"]

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("name", "password", "roles", "why"),
    [
        ("a b", PASSWORD, (), "1 to 128 characters"),
        ("ada", "short", (), "8 to 256 characters"),
        ("ada", "x" * 257, (), "8 to 256 characters"),
        ("ada", PASSWORD, ("king",), "no role `king`: player, therapist"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    tmp_path: Path, name: str, password: str, roles: tuple[str, ...], why: str
) -> None:
    async def work(house: SignInHouse) -> None:
        with pytest.raises(Wrong, match=why):
            await accounts(house).create(name, password, roles, by="admin")

    within(tmp_path, work)


def test_another_password_is_the_one_that_counts(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        user = await ada(house)
        await accounts(house).set_password(user, "another horse")
        with pytest.raises(ClientFault):
            await house.login()
        await house.login(password="another horse")
        assert house.told == 1

    within(tmp_path, work)


def test_whoever_is_disabled_is_let_in_again_when_enabled(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        user = await ada(house)
        await accounts(house).disable(user)
        with pytest.raises(ClientFault):
            await house.login()
        await accounts(house).enable(user)
        await house.login()

    within(tmp_path, work)


def test_roles_are_those_that_there_are(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        user, change = await ada(house), accounts(house).set_roles
        with pytest.raises(Wrong):
            await change(user, grant=["king"], revoke=[], by="admin")
        assert await change(user, grant=["therapist"], revoke=["gone"], by="admin")
        assert (await house.login()).user.roles == {"player", "therapist"}

    within(tmp_path, work)


def test_roles_of_two_people_are_granted_by_nobody_alone(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        kept, user = accounts(house), await ada(house)
        kept.two_person = ("therapist",)
        with pytest.raises(Wrong, match="Nobody grants `therapist` alone"):
            await kept.set_roles(user, grant=("therapist",), revoke=(), by="admin")
        with pytest.raises(Wrong, match="changes propose"):
            await kept.create("eve", PASSWORD, ("therapist",), by="admin")
        assert (await kept.grantable("ada", ["therapist"])).id == user.id
        for name, role in (("eve", "therapist"), ("ada", "king"), ("ada", "player")):
            with pytest.raises(Wrong):
                await kept.grantable(name, [role])
        kept.two_person = ()
        await kept.set_roles(user, grant=("therapist",), revoke=(), by="admin")
        kept.two_person = ("therapist",)
        both = await kept.named("ada")
        assert both is not None
        await kept.set_roles(both, grant=("therapist",), revoke=("player",), by="admin")

    within(tmp_path, work)
