"""How endpoints do beside their peers, by what all workers saw."""

from bisect import bisect_left
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.kernel.route import Outliers
from tta_gateway.node.merged import LEAST, Cells, Share, added, answers, figures, paces, since, slow
from tta_gateway.upstream.outlier import outliers
from tta_gateway.upstream.timing import DURATION

FAST, SLOW_ONE = 0.01, 0.2


class Telling(NamedTuple):
    """What one worker tells once."""

    by: str
    turn: int
    asked: int
    failed: int


def tellings() -> st.SearchStrategy[list[Telling]]:
    """What four workers tell, each in turns of its own."""
    counts = st.tuples(st.integers(0, 50), st.integers(0, 50))
    many = st.lists(st.tuples(st.sampled_from("abcd"), counts), max_size=30)
    return many.map(
        lambda all_of_it: [
            Telling(by, turn, max(counts), min(counts))
            for turn, (by, counts) in enumerate(all_of_it, start=1)
        ]
    )


def share_of(told: Sequence[Telling]) -> Share:
    share = Share()
    for one in told:
        share.hear(one.by, one.turn, asked=one.asked, failed=one.failed)
    return share


def sums(told: Sequence[Telling]) -> tuple[int, int]:
    return sum(one.asked for one in told), sum(one.failed for one in told)


# Failures


@given(tellings(), st.randoms())
def test_the_order_of_tellings_does_not_matter_nor_how_often_each_comes(
    told: list[Telling], chance: Random
) -> None:
    again = [*told, *told[::2], *told[::3]]
    chance.shuffle(again)
    share = share_of(again)
    assert (share.asked, share.failed) == sums(told)


@given(tellings(), tellings())
def test_what_comes_again_in_a_later_interval_does_not_count_there(
    told: list[Telling], later: list[Telling]
) -> None:
    share = share_of(told)
    share.begin_anew()
    new = [one._replace(turn=one.turn + 100) for one in later]
    for one in (*told, *new, *told):
        share.hear(one.by, one.turn, asked=one.asked, failed=one.failed)
    assert (share.asked, share.failed) == sums(new)


def test_a_worker_that_tells_nothing_in_an_interval_is_still_known() -> None:
    share = share_of([Telling("a", 5, 1, 1)])
    share.begin_anew()
    share.hear("a", 5, asked=1, failed=1)
    share.begin_anew()
    share.hear("a", 4, asked=1, failed=1)
    share.hear("a", 6, asked=2, failed=0)
    assert (share.asked, share.failed) == (2, 0)


def test_what_a_worker_told_before_it_died_counts_and_so_does_its_successor() -> None:
    """Of the same number, even."""
    share = share_of([Telling("worker 7", 90, 10, 4)])
    share.begin_anew()
    share.hear("worker 7", 91, asked=5, failed=5)
    share.retain({"worker 8"})
    assert (share.asked, share.failed) == (5, 5)
    share.begin_anew()
    share.retain({"worker 8"})
    share.hear("worker 7", 1, asked=3, failed=1)
    share.retain({"worker 7"})
    assert (share.asked, share.failed) == (3, 1)


def test_workers_that_each_see_too_few_see_enough_together() -> None:
    settings = Outliers(least_asked=20)
    parts = [[Telling(by, 1, 12, failed) for by in ("a", "b")] for failed in (6, 0, 0)]
    alone = [share_of(one[:1]) for one in parts]
    together = [share_of(one) for one in parts]
    assert outliers(alone, settings) == []
    assert outliers(together, settings) == [together[0]]


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=8), st.integers(1, 30))
def test_nobody_is_judged_without_a_peer_and_never_all(
    counts: list[tuple[int, int]], least: int
) -> None:
    shares = [share_of([Telling("a", 1, max(one), min(one))]) for one in counts]
    found = outliers(shares, Outliers(least_asked=least))
    enough = [one for one in shares if one.asked >= least]
    assert len(found) < max(1, len(enough))
    assert all(one.asked >= least for one in found)


# Times


def times(*seconds: float) -> list[float]:
    """The cells of a histogram of these times."""
    cells = [0.0] * DURATION.cells
    for one in seconds:
        cells[bisect_left(DURATION.buckets, one)] += 1.0
        cells[-1] += one
    return cells


