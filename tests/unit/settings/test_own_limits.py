"""Limits of the gateway's own endpoints, from the text to what workers are told."""

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, ROUTES, complaints, loaded
from tta_gateway.features.ratelimit.bound import Limit, RateLimitBound, RouteLimits
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Route
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.own_limits import GROUPS, group_of
from tta_gateway.settings.public import own_routes
from tta_gateway.snapshot.model import Snapshot

EVERYTHING = """identity:
  issuing:
    url: https://gate
    delegated: [{name: home, service: players}]
    providers: [{name: clinic, issuer: 'https://id.example', client_id: tta}]
"""
ALONE = "identity: {issuing: {url: 'https://gate', registration: open}}\n"
INSIDE = f"""{PLAYERS}{ROUTES}
listen: [127.0.0.1:8080, {{address: 127.0.0.1:8083, internal: true}}]
registration: {{tokens: [{{token: {{env: TOKEN}}, services: [players]}}]}}
"""
ENVIRON = {"TOKEN": "0123456789abcdef" * 4}


def snapshot(text: str) -> Snapshot:
    return compile_snapshot(loaded(text, ENVIRON).settings, 1)


def limits_of(route: Route) -> tuple[Limit, ...]:
    raw = route.features.get("ratelimit")
    return () if raw is None else msgspec.msgpack.decode(raw, type=RouteLimits).limits


def by_path(found: Snapshot) -> dict[tuple[str, str], list[Limit]]:
    return {(one.methods[0], one.path): [*limits_of(one)] for one in found.routes if one.methods}


def handles(text: str) -> dict[str, Limit]:
    raw = snapshot(text).features["ratelimit"]
    return {one.handle: one for one in msgspec.msgpack.decode(raw, type=RateLimitBound).limits}


def test_each_of_the_gateways_own_endpoints_has_a_limit_without_a_word() -> None:
    """Red where `limited` of settings/own_limits.py is not asked."""
    for text in (EVERYTHING, ALONE):
        found = snapshot(text)
        own = [one for one in found.routes if one.service == OWN and not one.stream]
        assert len(own) > 20
        assert [one.name for one in own if len(limits_of(one)) != 1] == []
        assert {group_of(one) for one in own} == {*GROUPS}


@pytest.mark.parametrize(
    ("method", "path", "handle"),
    [
        ("POST", "/api/v1/auth/login", "gateway login"),
        ("POST", "/api/v1/auth/mfa/verify", "gateway login"),
        ("POST", "/oauth2/login", "gateway login"),
        ("POST", "/oauth2/token", "gateway token"),
        ("POST", "/api/v1/auth/refresh", "gateway token"),
        ("POST", "/api/v1/auth/register", "gateway registration"),
        ("POST", "/api/v1/auth/password/redeem", "gateway reset"),
        ("POST", "/api/v1/auth/password/reset-request", "gateway reset"),
        ("POST", "/api/v1/auth/password/change", "gateway account"),
        ("GET", "/api/v1/auth/me", "gateway account"),
        ("GET", "/.well-known/jwks.json", "gateway open"),
    ],
)
def test_which_limit_is_whose(method: str, path: str, handle: str) -> None:
    assert [one.handle for one in by_path(snapshot(EVERYTHING))[method, path]] == [handle]


def test_who_is_known_is_counted_alone_and_all_others_by_their_address() -> None:
    keys = {handle: limit.key for handle, limit in handles(EVERYTHING).items()}
    assert keys.pop("gateway account") == ("user",)
    assert set(keys.values()) == {("address",)}


def test_the_lock_out_keeps_whoever_guesses_back_long_before() -> None:
    """Red where as many may try at once as the lock-out lets fail (`identity.issuing.lockout`)."""
    settings = loaded(ALONE).settings
    issuing = settings.identity.issuing
    assert issuing is not None
    told = handles(ALONE)
    assert told["gateway login"].burst > issuing.lockout.address
    assert told["gateway registration"].burst > issuing.lockout.registrations


