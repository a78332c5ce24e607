"""The gateway's own service and its routes, among those of the operator."""

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, complaints, loaded
from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.features.access.table import ROLES
from tta_gateway.features.escalation.public import ROUTES as DRILLS
from tta_gateway.features.openapi.public import PATH
from tta_gateway.features.realtime.public import SOCKETS, STREAMS
from tta_gateway.kernel.own import LARGEST, OWN
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.public import INTERNAL, OFF, PUBLIC, forwarded, own_routes, own_services

EVERY = [route for _, routes in PUBLIC.values() for route in routes]
ALL = [route for route in EVERY if route not in PUBLIC["passwords"][1]]
"""all that can be there at once: passwords are reset in one place"""
HOME = "delegated: [{name: home, service: players}]"
CLINIC = "providers: [{name: clinic, issuer: 'https://id.example', client_id: tta}]"
OPEN = "registration: open"
ISSUING = f"identity: {{issuing: {{url: 'https://gate', {HOME}, {CLINIC}}}}}\n"
ALONE = "identity: {issuing: {url: 'https://gate'}}\n"
ISSUERS = "identity: {issuers: [{name: home, secret: {env: SECRET}}]}\n"
ENVIRON = {"SECRET": "0123456789abcdef" * 4}
WHOSE = "routes: [{path: '/a/{id}', service: players, access: {owner: id}}]\n"
CHANNELS = "realtime: {}\n"
ON = ISSUING + WHOSE + CHANNELS
"""has all of them be there"""
UNTOLD = "ratelimit: {status: off}\n"
"""callers are not told of their limits, by workers themselves"""
SWITCHED_OFF = {
    "openapi": ON + "openapi: {enabled: false}\n",
    "identity": ISSUERS + WHOSE + CHANNELS,
    "oauth": ISSUERS + WHOSE + CHANNELS,
    "delegated": f"identity: {{issuing: {{url: 'https://gate', {OPEN}, {CLINIC}}}}}\n"
    + WHOSE
    + CHANNELS,
    "passwords": ON,
    "accounts": f"identity: {{issuing: {{url: 'https://gate', {CLINIC}}}}}\n" + WHOSE + CHANNELS,
    "external": f"identity: {{issuing: {{url: 'https://gate', {HOME}}}}}\n" + WHOSE + CHANNELS,
    "access": ISSUING + CHANNELS,
    "realtime": ISSUING + WHOSE,
}
"""by the key of a feature: what has it serve nothing, and all others something"""
WITHOUT = {
    "identity": ["oauth", "delegated", "external", "accounts", "passwords"],
    "oauth": ["identity", "delegated", "external", "accounts", "passwords"],
    "delegated": [],
    "accounts": ["delegated"],
}
"""what is not there either, then"""


def with_route(written: str) -> str:
    return PLAYERS + f"routes: [{{path: {PATH}, service: players, auth: none{written}}}]\n"


def test_ties_are_told_of_where_a_rule_of_channels_alone_says_whose_they_are() -> None:
    ours = "channels: {'user:{id}': {subscribe: {access: {owner: id}}}}"
    channels = f"realtime: {{{ours}}}\n"
    found, without = (
        {route.path for route in own_routes(loaded(ISSUING + each, environ=ENVIRON).settings)}
        for each in (channels, CHANNELS)
    )
    ties = {route.path for route in PUBLIC["access"][1]}
    assert (ties <= found, ties & without) == (True, set())


def test_they_are_there_without_a_word() -> None:
    settings = loaded("").settings
    (service,) = own_services(settings)
    assert (service.name, [one.unix for one in service.endpoints]) == (OWN, ["./var/control.sock"])
    assert PATH in [route.path for route in own_routes(settings)]


def test_the_socket_stands_in_the_state_folder() -> None:
    (service,) = own_services(loaded("state_dir: /var/lib/a").settings)
    assert service.endpoints[0].unix == "/var/lib/a/control.sock"


def test_without_control_there_is_only_what_workers_answer_whatever_is_written() -> None:
    settings = loaded("admin: off").settings
    assert (own_services(settings), own_routes(settings)) == ((), DRILLS)
    snapshot = compile_snapshot(settings, 1)
    assert [one.name for one in snapshot.services] == ["players"]
    assert [one.path for one in snapshot.routes] == ["/", "/v1/drills"]


def test_nobody_takes_the_path_of_drills() -> None:
    drills = "routes: [{path: /v1/drills, service: players, auth: none}]\n"
    assert complaints(PLAYERS + drills) == [
        "gateway.yaml:2:11 routes[0].path: takes POST /v1/drills, which the gateway answers "
        "itself: choose another path"
    ]


