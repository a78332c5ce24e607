"""Faults of the gateway's own service, in its own words."""

import pytest

from tta_gateway.kernel.errors import UpstreamFault
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.problem import (
    OUT_OF_SOCKETS,
    OWN_UNAVAILABLE,
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_GARBAGE,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    UPSTREAM_TOTAL_TIMEOUT,
    Problem,
)
from tta_gateway.upstream.own import told

AWAY = [
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    UPSTREAM_TOTAL_TIMEOUT,
]


@pytest.mark.parametrize("problem", AWAY)
def test_when_it_is_away_the_client_may_come_again(problem: Problem) -> None:
    error = told(UpstreamFault(problem), OWN, method=b"GET", reached=True)
    assert error.problem is OWN_UNAVAILABLE
    assert (error.problem.status, error.problem.retry_after) == (503, 2)


@pytest.mark.parametrize("problem", AWAY)
def test_what_may_have_been_done_is_not_asked_for_again(problem: Problem) -> None:
    fault = UpstreamFault(problem)
    assert told(fault, OWN, method=b"POST", reached=True) is fault


def test_what_cannot_have_been_done_may_be_asked_for_again() -> None:
    error = told(UpstreamFault(UPSTREAM_REFUSED), OWN, method=b"POST", reached=False)
    assert error.problem is OWN_UNAVAILABLE


@pytest.mark.parametrize("problem", [UPSTREAM_GARBAGE, OUT_OF_SOCKETS])
def test_what_is_no_absence_is_told_as_it_is(problem: Problem) -> None:
    fault = UpstreamFault(problem)
    assert told(fault, OWN, method=b"GET", reached=True) is fault


@pytest.mark.parametrize("problem", AWAY)
def test_other_services_have_their_own_faults(problem: Problem) -> None:
    fault = UpstreamFault(problem)
    assert told(fault, "players", method=b"GET", reached=False) is fault
