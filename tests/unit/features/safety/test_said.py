from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.said import WHOLE, Said

CRY = "cannot go on"


def test_a_short_text_is_kept_as_it_is() -> None:
    assert Said(CRY).around(100) == Said(CRY).whole() == CRY


@given(st.integers(0, 60_000), st.sampled_from(("a", "\u00e4", "\U0001f600")))
def test_of_a_long_one_what_was_found_is_kept(at: int, letter: str) -> None:
    said = Said(letter * at + CRY + letter * (200_000 - at), at)
    assert CRY in said.around(1000)
    assert len(said.around(1000)) <= 1010
    assert CRY in said.whole()
    assert len(said.whole().encode()) <= WHOLE


def test_what_comes_behind_it_is_added_and_may_be_graver() -> None:
    said = Said("fair", 0)
    said.add("", 5, gap=True)
    said.add("weather", -1, gap=False)
    assert (said.text, said.at) == ("fair\nweather", 0)
    said.add("so " + CRY, 3, gap=True)
    assert said.text[said.at :] == CRY
    assert "[...]" in said.text
    first = Said()
    first.add(CRY, 0, gap=True)
    assert (first.text, first.at) == (CRY, 0)
