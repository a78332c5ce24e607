"""Explain a breaker: what is said of when a service is not asked, and of who answers then."""

import pytest

from tests.helpers.builders import a_route
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Breaker, Fallback, Part, Respond, Route
from tta_gateway.node.explain_breaker import unasked

ANSWER = Fallback(respond=Respond(status=203))
PARTS = (
    Part(service="players", weight=90, breaker=Breaker(failures=3, open=60.0)),
    Part(service="next", weight=10, fallback=ANSWER),
    Part(service="idle", weight=0, breaker=Breaker()),
)


def said(route: Route, service: str = "players") -> list[str]:
    return list(unasked(route, service))


def test_a_route_without_either_says_so() -> None:
    assert said(a_route()) == ["breaker: none", "fallback: none"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Breaker(), "opens when 50 % of at least 20 requests in 10 s failed, for 10 s at first"),
        (
            Breaker(failures=5, slow=2.5, quantile=0.99, open=60.0),
            "opens when 5 in a row failed or 50 % of at least 20 requests in 10 s failed or p99 is "
            "over 2.5 s, for 60 s at first",
        ),
    ],
)
def test_a_breaker_says_when_it_opens(settings: Breaker, words: str) -> None:
    assert said(a_route(breaker=settings))[0] == f"breaker: {words}"


@pytest.mark.parametrize(
    ("fallback", "words"),
    [
        (ANSWER, "answer 203"),
        (Fallback(service="other"), "service other"),
        (Fallback(service="other", fallback=ANSWER), "service other; then answer 203"),
    ],
)
def test_a_fallback_says_who_answers(fallback: Fallback, words: str) -> None:
    assert said(a_route(fallback=fallback))[1] == f"fallback: {words}"


@pytest.mark.parametrize(
    ("service", "breaker", "fallback"),
    [
        ("players", "opens when 3 in a row", "the others of the split, by their weights"),
        ("next", "none", "answer 203"),
        ("idle", "opens when 50 %", "none"),
    ],
)
def test_each_service_of_a_split_has_its_own(service: str, breaker: str, fallback: str) -> None:
    first, second = said(a_route(parts=PARTS), service)
    assert first.startswith(f"breaker: {breaker}")
    assert second == f"fallback: {fallback}"


def test_the_gateway_s_own_service_has_none() -> None:
    assert said(a_route(service=OWN), OWN) == ["breaker: none"]
