import pytest

from tests.helpers.worker_simulation import Worker
from tta_gateway.features.admission.pressure import Pressure
from tta_gateway.kernel.traffic import BACKGROUND, CRISIS, STANDARD, THERAPEUTIC


def pressed(looks: int) -> Pressure:
    """Pressure, of which the first two looks take no note."""
    pressure = Pressure()
    for _ in range(2 + looks):
        pressure.look(busy=1.0, lag=0.0)
    return pressure


def turned_away(pressure: Pressure, traffic: int, of: int = 1000) -> int:
    return sum(pressure.turns_away(traffic) for _ in range(of))


def test_a_worker_that_has_time_turns_nobody_away() -> None:
    pressure = Pressure()
    pressure.look(busy=0.9, lag=0.001)
    assert [turned_away(pressure, one) for one in range(4)] == [0, 0, 0, 0]


def test_background_goes_first_and_evenly() -> None:
    pressure = pressed(4)  # 0.48
    assert 470 <= turned_away(pressure, BACKGROUND) <= 490
    assert turned_away(pressure, STANDARD) == 0


def test_standard_follows_and_a_few_of_each_always_get_through() -> None:
    pressure = pressed(100)
    assert 960 <= turned_away(pressure, STANDARD) <= 980
    assert 960 <= turned_away(pressure, BACKGROUND) <= 980


def test_nobody_in_a_crisis_or_therapy_is_turned_away() -> None:
    pressure = pressed(100)
    assert turned_away(pressure, CRISIS) == turned_away(pressure, THERAPEUTIC) == 0


def test_a_loop_that_is_late_is_under_pressure_before_it_is_busy_all_the_time() -> None:
    pressure = Pressure()
    for _ in range(10):
        pressure.look(busy=0.9, lag=0.1)
    assert pressure.level > 0.5
    assert pressure.distorts(0.05)
    assert not pressure.distorts(0.5)
    assert not pressed(10).distorts(0.0)


def test_one_that_is_late_for_others_that_are_busy_turns_nobody_away() -> None:
    pressure = pressed(3)
    for _ in range(20):
        pressure.look(busy=0.3, lag=0.2)
    assert pressure.level == 0.0


def test_a_burst_is_not_enough() -> None:
    pressure = Pressure()
    for _ in range(5):
        pressure.look(busy=1.0, lag=0.05)
        pressure.look(busy=1.0, lag=0.05)
        pressure.look(busy=0.5, lag=0.05)
    assert pressure.level == 0.0


def test_it_is_over_within_ten_seconds_once_there_is_time() -> None:
    pressure = pressed(100)
    for _ in range(50):
        pressure.look(busy=0.5, lag=0.0)
    assert pressure.level == 0.0


def test_between_busy_and_easy_it_stays() -> None:
    pressure = pressed(3)
    before = pressure.level
    pressure.look(busy=0.9, lag=0.0)
    assert pressure.level == before


def test_one_that_is_very_late_turns_away_all_it_can_at_once() -> None:
    pressure = Pressure()
    pressure.look(busy=1.0, lag=0.3)
    assert pressure.level == 0.0  # it may be over already
    for _ in range(3):
        pressure.look(busy=1.0, lag=0.3)
    assert pressure.level == 2.0


# A worker, simulated


@pytest.mark.parametrize("load", [1.2, 1.6, 2.0])
def test_at_twice_what_a_worker_can_do_nothing_piles_up_and_who_is_in_need_is_served(
    load: float,
) -> None:
    """Red with a step that is always the same: at 1.6 it is more than four seconds late."""
    worker = Worker(refusing=0.4)
    worker.run(5.0, load=0.5)
    shares = worker.run(15.0, load=load)
    assert worker.latest <= 0.5
    assert shares[CRISIS].share == shares[THERAPEUTIC].share == 1.0
    assert shares[STANDARD].share >= shares[BACKGROUND].share > 0.0


def test_where_a_little_too_much_is_asked_most_of_what_can_be_done_is_done() -> None:
    worker = Worker()
    worker.run(5.0, load=0.5)
    worker.run(5.0, load=1.2)
    shares = worker.run(10.0, load=1.2)
    assert sum(one.served for one in shares.values()) >= 0.55 * 10.0 * worker.capacity
    assert worker.lag <= 0.05


def test_everybody_is_served_again_three_seconds_after_twice_what_a_worker_can_do() -> None:
    worker = Worker(refusing=0.4)
    worker.run(5.0, load=0.5)
    worker.run(15.0, load=2.0)
    worker.run(3.0, load=0.5)
    assert worker.pressure.level == 0.0
    shares = worker.run(5.0, load=0.5)
    assert all(one.share == 1.0 for one in shares.values())


def test_a_worker_that_can_do_what_is_asked_turns_nobody_away() -> None:
    shares = Worker().run(20.0, load=0.9)
    assert all(one.share == 1.0 for one in shares.values())


def test_requests_that_wait_for_it_are_as_bad_as_a_late_loop_but_distort_no_times() -> None:
    pressure, steady = Pressure(), Pressure()
    for _ in range(5):
        pressure.look(busy=1.0, lag=0.0, behind=0.5)
        steady.look(busy=1.0, lag=0.0)
    assert pressure.level > 3 * steady.level
    assert not pressure.distorts(0.01)
