"""The limit that follows a service, before a simulated one of known capacity."""

import random
from collections.abc import Callable

import pytest

from tests.helpers.admission_simulation import Simulation
from tta_gateway.features.admission.adaptive import Adaptive
from tta_gateway.features.admission.typical import Timing
from tta_gateway.kernel.traffic import BACKGROUND, CRISIS, STANDARD, THERAPEUTIC

TAKES = 0.05
SERVERS = 20
CAPACITY = SERVERS / TAKES


Takes = Callable[[random.Random], float]


def evenly(_: random.Random) -> float:
    return TAKES


def unevenly(chance: random.Random) -> float:
    return TAKES * chance.lognormvariate(-0.08, 0.4)


def at_random(chance: random.Random) -> float:
    return chance.expovariate(1 / TAKES)


def a_service(*, load: float = 0.5, takes: Takes = evenly, seed: int = 7) -> Simulation:
    simulation = Simulation(servers=SERVERS, takes=takes, rate=load * CAPACITY, seed=seed)
    simulation.run(5.0)
    return simulation


def the_mean(simulation: Simulation, since: float) -> float:
    found = [limit for at, limit, _ in simulation.limits if at >= since]
    return sum(found) / len(found)


@pytest.mark.parametrize(("takes", "share"), [(evenly, 0.85), (unevenly, 0.8), (at_random, 0.7)])
@pytest.mark.parametrize("load", [2.0, 5.0, 10.0])
def test_it_finds_what_a_service_can_do_at_once(takes: Takes, share: float, load: float) -> None:
    simulation = a_service(takes=takes)
    simulation.rate = load * CAPACITY
    simulation.run(5.0)
    since = simulation.now
    simulation.run(15.0)
    assert 0.5 * SERVERS <= the_mean(simulation, since) <= 1.8 * SERVERS
    assert simulation.goodput(15.0) >= share * CAPACITY


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_at_five_times_the_load_what_matters_is_answered_and_soon(seed: int) -> None:
    simulation = a_service(seed=seed)
    simulation.rate = 5 * CAPACITY
    simulation.run(8.0)
    tallies = simulation.run(20.0)
    for traffic in (CRISIS, THERAPEUTIC):
        assert tallies[traffic].share >= 0.95
        assert tallies[traffic].quantile(0.99) <= 2.5 * TAKES
    assert simulation.goodput(20.0) >= 0.8 * CAPACITY


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_however_the_load_has_grown_five_times_too_much_delays_nobody_in_need(seed: int) -> None:
    """Just as much as it can do, and twice that, queue in it first: what is typical hardly shows.

    Red without both of `window.began = …` in `observe` and what `_lower` believes of a doubt.
    """
    simulation = Simulation(servers=40, takes=lambda _: 0.1, rate=200.0, seed=seed)
    for times in (0.5, 1.0, 2.0):
        simulation.rate = times * 400
        simulation.run(10.0)
    simulation.rate = 5 * 400
    tallies = simulation.run(20.0)
    for traffic in (CRISIS, THERAPEUTIC):
        assert tallies[traffic].turned_away == 0
        assert tallies[traffic].quantile(0.99) <= 0.2
    assert simulation.goodput(20.0) >= 0.95 * 400


def test_at_ten_times_the_load_a_crisis_comes_through_and_therapy_has_the_rest() -> None:
    simulation = a_service()
    simulation.rate = 10 * CAPACITY
    simulation.run(2.0)
    tallies = simulation.run(20.0)
    assert tallies[CRISIS].share >= 0.97
    left = CAPACITY * 20.0 - tallies[CRISIS].answered
    assert tallies[THERAPEUTIC].answered >= 0.85 * left


def test_all_is_as_before_ten_seconds_after_an_overload() -> None:
    simulation = a_service()
    simulation.rate = 10 * CAPACITY
    simulation.run(20.0)
    simulation.rate = 0.5 * CAPACITY
    simulation.run(8.0)
    tallies = simulation.run(10.0)
    assert all(tally.share >= 0.95 for tally in tallies.values())


def test_nobody_is_turned_away_while_there_is_enough_for_all() -> None:
    tallies = a_service(load=0.6).run(20.0)
    assert sum(one.turned_away for one in tallies.values()) == 0