def test_who_is_in_a_crisis_is_let_past() -> None:
    for route in snapshot(EVERYTHING).routes:
        raw = route.features.get("ratelimit")
        if route.service == OWN and raw is not None:
            assert msgspec.msgpack.decode(raw, type=RouteLimits).spares


def test_an_operator_says_otherwise() -> None:
    text = ALONE + (
        "ratelimit:\n"
        "  limits: {calm: {requests: 5, per: 1s}}\n"
        "  own:\n"
        "    login: [{requests: 9, per: 1m, key: [address]}, {concurrent: 3, key: [all]}]\n"
        "    token: {requests: 7, per: 1m, key: [address], name: renewals}\n"
        "    account: calm\n"
        "    open: off\n"
    )
    found = by_path(snapshot(text))
    login = found["POST", "/api/v1/auth/login"]
    assert [(one.handle, one.name, one.amount) for one in login] == [
        ("gateway login", "login", 9),
        ("gateway login: login-2", "login-2", 3),
    ]
    (token,) = found["POST", "/oauth2/token"]
    assert (token.handle, token.name) == ("gateway token: renewals", "renewals")
    assert [one.handle for one in found["GET", "/api/v1/auth/me"]] == ["calm"]
    assert found["GET", "/.well-known/jwks.json"] == []
    assert [one.amount for one in found["POST", "/api/v1/auth/register"]] == [120]


def test_all_of_them_are_off_with_one_word() -> None:
    found = snapshot(ALONE + "ratelimit: {own: off}\n")
    assert set(map(limits_of, found.routes)) == {()}
    assert ("GET", "/api/v1/limits") not in by_path(found)
    shown = loaded("ratelimit: {own: off}").settings.ratelimit.own.model_dump(mode="json")
    assert shown == dict.fromkeys(GROUPS, "off")


def test_callers_are_told_of_them_where_nothing_else_has_limits() -> None:
    assert ("GET", "/api/v1/limits") in by_path(snapshot(ALONE))
    assert ("GET", "/api/v1/limits") not in by_path(snapshot("admin: off\n"))


def test_services_that_register_have_none() -> None:
    inside = [one for one in snapshot(INSIDE).routes if one.internal]
    assert inside
    assert {limits_of(one) for one in inside} == {()}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("login: nobody", "ratelimit.own.login: there is no limit `nobody` in `ratelimit.limits`"),
        ("login: {messages: 3, per: 1s}", "nobody sends messages to the gateway itself"),
        ("login: [{messages: 3, per: 1s}]", "nobody sends messages to the gateway itself"),
        ("login: chat", "nobody sends messages to the gateway itself"),
        ("login: {use: chat}", "nobody sends messages to the gateway itself"),
        ("login: {requests: 3, per: 1s, cost: 4}", "`cost: 4` is more than there ever is (3)"),
        ("token: {use: calm, cost: 6}", "ratelimit.own.token.cost: is more than there ever is (5)"),
        ("logins: off", "is not a key here: do you mean `login`?"),
    ],
)
def test_what_makes_no_sense_is_refused(written: str, said: str) -> None:
    named = "calm: {requests: 5, per: 1s}, chat: {messages: 5, per: 1s}"
    text = f"ratelimit: {{limits: {{{named}}}, own: {{{written}}}}}\n"
    assert any(said in one for one in complaints(text))


def test_one_word_other_than_off_is_refused() -> None:
    (said,) = complaints("ratelimit: {own: some}\n")
    assert "ratelimit.own: must be `off`, or say limits of `login`, `token`" in said


def test_an_endpoint_of_nobody_s_account_is_open() -> None:
    for route in own_routes(loaded(EVERYTHING).settings):
        if group_of(route) == "account":
            assert route.auth != "none"


def test_neither_sockets_nor_what_services_publish_are_limited_as_accounts_are() -> None:
    found = by_path(snapshot(ALONE + "realtime: {}\n"))
    own = {path: limits for (_, path), limits in found.items() if "realtime" in path}
    assert own
    assert not any(own.values())
    assert found["GET", "/connection/websocket"] == []
    for method, path in (("POST", "connection/http_stream"), ("GET", "connection/sse")):
        assert found[method, f"/{path}"] == []
    assert found["POST", "/emulation"] == []
