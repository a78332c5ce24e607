"""Routes that are not for everybody."""

import pytest

from tests.helpers.builders import a_peer, a_route, an_exchange
from tta_gateway.features.allow_from.policy import AllowFrom, BoundAllowFrom
from tta_gateway.kernel.route import Route


def _bound(*allowed: str) -> BoundAllowFrom:
    bound = AllowFrom().for_route(a_route(allow_from=allowed))
    assert bound is not None
    return bound


def _code(bound: BoundAllowFrom, client: str) -> str | None:
    exchange = an_exchange(peer=a_peer("192.0.2.1"))
    exchange.client = client
    answer = bound.on_request(exchange)
    if answer is None:
        return None
    assert answer.problem is not None
    return answer.problem.code


@pytest.mark.parametrize("route", [None, a_route()])
def test_a_route_that_names_no_networks_is_for_everybody(route: Route | None) -> None:
    assert AllowFrom().for_route(route) is None


def test_the_client_is_asked_about_and_not_the_neighbour() -> None:
    bound = _bound("10.0.0.0/8")
    said = [_code(bound, client) for client in ("10.0.0.1", "192.0.2.1", "10.0.0.1")]
    assert said == [None, "client_not_allowed", None]


def test_a_neighbour_on_a_unix_socket_is_let_in_where_it_is_listed() -> None:
    assert [_code(_bound(*one), "") for one in (("unix",), ("10.0.0.0/8",))] == [
        None,
        "client_not_allowed",
    ]


def test_a_unix_socket_s_neighbours_alone_are_no_network() -> None:
    assert _code(_bound("unix"), "10.0.0.1") == "client_not_allowed"


def test_very_many_clients_are_not_all_remembered() -> None:
    bound = _bound("10.0.0.0/16")
    for number in range(5000):
        _code(bound, f"10.0.{number >> 8}.{number & 255}")
    assert len(bound._known) == 4096
    assert _code(bound, "10.1.0.0") == "client_not_allowed"


def test_it_says_whom_it_lets_in() -> None:
    assert _bound("10.0.0.0/8", "unix").explain() == "lets in clients from 10.0.0.0/8, unix"
