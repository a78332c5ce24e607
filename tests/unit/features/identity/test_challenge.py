"""Challenges: opened for their purpose, by who has the key, in time; and by nothing else."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.challenge import (
    LASTING,
    LONGEST,
    Challenge,
    Purpose,
    new_id,
    opened,
    sealed,
    to_sign,
)

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = 1_800_000_000.0
ONE = Challenge("login", "a1", "u1", NOW - 60.0, NOW + LASTING, methods="pwd", secret="S3CRET")


@pytest.mark.parametrize("made", Purpose)
@pytest.mark.parametrize("wanted", Purpose)
def test_each_opens_for_its_purpose_alone(made: Purpose, wanted: Purpose) -> None:
    one = replace(ONE, purpose=made.value)
    found = opened(sealed(one, KEY), wanted, KEY, now=NOW)
    assert found == (one if made is wanted else None)


def test_it_is_over_at_its_end_and_nothing_to_who_has_another_key() -> None:
    token = sealed(ONE, KEY)
    assert opened(token, Purpose.LOGIN, KEY, now=ONE.ends - 0.1) == ONE
    assert opened(token, Purpose.LOGIN, KEY, now=ONE.ends) is None
    assert opened(token, Purpose.LOGIN, OTHER, now=NOW) is None


@given(st.text(max_size=400))
def test_what_anybody_writes_opens_nothing(text: str) -> None:
    assert opened(text, Purpose.LOGIN, KEY, now=NOW) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_what_is_changed_anywhere_opens_nothing(at: int, by: int) -> None:
    token = sealed(ONE, KEY)
    data = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    data[at % len(data)] ^= by
    changed = base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert opened(changed, Purpose.LOGIN, KEY, now=NOW) is None


def test_one_that_is_too_long_is_not_looked_at() -> None:
    token = sealed(ONE, KEY)
    assert opened(token + "A" * LONGEST, Purpose.LOGIN, KEY, now=NOW) is None


def test_nothing_of_it_can_be_read() -> None:
    token = sealed(ONE, KEY)
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert b"S3CRET" not in data
    assert b"user_id" not in data
    assert "S3CRET" not in repr(ONE)
    assert token != sealed(ONE, KEY)


def test_what_a_key_signs_is_another_for_each_purpose_and_each_one() -> None:
    others = (replace(ONE, id="a2"), replace(ONE, purpose="step-up"))
    assert len({to_sign(one, KEY) for one in (ONE, *others)} | {to_sign(ONE, OTHER)}) == 4
    assert to_sign(replace(ONE, ends=0.0), KEY) == to_sign(ONE, KEY)
    assert new_id() != new_id()
