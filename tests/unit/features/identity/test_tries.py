"""Failed logins: how long the next one has to wait."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.bound import Lockout
from tta_gateway.features.identity.tries import Tries, taken, taken_back

LOCKOUT = Lockout(account=3, address=9, first=5.0, longest=60.0, forgotten=1_000.0)
NOW = 50_000.0


def test_the_first_cost_nothing_and_each_further_one_twice_as_much() -> None:
    known, waits = Tries(), []
    now = NOW
    for _ in range(9):
        known, wait = taken(known, 3, LOCKOUT, now=now)
        assert wait == 0.0
        waits.append(known.waits_until - now)
        now = known.waits_until
    assert waits == [0.0, 0.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_who_comes_too_early_is_told_so_and_not_counted() -> None:
    known = Tries(failures=3, last=NOW, waits_until=NOW + 5.0)
    assert taken(known, 3, LOCKOUT, now=NOW + 1.0) == (known, 4.0)


def test_after_a_while_all_is_forgotten() -> None:
    known = Tries(failures=30, last=NOW, waits_until=NOW + 60.0)
    assert taken(known, 3, LOCKOUT, now=NOW + 1_000.0)[0].failures == 1


def test_a_good_one_is_taken_back() -> None:
    assert taken_back(Tries(2, NOW, NOW + 5.0)) == Tries(1, NOW, 0.0)
    assert taken_back(Tries()) == Tries()


def test_a_thousand_failures_are_no_fault() -> None:
    known = Tries(failures=5_000, last=NOW, waits_until=NOW)
    assert taken(known, 3, LOCKOUT, now=NOW)[0].waits_until == NOW + 60.0


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=60))
def test_whenever_somebody_tries_few_get_through(pauses: list[float]) -> None:
    """However they come: the free ones, and beyond them one for each wait."""
    known, now, through, waited = Tries(), NOW, 0, 0.0
    for pause in pauses:
        now += pause
        before = known
        known, wait = taken(known, 3, LOCKOUT, now=now)
        if not wait:
            through += 1
            waited += before.waits_until - before.last if before.failures else 0.0
    assert through <= 3 + waited / LOCKOUT.first
