from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.metrics import MOST_CHILDREN, Metric, Registry

COUNTER = Metric("requests_total", "counter", "Requests.", ("method",))
GAUGE = Metric("in_flight", "gauge", "Under way.")
HISTOGRAM = Metric("seconds", "histogram", "Seconds.", (), (0.1, 1.0))


def test_a_counter_begins_at_zero() -> None:
    assert Registry().child(COUNTER, "GET").values() == [0.0]


def test_a_counter_counts_by_one() -> None:
    child = Registry().child(COUNTER, "GET")
    child.add()
    child.add()
    assert child.values() == [2.0]


def test_a_counter_counts_by_more() -> None:
    child = Registry().child(COUNTER, "GET")
    child.add(2.5)
    assert child.values() == [2.5]


def test_a_gauge_goes_down_again() -> None:
    child = Registry().child(GAUGE)
    child.add()
    child.add(-1.0)
    assert child.values() == [0.0]


def test_a_gauge_may_be_set() -> None:
    child = Registry().child(GAUGE)
    child.add()
    child.set(7.0)
    assert child.values() == [7.0]


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        (0.05, [1.0, 0.0, 0.0]),
        (0.1, [1.0, 0.0, 0.0]),
        (0.5, [0.0, 1.0, 0.0]),
        (1.0, [0.0, 1.0, 0.0]),
        (9.0, [0.0, 0.0, 1.0]),
    ],
)
def test_a_value_falls_into_the_first_bucket_whose_bound_it_does_not_pass(
    value: float, cells: list[float]
) -> None:
    child = Registry().child(HISTOGRAM)
    child.observe(value)
    assert child.values() == [*cells, value]


@given(st.lists(st.integers(0, 4)))
def test_a_histogram_loses_no_value(values: list[int]) -> None:
    child = Registry().child(HISTOGRAM)
    for value in values:
        child.observe(value)
    counts = [0] * 3
    for value in values:
        counts[bisect_left((0.1, 1.0), value)] += 1
    assert child.values() == [*counts, sum(values)]


def test_the_same_labels_are_the_same_child() -> None:
    registry = Registry()
    assert registry.child(COUNTER, "GET") is registry.child(COUNTER, "GET")


def test_other_labels_count_apart() -> None:
    registry = Registry()
    registry.child(COUNTER, "GET").add()
    assert registry.child(COUNTER, "PUT").values() == [0.0]


def test_other_metrics_count_apart() -> None:
    registry = Registry()
    registry.child(HISTOGRAM).observe(9.0)
    registry.child(COUNTER, "GET").add()
    assert registry.child(HISTOGRAM).values() == [0.0, 0.0, 1.0, 9.0]


def test_a_child_goes_on_counting_when_others_are_made() -> None:
    registry = Registry()
    child = registry.child(COUNTER, "GET")
    for number in range(500):
        registry.child(COUNTER, f"other {number}")
    child.add()
    assert registry.child(COUNTER, "GET").values() == [1.0]


def full() -> Registry:
    registry = Registry()
    for number in range(MOST_CHILDREN):
        registry.child(COUNTER, str(number))
    return registry


def test_children_beyond_the_most_are_one_named_other() -> None:
    registry = full()
    registry.child(COUNTER, "one too many").add()
    registry.child(COUNTER, "two too many").add()
    assert registry.child(COUNTER, "other").values() == [2.0]


def test_no_more_than_the_most_and_other_are_ever_made() -> None:
    registry = full()
    for number in range(50):
        registry.child(COUNTER, f"too many {number}")
    assert len(registry.collect()) == MOST_CHILDREN + 1


def test_children_that_are_there_already_go_on_counting() -> None:
    registry = full()
    registry.child(COUNTER, "7").add()
    assert registry.child(COUNTER, "7").values() == [1.0]


def test_a_full_metric_leaves_room_for_others() -> None:
    registry = full()
    registry.child(GAUGE).add()
    assert registry.child(GAUGE).values() == [1.0]


def test_a_metric_without_labels_is_never_other() -> None:
    registry = Registry()
    assert registry.child(GAUGE) is registry.child(GAUGE)


def test_everything_is_collected_with_its_labels() -> None:
    registry = Registry()
    registry.child(COUNTER, "GET").add()
    registry.child(GAUGE).set(7.0)
    assert registry.collect() == [(COUNTER, ("GET",), [1.0]), (GAUGE, (), [7.0])]
