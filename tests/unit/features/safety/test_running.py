from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.leaves import OVERLAP, SLICE
from tta_gateway.features.safety.running import Running, boundary


def looked_at(text: Running) -> list[str]:
    return list(text.pieces())


def test_a_sentence_in_parts_is_looked_at_as_one() -> None:
    text = Running()
    for part in ("You", " can", "not"):
        text.add(part)
    assert looked_at(text)[0] == "You cannot"


def test_where_nobody_says_whether_a_space_belongs_both_ways_are_looked_at() -> None:
    text = Running()
    for part in ("give", "up", " now"):
        text.add(part)
    assert looked_at(text) == ["giveup now", "give up now"]
    text.add("!")
    assert looked_at(text) == ["giveup now!", "give up now!"]


def test_nothing_new_is_looked_at_once() -> None:
    text = Running()
    assert looked_at(text) == []
    text.add("so")
    assert looked_at(text) == ["so"]
    assert looked_at(text) == []


@pytest.mark.parametrize(
    ("parts", "closed", "is_open"),
    [
        (["word"], [False], True),
        (["word", "s"], [False, False], True),
        (["word", " "], [False, True], False),
        (["word", " and"], [False, True], True),
        (["chat-12", "chat-12"], [True, True], False),
        (["ab", "ab"], [False, False], True),
        (["\u4f60\u597d"], [True], False),
    ],
)
def test_it_tells_whether_words_are_whole(
    parts: list[str], closed: list[bool], is_open: bool
) -> None:
    text = Running()
    assert [text.add(part) for part in parts] == closed
    assert text.is_open == is_open


@given(st.text(st.sampled_from("ab .,"), min_size=1, max_size=200), st.sets(st.integers(1, 199)))
def test_every_word_is_looked_at_whole_however_it_is_cut(said: str, cuts: set[int]) -> None:
    text, seen = Running(), ""
    places = sorted({0, len(said)} | {cut for cut in cuts if cut < len(said)})
    for a, b in pairwise(places):
        text.add(said[a:b])
        for piece in text.pieces():
            seen += f"\n{piece}"
    assert all(word in seen for word in said.split())


def test_it_remembers_its_last_words_and_no_more() -> None:
    text = Running()
    text.add("a " * SLICE)
    assert all(len(piece) <= SLICE for piece in looked_at(text))
    text.add("b")
    assert looked_at(text) == [("a " * SLICE)[-OVERLAP:] + "b"]


@pytest.mark.parametrize(("text", "at"), [("", 0), ("wor", 0), ("one wor", 4), ("one.", 4)])
def test_the_end_of_the_last_whole_word_is_found(text: str, at: int) -> None:
    assert boundary(text) == at