def test_a_service_that_takes_twice_as_long_for_reasons_of_its_own_is_asked_as_much() -> None:
    """Twice as long for each, and as many as ever at once: nothing queues, nothing is to ease."""
    simulation = Simulation(servers=400, takes=evenly, rate=1000.0)
    simulation.run(10.0)
    simulation.takes = lambda _: 2 * TAKES
    tallies = simulation.run(30.0)
    offered = sum(one.offered for one in tallies.values())
    assert sum(one.turned_away for one in tallies.values()) <= 0.02 * offered
    assert tallies[THERAPEUTIC].share >= 0.98
    simulation.run(5.0)
    assert simulation.goodput(5.0) >= 0.97 * 1000.0


def turned_away(simulation: Simulation, seconds: float) -> int:
    return sum(one.turned_away for one in simulation.run(seconds).values())


def test_a_slow_service_with_room_for_many_is_never_limited() -> None:
    simulation = Simulation(servers=10_000, takes=lambda _: 8.0, rate=62.0)
    assert turned_away(simulation, 30.0) == 0
    assert simulation.room.peak > 400


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("slow", [2.0, 8.0])
def test_a_crowd_of_slow_requests_on_a_route_that_was_fast_is_never_limited(
    slow: float, seed: int
) -> None:
    """Five hundred under way, and each takes its time: the service keeps up, and nothing queues."""
    simulation = Simulation(servers=10_000, takes=lambda _: 0.01, rate=500 / slow, seed=seed)
    simulation.run(3.0)
    simulation.takes = lambda _: slow
    assert turned_away(simulation, 30.0) == 0


def test_slow_requests_among_fast_ones_of_their_route_are_never_limited() -> None:
    simulation = Simulation(servers=10_000, takes=lambda _: 0.01, rate=150.0)
    simulation.run(3.0)
    simulation.takes = lambda chance: 8.0 if chance.random() < 0.4 else 0.01
    assert turned_away(simulation, 30.0) == 0


def test_an_overload_that_comes_at_once_is_met_within_two_seconds() -> None:
    simulation = a_service()
    simulation.rate = 5 * CAPACITY
    simulation.run(1.0)
    assert simulation.adaptive.limit < 4 * SERVERS
    simulation.run(6.0)
    tallies = simulation.run(10.0)
    assert tallies[THERAPEUTIC].quantile(0.99) <= 2.5 * TAKES


def test_one_that_grows_slowly_is_met_before_answers_take_three_times_as_long() -> None:
    simulation = a_service(load=0.9)
    simulation.rate = 1.1 * CAPACITY
    tallies = simulation.run(20.0)
    assert simulation.adaptive.limit < 1000
    assert tallies[THERAPEUTIC].quantile(0.99) <= 5 * TAKES
    assert simulation.run(10.0)[THERAPEUTIC].quantile(0.99) <= 3 * TAKES


def test_a_step_from_milliseconds_to_seconds_lowers_the_limit_and_leaves_therapy_its_time() -> None:
    """Scenario 25 of the security research: the service can do 20 a second, and is asked for 60."""
    simulation = Simulation(servers=40, takes=lambda _: 0.01, rate=60.0)
    simulation.run(5.0)
    simulation.takes = lambda _: 2.0
    simulation.run(20.0)
    assert simulation.adaptive.limit < 200
    tallies = simulation.run(20.0)
    assert tallies[THERAPEUTIC].turned_away <= 0.02 * tallies[THERAPEUTIC].offered
    assert tallies[THERAPEUTIC].quantile(0.99) <= 6.0
    for traffic in (STANDARD, BACKGROUND):
        assert tallies[traffic].turned_away >= 0.2 * tallies[traffic].offered


def test_a_minute_after_an_overload_nothing_is_limited_any_more() -> None:
    simulation = a_service()
    simulation.rate = 5 * CAPACITY
    simulation.run(5.0)
    simulation.rate = 20.0
    simulation.run(70.0)
    assert simulation.adaptive.limit > simulation.adaptive._enough
    simulation.run(50.0)
    assert simulation.adaptive.is_free()
    assert not simulation.adaptive.is_short(simulation.now)


