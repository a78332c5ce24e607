"""The sweeper, on a loop that turns by hand."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.edge.sweeper import INTERVAL, NEAR, NEVER, Sweeper

SLICE = 1000
AT_ONCE = 0.0


class Guarded:
    """Something with a deadline; `does` is what it does then."""

    def __init__(self, deadline: float = AT_ONCE, does: Callable[[], None] = lambda: None) -> None:
        self.deadline = deadline
        self.told: list[float] = []
        self.does = does

    def on_deadline(self, now: float) -> None:
        self.deadline = NEVER
        self.told.append(now)
        self.does()


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop(now=100.0)


@pytest.fixture
def sweeper(loop: FakeLoop) -> Iterator[Sweeper]:
    made = Sweeper(loop.real, loop.time)
    made.start()
    yield made
    made.stop()


def watch(sweeper: Sweeper, *many: Guarded) -> None:
    for one in many:
        sweeper.watch(one)


def told(many: list[Guarded]) -> int:
    return sum(len(one.told) for one in many)


def test_it_knows_the_time_before_it_has_looked(loop: FakeLoop) -> None:
    assert Sweeper(loop.real, loop.time).now == 100.0


def test_it_looks_at_nothing_before_it_is_started(loop: FakeLoop) -> None:
    sweeper, one = Sweeper(loop.real, loop.time), Guarded()
    sweeper.watch(one)
    loop.advance(10 * INTERVAL)
    assert one.told == []


def test_it_may_be_stopped_before_it_is_started(loop: FakeLoop) -> None:
    Sweeper(loop.real, loop.time).stop()


def test_its_time_is_that_of_its_last_look(loop: FakeLoop, sweeper: Sweeper) -> None:
    loop.advance(1.5 * INTERVAL)
    assert sweeper.now == 100.0 + INTERVAL


def test_who_is_late_is_told_at_the_next_look(loop: FakeLoop, sweeper: Sweeper) -> None:
    one = Guarded(deadline=101.0)
    sweeper.watch(one)
    loop.advance(1.0 + 1.5 * INTERVAL)
    assert [round(now - 101.0, 6) <= INTERVAL for now in one.told] == [True]


def test_who_has_time_is_left_alone(loop: FakeLoop, sweeper: Sweeper) -> None:
    one = Guarded(deadline=101.0)
    sweeper.watch(one)
    loop.advance(1.0 - INTERVAL / 2)
    assert one.told == []


def test_a_deadline_that_is_never_does_not_come(loop: FakeLoop, sweeper: Sweeper) -> None:
    one = Guarded(deadline=NEVER)
    sweeper.watch(one)
    loop.advance(1e3 * INTERVAL)
    assert one.told == []


def test_who_sets_another_deadline_is_told_again(loop: FakeLoop, sweeper: Sweeper) -> None:
    one = Guarded()
    one.does = lambda: setattr(one, "deadline", AT_ONCE)
    sweeper.watch(one)
    loop.advance(3.5 * INTERVAL)
    assert len(one.told) == 3


def test_who_is_forgotten_is_not_told(loop: FakeLoop, sweeper: Sweeper) -> None:
    one = Guarded()
    sweeper.watch(one)
    sweeper.forget(one)
    loop.advance(2 * INTERVAL)
    assert one.told == []


def test_who_was_never_watched_may_be_forgotten(sweeper: Sweeper) -> None:
    sweeper.forget(Guarded())


def test_of_two_who_forget_each_other_one_is_told(loop: FakeLoop, sweeper: Sweeper) -> None:
    first, second = Guarded(), Guarded()
    first.does = lambda: sweeper.forget(second)
    second.does = lambda: sweeper.forget(first)
    watch(sweeper, first, second)
    loop.advance(1.5 * INTERVAL)
    assert told([first, second]) == 1


def test_who_is_watched_from_within_a_look_waits_for_the_next(
    loop: FakeLoop, sweeper: Sweeper
) -> None:
    second = Guarded()
    sweeper.watch(Guarded(does=lambda: sweeper.watch(second)))
    loop.advance(1.5 * INTERVAL)
    assert second.told == []


def test_a_look_at_many_takes_a_turn_for_each_slice(loop: FakeLoop, sweeper: Sweeper) -> None:
    many = [Guarded() for _ in range(2 * SLICE + 1)]
    watch(sweeper, *many)
    seen: list[int] = []
    sweeper._tick()
    for _ in range(3):
        seen.append(told(many))
        loop.turn()
    assert seen == [SLICE, 2 * SLICE, 2 * SLICE + 1]


def test_who_is_forgotten_between_two_slices_is_not_told(loop: FakeLoop, sweeper: Sweeper) -> None:
    many = [Guarded() for _ in range(2 * SLICE)]
    watch(sweeper, *many)
    sweeper._tick()
    for one in many:
        sweeper.forget(one)
    loop.run_ready()
    assert told(many) == SLICE


def fails() -> None:
    raise ValueError("of a connection")


def reported(loop: FakeLoop) -> list[str]:
    return [str(one["exception"]) for one in loop.faults]


def test_a_fault_in_one_keeps_no_other_from_its_look(loop: FakeLoop, sweeper: Sweeper) -> None:
    many = [Guarded(does=fails) for _ in range(2 * SLICE)]
    watch(sweeper, *many)
    loop.advance(1.1 * INTERVAL)
    assert told(many) == 2 * SLICE
    assert reported(loop) == ["of a connection"] * (2 * SLICE)


def test_a_fault_in_one_call_of_a_tick_keeps_no_other_from_being_called(
    loop: FakeLoop, sweeper: Sweeper
) -> None:
    calls: list[float] = []
    late = Guarded()
    sweeper.watch(late)
    sweeper.each_tick += [fails, lambda: calls.append(sweeper.now)]
    loop.advance(1.5 * INTERVAL)
    assert calls == [100.0 + INTERVAL]
    assert late.told == [100.0 + INTERVAL]
    assert reported(loop) == ["of a connection"]


def test_every_tick_calls_what_is_to_be_called(loop: FakeLoop, sweeper: Sweeper) -> None:
    calls: list[float] = []
    sweeper.each_tick.append(lambda: calls.append(sweeper.now))
    loop.advance(2.5 * INTERVAL)
    assert calls == [100.0 + INTERVAL, 100.0 + 2 * INTERVAL]


def test_behind_its_end_nothing_is_called(loop: FakeLoop, sweeper: Sweeper) -> None:
    calls: list[float] = []
    sweeper.each_tick.append(lambda: calls.append(sweeper.now))
    sweeper.stop()
    loop.advance(2.5 * INTERVAL)
    assert calls == []


def hold(loop: FakeLoop, seconds: float) -> None:
    """Let time pass in which no timer is looked at: something holds the loop."""
    loop._now += seconds


def test_it_does_not_lag_before_it_has_looked(loop: FakeLoop) -> None:
    assert Sweeper(loop.real, loop.time).lag == 0.0


def test_a_look_in_time_does_not_lag(loop: FakeLoop, sweeper: Sweeper) -> None:
    loop.advance(3.5 * INTERVAL)
    assert sweeper.lag == pytest.approx(0.0)


def test_its_lag_is_how_late_the_last_look_came(loop: FakeLoop, sweeper: Sweeper) -> None:
    hold(loop, INTERVAL + 0.05)
    sweeper._tick()
    assert sweeper.lag == pytest.approx(0.05)


def test_a_look_that_comes_early_does_not_lag(loop: FakeLoop, sweeper: Sweeper) -> None:
    hold(loop, INTERVAL / 2)
    sweeper._tick()
    assert sweeper.lag == 0.0


def test_who_was_held_once_does_not_lag_for_ever(loop: FakeLoop, sweeper: Sweeper) -> None:
    hold(loop, INTERVAL + 0.05)
    sweeper._tick()
    hold(loop, INTERVAL)
    sweeper._tick()
    assert sweeper.lag == pytest.approx(0.0)


def test_the_lag_is_known_to_what_is_called_at_a_tick(loop: FakeLoop, sweeper: Sweeper) -> None:
    seen: list[float] = []
    sweeper.each_tick.append(lambda: seen.append(sweeper.lag))
    hold(loop, INTERVAL + 0.05)
    sweeper._tick()
    assert seen == [pytest.approx(0.05)]


# Those whose deadline is far


class Counted(Guarded):
    """Somebody with a deadline, who counts how often it is looked at."""

    def __init__(self, deadline: float = AT_ONCE) -> None:
        self.looks = 0
        super().__init__(deadline)

    @property
    def deadline(self) -> float:
        self.looks += 1
        return self._deadline

    @deadline.setter
    def deadline(self, value: float) -> None:
        self._deadline = value


def calm(sweeper: Sweeper, *many: Guarded) -> None:
    for one in many:
        sweeper.watch_calmly(one)


def test_who_has_long_time_is_looked_at_once_a_second(loop: FakeLoop, sweeper: Sweeper) -> None:
    """Thousands of idle clients: a twentieth of a worker that has little time otherwise."""
    many = [Counted(deadline=1000.0) for _ in range(1000)]
    calm(sweeper, *many)
    loop.advance(2 * INTERVAL + 0.01)  # new ones are near, until they have been looked at
    before = sum(one.looks for one in many)
    loop.advance(2.0)
    looks = (sum(one.looks for one in many) - before) / len(many)
    assert looks == 2


@given(
    deadlines=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=30),
    held=st.floats(0.0, 3.0),
)
def test_a_far_deadline_is_told_of_as_soon_as_a_near_one(
    deadlines: list[float], held: float
) -> None:
    with FakeLoop(now=100.0) as loop:
        sweeper = Sweeper(loop.real, loop.time)
        sweeper.start()
        closely = [Guarded(100.0 + one) for one in deadlines]
        calmly = [Guarded(100.0 + one) for one in deadlines]
        watch(sweeper, *closely)
        calm(sweeper, *calmly)
        loop.advance(1.0)
        loop.delay(held)
        loop.advance(40.0)
        sweeper.stop()
    assert all(len(one.told) == 1 for one in closely)
    late = [b.told[0] - a.told[0] for a, b in zip(closely, calmly, strict=True)]
    assert max(late) <= 1e-6 + (held + INTERVAL if held > INTERVAL / 2 else 0.0)


def test_a_deadline_that_comes_nearer_is_told_of_in_time_if_it_is_a_round_away(
    loop: FakeLoop, sweeper: Sweeper
) -> None:
    many = [Guarded(deadline=NEVER) for _ in range(20)]
    calm(sweeper, *many)
    loop.advance(10.0)
    for one in many:
        one.deadline = 110.0 + NEAR
    loop.advance(NEAR + INTERVAL + 0.01)
    assert told(many) == len(many)


def test_one_that_is_nearer_is_told_of_in_time_if_it_hastens(
    loop: FakeLoop, sweeper: Sweeper
) -> None:
    many, stranger = [Guarded(deadline=NEVER) for _ in range(20)], Guarded()
    calm(sweeper, *many)
    loop.advance(10.0)
    for one in many:
        one.deadline = 110.2
        sweeper.hasten(one)
    sweeper.hasten(stranger)
    loop.advance(0.2 + INTERVAL + 0.01)
    assert told(many) == len(many)
    assert told([stranger]) == 0


def test_one_that_nobody_watches_any_more_is_told_of_nothing(
    loop: FakeLoop, sweeper: Sweeper
) -> None:
    many = [Guarded(deadline=NEVER) for _ in range(20)]
    many[3].does = lambda: sweeper.forget(many[3])
    calm(sweeper, *many)
    loop.advance(10.0)
    for one in many:
        one.deadline = AT_ONCE
        if one is not many[3]:
            sweeper.forget(one)
    loop.advance(2.0)
    assert told(many) == 1
    assert not sweeper._watched
    assert not any(sweeper._round)


def test_who_is_watched_twice_has_one_look(loop: FakeLoop, sweeper: Sweeper) -> None:
    one = Guarded(deadline=NEVER)
    calm(sweeper, one, Guarded(deadline=NEVER))
    sweeper.watch_calmly(one)
    sweeper.forget(one)
    one.deadline = AT_ONCE
    loop.advance(3.0)
    assert told([one]) == 0
