"""What answers take typically: of each route beside the others, and of all together."""

import pytest

from tta_gateway.features.admission.typical import SOME, Timing, Typical, Window


def answers(typical: Typical, timing: Timing, *, took: float, of: int = 20) -> None:
    for _ in range(of):
        typical.observe(timing, took)


def known(*timings: tuple[Timing, float]) -> Typical:
    """One to which so much is typical of each of these."""
    typical = Typical()
    for timing, took in timings:
        answers(typical, timing, took=took)
    typical.begin(1.0)
    typical.forget(1.0, 0)
    return typical


def test_what_the_first_answers_took_is_typical_of_each_route() -> None:
    quick, slow = Timing(), Timing()
    typical = Typical()
    assert not typical.is_known()
    assert typical.takes(quick) == 0.0
    answers(typical, quick, took=0.1, of=30)
    answers(typical, slow, took=2.0, of=10)
    typical.begin(1.0)
    assert typical.is_known()
    assert typical.takes(quick) == pytest.approx(0.1)
    assert typical.takes(slow) == pytest.approx(2.0)
    assert typical.seconds == pytest.approx((30 * 0.1 + 10 * 2.0) / 40)


def test_a_route_that_is_asked_later_is_known_after_some_answers() -> None:
    typical, later = known((Timing(), 0.1)), Timing()
    answers(typical, later, took=0.5, of=SOME - 1)
    assert typical.takes(later) == 0.0
    typical.observe(later, 0.5)
    assert typical.takes(later) == pytest.approx(0.5)


def test_answers_that_all_take_longer_are_told_by_all_that_they_took() -> None:
    timing = Timing()
    typical = known((timing, 0.1))
    answers(typical, timing, took=0.3)
    assert (typical.learn(), typical.queues) == (20, True)
    assert typical.ratio == pytest.approx(3.0)
    assert typical.window.least == pytest.approx(3.0)
    assert typical.seconds == pytest.approx(0.1)


def test_one_that_takes_for_ever_among_many_that_come_as_ever_counts_a_few_times_at_most() -> None:
    timing = Timing()
    typical = known((timing, 0.1))
    answers(typical, timing, took=0.1)
    typical.observe(timing, 90.0)
    assert (typical.learn(), typical.queues) == (21, False)
    assert typical.ratio == pytest.approx((20 + 5) / 21)


def test_what_a_route_takes_beside_the_others_is_followed_slowly() -> None:
    slower, same = Timing(), Timing()
    typical = known((slower, 0.1), (same, 0.1))
    answers(typical, slower, took=0.2)
    answers(typical, same, took=0.1)
    typical.learn()
    assert 0.1 < typical.takes(slower) < 0.12
    assert typical.takes(same) < 0.1


def test_what_is_believed_is_typical_from_then_on() -> None:
    timing = Timing()
    typical = known((timing, 0.1))
    answers(typical, timing, took=0.3)
    typical.learn()
    typical.believe(typical.ratio)
    assert typical.ratio == pytest.approx(1.0)
    assert typical.takes(timing) == pytest.approx(0.3)
    typical.forget(2.0, 0)
    answers(typical, timing, took=0.3)
    assert typical.window.prompt == 20  # as soon as ever


def test_what_is_forgotten_is_judged_by_no_more() -> None:
    timing = Timing()
    typical = known((timing, 0.1))
    answers(typical, timing, took=9.0)
    typical.forget(5.0, 3)
    assert (typical.used, typical.window.answers(), typical.window.under_way) == ([], 0, 3)
    answers(typical, timing, took=0.1)
    assert typical.learn() == 20
    assert typical.ratio == pytest.approx(1.0)


def test_a_window_counts_whatever_came_and_has_lasted_a_moment_at_least() -> None:
    window = Window(7.0, 0)
    window.count, window.bad, window.untimed = 3, 2, 1
    assert (window.answers(), window.elapsed(9.0), window.elapsed(7.0)) == (6, 2.0, 0.001)
