"""Limits as operators write them; what is refused: tests/golden/settings/ratelimit_wrong.yaml."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from tta_gateway.features.ratelimit.bound import Limit
from tta_gateway.features.ratelimit.config import (
    Place,
    RateLimitConfig,
    RouteLimitConfig,
    compile_route,
)

PLACE = Place("GET /a", "players")
CONFIG = RateLimitConfig.model_validate(
    {
        "limits": {
            "per-user": {"requests": 100, "per": "1m", "burst": 20},
            "each": {"requests": 5, "per": "1s", "key": ["service", "route", "client"]},
            "all": {"requests": 500, "per": "1s", "key": ["all"], "adaptive": True},
        },
        "default": ["per-user"],
    }
)


def limits(*written: Mapping[str, object]) -> tuple[Limit, ...]:
    return compile_route(tuple(map(RouteLimitConfig.model_validate, written)), CONFIG, PLACE)


def test_a_route_that_says_nothing_has_the_default() -> None:
    assert compile_route(None, CONFIG, PLACE) == (
        Limit(
            id="per-user",
            name="per-user",
            handle="per-user",
            amount=100,
            per=60.0,
            burst=20,
            key=("user",),
        ),
    )
    assert compile_route(None, RateLimitConfig(), PLACE) == ()
    assert limits() == ()


def test_a_limit_of_a_route_is_its_own() -> None:
    (one,) = limits({"requests": 10, "per": "1s", "key": ["address", "route"]})
    assert (one.id, one.name, one.handle) == (
        "GET /a: requests",
        "requests",
        "GET /a: requests",
    )
    assert (one.amount, one.burst, one.key) == (10, 10, ("address",))


def test_limits_of_a_route_have_names_of_their_own() -> None:
    found = limits(
        {"requests": 1, "per": "1s"},
        {"requests": 2, "per": "2s"},
        {"requests": 3, "per": "1h", "quota": True},
        {"messages": 4, "per": "1s"},
        {"concurrent": 5},
        {"concurrent": 6, "name": "sockets"},
    )
    assert [one.name for one in found] == [
        "requests",
        "requests-2",
        "quota",
        "messages",
        "concurrent",
        "sockets",
    ]
    assert len({one.id for one in found}) == len(found)


def test_a_limit_for_each_service_and_route_is_one_for_each() -> None:
    (one,) = limits({"use": "each"})
    assert (one.id, one.handle, one.key) == (
        "each route GET /a service players",
        "each",
        ("client",),
    )


def test_one_in_all_has_no_key() -> None:
    (one,) = limits({"use": "all"})
    assert (one.key, one.adaptive) == ((), "players")


def test_a_route_may_take_more_of_a_limit_than_others_do() -> None:
    (one,) = limits({"use": "per-user", "cost": 5})
    assert (one.id, one.cost) == ("per-user", 5)


def test_a_name_that_is_not_there_is_left_out() -> None:
    assert limits({"use": "nobody"}) == ()  # settings/ratelimit.py says so


def test_a_strict_limit_says_what_becomes_of_it() -> None:
    (one,) = limits(
        {
            "requests": 1,
            "per": "1s",
            "exact": True,
            "on_store_failure": "refuse",
            "dry_run": True,
        }
    )
    assert (one.exact, one.refuses, one.dry_run) == (True, True, True)


@pytest.mark.parametrize("status", ["/limits", "off"])
def test_where_callers_are_told(status: str) -> None:
    assert RateLimitConfig(status=status).status == status


@pytest.mark.parametrize("status", ["limits", "/limits/{of}", "/a{"])
def test_where_callers_cannot_be_told(status: str) -> None:
    with pytest.raises(ValidationError):
        RateLimitConfig(status=status)
