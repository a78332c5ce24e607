"""Routes with more than one service.  The golden files `sharing` show whole ones."""

import msgspec
import pytest

from tests.helpers.configuration import loaded, refusals
from tta_gateway.features.mirror.bound import MirrorBound
from tta_gateway.features.split.bound import SplitBound
from tta_gateway.features.sticky.bound import StickyBound
from tta_gateway.kernel.route import Key, Route
from tta_gateway.settings.compile import compiled_routes

SERVICES = """\
services:
  v1: {endpoints: ["http://127.0.0.1:1"]}
  v2: {endpoints: ["http://127.0.0.1:2"]}
  kept: {endpoints: ["http://127.0.0.1:3"], sticky: {by: cookie, name: seat, ttl: 1h}}
  hashed: {endpoints: ["http://127.0.0.1:4"], balance: consistent_hash}
  away: {endpoints: ["http://127.0.0.1:5"], maintenance: {}}
"""


def text(written: str) -> str:
    return f"{SERVICES}routes: [{{path: '/a/{{id}}', auth: none, {written}}}]\n"


def the_route(written: str) -> Route:
    (route,) = compiled_routes(loaded(text(written)).settings)
    return route


def wrong(written: str) -> list[str]:
    return [line.partition(" ")[2] for line in refusals(text(written))]


def split_of(route: Route) -> SplitBound:
    return msgspec.msgpack.decode(route.features["split"], type=SplitBound)


def test_a_route_to_one_service_has_nothing_of_it() -> None:
    assert the_route("service: v1").features == {}


def test_the_heaviest_service_stands_for_the_route() -> None:
    route = the_route("split: {services: [{service: v1}, {service: v2, weight: 9}]}")
    assert (route.service, split_of(route).parts) == ("v2", (("v1", 1), ("v2", 9)))


def test_who_is_in_maintenance_takes_no_part() -> None:
    route = the_route("split: {services: [{service: away, weight: 9}, {service: v1}]}")
    assert (route.service, route.maintenance) == ("v1", None)
    assert split_of(route).parts == (("v1", 1),)


@pytest.mark.parametrize("rest", ["", ", {service: v1, weight: 0}"])
def test_where_all_are_in_maintenance_the_route_is(rest: str) -> None:
    route = the_route(f"split: {{services: [{{service: away}}{rest}]}}")
    assert route.maintenance is not None
    assert "split" not in route.features


def test_a_canary_or_a_shadow_in_maintenance_is_left_out() -> None:
    written = "service: v1, canary: {header: x, service: away}, mirror: {service: away}"
    assert the_route(written).features == {}


def test_a_canary_stands_beside_a_single_service() -> None:
    split = split_of(the_route("service: v1, canary: {header: X-A, service: v2}"))
    assert (split.parts, split.canary and split.canary.header) == ((), "x-a")


def test_what_sticks_is_that_of_each_service_which_may_be_reached() -> None:
    written = "split: {services: [{service: v1}, {service: kept}]}, "
    route = the_route(written + "canary: {header: x, service: hashed}")
    sticky = msgspec.msgpack.decode(route.features["sticky"], type=StickyBound)
    assert sticky.keys == {
        "kept": Key(by="cookie", name="seat", ttl=3600.0),
        "hashed": Key(by="client_address"),
    }


def test_a_mirror_is_as_it_is_written() -> None:
    route = the_route("service: v1, mirror: {service: v2, share: 0.5, in_flight: 3}")
    assert msgspec.msgpack.decode(route.features["mirror"], type=MirrorBound) == MirrorBound(
        service="v2", share=0.5, in_flight=3
    )


def test_one_cookie_says_one_thing() -> None:
    written = (
        "split: {services: [{service: v1}, {service: kept}], "
        "sticky: {by: cookie, name: seat, ttl: 1h}}"
    )
    assert wrong(written) == [
        "routes[0].split.sticky.name: `seat` is the cookie for the endpoints of `kept`: give one "
        "another name"
    ]


def test_who_is_asking_is_no_key_where_nobody_is_asked() -> None:
    written = "split: {services: [{service: v1}, {service: v2}], sticky: {by: principal}}"
    (found,) = wrong(written)
    assert found.startswith("routes[0].split.sticky.by: goes by who is asking, and the route asks")
    services = SERVICES.replace(
        '["http://127.0.0.1:1"]', '["http://127.0.0.1:1"], sticky: {by: principal}'
    )
    (found,) = refusals(f"{services}routes: [{{path: /, auth: none, service: v1}}]\n")
    assert "services.v1.sticky.by: goes by who is asking, and no route" in found
    assert refusals(f"{services}routes: [{{path: /, auth: none, service: v2}}]\n") == []


def test_a_bound_does_nothing_without_a_hash() -> None:
    written = SERVICES.replace('["http://127.0.0.1:1"]', '["http://127.0.0.1:1"], load_bound: 2')
    found = refusals(written + "routes: [{path: /, auth: none, service: v1}]\n")
    assert [line.partition(" ")[2] for line in found] == [
        "services.v1.load_bound: has no effect without `balance: consistent_hash`: take the line "
        "out"
    ]


def test_a_parameter_that_no_path_has_keeps_nobody() -> None:
    written = SERVICES.replace(
        '["http://127.0.0.1:1"]', '["http://127.0.0.1:1"], sticky: {by: path, name: ids}'
    )
    routes = "routes: [{path: '/{id}', auth: none, split: {services: [{service: v1}]}}]\n"
    assert [line.partition(" ")[2] for line in refusals(written + routes)] == [
        "services.v1.sticky.name: `{ids}` is in no path that leads to it: do you mean `id`?"
    ]
    assert refusals(written.replace("name: ids", "name: id") + routes) == []


def test_a_path_that_is_none_is_complained_of_once() -> None:
    written = f"{SERVICES}routes: [{{path: 'a', auth: none, split: {{services: [{{service: v1}}]"
    found = refusals(written + ", sticky: {by: path, name: x}}}]\n")
    assert any("`{x}` is not in `a`" in line for line in found)


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_what_a_rewrite_makes_safe_may_be_mirrored(method: str) -> None:
    assert wrong(f"service: v1, mirror: {{service: v2}}, rewrite: {{method: {method}}}") == []
