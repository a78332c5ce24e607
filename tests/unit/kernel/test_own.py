"""The gateway's own service: the routes to it."""

from tta_gateway.kernel.own import LARGEST, OWN, endpoint, internal, public, socket, stream
from tta_gateway.kernel.route import Timeouts


def test_a_public_endpoint_is_a_route_to_the_gateway_s_own_service() -> None:
    route = public("POST", "/a/{b}", auth="none")
    assert (route.service, route.path, route.methods) == (OWN, "/a/{b}", ("POST",))
    assert (route.name, route.auth, route.upgrade) == ("POST /a/{b}", "none", ())


def test_its_body_is_small_unless_it_says_otherwise() -> None:
    assert public("POST", "/a", auth="none").max_body == 64 * 1024 < LARGEST
    assert public("POST", "/a", auth="none", max_body=LARGEST).max_body == LARGEST


def test_who_waits_for_control_waits_once_and_not_for_long() -> None:
    timeouts = public("GET", "/a", auth="none").timeouts
    assert timeouts.first_byte == timeouts.total == 10.0
    assert public("GET", "/a", auth="none", timeouts=Timeouts()).timeouts == Timeouts()


def test_it_answers_in_the_state_folder() -> None:
    where = endpoint("./var")
    assert (where.unix, where.name) == ("./var/control.sock", "unix:./var/control.sock")


def test_what_is_for_services_is_internal_and_like_the_rest() -> None:
    route = internal("PUT", "/internal/a")
    assert (route.internal, route.service, route.methods) == (True, OWN, ("PUT",))
    assert not public("GET", "/a", auth="none").internal


def test_what_answers_web_sockets_is_named_by_its_route() -> None:
    route = socket("/a", "hub")
    assert (route.socket, route.service, route.methods) == ("hub", OWN, ("GET",))
    assert (route.auth, route.upgrade, route.max_body) == ("none", ("websocket",), 0)
    assert not public("GET", "/a", auth="none").socket


def test_what_answers_in_a_service_s_place_is_named_by_its_route() -> None:
    route = stream("POST", "/a", "hub", max_body=7)
    assert (route.stream, route.service, route.methods) == ("hub", OWN, ("POST",))
    assert (route.auth, route.upgrade, route.max_body, route.replay_body) == ("none", (), 7, 0)
    assert not public("GET", "/a", auth="none").stream
