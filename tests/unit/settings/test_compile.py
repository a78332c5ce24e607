"""Compile: from settings to the snapshot.  The golden files show whole ones."""

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, loaded, route
from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.kernel.route import Breaker, Route
from tta_gateway.settings.compile import compile_snapshot, compiled_routes
from tta_gateway.snapshot.encode import decode, encode
from tta_gateway.snapshot.model import Snapshot


def compiled(text: str) -> Snapshot:
    return compile_snapshot(loaded(text).settings, version=7)


def test_nothing_written_is_what_the_snapshot_s_defaults_say() -> None:
    snapshot = compiled("")
    bare = Snapshot(version=7, state_dir="./var", listeners=(), services=(), routes=())
    assert snapshot.version == 7
    assert snapshot.limits == bare.limits
    assert snapshot.client_timeouts == bare.client_timeouts
    assert snapshot.connections == bare.connections
    assert snapshot.routes[0] == Route(name="/", path="/", service="players", breaker=Breaker())


def test_a_snapshot_survives_its_way_to_a_worker() -> None:
    snapshot = compiled("cors: {origins: ['http://a']}\n")
    arrived = decode(encode(snapshot))
    assert encode(arrived) == encode(snapshot)
    cors = msgspec.msgpack.decode(arrived.features["cors"], type=CorsBound)
    assert cors.origins == ("http://a",)


def test_every_feature_has_its_part() -> None:
    assert sorted(compiled("").features) == [
        "access",
        "access_log",
        "admission",
        "alerts",
        "callers",
        "cors",
        "discovery",
        "error_records",
        "escalation",
        "health",
        "identity",
        "metrics",
        "nodes",
        "problem",
        "ratelimit",
        "realtime",
        "registration",
        "safety",
        "security_headers",
        "shield",
        "token_relay",
        "trace",
    ]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("retries: 1", "/a/{b}"),
        ("methods: [GET, POST]", "GET,POST /a/{b}"),
        ("host: a.example", "a.example/a/{b}"),
        ("headers: {x-a: true, x-b: '1'}", "/a/{b} (x-a, x-b: 1)"),
        ("methods: [GET], host: a, headers: {x-a: true}", "GET a/a/{b} (x-a)"),
    ],
)
def test_a_route_is_named_by_what_it_takes(written: str, name: str) -> None:
    assert [one.name for one in compiled_routes(loaded(route(written)).settings)] == [name]


def test_names_of_routes_differ_where_the_routes_do() -> None:
    text = PLAYERS + (
        "routes:\n"
        "  - {path: /a, service: players, auth: none}\n"
        "  - {path: /a, service: players, auth: none, methods: [GET]}\n"
        "  - {path: /a, service: players, auth: none, host: b}\n"
        "  - {path: /a, service: players, auth: none, headers: {x: true}}\n"
    )
    names = {one.name for one in compiled(text).routes}
    assert len(names) == len(compiled(text).routes)


def test_tries_are_one_more_than_retries() -> None:
    assert compiled(route("retries: 0")).routes[0].tries == 1


def test_each_value_that_is_added_is_a_field() -> None:
    found = compiled(
        route(
            "request_headers: {X-A: {append: [b, a]}, x-b: '1'}, response_headers: {a: {append: b}}"
        )
    ).routes[0]
    assert found.request_fields == (("x-b", "1"),)
    assert found.request_appended == (("x-a", "b"), ("x-a", "a"))
    assert (found.response_fields, found.response_appended) == ((), (("a", "b"),))


def test_null_takes_a_field_away() -> None:
    snapshot = compiled(route("request_headers: {X-A: null}, response_headers: {x-b: '1'}"))
    assert snapshot.routes[0].request_fields == (("x-a", None),)
    assert snapshot.routes[0].response_fields == (("x-b", "1"),)
