import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.upstream.retry import (
    BUDGET_SHARE,
    IDEMPOTENT,
    SAVED_FOR,
    Allowance,
    may_repeat,
    within_budget,
)


@pytest.mark.parametrize("method", sorted(IDEMPOTENT))
def test_an_idempotent_request_may_be_sent_again(method: bytes) -> None:
    assert may_repeat(method, reached=True, body_held=True)


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"CONNECT"])
def test_another_request_may_not_be_sent_again_once_it_has_reached_the_service(
    method: bytes,
) -> None:
    assert not may_repeat(method, reached=True, body_held=True)


@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_any_request_may_be_sent_again_that_never_reached_the_service(method: bytes) -> None:
    assert may_repeat(method, reached=False, body_held=True)


@pytest.mark.parametrize("reached", [True, False])
def test_no_request_is_sent_again_whose_body_is_gone(reached: bool) -> None:
    assert not may_repeat(b"PUT", reached=reached, body_held=False)


@pytest.mark.parametrize(
    ("retrying", "active", "fits"),
    [(0, 1, True), (2, 3, True), (3, 3, False), (3, 15, False), (3, 16, True), (20, 100, False)],
)
def test_a_fifth_of_the_requests_may_be_retries_and_three_always(
    retrying: int, active: int, fits: bool
) -> None:
    assert within_budget(retrying=retrying, active=active) == fits


@given(retrying=st.integers(0, 200), active=st.integers(0, 1000))
def test_what_fits_the_budget_fits_it_under_more_requests(retrying: int, active: int) -> None:
    assert within_budget(retrying=retrying, active=active + 1) >= within_budget(
        retrying=retrying, active=active
    )


def taken(allowance: Allowance) -> int:
    """How many tries there are to be had."""
    count = 0
    while allowance.take():
        count += 1
    return count


def test_nothing_is_allowed_before_there_was_an_answer() -> None:
    assert taken(Allowance()) == 0


@pytest.mark.parametrize(("answers", "tries"), [(4, 0), (5, 1), (50, 10)])
def test_five_good_answers_allow_one_further_try(answers: int, tries: int) -> None:
    allowance = Allowance()
    allowance.answers = answers
    assert taken(allowance) == tries


def test_what_is_taken_is_gone() -> None:
    allowance = Allowance()
    allowance.answers = 50
    assert taken(allowance) == 10
    allowance.look(0.1, active=9)
    assert taken(allowance) == 0


def test_what_is_not_taken_is_forgotten() -> None:
    allowance = Allowance()
    allowance.answers = 500
    allowance.look(0.2, active=0)
    for step in range(2, 300):
        allowance.look(0.2 * step, active=0)
    assert taken(allowance) == 0
    allowance.answers = 500
    allowance.look(100.0, active=0)
    allowance.look(100.0 + SAVED_FOR, active=0)
    assert taken(allowance) == 0


def test_what_half_of_those_under_way_would_take_is_not_forgotten() -> None:
    """Sixty at a time that take 20 s each: one of two endpoints has thirty of them when it dies.

    Red without `min(saved, HALF * active)` in Allowance.look.
    """
    allowance = Allowance()
    for second in range(120):
        allowance.answers += 3
        allowance.look(float(second), active=60)
    assert 30 <= taken(allowance) < 36
    allowance.look(121.0, active=60)
    assert taken(allowance) == 0


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50), st.floats(0.1, 3.0)), max_size=40)
)
def test_no_more_than_a_fifth_of_the_answers_is_ever_taken(
    steps: list[tuple[int, int, float]],
) -> None:
    allowance, now, answers, took = Allowance(), 0.0, 0, 0
    for answered, wanted, pause in steps:
        allowance.answers += answered
        answers += answered
        took += sum(allowance.take() for _ in range(wanted))
        assert took <= BUDGET_SHARE * answers + 1e-6
        now += pause
        allowance.look(now, active=wanted)