def test_a_worker_that_begins_under_overload_finds_the_limit_too() -> None:
    simulation = Simulation(servers=SERVERS, takes=evenly, rate=5 * CAPACITY)
    simulation.run(20.0)
    since = simulation.now
    tallies = simulation.run(10.0)
    assert the_mean(simulation, since) <= 1.8 * SERVERS
    assert tallies[THERAPEUTIC].quantile(0.99) <= 3 * TAKES


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_flood_of_crises_leaves_therapy_its_room(seed: int) -> None:
    simulation = a_service(seed=seed)
    simulation.mix = {CRISIS: 0.9, THERAPEUTIC: 0.1}
    simulation.rate = 2 * CAPACITY
    simulation.run(2.0)
    assert simulation.run(20.0)[THERAPEUTIC].share >= 0.97


# One look at a time


def answers(adaptive: Adaptive, timing: Timing, *, took: float, of: int = 60, at: float) -> None:
    for _ in range(of):
        adaptive.observe(timing, took, at)


def a_limit(timing: Timing, *, most: int = 100, relief: float = 1.0) -> Adaptive:
    """One that knows what is typical."""
    adaptive = Adaptive(least=2, most=most)
    answers(adaptive, timing, took=0.1, at=0.0)
    adaptive.look(1.0, in_flight=0, peak=0, wanted=False, relief=relief)
    return adaptive


def test_answers_that_are_bad_take_it_down_at_once_and_never_below_the_least() -> None:
    adaptive = a_limit(Timing(), most=10)
    for now in range(2, 12):
        for _ in range(60):
            adaptive.failed()
        adaptive.look(float(now), in_flight=0, peak=0, wanted=True)
    assert adaptive.limit == 2


def test_bad_answers_of_a_service_that_is_asked_little_are_no_sign_of_too_much() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    for second in range(2, 20):
        answers(adaptive, timing, took=0.1, at=second - 1.0)
        adaptive.look(float(second), in_flight=5, peak=30, wanted=False)
    for _ in range(60):
        adaptive.failed()
    assert adaptive.look(20.0, in_flight=5, peak=49, wanted=False) == 100


def test_bad_answers_where_more_than_usual_is_asked_bring_it_down_to_what_was_asked() -> None:
    timing = Timing()
    adaptive = a_limit(timing, most=1000)
    for now in (2.0, 3.0):
        answers(adaptive, timing, took=0.1, at=now - 1.0)
        adaptive.look(now, in_flight=20, peak=20, wanted=False)
    for _ in range(60):
        adaptive.failed()
    assert adaptive.look(4.0, in_flight=20, peak=100, wanted=False) == 70


def test_a_few_bad_answers_among_many_change_nothing() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.1, at=1.0)
    adaptive.failed()
    assert adaptive.look(2.0, in_flight=5, peak=5, wanted=False) == 100


def test_answers_to_what_was_asked_before_an_easing_do_not_judge_it() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.3, of=100, at=1.0)
    assert adaptive.look(2.0, in_flight=100, peak=100, wanted=True) < 40
    answers(adaptive, timing, took=0.3, of=200, at=1.5)
    before = adaptive.limit
    assert adaptive.look(3.0, in_flight=5, peak=5, wanted=True) == int(before)
    assert adaptive.look(3.5, in_flight=90, peak=90, wanted=True) == int(before)


def test_where_easing_does_not_help_the_old_limit_is_back() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.1, of=1, at=1.0)
    answers(adaptive, timing, took=0.3, of=99, at=1.0)
    assert adaptive.look(2.0, in_flight=30, peak=30, wanted=True) < 30
    answers(adaptive, timing, took=0.3, of=200, at=2.5)
    assert adaptive.look(4.0, in_flight=5, peak=5, wanted=True) == 100
    assert adaptive.ratio == 1.0
    assert adaptive.typical == pytest.approx(0.3, rel=0.01)


def test_where_what_is_asked_is_what_is_needed_nothing_queues() -> None:
    """All took three times as long, and none less: what was under way is that, times the rate."""
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.3, of=333, at=1.0)
    assert adaptive.look(2.0, in_flight=100, peak=100, wanted=True) == 100


