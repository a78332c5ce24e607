import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.conversation import (
    BY_TURNS,
    HALF_LIFE,
    Conversation,
)
from tta_gateway.kernel.verdict import Verdict


def levels(*said: int, apart: float = 1.0) -> list[int]:
    talk = Conversation()
    return [talk.weighed(Verdict(level=one), now=at * apart).level for at, one in enumerate(said)]


def test_elevated_turns_rise_to_high() -> None:
    assert levels(1, 1, 1) == [1, 1, 2]


def test_high_turns_rise_to_imminent() -> None:
    assert levels(2, 2, 2) == [2, 2, 3]


def test_turns_without_a_sign_stay_so() -> None:
    assert levels(3, 0, 0) == [3, 0, 0]


def test_turns_far_apart_do_not_add_up() -> None:
    assert levels(1, 1, 1, 1, apart=4 * HALF_LIFE) == [1, 1, 1, 1]


def test_what_turns_have_lifted_says_so() -> None:
    talk = Conversation()
    said = [talk.weighed(Verdict(level=1, rules=("x",)), now=0.0) for _ in range(3)]
    assert said[0].rules == ("x",)
    assert said[2].rules == ("x", BY_TURNS)


@pytest.mark.parametrize(("said", "stands"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_a_conversation_stands_at_a_level_for_a_while(said: int, stands: int) -> None:
    talk = Conversation()
    talk.weighed(Verdict(level=said), now=100.0)
    assert talk.level(100.0) == stands
    assert talk.level(100.0 + 20 * HALF_LIFE) == 0


def test_a_conversation_of_much_stands_at_imminent() -> None:
    talk = Conversation()
    for _ in range(3):
        talk.weighed(Verdict(level=3), now=0.0)
    assert talk.level(0.0) == 3


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e6))))
def test_no_turn_is_lowered_and_pressure_is_bounded(turns: list[tuple[int, float]]) -> None:
    talk = Conversation()
    now = 0.0
    for said, later in turns:
        now += later
        assert talk.weighed(Verdict(level=said), now=now).level >= said
        assert 0 <= talk.pressure(now) <= 16
