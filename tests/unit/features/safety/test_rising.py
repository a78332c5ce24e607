"""Levels over the turns of a conversation."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.rising import BEHIND, SIGNS, WITHIN, Rising
from tta_gateway.kernel.verdict import Verdict


def heard(*turns: tuple[int, float]) -> list[int]:
    rising = Rising()
    return [rising.hear(Verdict(level), now) for level, now in turns]


def test_several_signs_come_to_more() -> None:
    assert heard((1, 0.0), (0, 1.0), (1, 2.0), (1, 3.0)) == [1, 0, 1, 2]


def test_signs_that_lie_far_apart_do_not() -> None:
    assert heard((1, 0.0), (1, WITHIN), (1, 2 * WITHIN)) == [1, 1, 1]


def test_behind_a_high_level_a_sign_is_as_much() -> None:
    assert heard((2, 0.0), (1, BEHIND - 1), (1, BEHIND)) == [2, 2, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e6)), max_size=60))
def test_no_turn_comes_to_less_than_it_is_nor_nothing_to_something(
    turns: list[tuple[int, float]],
) -> None:
    rising = Rising()
    for level, now in sorted(turns, key=lambda one: one[1]):
        found = rising.hear(Verdict(level), now)
        assert found >= level
        assert level or not found
    assert SIGNS > 1
