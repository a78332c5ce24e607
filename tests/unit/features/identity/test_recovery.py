"""Recovery codes: chance, and read however people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.recovery import COUNT, digest, made


def test_there_are_ten_and_no_two_alike() -> None:
    codes = made() + made()
    assert len({*codes}) == 2 * COUNT
    assert all(len(code) == 19 and code.count("-") == 3 for code in codes)


@pytest.mark.parametrize(
    "spelt", ["ABCD-EFGH-IJKL-MNOP", "abcdefghijklmnop", " abcd efgh ijkl mnop"]
)
def test_it_is_read_however_it_is_written(spelt: str) -> None:
    assert digest(spelt) == digest("abcd-efgh-ijkl-mnop")


def test_digits_that_look_like_letters_are_read_as_them() -> None:
    assert digest("0l8b") == digest("o1b8")
    assert digest("a2b3") != digest("a3b2")


@given(st.text(max_size=80))
def test_anything_has_a_digest(text: str) -> None:
    assert len(digest(text)) == 32