def test_a_moment_s_stall_of_a_few_is_no_reason_to_limit_anything() -> None:
    timing = Timing()
    adaptive = a_limit(timing, most=1000)
    answers(adaptive, timing, took=0.1, of=1, at=1.0)
    answers(adaptive, timing, took=0.3, of=99, at=1.0)
    assert adaptive.look(2.0, in_flight=60, peak=60, wanted=False) == 1000
    answers(adaptive, timing, took=0.1, of=1, at=2.0)
    answers(adaptive, timing, took=0.3, of=99, at=2.0)
    assert adaptive.look(3.0, in_flight=160, peak=160, wanted=False) < 100


def test_an_easing_that_those_who_were_let_in_outlast_is_taken_back() -> None:
    """A few slow requests have all the room that is left."""
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.1, of=1, at=1.0)
    answers(adaptive, timing, took=0.3, of=99, at=1.0)
    limit = adaptive.look(2.0, in_flight=30, peak=30, wanted=True)
    assert limit < 30
    for tick in range(1, 75):
        assert adaptive.look(2.0 + tick / 5, in_flight=limit, peak=limit, wanted=True) == limit
    assert adaptive.look(17.2, in_flight=limit, peak=limit, wanted=True) == 100


def test_where_so_little_is_asked_that_it_cannot_be_why_it_is_believed() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.4, of=12, at=1.0)
    assert adaptive.look(5.0, in_flight=1, peak=1, wanted=False) == 100
    assert adaptive.ratio == 1.0


def test_few_at_once_are_not_eased_for_taking_a_little_longer() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.16, of=20, at=1.0)
    assert adaptive.look(2.0, in_flight=3, peak=3, wanted=False) == 100


def test_as_many_endpoints_more_have_as_many_times_the_limit() -> None:
    adaptive = a_limit(Timing())
    adaptive.scale(0.5)
    assert adaptive.limit == 50
    adaptive.most = 70
    adaptive.scale(1000.0)
    assert adaptive.limit == 70


def test_one_answer_that_takes_for_ever_is_no_sign() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.1, at=1.0)
    adaptive.observe(timing, 30.0, 1.0)
    adaptive.look(2.0, in_flight=5, peak=5, wanted=False)
    assert adaptive.ratio < 1.15


def test_a_route_that_takes_long_is_no_sign_beside_one_that_does_not() -> None:
    quick, slow = Timing(), Timing()
    adaptive = a_limit(quick)
    for now in range(1, 40):
        many = 50 if now % 2 else 10
        answers(adaptive, quick, took=0.1, of=60 - many, at=float(now))
        answers(adaptive, slow, took=2.0, of=many, at=float(now))
        adaptive.look(now + 1.0, in_flight=50, peak=50, wanted=False)
    assert adaptive.limit == 100
    assert 0.8 <= adaptive.ratio <= 1.2


def a_limit_that_was_found(timing: Timing) -> Adaptive:
    """One of 100 that was eased: 333 are answered in a second, which needs 43 at once."""
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.1, of=1, at=1.0)
    answers(adaptive, timing, took=0.3, of=332, at=1.0)
    assert adaptive.look(2.0, in_flight=100, peak=100, wanted=True) == 36
    answers(adaptive, timing, took=0.13, of=200, at=2.5)
    assert adaptive.look(3.0, in_flight=36, peak=36, wanted=True) == 47
    return adaptive


def test_a_limit_that_is_met_all_the_time_is_doubted() -> None:
    timing = Timing()
    adaptive = a_limit_that_was_found(timing)
    answers(adaptive, timing, took=0.15, of=313, at=3.1)
    assert adaptive.look(4.0, in_flight=47, peak=47, wanted=True) == 47
    answers(adaptive, timing, took=0.15, of=5 * 313, at=4.1)
    assert adaptive.look(9.0, in_flight=47, peak=47, wanted=True) == 38
    answers(adaptive, timing, took=0.125, of=200, at=9.5)
    assert adaptive.look(11.0, in_flight=37, peak=37, wanted=True) == 44
    assert adaptive.typical == pytest.approx(0.125 / 1.1, rel=0.05)


def test_a_limit_that_is_met_now_and_then_is_not_doubted() -> None:
    timing = Timing()
    adaptive = a_limit_that_was_found(timing)
    answers(adaptive, timing, took=0.15, of=5 * 100, at=4.1)  # on average 13 at once
    assert adaptive.look(9.0, in_flight=47, peak=47, wanted=True) == 47


