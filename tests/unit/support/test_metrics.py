import os
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.metrics import MOST_CHILDREN, Metric, Registry, Values, children
from tta_gateway.support.segment import SIZE, Segment

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


# In a segment that outlives its process


@pytest.fixture
def fd() -> Iterator[int]:
    made = os.memfd_create("segment")
    os.ftruncate(made, SIZE)
    yield made
    os.close(made)


def read(segment: Segment) -> dict[tuple[str, Values], list[float]]:
    """What stands in a segment, whoever wrote it."""
    return {(metric.name, values): child.values() for metric, values, child in children(segment)}


def test_who_reads_the_segment_finds_what_was_counted(fd: int) -> None:
    registry = Registry(Segment(fd))
    registry.child(COUNTER, "GET").add(2.0)
    registry.child(HISTOGRAM).observe(0.5)
    found = [(metric, values, child.values()) for metric, values, child in children(Segment(fd))]
    assert found == [(COUNTER, ("GET",), [2.0]), (HISTOGRAM, (), [0.0, 1.0, 0.0, 0.5])]


def test_counters_go_on_in_a_segment_that_another_has_counted_in(fd: int) -> None:
    for _ in range(3):
        registry = Registry(Segment(fd))
        registry.child(COUNTER, "GET").add()
        registry.child(HISTOGRAM).observe(0.5)
    assert Registry(Segment(fd)).collect() == [
        (COUNTER, ("GET",), [3.0]),
        (HISTOGRAM, (), [0.0, 3.0, 0.0, 1.5]),
    ]


def test_gauges_begin_anew(fd: int) -> None:
    Registry(Segment(fd)).child(GAUGE).set(7.0)
    assert Registry(Segment(fd)).child(GAUGE).values() == [0.0]


def test_who_goes_on_takes_no_other_cells_for_the_same_children(fd: int) -> None:
    for _ in range(3):
        Registry(Segment(fd)).child(COUNTER, "GET").add()
    assert len(list(Segment(fd).records())) == 1


def test_a_metric_that_is_declared_anew_counts_beside_the_old_one(fd: int) -> None:
    Registry(Segment(fd)).child(HISTOGRAM).observe(0.5)
    Registry(Segment(fd)).child(Metric("seconds", "histogram", "Seconds.", (), (0.7,))).observe(0.5)
    found = [child.values() for _, _, child in children(Segment(fd))]
    assert found == [[0.0, 1.0, 0.0, 0.5], [1.0, 0.0, 0.5]]


def test_the_most_children_are_those_of_all_who_counted_there(fd: int) -> None:
    first = Registry(Segment(fd))
    for number in range(MOST_CHILDREN):
        first.child(COUNTER, str(number))
    second = Registry(Segment(fd))
    second.child(COUNTER, "one too many").add()
    assert read(Segment(fd))["requests_total", ("other",)] == [1.0]


def filled() -> Segment:
    """A segment without a cell to spare."""
    segment = Segment()
    another = Segment()
    Registry(another).child(COUNTER, "GET")
    ((record, _),) = another.records()
    segment.add(record, 6 * 2**20)
    return segment


def test_a_full_segment_counts_on_without_failing_and_says_what_was_lost() -> None:
    segment = filled()
    registry = Registry(segment)
    registry.child(GAUGE).add()
    registry.child(HISTOGRAM).observe(0.5)
    assert registry.child(GAUGE).values() == [1.0]
    assert registry.child(HISTOGRAM).values() == [0.0, 1.0, 0.0, 0.5]
    assert segment.lost == 2


def test_what_found_no_room_is_lost_once_however_often_it_counts() -> None:
    segment = filled()
    registry = Registry(segment)
    for _ in range(5):
        registry.child(GAUGE).add()
    assert (segment.lost, registry.child(GAUGE).values()) == (1, [5.0])


def test_what_had_its_place_before_counts_on_in_a_full_segment() -> None:
    segment = filled()
    Registry(segment).child(COUNTER, "GET").add()
    assert read(segment)["requests_total", ("GET",)] == [1.0]


Count = tuple[int, float]
_counts = st.tuples(st.integers(0, 4), st.floats(0, 1e6, allow_nan=False))


@given(st.lists(st.lists(_counts, max_size=8), max_size=5))
def test_no_counter_ever_goes_down_whoever_counts(lives: list[list[Count]]) -> None:
    segment = Segment()
    seen = [read(segment)]
    for counts in lives:
        registry = Registry(segment)
        seen.append(read(segment))
        for which, amount in counts:
            if which == 4:
                registry.child(HISTOGRAM).observe(amount)
            else:
                registry.child(COUNTER, f"method {which}").add(amount)
            seen.append(read(segment))
    assert all(not fallen(before, after) for before, after in pairwise(seen))
    segment.close()


def fallen(
    before: dict[tuple[str, Values], list[float]], after: dict[tuple[str, Values], list[float]]
) -> list[tuple[str, Values]]:
    """Which children have a cell that is less than it was, or are gone."""
    return [
        key
        for key, cells in before.items()
        if key not in after or any(new < old for old, new in zip(cells, after[key], strict=True))
    ]
