"""The circuit breaker: its table, its window, its probe and its ramp."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.breaking import Broken, a_breaker, admitted, tripped
from tta_gateway.kernel.route import Breaker as Settings
from tta_gateway.upstream.breaker import NEXT, Breaker, Change, Event, State, Window

ROW = Settings(failures=3, least=1000)
START = 1000.0


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("event", list(Event))
@pytest.mark.parametrize("state", list(State))
def test_each_event_leads_where_the_table_says_or_cannot_happen(state: State, event: Event) -> None:
    breaker, _ = a_breaker(ROW)
    breaker.state = state
    expected = {
        Event.TRIPPED: {State.CLOSED: State.OPEN, State.RAMP: State.OPEN},
        Event.TOLD: dict.fromkeys(State, State.OPEN),
        Event.COOLED: {State.OPEN: State.HALF_OPEN},
        Event.PROBE_PASSED: {State.HALF_OPEN: State.RAMP},
        Event.PROBE_FAILED: {State.HALF_OPEN: State.OPEN},
        Event.RAMPED: {State.RAMP: State.CLOSED},
    }[event]
    if state not in expected:
        with pytest.raises(KeyError):
            breaker._move(event, START, "")
        assert (state, event) not in NEXT
    else:
        breaker._move(event, START, "")
        assert (breaker.state, breaker.is_closed) == (
            expected[state],
            breaker.state is State.CLOSED,
        )


def test_every_state_can_be_reached_and_left() -> None:
    assert {state for state, _ in NEXT} == set(State) == set(NEXT.values())


# --- when it trips -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad", "state"),
    [
        (0, 19, State.CLOSED),  # too few to judge
        (0, 20, State.OPEN),
        (10, 10, State.OPEN),
        (11, 10, State.CLOSED),
        (100, 99, State.CLOSED),
        (100, 100, State.OPEN),
    ],
)
def test_it_opens_when_a_share_of_enough_requests_failed(good: int, bad: int, state: State) -> None:
    breaker, _ = a_breaker(Settings())
    for failed in [False] * good + [True] * bad:
        breaker.record(breaker.ticket, failed=failed, elapsed=0.1, now=START)
    assert breaker.state is state


def test_what_failed_before_the_window_counts_no_more() -> None:
    breaker, _ = a_breaker(Settings(window=10.0))
    for number in range(100):  # never more than ten in ten seconds
        breaker.record(breaker.ticket, failed=True, elapsed=0.1, now=START + number)
    assert breaker.state is State.CLOSED


def test_failures_in_a_row_open_it_however_few_there_were() -> None:
    breaker, _ = a_breaker(ROW)
    for failed in (True, True, False, True, True):
        breaker.record(breaker.ticket, failed=failed, elapsed=0.1, now=START)
    before = breaker.state
    breaker.record(breaker.ticket, failed=True, elapsed=0.1, now=START)
    assert (before, breaker.state) == (State.CLOSED, State.OPEN)


@pytest.mark.parametrize(("slow", "state"), [(10, State.CLOSED), (11, State.OPEN)])
def test_it_opens_when_a_quantile_of_the_times_is_too_long(slow: int, state: State) -> None:
    breaker, changes = a_breaker(Settings(slow=2.0, quantile=0.9, least=100))
    for elapsed in [0.1] * (100 - slow) + [2.1] * slow:
        breaker.record(breaker.ticket, failed=False, elapsed=elapsed, now=START)
    assert breaker.state is state
    assert [one.cause for one in changes] == [
        "11 of 100 took longer than 2 s; for 10 s" for _ in range(slow - 10)
    ]


def test_without_a_limit_time_does_not_count() -> None:
    breaker, _ = a_breaker(Settings())
    for _ in range(100):
        breaker.record(breaker.ticket, failed=False, elapsed=99.0, now=START)
    assert (breaker.state, breaker.window.slow) == (State.CLOSED, 0)


def test_who_went_after_waiting_long_tells_that_it_is_slow() -> None:
    breaker, _ = a_breaker(Settings(slow=2.0, quantile=0.5))
    for elapsed in [1.0] * 50 + [3.0] * 20:
        breaker.release(breaker.ticket, elapsed=elapsed, now=START)
    assert breaker.state is State.OPEN


@given(
    st.lists(st.tuples(st.floats(0.0, 3.0), st.booleans(), st.booleans()), max_size=200),
    st.floats(0.5, 20.0),
)
def test_a_window_holds_what_happened_in_it_and_nothing_else(
    steps: list[tuple[float, bool, bool]], seconds: float
) -> None:
    window, now, seen = Window(seconds), START, []
    for pause, failed, slow in steps:
        now += pause
        window.add(now, failed=failed, slow=slow)
        seen.append((int(now / (seconds / 10)), failed, slow))
        inside = [one for one in seen if one[0] > seen[-1][0] - 10]
        assert window.asked == len(inside)
        assert window.failed == sum(one[1] for one in inside)
        assert window.slow == sum(one[2] for one in inside)


# --- open ----------------------------------------------------------------------------------------


def test_who_is_refused_hears_how_long_it_stays_open_never_too_early() -> None:
    breaker, _ = tripped(ROW, START)
    waits = [breaker.wait(START + after) for after in (0.0, 0.5, 8.999, 9.0, 9.5)]
    assert waits == [10, 10, 2, 1, 1]


@given(st.floats(0.0, 9.99))
def test_whoever_comes_back_when_told_is_not_refused_again(after: float) -> None:
    breaker, _ = tripped(ROW, START)
    then = START + after + breaker.wait(START + after)
    assert breaker.admit(START + after, _never) == 0
    assert breaker.admit(then, _never) > 0


def test_what_began_before_it_opened_counts_no_more() -> None:
    breaker, _ = a_breaker(ROW)
    ticket = breaker.ticket
    for _ in range(5):  # the last two came too late
        breaker.record(ticket, failed=True, elapsed=0.1, now=START)
    later = breaker.admit(START + 10.0, _never)
    breaker.record(ticket, failed=True, elapsed=0.1, now=START + 10.0)
    assert later > 0
    assert breaker.state is State.HALF_OPEN
    assert (breaker.goes_on(ticket), breaker.goes_on(later)) == (False, True)


def test_each_time_in_a_row_it_stays_open_for_twice_as_long() -> None:
    breaker, changes = tripped(ROW, START)
    now = START
    for _ in range(5):
        now = breaker.until
        breaker.record(breaker.admit(now, _never), failed=True, elapsed=0.1, now=now)
    opened = [one.until for one in changes if one.state == "open"]
    assert [round(after - before) for before, after in pairwise([START, *opened])] == [
        10,
        20,
        40,
        60,
        60,
        60,
    ]


def test_nobody_has_a_ticket_of_one_that_is_open() -> None:
    breaker, changes = tripped(ROW, START)
    breaker.record(breaker.ticket, failed=False, elapsed=0.1, now=START)
    assert (breaker.state, len(changes)) == (State.OPEN, 1)


def test_once_it_has_closed_it_begins_again_with_the_first_time() -> None:
    breaker, _ = tripped(ROW, START)
    now = breaker.until
    breaker.record(breaker.admit(now, _never), failed=True, elapsed=0.1, now=now)
    now = breaker.until
    breaker.record(breaker.admit(now, _never), failed=False, elapsed=0.1, now=now)
    breaker.tick(now := now + 10.0)
    for _ in range(3):
        breaker.record(breaker.ticket, failed=True, elapsed=0.1, now=now)
    assert breaker.until == now + 10.0


def test_it_stays_open_for_its_time_even_if_the_longest_is_shorter() -> None:
    breaker, _ = tripped(Settings(failures=1, open=90.0), START)
    assert breaker.until == START + 90.0


# --- what other workers tell ---------------------------------------------------------------------


def test_it_opens_because_another_worker_s_has() -> None:
    breaker, changes = a_breaker(ROW)
    breaker.told(START + 7.0, START)
    assert (breaker.state, breaker.wait(START), changes[0].until) == (State.OPEN, 7, START + 7.0)


def test_what_is_told_twice_or_is_over_moves_nothing() -> None:
    breaker, changes = tripped(ROW, START)
    breaker.told(START - 1.0, START)
    breaker.told(START + 10.4, START)
    assert (breaker.until, len(changes)) == (START + 10.0, 1)


def test_who_is_told_of_a_later_end_stays_open_longer() -> None:
    breaker, _ = tripped(ROW, START)
    breaker.told(START + 30.0, START)
    assert (breaker.state, breaker.until) == (State.OPEN, START + 30.0)


# --- half open -----------------------------------------------------------------------------------


def half_open() -> Broken:
    breaker, changes = tripped(ROW, START)
    breaker.tick(START + 10.0)
    return breaker, changes


def test_one_request_at_a_time_is_let_through() -> None:
    breaker, _ = half_open()
    assert [breaker.admit(START + 10.0, _never) > 0 for _ in range(3)] == [True, False, False]


def test_a_probe_of_which_nothing_came_makes_room_for_another() -> None:
    breaker, _ = half_open()
    breaker.release(breaker.admit(START + 10.0, _never), elapsed=-1.0, now=START + 10.0)
    assert breaker.admit(START + 10.0, _never) > 0


def test_a_probe_that_never_comes_back_is_lost_and_says_nothing_any_more() -> None:
    breaker, _ = half_open()
    lost = breaker.admit(START + 10.0, _never)
    assert breaker.admit(START + 10.0 + breaker.patience - 0.1, _never) == 0
    another = breaker.admit(START + 10.0 + breaker.patience, _never)
    breaker.record(lost, failed=True, elapsed=0.1, now=START + 80.0)
    breaker.release(lost, elapsed=-1.0, now=START + 80.0)
    assert (another > 0, breaker.state) == (True, State.HALF_OPEN)
    assert breaker.admit(START + 80.0, _never) == 0


def test_a_slow_probe_is_a_failed_one() -> None:
    breaker, _ = tripped(Settings(failures=1, slow=1.0), START)
    breaker.record(breaker.admit(START + 10.0, _never), failed=False, elapsed=2.0, now=START + 12.0)
    assert breaker.state is State.OPEN


@given(
    st.lists(
        st.sampled_from(["admit", "good", "bad", "gone", "tick", "told", "pause", "long"]),
        max_size=80,
    )
)
def test_in_half_open_there_is_never_more_than_one_probe(steps: list[str]) -> None:
    breaker, _ = a_breaker(Settings(failures=2, open=4.0, ramp=3.0), patience=60.0)
    now, under_way = START, list[int]()
    for step in steps:
        now += {"pause": 1.0, "long": 7.0}.get(step, 0.01)
        if step == "admit":
            ticket = breaker.admit(now, lambda: 0.5)
            under_way += [ticket] if ticket else []
        elif step in ("good", "bad") and under_way:
            breaker.record(under_way.pop(0), failed=step == "bad", elapsed=0.1, now=now)
        elif step == "gone" and under_way:
            breaker.release(under_way.pop(0), elapsed=-1.0, now=now)
        elif step == "told":
            breaker.told(now + 3.0, now)
        state = breaker.tick(now)
        probes = [one for one in under_way if breaker.goes_on(one)]
        assert state is not State.HALF_OPEN or len(probes) <= 1
        assert state is not State.OPEN or (not probes and breaker.until > now)
    # Whatever has happened, somebody is asked again in the end.
    assert admitted(breaker, now + 200.0, lambda: 0.0)


# --- the ramp ------------------------------------------------------------------------------------


def ramping(settings: Settings = ROW) -> Broken:
    breaker, changes = tripped(settings, START)
    breaker.record(breaker.admit(START + 10.0, _never), failed=False, elapsed=0.1, now=START + 10.0)
    return breaker, changes


@given(st.lists(st.floats(0.0, 12.0), min_size=2).map(sorted))
def test_the_ramp_never_goes_back(moments: list[float]) -> None:
    breaker, _ = ramping()
    shares = [breaker.share(START + 10.0 + moment) for moment in moments]
    assert shares == sorted(shares)
    assert all(0.1 <= share <= 1.0 for share in shares)


@pytest.mark.parametrize(("after", "share"), [(0.0, 100), (1.0, 100), (2.5, 250), (9.0, 900)])
def test_the_share_that_the_ramp_lets_through_is_the_one_it_should_be(
    after: float, share: int
) -> None:
    breaker, _ = ramping()
    lots = iter([number / 1000 for number in range(1000)])
    got = sum(admitted(breaker, START + 10.0 + after, lambda: next(lots)) for _ in range(1000))
    assert got == share


def test_after_the_ramp_it_is_closed_and_all_are_let_through() -> None:
    breaker, changes = ramping()
    assert breaker.admit(START + 20.0, _never) > 0
    assert [one.state for one in changes] == ["open", "half_open", "ramp", "closed"]


def test_without_a_ramp_it_closes_at_once() -> None:
    breaker, changes = ramping(Settings(failures=1, ramp=0.0))
    assert breaker.is_closed
    assert [one.state for one in changes] == ["open", "half_open", "ramp", "closed"]


def test_in_the_ramp_a_few_failures_are_enough() -> None:
    breaker, _ = ramping(Settings(failures=9, least=9))
    ticket = breaker.ticket
    for _ in range(5):  # it took nine to open it the first time
        breaker.record(ticket, failed=True, elapsed=0.1, now=START + 11.0)
    assert (breaker.state, breaker.until) == (State.OPEN, START + 11.0 + 20.0)


def test_who_is_refused_in_the_ramp_may_come_again_soon() -> None:
    breaker, _ = ramping()
    assert (breaker.admit(START + 11.0, _never), breaker.wait(START + 11.0)) == (0, 1)


# --- for operators -------------------------------------------------------------------------------


def test_it_says_how_it_is() -> None:
    breaker, changes = a_breaker(ROW)
    breaker.record(breaker.ticket, failed=True, elapsed=0.1, now=START)
    assert repr(breaker) == "<breaker of /a: closed, 1 of 1 failed>"
    assert changes == list[Change]()


def test_it_says_why_it_has_opened_and_for_how_long() -> None:
    _, changes = tripped(ROW, START)
    assert [(one.route, one.cause) for one in changes] == [
        ("/a", "3 in a row failed; for 10 s"),
    ]


def _never() -> float:
    return 1.0


# --- before anybody asks to be let through -------------------------------------------------------


def would(breaker: Breaker, now: float, chance: float = 0.5) -> bool:
    return breaker.would_admit(now, lambda: chance)


def test_it_says_whether_it_would_let_one_through_and_takes_nothing() -> None:
    breaker, _ = a_breaker(ROW)
    assert would(breaker, START)
    breaker, _ = tripped(ROW, START)
    assert not would(breaker, START + 9.9)
    assert [would(breaker, START + 10.0) for _ in range(3)] == [True] * 3  # a probe is free still
    assert breaker.state is State.HALF_OPEN
    assert breaker.admit(START + 10.0, lambda: 0.5)
    assert not would(breaker, START + 10.0)


def test_in_the_ramp_it_draws_by_the_share() -> None:
    breaker, _ = tripped(ROW, START)
    ticket = breaker.admit(START + 10.0, lambda: 0.5)
    breaker.record(ticket, failed=False, elapsed=0.1, now=START + 10.0)
    assert breaker.state is State.RAMP
    assert [would(breaker, START + 15.0, chance) for chance in (0.49, 0.51)] == [True, False]
