import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.conversation import (
    BY_TURNS,
    HALF_LIFE,
    TAIL,
    Conversation,
    Conversations,
)
from tta_gateway.kernel.verdict import Verdict


class Saying:
    """A detector that finds what it is told to."""

    def __init__(self, **levels: int) -> None:
        self.levels = levels
        self.heard: list[str] = []

    def of_person(self, text: str) -> Verdict:
        self.heard.append(text)
        return Verdict(
            level=max((self.levels[w] for w in text.split() if w in self.levels), default=0)
        )

    def of_service(self, text: str) -> Verdict:
        raise AssertionError(text)


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


def test_a_phrase_over_two_messages_is_found() -> None:
    talk = Conversation()
    detector = Saying(whole=0)
    detector.of_person = lambda text: Verdict(level=2 if "want to die" in text else 0)  # type: ignore[method-assign]
    assert talk.heard("i want to", detector, now=0.0).level == 0
    assert talk.heard("die", detector, now=1.0).level == 2
    assert talk.heard("die", detector, now=2.0).level == 0


def test_the_last_message_is_kept_by_its_end_alone() -> None:
    talk = Conversation()
    detector = Saying()
    talk.heard("x" * 500, detector, now=0.0)
    talk.heard("y", detector, now=1.0)
    assert detector.heard[-1] == "x" * TAIL + " y"


def test_a_long_message_is_read_alone() -> None:
    talk = Conversation()
    detector = Saying()
    talk.heard("x", detector, now=0.0)
    talk.heard("y" * 500, detector, now=1.0)
    assert len(detector.heard) == 2


def test_what_is_read_together_lowers_nothing() -> None:
    talk = Conversation()
    detector = Saying(bad=1)
    talk.heard("x", detector, now=0.0)
    assert talk.heard("bad", detector, now=1.0).level == 1


def test_conversations_are_bounded_and_the_longest_silent_goes() -> None:
    all_of_them = Conversations(most=2)
    first = all_of_them.of("a")
    all_of_them.of("b")
    assert all_of_them.of("a") is first
    all_of_them.of("c")
    assert len(all_of_them) == 2
    assert all_of_them.of("a") is first


def test_a_conversation_ends() -> None:
    all_of_them = Conversations()
    first = all_of_them.of("a")
    all_of_them.end("a")
    all_of_them.end("nobody")
    assert all_of_them.of("a") is not first


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e6))))
def test_no_turn_is_lowered_and_pressure_is_bounded(turns: list[tuple[int, float]]) -> None:
    talk = Conversation()
    now = 0.0
    for said, later in turns:
        now += later
        assert talk.weighed(Verdict(level=said), now=now).level >= said
        assert 0 <= talk.pressure(now) <= 16