def test_a_limit_that_was_met_for_a_moment_is_not_doubted() -> None:
    timing = Timing()
    adaptive = a_limit_that_was_found(timing)
    answers(adaptive, timing, took=0.15, of=5 * 313, at=4.1)
    adaptive.look(9.0, in_flight=47, peak=47, wanted=False)
    answers(adaptive, timing, took=0.15, of=63, at=9.0)
    assert adaptive.look(9.2, in_flight=47, peak=47, wanted=True) == 47


def test_a_doubt_tells_nothing_where_as_much_is_asked_all_the_same() -> None:
    timing = Timing()
    adaptive = a_limit_that_was_found(timing)
    answers(adaptive, timing, took=0.15, of=200, at=3.1)
    assert adaptive.look(4.0, in_flight=35, peak=47, wanted=True) == 47
    answers(adaptive, timing, took=0.15, of=1100, at=4.1)
    assert adaptive.look(9.0, in_flight=35, peak=47, wanted=True) == 38
    typical = adaptive.typical
    answers(adaptive, timing, took=0.15, of=200, at=9.5)
    assert adaptive.look(11.0, in_flight=34, peak=34, wanted=True) == 47
    assert adaptive.typical == typical


def test_where_nothing_came_for_a_while_what_came_to_be_under_way_is_no_sign() -> None:
    """The route takes two seconds from now on: three hundred are under way before one is back."""
    timing = Timing()
    adaptive = a_limit(timing, most=1000)
    for tick in range(1, 11):
        adaptive.look(1.0 + tick / 5, in_flight=30 * tick, peak=30 * tick, wanted=False)
    for tick in range(11, 60):
        answers(adaptive, timing, took=2.0, of=30, at=1.0)
        now = 1.0 + tick / 5
        assert adaptive.look(now, in_flight=300, peak=300, wanted=False) == 1000
    assert adaptive.typical == pytest.approx(2.0)


def test_an_answer_that_came_before_it_was_asked_for_took_some_time_all_the_same() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    for now in (2.0, 3.0, 4.0):
        answers(adaptive, timing, took=-0.1, at=now - 1.0)
        assert adaptive.look(now, in_flight=0, peak=5, wanted=False) == 100
    assert adaptive.typical > 0.0


def test_without_an_answer_there_is_nothing_to_judge() -> None:
    adaptive = Adaptive(least=2, most=1000)
    assert adaptive.look(5.0, in_flight=3, peak=3, wanted=False) == 1000
    assert adaptive.look(6.0, in_flight=1000, peak=1000, wanted=True) == 1000


def test_a_few_answers_of_routes_that_nobody_knows_tell_nothing() -> None:
    adaptive = a_limit(Timing())
    for timing in (Timing(), Timing()):
        answers(adaptive, timing, took=9.0, of=6, at=1.0)
    assert adaptive.look(3.0, in_flight=5, peak=5, wanted=False) == 100
    assert adaptive.ratio == 1.0


def test_what_was_timed_by_one_who_was_late_tells_nothing() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.9, of=200, at=1.0)
    assert adaptive.pass_over(2.0, in_flight=50) == 100
    answers(adaptive, timing, took=0.9, of=200, at=1.5)  # asked before that
    assert adaptive.look(2.9, in_flight=50, peak=50, wanted=False) == 100
    assert adaptive.ratio == 1.0
    assert adaptive.look(3.1, in_flight=50, peak=50, wanted=False) == 100
    for now in (3.3, 3.5):  # what takes longer than the worker was late is what it is
        answers(adaptive, timing, took=1.8, of=200, at=1.5)
        adaptive.look(now, in_flight=50, peak=50, wanted=False)
    assert adaptive.ratio > 10.0


def test_each_route_takes_what_it_takes() -> None:
    quick, slow = Timing(), Timing()
    adaptive = a_limit(quick)
    assert adaptive.takes(quick) == pytest.approx(0.1)
    assert adaptive.takes(slow) == 0.0
    answers(adaptive, slow, took=2.0, at=1.0)
    adaptive.look(2.0, in_flight=0, peak=0, wanted=False)
    assert adaptive.takes(slow) == pytest.approx(2.0, rel=0.1)
    assert adaptive.takes(quick) == pytest.approx(0.1, rel=0.1)


