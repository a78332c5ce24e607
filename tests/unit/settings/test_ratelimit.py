"""Limits of routes, from the text to what workers are told; see tests/golden/settings too."""

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.discovery.bound import DiscoveryBound
from tta_gateway.features.ratelimit.bound import RateLimitBound, RouteLimits
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.snapshot.model import Snapshot

ISSUERS = "identity: {issuers: [{name: home, secret: {env: SECRET}}]}\n"
ENVIRON = {"SECRET": "0123456789abcdef" * 4}
SHARED = "ratelimit: {own: off, limits: {per-user: {requests: 10, per: 1s}}}\n"
DEFAULT = SHARED.replace("}}}", "}}, default: [per-user]}")


def text(written: str, rest: str = SHARED, auth: str = "none") -> str:
    return f"{rest}routes: [{{path: /a, service: players, auth: {auth}{written}}}]\n"


def compiled(written: str, rest: str = SHARED, auth: str = "none") -> Snapshot:
    return compile_snapshot(loaded(text(written, rest, auth), ENVIRON).settings, 1)


def of_route(snapshot: Snapshot) -> RouteLimits:
    raw = snapshot.routes[0].features.get("ratelimit")
    return RouteLimits() if raw is None else msgspec.msgpack.decode(raw, type=RouteLimits)


@pytest.mark.parametrize(
    ("written", "amounts"),
    [
        ("", []),
        (", rate_limit: off", []),
        (", rate_limit: per-user", [10]),
        (", rate_limit: {requests: 3, per: 1s}", [3]),
        (", rate_limit: [per-user, {requests: 3, per: 1s}]", [10, 3]),
    ],
)
def test_each_way_to_write_a_limit(written: str, amounts: list[int]) -> None:
    assert [one.amount for one in of_route(compiled(written)).limits] == amounts


def test_a_default_is_for_routes_that_say_nothing() -> None:
    assert [one.amount for one in of_route(compiled("", DEFAULT)).limits] == [10]
    assert of_route(compiled(", rate_limit: off", DEFAULT)).limits == ()


def test_a_worker_is_told_of_every_limit_once() -> None:
    snapshot = compiled(", rate_limit: [per-user, per-user]")
    raw = snapshot.features["ratelimit"]
    assert [one.id for one in msgspec.msgpack.decode(raw, type=RateLimitBound).limits] == [
        "per-user"
    ]


def test_of_a_limit_that_costs_more_on_one_route_a_worker_is_told_that() -> None:
    """Red where `compile` of settings/ratelimit.py takes the first one that it finds."""
    text = (
        SHARED
        + "routes:\n"
        + "".join(
            f"  - {{path: /{cost}, service: players, auth: none, "
            f"rate_limit: {{use: per-user, cost: {cost}}}}}\n"
            for cost in (2, 7, 3)
        )
    )
    raw = compile_snapshot(loaded(text).settings, 1).features["ratelimit"]
    assert [one.cost for one in msgspec.msgpack.decode(raw, type=RateLimitBound).limits] == [7]


def status(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [
        (route.path, route.auth)
        for route in snapshot.routes
        if "ratelimit" in route.features
        and msgspec.msgpack.decode(route.features["ratelimit"], type=RouteLimits).status
    ]


def test_callers_are_told_where_there_are_limits() -> None:
    assert status(compiled(", rate_limit: per-user")) == [("/api/v1/limits", "none")]
    assert status(compiled(", rate_limit: per-user", ISSUERS + SHARED)) == [
        ("/api/v1/limits", "optional")
    ]
    assert status(compiled("", DEFAULT)) == [("/api/v1/limits", "none")]
    assert status(compiled("")) == status(compiled(", rate_limit: off", DEFAULT)) == []


def test_they_are_told_where_the_operator_wants_or_nowhere() -> None:
    elsewhere = DEFAULT.replace("default", "status: /mine, default")
    assert status(compiled("", elsewhere)) == [("/mine", "none")]
    assert status(compiled("", DEFAULT.replace("default", "status: off, default"))) == []


def test_a_route_that_takes_the_same_path_is_refused_with_its_way_out() -> None:
    (said,) = complaints(DEFAULT + "routes: [{path: /api/v1/limits, service: players, auth: none}]")
    assert said.endswith(
        "takes GET /api/v1/limits, which the gateway answers itself: choose another path, or write "
        "`ratelimit: {status: off}`"
    )


def test_what_is_written_is_shown_as_it_may_be_written() -> None:
    for written, shown in (
        (", rate_limit: off", "off"),
        (", rate_limit: per-user", [{"use": "per-user"}]),
    ):
        settings = loaded(text(written)).settings
        assert settings.routes[0].model_dump(mode="json")["rate_limit"] == shown


def test_a_default_is_for_routes_that_services_declare() -> None:
    services = """services:
  players: {discover: {consul: players, routes: [/live/], auth_none: true}}
routes: [{path: /a, service: players, auth: none, rate_limit: off}]
ratelimit:
  own: off
  limits:
    per-user: {requests: 10, per: 1s}
    each: {requests: 5, per: 1s, key: [route]}
  default: [per-user, each]
"""
    snapshot = compile_snapshot(loaded(services, ENVIRON).settings, 1)
    found = msgspec.msgpack.decode(snapshot.features["discovery"], type=DiscoveryBound)
    raw = found.likes["players"].features["ratelimit"]
    limits = msgspec.msgpack.decode(raw, type=RouteLimits).limits
    assert [one.id for one in limits] == ["per-user", "each route declared by players"]
    known = msgspec.msgpack.decode(snapshot.features["ratelimit"], type=RateLimitBound).limits
    assert known == limits  # workers keep those alone
