from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.leaves import SLICE, slices
from tta_gateway.features.safety.looking import (
    CLOSE,
    NOTHING,
    SLICE_STEP,
    TURN,
    Watch,
    at_once,
    closely,
    graver,
    in_a_turn,
    look,
    search,
)
from tta_gateway.kernel.verdict import Verdict

LOW = Verdict(1, ("abuse",), ("a",), "1", 0.2)
HIGH = Verdict(2, ("suicide",), ("s",), "1", 0.9)
BOTH = Verdict(2, ("suicide", "abuse"), ("s", "a"), "1", 0.9)


def test_of_two_the_graver_counts_and_names_what_both_have_found() -> None:
    assert graver(LOW, HIGH) == graver(HIGH, LOW) == BOTH
    assert graver(NOTHING, LOW) == graver(LOW, NOTHING) == LOW
    assert graver(HIGH, HIGH) == HIGH


def test_short_texts_are_looked_at_in_a_turn_unless_they_take_too_long() -> None:
    ticks = count()

    def found(texts: list[str], end: float) -> Verdict | None:
        return in_a_turn(
            lambda text: HIGH if text == "high" else LOW,
            texts,
            clock=lambda: float(next(ticks)),
            end=end,
        )

    assert found(["low", "high"], 100.0) == BOTH
    assert found([], 0.0) == NOTHING
    assert found(["low", "high"], 3.0) is None


def test_a_long_text_is_looked_at_in_slices_and_the_worst_of_them_counts() -> None:
    text = "low" + " " * SLICE + "high" + " " * SLICE

    def judge(piece: str) -> Verdict:
        return HIGH if "high" in piece else LOW if "low" in piece else Verdict()

    found = [one.level for one in look(judge, text)]
    assert (found[0], found[-1], found == sorted(found)) == (1, 2, True)
    assert len(found) > len(list(slices(text))) > 2
    assert at_once(judge, text) == BOTH


@given(st.integers(0, 1500), st.integers(0, 1500))
def test_what_much_else_softens_is_looked_at_without_it(before: int, behind: int) -> None:
    def judge(text: str) -> Verdict:
        found = "plain words" in text
        return Verdict(level=(2 if len(text) <= CLOSE else 1) if found else 0)

    text = "x" * before + " plain words " + "y" * behind
    assert closely(judge, text).level == 2


def test_what_is_nothing_or_plain_is_looked_at_once() -> None:
    asked: list[int] = []

    def judge(text: str) -> Verdict:
        asked.append(len(text))
        return Verdict(level=2 if "plain" in text else 0)

    closely(judge, "x" * 1000)
    closely(judge, "plain" * 200)
    assert asked == [1000, 1000]


def test_where_the_gravest_stands_is_told() -> None:
    def judge(piece: str) -> Verdict:
        return HIGH if "high" in piece else NOTHING

    text = "so " * 1000 + "high" + " so" * 1000
    *_, (found, at) = search(judge, text)
    assert found == HIGH
    assert at <= 3000 < at + SLICE
    assert at % SLICE_STEP == 0
    *_, (_, nowhere) = search(judge, "so " * 1000)
    assert nowhere == 0


def test_what_comes_again_is_not_looked_at_again() -> None:
    asked: list[str] = []

    def judge(piece: str) -> Verdict:
        asked.append(piece)
        return NOTHING

    list(look(judge, "k1ll " * 20_000))
    assert len(asked) <= 6


def test_nothing_is_graver_than_imminent() -> None:
    asked: list[str] = []

    def judge(piece: str) -> Verdict:
        asked.append(piece)
        return Verdict(3, ("suicide",))

    *_, last = look(judge, " ".join(map(str, range(5000))))
    assert last.level == 3
    assert len(asked) == 1


def test_a_watch_tells_when_a_turn_and_when_all_of_it_is_over() -> None:
    now = [0.0]
    watch = Watch(lambda: now[0], 3 * TURN)
    now[0] = 50.0
    watch.begin()
    now[0] += 0.75 * TURN
    assert (watch.step(), watch.is_over) == (False, False)
    now[0] += 0.75 * TURN
    assert (watch.step(), watch.is_over) == (True, False)
    now[0] += 50.0
    watch.begin()
    now[0] += 1.75 * TURN
    assert (watch.step(), watch.is_over) == (True, True)
