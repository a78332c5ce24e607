"""The keys of a node: made when there is none, rotated, told, and used."""

from pathlib import Path

import msgspec
import pytest

from tests.helpers.identity_house import ISSUING, KEY, NOW
from tests.helpers.sign_in_house import SignInHouse, within
from tta_gateway.features.identity.bound import IdentityBound
from tta_gateway.features.identity.key_keeper import KeyKeeper
from tta_gateway.features.identity.problems import UNPROVED
from tta_gateway.features.identity.verifier import verifier
from tta_gateway.kernel.principal import Principal
from tta_gateway.support.sql.away import Unavailable


def keeper(house: SignInHouse, sealing: bytes = KEY) -> KeyKeeper:
    return KeyKeeper(
        house.kept.keys,
        issuing=lambda: house.issuing or ISSUING,
        sealing=lambda: sealing,
        wall=house.wall,
    )


def test_before_it_has_looked_nothing_is_signed(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        with pytest.raises(Unavailable):
            keeper(house).signer()

    within(tmp_path, work)


def test_a_key_is_made_once_and_found_by_every_node(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        one, other = keeper(house), keeper(house)
        assert [await one.look(), await other.look(), await one.look()] == [True, True, False]
        assert one.signer().id == other.signer().id
        assert one.signer() is one.signer()
        assert len(one.told().keys) == len(one.key_set()["keys"]) == 1

    within(tmp_path, work)


def test_by_the_schedule_the_next_is_told_before_it_signs(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        one = keeper(house)
        await one.look()
        first = one.signer().id
        house.now = NOW + ISSUING.rotate_every - ISSUING.rotate_ahead
        assert await one.look()
        assert (one.signer().id, len(one.told().keys)) == (first, 2)
        house.now = NOW + ISSUING.rotate_every
        await one.look()
        assert (one.signer().id != first, len(one.told().keys)) == (True, 2)
        house.now += 1_000.0
        await one.look()
        assert len(one.told().keys) == 1

    within(tmp_path, work)


def test_at_once_nothing_that_the_old_one_has_signed_counts(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        await house.ada()
        token = (await house.login()).access_token.encode()
        assert house.keys is not None
        assert isinstance(house.bearers.verifier.prove(token, NOW), Principal)
        await house.keys.rotate(at_once=True)
        await house.look()
        assert house.bearers.verifier.prove(token, NOW) is UNPROVED
        new = (await house.login()).access_token.encode()
        assert isinstance(house.bearers.verifier.prove(new, NOW), Principal)

    within(tmp_path, work)


def test_by_hand_and_without_haste_it_goes_on_counting(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        one = keeper(house)
        await one.look()
        first = one.signer().id
        await one.rotate(at_once=False)
        await one.look()
        assert (one.signer().id, len(one.told().keys)) == (first, 2)
        house.now += 6.0
        assert one.signer().id != first

    within(tmp_path, work)


def test_another_algorithm_or_another_secret_makes_another_key(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        one = keeper(house)
        await one.look()
        house.issuing = msgspec.structs.replace(ISSUING, algorithm="ES256")
        await one.look()
        other = keeper(house, sealing=b"l" * 32)
        await other.look()
        algorithms = [key.algorithm for key in other.keys]
        assert (sorted(algorithms), len({*algorithms})) == (["ES256", "ES256", "EdDSA"], 2)
        assert len({one.signer().id, other.signer().id}) == 2
        for raw in other.told().keys:
            assert verifier(IdentityBound(), (raw,)) is not None

    within(tmp_path, work)
