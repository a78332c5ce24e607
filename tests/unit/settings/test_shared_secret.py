"""Shared secrets as JWKs."""

import pytest

from tta_gateway.features.identity.jws import objects
from tta_gateway.features.identity.key import key_of
from tta_gateway.settings.shared_secret import shared


def test_a_good_one_is_a_key() -> None:
    assert key_of(objects(shared("k" * 32))).algorithms == frozenset(("HS256",))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("k" * 31, "shorter than 32 bytes"),
        (7, "shorter than 32 bytes"),
        ("your-secret-key-change-in-production", "anybody can read"),
    ],
)
def test_one_that_can_be_guessed_is_none(value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        shared(value)