def test_an_easing_of_which_nothing_can_be_seen_is_undone_after_a_while() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    for now in (3.0, 4.0, 5.0):
        answers(adaptive, timing, took=0.5, at=now - 0.6)
        adaptive.look(now, in_flight=50, peak=50, wanted=True)
    assert adaptive.limit < 50
    limits = [adaptive.pass_over(5.0 + late, in_flight=30) for late in range(1, 300)]
    assert limits[:10] == [int(limits[0])] * 10
    assert limits[20:] == [100] * len(limits[20:])
    assert adaptive.is_free()


@pytest.mark.parametrize(("relief", "limit"), [(0.2, 36), (0.09, 100)])
def test_less_is_asked_only_for_the_sake_of_somebody(relief: float, limit: int) -> None:
    timing = Timing()
    adaptive = a_limit(timing, relief=0.0)
    answers(adaptive, timing, took=0.1, of=1, at=1.0)
    answers(adaptive, timing, took=0.3, of=332, at=1.0)
    assert adaptive.look(2.0, in_flight=100, peak=100, wanted=True, relief=relief) == limit


def test_a_limit_is_lifted_when_nobody_asks_any_more_for_whose_sake_it_was() -> None:
    adaptive = a_limit_that_was_found(Timing())
    assert adaptive.look(3.2, in_flight=47, peak=47, wanted=True, relief=0.06) == 47
    assert 69 < adaptive.look(3.4, in_flight=47, peak=47, wanted=True, relief=0.04) < 73
    assert adaptive.look(3.6, in_flight=70, peak=70, wanted=True, relief=0.06) == 100
    assert adaptive.is_free()


def test_an_easing_ends_when_nobody_asks_any_more_for_whose_sake_it_was() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.3, of=100, at=1.0)
    assert adaptive.look(2.0, in_flight=100, peak=100, wanted=True) < 40
    assert adaptive.look(2.2, in_flight=100, peak=100, wanted=True, relief=0.0) == 100
    assert adaptive.is_free()


def test_bad_answers_where_all_are_of_one_class_change_nothing() -> None:
    adaptive = a_limit(Timing(), most=10)
    for _ in range(60):
        adaptive.failed()
    assert adaptive.look(2.0, in_flight=0, peak=10, wanted=True, relief=0.0) == 10


def test_an_easing_ends_though_what_was_asked_before_never_does() -> None:
    timing = Timing()
    adaptive = a_limit(timing)
    answers(adaptive, timing, took=0.3, of=100, at=1.0)
    assert adaptive.look(2.0, in_flight=100, peak=100, wanted=True) < 40
    assert adaptive.look(31.0, in_flight=90, peak=90, wanted=True) < 40
    assert adaptive.look(32.5, in_flight=90, peak=90, wanted=True) == 100


def asked_with_bodies(adaptive: Adaptive, now: float, *, passed: int = 0, failed: int = 0) -> int:
    """Return the limit after a second in which so many uploads were answered."""
    for _ in range(passed):
        adaptive.passed()
    for _ in range(failed):
        adaptive.failed()
    return adaptive.look(now, in_flight=0, peak=1000, wanted=True)


def test_a_service_of_uploads_is_asked_less_when_it_fails_and_more_when_it_does_not() -> None:
    adaptive = Adaptive(least=2, most=1024)
    assert asked_with_bodies(adaptive, 1.0, passed=50) == 1024
    for second in range(2, 30):
        asked_with_bodies(adaptive, float(second), failed=50)
    assert adaptive.limit == 2
    for second in range(30, 60):
        asked_with_bodies(adaptive, float(second), passed=45, failed=5)
    assert adaptive.limit > 32


def test_an_easing_is_taken_back_where_nothing_tells_any_more_what_came_of_it() -> None:
    adaptive, timing = Adaptive(least=2, most=1024), Timing()
    now, took = 0.0, 0.1
    while (easing := adaptive._easing) is None:
        adaptive.observe(timing, 0.1, now)
        for _ in range(100):
            adaptive.observe(timing, took, now)
        now, took = now + 1.0, 0.1 if now < 3.0 else 0.5
        adaptive.look(now, in_flight=0, peak=64, wanted=True)
    before = easing.limit
    assert asked_with_bodies(adaptive, now + 1.0, passed=50) < before
    assert asked_with_bodies(adaptive, now + 9.0, passed=50) == int(before)
