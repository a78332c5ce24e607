"""Tokens that have been proved: found while they are used, and never kept as they came."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.features.identity.issuing import somebody
from tta_gateway.features.identity.remembered import Remembered

MOST = 4


def test_a_token_is_found_as_it_was_kept() -> None:
    remembered, one = Remembered(MOST), somebody("p1")
    remembered.keep(b"one", one)
    assert remembered.find(b"one") is one
    assert remembered.find(b"other") is None


def test_one_that_is_asked_for_stays_and_others_go() -> None:
    remembered, one = Remembered(MOST), somebody("p1")
    remembered.keep(b"one", one)
    for number in range(10 * MOST):
        remembered.keep(b"other %d" % number, somebody("p2"))
        assert remembered.find(b"one") is one
    assert remembered.find(b"other 0") is None


@given(st.lists(st.integers(0, 30), max_size=200))
def test_there_are_never_more_than_two_generations(numbers: list[int]) -> None:
    remembered = Remembered(MOST)
    for number in numbers:
        token = b"%d" % number
        if remembered.find(token) is None:
            remembered.keep(token, somebody(str(number)))
        found = remembered.find(token)
        assert found is not None
        assert found.subject == str(number)
        assert len(remembered._young) + len(remembered._old) <= 2 * MOST


def test_no_token_is_kept_as_it_came() -> None:
    remembered = Remembered(MOST)
    remembered.keep(b"a token that nobody else may have", somebody("p1"))
    assert b"nobody else" not in b"".join(remembered._young)
