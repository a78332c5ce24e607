"""Where a number stands among weights."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.split.algorithm import at, shares, within


def test_each_share_ends_where_the_next_begins() -> None:
    assert shares([("a", 1), ("b", 0), ("c", 3)]) == [("a", 0.25), ("c", 1.0)]


@pytest.mark.parametrize(("number", "service"), [(0.0, "a"), (0.249, "a"), (0.25, "c"), (0.9, "c")])
def test_a_number_is_in_one_share(number: float, service: str) -> None:
    assert at([("a", 0.25), ("c", 1.0)], number) == service


def test_what_rounding_leaves_over_is_the_last_s() -> None:
    assert at([("a", 0.5), ("b", 0.9999)], 0.99999) == "b"


@given(st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(any))
def test_each_has_as_much_as_it_weighs(weights: list[int]) -> None:
    ends = shares([(str(number), weight) for number, weight in enumerate(weights)])
    begins = [0.0, *(end for _, end in ends)]
    found = {service: end - begin for (service, end), begin in zip(ends, begins, strict=False)}
    wanted = {str(n): weight / sum(weights) for n, weight in enumerate(weights) if weight}
    assert found == pytest.approx(wanted)


@given(st.integers(1, 99), st.integers(1, 99), st.floats(0, 1, exclude_max=True))
def test_a_change_of_the_weights_moves_only_what_changes(one: int, two: int, number: float) -> None:
    before = at(shares([("a", one), ("b", 100 - one)]), number)
    after = at(shares([("a", two), ("b", 100 - two)]), number)
    assert (before == after) or min(one, two) / 100 <= number < max(one, two) / 100


@pytest.mark.parametrize(
    ("number", "place"), [(0.0, 0.0), (0.125, 0.5), (0.25, 0.0), (0.625, 0.5), (1.0, 0.0)]
)
def test_a_number_stands_somewhere_within_its_share(number: float, place: float) -> None:
    assert within([("a", 1), ("b", 0), ("c", 3)], number) == place


@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(any),
    st.floats(0, 1, exclude_max=True),
)
def test_it_can_choose_once_more(weights: list[int], number: float) -> None:
    parts = [(str(index), weight) for index, weight in enumerate(weights)]
    assert 0.0 <= within(parts, number) < 1.0
