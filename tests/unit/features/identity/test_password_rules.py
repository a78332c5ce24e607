"""Which passwords people may choose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.password_rules import complaint


def of(password: str, *names: str, shortest: int = 12) -> str:
    found = complaint(password, shortest=shortest, longest=256, names=names)
    for word in ("characters", "name", "tried first"):
        if word in found:
            return word
    assert not found
    return ""


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        ("correct horse battery", ""),
        ("eleven char", "characters"),
        ("twelve chars", ""),
        ("x" * 257, "characters"),
        ("aaaaaaaaaaaaaaa", "tried first"),
        ("abcabcabcabcabc", "tried first"),
        ("123412341234", "tried first"),
        ("123456789012", "tried first"),
        ("qwertyuiopasdf", "tried first"),
        ("QWERTZuiopasd", "tried first"),
        ("abcdefghijklmnop", "tried first"),
        ("Password1234!", "tried first"),
        ("P@ssw0rd12345", "tried first"),
        ("!!!letmein!!!!", "tried first"),
        ("password password", "tried first"),
        ("correcthorsebatterystaple", "tried first"),
        ("3141592653589793", "tried first"),  # nothing but digits
        ("Ünïcödé wörds ünd möre", ""),
        ("several words that mean nothing", ""),
    ],
)
def test_what_would_be_guessed_is_refused_and_nothing_else(password: str, wrong: str) -> None:
    assert of(password) == wrong


@pytest.mark.parametrize(
    ("password", "name", "wrong"),
    [
        ("adalovelace12", "adalovelace", "name"),
        ("ADALOVELACE", "adalovelace", "name"),
        ("adalovelace and her engine", "adalovelace", ""),
        ("ada likes machines", "ada", ""),  # too short a name to be told from chance
        ("mira", "mira", "name"),
    ],
)
def test_it_is_not_little_more_than_the_name(password: str, name: str, wrong: str) -> None:
    assert of(password, "", name, shortest=4) == wrong


@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_whatever_somebody_chooses_it_is_good_or_not(password: str, name: str) -> None:
    found = complaint(password, shortest=8, longest=30, names=(name,))
    if not 8 <= len(password) <= 30:
        assert "characters" in found
    # What surrounds a common word, and what stands for its letters, helps nobody.
    assert complaint(f"12Dr@gon{'!' * 4}", shortest=8, longest=30)


@given(st.lists(st.sampled_from(["maple", "river", "copper", "lantern"]), min_size=4, max_size=6))
def test_words_that_differ_make_a_good_one(words: list[str]) -> None:
    text = " ".join(words)
    assert bool(complaint(text, shortest=12, longest=256)) == (len({*words}) == 0)
