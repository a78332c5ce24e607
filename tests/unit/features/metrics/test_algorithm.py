"""Sums of what several have counted: properties against one that counts everything itself."""

from bisect import bisect_left
from itertools import pairwise
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.metrics.algorithm import Histogram, cumulated, quantile, summed

INFINITE = float("inf")
_bounds = st.lists(st.integers(1, 50), min_size=1, max_size=6, unique=True).map(
    lambda many: tuple(float(one) for one in sorted(many))
)
_values = st.lists(st.integers(0, 60).map(float), max_size=20)
_parts = st.lists(st.tuples(_bounds, _values), min_size=1, max_size=4)


def counted(bounds: tuple[float, ...], values: list[float]) -> Histogram:
    """What a worker holds that has observed these values."""
    cells = [0.0] * (len(bounds) + 2)
    for value in values:
        cells[bisect_left(bounds, value)] += 1.0
    cells[-1] = sum(values)
    return bounds, cells


def test_nothing_counted_is_nothing() -> None:
    assert summed([]) == 0.0


def test_a_counter_is_the_sum_of_its_parts() -> None:
    assert summed([[1.0], [2.5], [0.0]]) == 3.5


def test_counts_are_cumulated_up_to_infinity() -> None:
    part = counted((0.1, 1.0), [0.05, 0.1, 0.5, 9.0])
    assert cumulated([part]) == ([(0.1, 2.0), (1.0, 3.0), (INFINITE, 4.0)], 9.65)


def test_two_who_count_alike_are_added_up() -> None:
    parts = [counted((1.0,), [0.5, 2.0]), counted((1.0,), [0.5])]
    assert cumulated(parts) == ([(1.0, 2.0), (INFINITE, 3.0)], 3.0)


def test_a_bound_that_one_has_not_counts_what_is_known_not_to_pass_it() -> None:
    parts = [counted((1.0, 5.0), [3.0]), counted((2.0,), [1.5])]
    assert cumulated(parts)[0] == [(1.0, 0.0), (2.0, 1.0), (5.0, 2.0), (INFINITE, 2.0)]


def test_none_who_counts_is_an_empty_histogram() -> None:
    assert cumulated([]) == ([(INFINITE, 0.0)], 0.0)


@given(_parts)
def test_bounds_and_counts_ascend(parts: list[tuple[tuple[float, ...], list[float]]]) -> None:
    counts, _ = cumulated([counted(*part) for part in parts])
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(counts))


@given(_parts)
def test_infinity_counts_everything(parts: list[tuple[tuple[float, ...], list[float]]]) -> None:
    counts, total = cumulated([counted(*part) for part in parts])
    values = [value for _, own in parts for value in own]
    assert (counts[-1], total) == ((INFINITE, float(len(values))), sum(values))


@given(_bounds, st.lists(_values, min_size=1, max_size=4))
def test_several_with_the_same_bounds_are_as_one_who_saw_everything(
    bounds: tuple[float, ...], lives: list[list[float]]
) -> None:
    apart = cumulated([counted(bounds, values) for values in lives])
    together = cumulated([counted(bounds, [value for values in lives for value in values])])
    assert apart == together


@given(_parts)
def test_no_bound_counts_a_value_that_passes_it(
    parts: list[tuple[tuple[float, ...], list[float]]],
) -> None:
    counts, _ = cumulated([counted(*part) for part in parts])
    values = [value for _, own in parts for value in own]
    assert all(count <= sum(value <= bound for value in values) for bound, count in counts)


@given(_parts, st.integers(0, 3), st.integers(0, 60).map(float))
def test_no_count_is_less_than_a_moment_ago(
    parts: list[tuple[tuple[float, ...], list[float]]], who: int, value: float
) -> None:
    before, _ = cumulated([counted(*part) for part in parts])
    parts[who % len(parts)][1].append(value)
    after, _ = cumulated([counted(*part) for part in parts])
    assert all(old[1] <= new[1] for old, new in zip(before, after, strict=True))


@given(
    st.lists(st.floats(0.0, 9.0), min_size=1, max_size=50),
    st.floats(0.01, 1.0),
)
def test_a_quantile_is_as_exact_as_the_bounds(values: list[float], share: float) -> None:
    bounds = (1.0, 2.0, 5.0, 10.0)
    cells = [0.0] * 6
    for value in values:
        cells[bisect_left(bounds, value)] += 1.0
    counts, _ = cumulated([(bounds, cells)])
    exact = sorted(values)[min(len(values), max(1, ceil(share * len(values) - 1e-9))) - 1]
    found = quantile(counts, share)
    upper = bounds[bisect_left(bounds, exact)]
    lower = 0.0 if upper == 1.0 else bounds[bounds.index(upper) - 1]
    assert lower <= found <= upper


def test_what_lies_above_all_bounds_is_taken_for_the_last() -> None:
    counts, _ = cumulated([((1.0, 2.0), (0.0, 0.0, 7.0, 70.0))])
    assert quantile(counts, 0.5) == 2.0
