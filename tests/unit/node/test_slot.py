"""When the next worker is due in a slot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.node.slot import (
    LIVED,
    LONGEST_PAUSE,
    LONGEST_SILENCE,
    LONGEST_START,
    NEVER,
    Slot,
    State,
    pause,
)


def dying(*ages: float) -> Slot:
    """Return a slot whose workers have got so old, each started as soon as it was due."""
    slot, now = Slot(0), 0.0
    for age in ages:
        now = max(now, slot.due)
        slot.start(now)
        slot.serve()
        now += age
        slot.end(now)
    slot.due -= now
    return slot


def test_a_slot_begins_with_a_worker_due_at_once() -> None:
    assert (Slot(0).due, Slot(0).state) == (0.0, State.EMPTY)


def test_no_second_worker_is_due_while_one_is_there() -> None:
    slot = Slot(0)
    slot.start(5.0)
    assert (slot.due, slot.state) == (NEVER, State.STARTING)
    slot.serve()
    assert (slot.due, slot.state) == (NEVER, State.SERVING)


@pytest.mark.parametrize("ages", [(LIVED,), (0.1,), (0.1, LIVED), (LIVED, 0.1)])
def test_a_worker_that_died_is_replaced_at_once(ages: tuple[float, ...]) -> None:
    assert dying(*ages).due == 0.0


def test_workers_that_die_young_are_given_longer_and_longer_pauses() -> None:
    pauses = [dying(*[0.1] * deaths).due for deaths in range(1, 10)]
    assert pauses == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_one_that_lived_makes_all_forgotten() -> None:
    assert dying(*[0.1] * 8, LIVED, 0.1).due == 0.0


@given(st.integers(0, 10_000))
def test_no_pause_is_longer_than_the_longest(young: int) -> None:
    assert 0.0 <= pause(young) <= LONGEST_PAUSE


def test_nobody_follows_a_worker_that_was_asked_to_end() -> None:
    slot = Slot(0)
    slot.start(0.0)
    slot.serve()
    slot.leave()
    slot.end(1.0)
    assert (slot.due, slot.deaths, slot.state) == (NEVER, 0, State.EMPTY)


def test_a_slot_that_is_empty_stays_so_when_all_are_asked_to_end() -> None:
    slot = Slot(0)
    slot.leave()
    assert (slot.due, slot.state) == (NEVER, State.EMPTY)


def test_a_late_word_of_a_worker_that_leaves_changes_nothing() -> None:
    slot = Slot(0)
    slot.start(0.0)
    slot.leave()
    slot.serve()
    assert slot.state is State.LEAVING


def test_a_worker_is_late_when_it_should_long_have_served() -> None:
    slot = Slot(0)
    slot.start(0.0)
    late = [slot.is_late(now) for now in (1.0, LONGEST_START, LONGEST_START + 0.1)]
    assert late == [False, False, True]
    assert not slot.is_late(LONGEST_START + 0.2)  # told once for each start


def test_a_worker_that_serves_is_not_late() -> None:
    slot = Slot(0)
    slot.start(0.0)
    slot.serve()
    assert not slot.is_late(1e9)


def serving() -> Slot:
    """Return a slot whose worker serves from the beginning."""
    slot = Slot(0)
    slot.start(0.0)
    slot.serve()
    return slot


SECONDS = range(int(LONGEST_SILENCE) + 2)


def test_a_worker_is_silent_when_its_beats_have_long_been_the_same() -> None:
    slot = serving()
    silent = [slot.is_silent(7, float(now)) for now in SECONDS]
    assert silent == [False] * (len(SECONDS) - 1) + [True]


def test_a_silent_worker_is_told_again_only_after_as_long() -> None:
    slot = serving()
    silent = [slot.is_silent(7, float(now)) for now in range(2 * len(SECONDS))]
    assert silent.count(True) == 2


def test_a_worker_that_beats_is_not_silent() -> None:
    slot = serving()
    assert not any(slot.is_silent(now, float(now)) for now in range(100))


def test_a_worker_that_does_not_serve_yet_is_not_silent() -> None:
    slot = Slot(0)
    slot.start(0.0)
    assert not any(slot.is_silent(7, float(now)) for now in SECONDS)
    slot.serve()
    assert not slot.is_silent(7, SECONDS[-1] + 1.0)


def test_the_next_is_due_at_once_where_a_worker_leaves_by_itself() -> None:
    slot = serving()
    slot.version = 3
    slot.leave_to_next(5.0)
    assert (slot.due, slot.state, slot.deaths, slot.version) == (5.0, State.EMPTY, 0, 0)


def test_a_slot_that_was_left_is_forsaken_from_then_on() -> None:
    slot = serving()
    slot.leave_to_next(5.0)
    assert [slot.is_forsaken(now) for now in (5.0, 5.2, 5.3)] == [False, False, True]


def test_deaths_are_counted() -> None:
    assert dying(0.1, 20.0, 0.1).deaths == 3


def test_it_says_where_it_stands() -> None:
    assert repr(dying(0.1)) == "<slot 0: empty, 1 deaths>"


def test_who_is_missed_most_is_back_sooner() -> None:
    slot = Slot(0)
    for _ in range(20):
        slot.start(0.0)
        slot.end(0.0, longest=0.5)
    assert slot.due == 0.5
