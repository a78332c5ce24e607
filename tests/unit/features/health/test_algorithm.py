"""The state of an endpoint, and the time of its next check."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.health.algorithm import (
    NEXT,
    Event,
    Progress,
    State,
    begun,
    learn,
    pause,
    told,
)

RESULTS = st.lists(st.booleans(), max_size=60)
LIMITS = st.integers(min_value=1, max_value=6)


def after(
    results: list[bool],
    state: State = State.UP,
    *,
    unhealthy: int = 3,
    healthy: int = 2,
    held: bool = False,
) -> Progress:
    progress = Progress(state)
    for passed in results:
        progress = learn(progress, passed=passed, unhealthy=unhealthy, healthy=healthy, held=held)
    return progress


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_event_leads_somewhere_from_every_state(state: State, event: Event) -> None:
    assert isinstance(NEXT[state, event], State)


def test_three_failures_in_a_row_bring_an_endpoint_down() -> None:
    states = [after([False] * count).state for count in (1, 2, 3)]
    assert states == [State.FAILING, State.FAILING, State.DOWN]


def test_a_success_between_failures_begins_the_count_anew() -> None:
    assert after([False, False, True, False, False]).state is State.FAILING


def test_two_successes_in_a_row_bring_it_back() -> None:
    states = [after([True] * count, State.DOWN).state for count in (1, 2)]
    assert states == [State.RECOVERING, State.UP]
    assert after([True, False, True], State.DOWN).state is State.RECOVERING


def test_the_first_success_is_enough_for_one_that_starts() -> None:
    assert after([False] * 50, State.STARTING).state is State.STARTING
    assert after([True], State.STARTING).state is State.UP


def test_who_was_there_before_is_proved_by_one_success_and_down_after_enough_failures() -> None:
    assert after([True], State.UNPROVED).state is State.UP
    assert after([False, False], State.UNPROVED) == Progress(State.UNPROVED, 2)
    assert after([False, True], State.UNPROVED).state is State.UP
    assert after([False] * 3, State.UNPROVED).state is State.DOWN


def test_one_is_enough_where_one_is_said_to_be() -> None:
    assert after([False], unhealthy=1).state is State.DOWN
    assert after([True], State.DOWN, healthy=1).state is State.UP


def test_what_is_held_does_not_come_down_and_needs_as_many_failures_again() -> None:
    held = after([False] * 50, held=True)
    assert held == Progress(State.FAILING, 1)
    once_more = learn(held, passed=False, unhealthy=3, healthy=2)
    assert once_more.state is State.FAILING
    assert learn(once_more, passed=False, unhealthy=3, healthy=2).state is State.DOWN


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.STARTING, "starting"),
        (State.UNPROVED, "unproved"),
        (State.UP, "up"),
        (State.FAILING, "up"),
        (State.DOWN, "down"),
        (State.RECOVERING, "down"),
    ],
)
def test_workers_are_told_of_three_states(state: State, said: str) -> None:
    assert told(state) == said


def test_it_goes_on_from_what_workers_have_been_told() -> None:
    assert [begun("starting"), begun("up"), begun("down")] == [
        Progress(State.STARTING),
        Progress(State.UP),
        Progress(State.DOWN),
    ]


@given(RESULTS, LIMITS, LIMITS, st.sampled_from(State))
def test_it_changes_after_exactly_so_many_results_that_speak_against_it(
    results: list[bool], unhealthy: int, healthy: int, state: State
) -> None:
    """Compared with what one would write on paper."""
    progress, unproved = Progress(state), state is State.UNPROVED
    up, starting, against = told(state) in ("up", "unproved"), state is State.STARTING, 0
    for passed in results:
        progress = learn(progress, passed=passed, unhealthy=unhealthy, healthy=healthy)
        against = 0 if passed == up else against + 1
        unproved = unproved and not passed and against < unhealthy
        if starting:
            starting = not passed
            up = passed
            against = 0
        elif against >= (unhealthy if up else healthy):
            up, against = not up, 0
        asked = "unproved" if unproved else "up" if up else "down"
        assert told(progress.state) == ("starting" if starting else asked)


@given(RESULTS, LIMITS, LIMITS)
def test_what_is_held_stays_up(results: list[bool], unhealthy: int, healthy: int) -> None:
    progress = after(results, unhealthy=unhealthy, healthy=healthy, held=True)
    assert told(progress.state) == "up"


def due(state: State, *, interval: float = 2.0, idle: float = 0.0, chance: float = 0.5) -> float:
    return pause(state, interval=interval, jitter=0.1, idle=idle, chance=chance)


def test_it_is_looked_at_faster_while_something_changes() -> None:
    changing = (State.STARTING, State.UNPROVED, State.FAILING, State.RECOVERING)
    assert [due(one) for one in changing] == [0.5, 0.5, 0.5, 0.5]
    assert [due(one) for one in (State.UP, State.DOWN)] == [2.0, 2.0]
    assert due(State.FAILING, interval=0.5) == 0.25
    assert due(State.FAILING, interval=0.1) == 0.1


def test_it_is_looked_at_more_slowly_while_nobody_asks() -> None:
    assert [due(State.UP, idle=idle) for idle in (59.9, 60.0)] == [2.0, 8.0]
    assert due(State.FAILING, idle=3600.0) == 0.5


@given(
    st.sampled_from(State),
    st.floats(0.01, 1e6),
    st.floats(0.0, 0.5),
    st.floats(0.0, 1e6),
    st.floats(0.0, 1.0),
)
def test_a_pause_keeps_within_its_jitter(
    state: State, interval: float, jitter: float, idle: float, chance: float
) -> None:
    exact = pause(state, interval=interval, jitter=0.0, idle=idle, chance=chance)
    found = pause(state, interval=interval, jitter=jitter, idle=idle, chance=chance)
    assert exact * (1 - jitter) * 0.999 <= found <= exact * (1 + jitter) * 1.001
    assert interval * 0.24 <= exact <= interval * 4 or exact >= 0.25