def test_they_stand_behind_those_of_the_operator() -> None:
    snapshot = compile_snapshot(loaded(ON + UNTOLD).settings, 1)
    assert [one.name for one in snapshot.services] == ["players", OWN]
    own = [*SOCKETS, *STREAMS, *DRILLS, *ALL, *forwarded(loaded(ON).settings)]
    assert [one.path for one in snapshot.routes] == ["/a/{id}", *(route.path for route in own)]


@pytest.mark.parametrize("key", list(PUBLIC))
def test_a_feature_that_is_switched_off_serves_nothing(key: str) -> None:
    left = own_routes(loaded(SWITCHED_OFF[key] + UNTOLD, ENVIRON).settings)
    off = [key, *WITHOUT.get(key, ["passwords"])]
    gone = [route for one in off for route in PUBLIC[one][1]]
    sockets = [] if key == "realtime" else [*SOCKETS, *STREAMS]
    assert list(left) == [*sockets, *DRILLS, *(route for route in EVERY if route not in gone)]


def test_it_is_said_of_each_how_it_is_switched_off() -> None:
    assert OFF.keys() == PUBLIC.keys() | INTERNAL.keys() | {"ratelimit", "safety"}
    assert PUBLIC.keys() == SWITCHED_OFF.keys()


def test_every_route_leads_to_the_service_by_one_method_with_a_bounded_body() -> None:
    assert {route.service for route in EVERY} == {OWN}
    assert [route for route in EVERY if len(route.methods) != 1 or route.max_body > LARGEST] == []
    assert len({route.name for route in EVERY}) == len(EVERY)


@pytest.mark.parametrize("written", ["", ", methods: [GET]", ", methods: [POST, HEAD]"])
def test_a_route_that_takes_the_same_is_refused_with_its_way_out(written: str) -> None:
    said = complaints(with_route(written))
    assert said == [
        f"gateway.yaml:2:11 routes[0].path: takes GET {PATH}, which the gateway answers itself: "
        "choose another path, or write `openapi: {enabled: false}`"
    ]


@pytest.mark.parametrize(
    "written", [", methods: [POST]", ", host: a.example", ", headers: {x-a: true}"]
)
def test_a_route_that_is_told_apart_is_not(written: str) -> None:
    assert complaints(with_route(written)) == []


@pytest.mark.parametrize("off", ["openapi: {enabled: false}\n", "admin: off\n"])
def test_a_route_may_take_the_place_of_what_is_off(off: str) -> None:
    assert complaints(off + with_route("")) == []


def test_a_route_for_everything_is_less_specific() -> None:
    text = PLAYERS + "routes: [{path: '/{rest:path}', service: players, auth: none}]\n"
    assert complaints(text) == []


def test_a_route_may_lead_to_the_service() -> None:
    text = "routes: [{path: /a, service: gateway, auth: none}]\n"
    snapshot = compile_snapshot(loaded(text).settings, 1)
    assert snapshot.routes[0].service == OWN


def test_a_route_to_the_service_needs_control() -> None:
    text = "admin: off\nroutes: [{path: /a, service: gateway, auth: none}]\n"
    (said,) = complaints(text)
    assert "routes[0].service: `gateway` is served by the process that `admin: off` leaves" in said


def test_whoever_has_forgotten_a_password_asks_the_service_itself() -> None:
    text = ON.replace("service: players}]", "service: players, reset: /forgotten}]")
    found = [
        one for one in compile_snapshot(loaded(text).settings, 1).routes if "/password" in one.path
    ]
    told = {one.path: (one.service, one.methods, one.auth, one.rewrite.path) for one in found}
    base = "/api/v1/auth/password"
    for path in ("", "/change", "/redeem"):
        assert told.pop(base + path)[0] == OWN
    assert told == {
        f"{base}/reset-request": ("players", ("POST",), "optional", ""),
        f"{base}/reset": ("players", ("POST",), "optional", "/forgotten"),
    }


def test_nobody_asks_it_where_it_keeps_no_accounts() -> None:
    assert forwarded(loaded(ALONE).settings) == ()


def test_a_route_to_what_is_forwarded_is_refused_as_well() -> None:
    path = "/api/v1/auth/password/reset"
    (said,) = complaints(ISSUING + PLAYERS + f"routes: [{{path: {path}, service: players}}]\n")
    assert f"takes POST {path}, which the gateway answers itself" in said


def test_who_asks_for_moderation_needs_a_permission_that_services_hold() -> None:
    routes = own_routes(loaded("safety: {moderations: true}\n").settings)
    (one,) = [route for route in routes if route.path == "/v1/moderations"]
    asks = msgspec.msgpack.decode(one.features["access"], type=RouteAccess)
    holders = {role for role, held in ROLES.items() if asks.default in held}
    assert (one.auth, holders) == ("required", {"service", "admin"})
    assert not [
        route for route in own_routes(loaded("").settings) if route.path == "/v1/moderations"
    ]
