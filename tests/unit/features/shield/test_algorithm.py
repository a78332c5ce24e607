from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.shield.algorithm import (
    BLOCKED,
    CHALLENGED,
    CONNECTION,
    DELAYED,
    HALF_LIFE,
    KINDS,
    LEVELS,
    MALFORMED,
    NONE,
    POINTS,
    SCAN,
    Ladder,
    Score,
    cause_of,
)

LADDER = Ladder(steps=(40.0, 70.0, 100.0), first=60.0, longest=3600.0, forgiven=86_400.0)


def test_each_step_of_the_ladder_is_climbed_at_its_score() -> None:
    assert [LADDER.level(one) for one in (0, 39.9, 40, 69.9, 70, 99.9, 100, 1e9)] == [
        *(NONE, NONE, DELAYED, DELAYED, CHALLENGED, CHALLENGED, BLOCKED, BLOCKED)
    ]
    assert len(LEVELS) == BLOCKED + 1


def test_a_network_may_do_several_times_as_much() -> None:
    lenient = LADDER.times(8.0)
    assert lenient.level(799.0) == CHALLENGED
    assert lenient.level(800.0) == BLOCKED
    assert lenient.term(1) == LADDER.term(1)


@given(st.integers(1, 1000))
def test_a_block_lasts_twice_as_long_each_time_and_never_longer_than_the_longest(
    strikes: int,
) -> None:
    assert LADDER.term(strikes) == min(3600.0, 60.0 * 2 ** (strikes - 1))


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.floats(0.0, 10.0)), max_size=40))
def test_a_score_is_the_sum_of_its_points_each_halved_every_half_minute(
    arrivals: list[tuple[float, float]],
) -> None:
    score, now, seen = Score("a", 0.0), 0.0, []
    for pause, points in arrivals:
        now += pause
        score.add(SCAN, points, now)
        seen.append((now, points))
    expected = sum(points * 0.5 ** ((now - at) / HALF_LIFE) for at, points in seen)
    assert abs(score.points - expected) < 1e-6 * (1 + expected)
    assert score.fade(now - 5.0) == score.points  # a clock that goes back makes nothing grow


def test_a_strike_blocks_for_its_term_and_leaves_it_at_the_challenge() -> None:
    score = Score("a", 0.0)
    score.add(MALFORMED, 120.0, 0.0)
    assert score.strike(LADDER, 10.0) == 70.0
    assert score.points == 70.0
    assert score.is_blocked(69.9)
    assert not score.is_blocked(70.0)
    assert score.strike(LADDER, 100.0) == 220.0
    assert score.strikes == 2


def test_who_has_kept_quiet_for_long_begins_anew() -> None:
    score = Score("a", 0.0)
    score.strike(LADDER, 0.0)
    score.strike(LADDER, 100.0)
    score.strike(LADDER, score.until + LADDER.forgiven)
    assert score.strikes == 3
    score.strike(LADDER, score.until + LADDER.forgiven + 1.0)
    assert score.strikes == 1


def test_what_is_tried_again_is_not_new_until_all_has_calmed_down() -> None:
    score = Score("a", 0.0)
    assert score.is_new(b"/wp-admin")
    assert not score.is_new(b"/wp-admin")
    score.add(SCAN, 3.0, 0.0)
    score.fade(HALF_LIFE)
    assert not score.is_new(b"/wp-admin")
    score.fade(10 * HALF_LIFE)
    assert score.is_new(b"/wp-admin")


def test_many_paths_are_new_but_never_more_than_are_remembered() -> None:
    score = Score("a", 0.0)
    new = sum(score.is_new(b"/%d" % one) for one in range(10_000))
    assert 34 < new <= 64  # enough for a block, and bounded


def test_what_was_told_is_not_told_again() -> None:
    score = Score("a", 0.0)
    score.add(CONNECTION, POINTS[CONNECTION], 0.0)
    score.add(MALFORMED, 4.0, 0.0, 2.0)
    assert score.told() == [1.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    assert score.untold_points == 0.0
    assert score.told() == [0.0] * len(KINDS)


def test_whoever_is_forgiven_has_nothing_against_them() -> None:
    score = Score("a", 0.0)
    score.add(MALFORMED, 120.0, 0.0)
    score.strike(LADDER, 0.0)
    score.forgive()
    assert (score.points, score.strikes, score.is_blocked(0.1)) == (0.0, 0, False)


def test_a_cause_names_what_weighs_most_first() -> None:
    assert cause_of([200.0, 0.0, 3.0, 0.0, 10.0, 0.0]) == (
        "10 scanning, 3 malformed, 200 connections"
    )
    assert cause_of([0.0] * 6) == "little of each"
