import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.upstream.retry import IDEMPOTENT, may_repeat, within_budget


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