def test_what_was_counted_since_is_a_difference() -> None:
    before = {"a": times(FAST), "b": times(FAST)}
    now = {"a": times(FAST, SLOW_ONE), "b": times(FAST), "c": times(FAST)}
    seen = since(now, before)
    assert set(seen) == {"a", "c"}
    assert sum(seen["a"][:-1]) == 1.0
    assert seen["a"][-1] == pytest.approx(SLOW_ONE)


@given(
    st.lists(st.lists(st.floats(0.0, 40.0), max_size=5), max_size=6),
    st.lists(st.lists(st.floats(0.0, 40.0), max_size=5), max_size=6),
)
def test_histograms_of_workers_add_up_in_any_order(
    one: list[list[float]], other: list[list[float]]
) -> None:
    parts = [times(*part) for part in (*one, *other)]
    together = added(parts)
    assert together == pytest.approx(added(reversed(parts)))
    assert together == pytest.approx(times(*(x for part in (*one, *other) for x in part)))


def test_of_nothing_there_is_nothing_to_say() -> None:
    assert (figures([]).answers, figures([times()]).p99, answers({})) == (0, 0.0, 0)


def test_figures_are_those_of_all_parts_together() -> None:
    told = figures([times(*[FAST] * 60), times(*[FAST] * 38, SLOW_ONE, SLOW_ONE)])
    assert told.answers == 100
    assert 0.005 <= told.p50 <= 0.01
    assert 0.1 <= told.p99 <= 0.25


def seen(*endpoints: Cells, route: str = "/a") -> dict[str, dict[str, Cells]]:
    return {str(number): {route: cells} for number, cells in enumerate(endpoints)}


def test_one_of_three_that_is_slow_is_found_with_how_slow_it_is() -> None:
    found = slow(seen(times(*[SLOW_ONE] * LEAST), times(*[FAST] * 30), times(*[FAST] * 30)))
    assert found == {"0": pytest.approx(SLOW_ONE / FAST)}


def test_of_too_few_answers_nothing_is_concluded() -> None:
    fast = times(*[FAST] * 30)
    assert slow(seen(times(*[SLOW_ONE] * (LEAST - 1)), fast, fast)) == {}
    assert slow(seen(times(*[SLOW_ONE] * LEAST))) == {}


def test_one_answer_that_took_long_makes_nobody_slow() -> None:
    fast = times(*[FAST] * 30)
    assert slow(seen(times(*[FAST] * 29, 30.0), fast)) == {}


def test_neighbouring_buckets_make_nobody_slow() -> None:
    """Their middles are 4.7 times apart, the times 2.06 times."""
    assert slow(seen(times(*[0.0103] * 30), times(*[0.0049] * 30))) == {}


def test_what_is_faster_than_this_machine_can_tell_makes_nobody_slow() -> None:
    assert slow(seen(times(*[0.0009] * 30), times(*[0.00001] * 30))) == {}


def test_a_route_that_is_slow_makes_nobody_slow() -> None:
    reports, profiles = times(*[SLOW_ONE] * 30), times(*[FAST] * 30)
    few = times(*[SLOW_ONE] * 2)
    mixed = {"0": {"/reports": reports}, "1": {"/profiles": profiles, "/reports": few}}
    assert slow(mixed) == {}
    assert paces(mixed)["0"].median == pytest.approx(1.0, rel=0.1)


def test_a_service_that_is_slow_as_a_whole_has_no_slow_endpoint() -> None:
    assert slow(seen(*[times(*[SLOW_ONE] * 30)] * 3)) == {}


def test_an_endpoint_without_answers_is_at_the_pace_of_the_others() -> None:
    told = paces({"0": {}, "1": {"/a": times(FAST)}})
    assert (told["0"].answers, told["0"].median, told["0"].mean) == (0, 1.0, 1.0)


def test_what_was_counted_and_is_nothing_moves_nothing() -> None:
    told = paces({"0": {"/a": times()}, "1": {"/a": times()}})
    assert told["0"].answers == 0


@given(st.lists(st.lists(st.floats(0.0001, 40.0), max_size=40), min_size=1, max_size=5))
def test_the_best_is_never_slow_so_that_somebody_is_always_left(
    endpoints: list[list[float]],
) -> None:
    told = seen(*(times(*one) for one in endpoints))
    found = slow(told)
    assert len(found) < len(told)
    assert all(ratio > 3.0 for ratio in found.values())
