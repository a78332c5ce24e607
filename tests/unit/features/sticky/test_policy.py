"""Reading what sticks, and giving a cookie."""

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_exchange, answered, from_upstream
from tta_gateway.features.sticky.bound import StickyBound
from tta_gateway.features.sticky.policy import BoundSticky, IssuingSticky, Sticky
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.route import Key, Route
from tta_gateway.upstream.affinity import is_session, marked, seed_of

HEADER = Key(by="header", name="x-player")
SEAT = Key(by="cookie", name="seat", ttl=60.0)
OURS = b"0123456789abcdef"


def the_sticky(**keys: Key) -> BoundSticky:
    raw = msgspec.Raw(msgspec.msgpack.encode(StickyBound(keys=keys)))
    found = Sticky(lambda: 0.5).for_route(a_route(features={"sticky": raw}))
    assert found is not None
    return found


def asked(service: str = "", *, player: str = "", cookie: bytes = b"") -> Exchange:
    fields = [(b"x-player", player.encode())] if player else []
    fields += [(b"cookie", b"seat=" + cookie)] if cookie else []
    exchange = answered(an_exchange(a_head(fields=fields)), from_upstream())
    exchange.service = service
    return exchange


def given(sticky: BoundSticky, exchange: Exchange) -> bytes | None:
    assert isinstance(sticky, IssuingSticky)
    sticky.on_response(exchange)
    assert exchange.response is not None
    return exchange.response.get(b"set-cookie")


@pytest.mark.parametrize("route", [None, a_route()])
def test_a_route_whose_services_keep_nothing_is_left_alone(route: Route | None) -> None:
    assert Sticky(lambda: 0.5).for_route(route) is None


@pytest.mark.parametrize(("player", "key"), [("7", b"7"), ("", b"")])
def test_a_request_sticks_by_its_key_if_it_has_one(player: str, key: bytes) -> None:
    exchange = asked(player=player)
    the_sticky(players=HEADER).on_request(exchange)
    assert exchange.key == key


def test_the_key_is_that_of_the_service_that_was_chosen() -> None:
    sticky = the_sticky(v1=HEADER, v2=Key(by="client_address"))
    keys = []
    for service in ("v1", "v2", "v3"):
        exchange = asked(service, player="7")
        sticky.on_request(exchange)
        keys.append(exchange.key)
    assert keys == [b"7", b"192.0.2.7", b""]


def test_only_where_a_cookie_is_given_are_answers_looked_at() -> None:
    assert not hasattr(the_sticky(players=HEADER), "on_response")


def test_a_client_without_the_cookie_begins_a_session_and_is_given_it() -> None:
    sticky, exchange = the_sticky(players=SEAT), asked()
    sticky.on_request(exchange)
    assert is_session(exchange.key)
    exchange.key = marked(exchange.key, seed_of("a:80"))  # as the attempt loop does
    said = given(sticky, exchange)
    assert said is not None
    assert said.startswith(b"seat=" + exchange.key + b"; Path=/; Max-Age=60")


def test_a_client_that_stays_is_given_nothing() -> None:
    sticky, key = the_sticky(players=SEAT), marked(OURS, seed_of("a:80"))
    exchange = asked(cookie=key)
    sticky.on_request(exchange)
    assert (exchange.key, given(sticky, exchange)) == (key, None)


def test_a_client_whose_endpoint_is_another_now_is_told() -> None:
    sticky = the_sticky(players=SEAT)
    exchange = asked(cookie=marked(OURS, seed_of("a:80")))
    sticky.on_request(exchange)
    exchange.key = marked(exchange.key, seed_of("b:80"))
    said = given(sticky, exchange)
    assert said is not None
    assert said.startswith(b"seat=" + marked(OURS, seed_of("b:80")))


def test_an_answer_of_our_own_gives_no_cookie() -> None:
    sticky, exchange = the_sticky(players=SEAT), answered(asked(), Response(503))
    sticky.on_request(exchange)
    assert given(sticky, exchange) is None


@pytest.mark.parametrize("service", ["v1", "v2"])
def test_services_without_a_cookie_of_ours_give_none(service: str) -> None:
    sticky, exchange = the_sticky(players=SEAT, v1=HEADER), asked(service)
    sticky.on_request(exchange)
    assert given(sticky, exchange) is None


def test_it_says_what_it_does() -> None:
    said = the_sticky(players=SEAT, v1=HEADER).explain()
    assert said == "endpoints of players by the cookie seat, v1 by the header x-player"
