import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.spelling import SHORTEST, meant, misspelt, slips


@pytest.mark.parametrize("slip", ["thre", "ghree", "trhee", "threee", "thrre", "thrree", "thgree"])
def test_a_slip_is_one_letter_too_few_too_many_or_wrong(slip: str) -> None:
    assert slip in slips("three")


@pytest.mark.parametrize("other", ["three", "hree", "zhree", "four", "thr", "threxe"])
def test_what_no_finger_slips_to_is_none(other: str) -> None:
    assert other not in slips("three")


def test_words_of_their_own_and_short_ones_are_left() -> None:
    made = misspelt(["drown", "die"], frozenset(["down", "drawn"]))
    assert made["dorwn"] == "drown"
    assert not {"down", "drawn", "drown", "di", "dei"} & made.keys()


def test_what_could_be_two_words_is_neither() -> None:
    made = misspelt(["killer", "killed"], frozenset())
    assert "kille" not in made
    assert made["kiler"] == "killer"


def test_spellings_are_replaced_by_what_they_mean() -> None:
    spellings = {"idw": "i dont want to", "wnat": "want"}
    assert meant(spellings, ["idw", "to", "live"]) == ["i", "dont", "want", "to", "live"]
    assert meant(spellings, ["i", "wnat", "to", "to"]) == ["i", "want", "to", "to"]
    assert meant(spellings, []) == []


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=SHORTEST, max_size=12))
def test_a_slip_is_never_far_away(word: str) -> None:
    for slip in slips(word):
        assert slip != word
        assert abs(len(slip) - len(word)) <= 1
        assert slip[0] in word or len(slip) == len(word)
