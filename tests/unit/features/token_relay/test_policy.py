"""What a service is shown of who is asking."""

import pytest

from tests.helpers.builders import a_head, a_route, an_exchange
from tta_gateway.features.token_relay.bound import Mode, Relay, TokenRelayBound
from tta_gateway.features.token_relay.policy import BoundTokenRelay, TokenRelay
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.principal import Principal
from tta_gateway.upstream import outgoing

NOW = 1_800_000_000.0
WHO = Principal(subject="p1", issuer="home", roles=frozenset(("player",)))
KEY = b'{"kty": "oct", "k": "YSBzZWNyZXQgb2YgdGhlIHBsYXRmb3JtIGFzIGl0IGlzIHRvZGF5"}'
SHOWN = (b"authorization", b"Bearer theirs")
AGENT = (b"user-agent", b"x")


def policy(mode: Mode, *, query: str = "", service: str = "players") -> BoundTokenRelay:
    relay = Relay(mode=mode, key=KEY if mode == "mint" else b"", query=query)
    bound = TokenRelayBound(services={service: relay})
    made = TokenRelay(bound, wall=lambda: NOW).for_route(a_route(service="players"))
    assert made is not None
    return made


def seen(
    bound: BoundTokenRelay, *fields: tuple[bytes, bytes], known: bool = True, service: str = ""
) -> Fields:
    """Return the fields that the service sees."""
    exchange = an_exchange(a_head(fields=list(fields)))
    if known:
        exchange.principal, exchange.token = WHO, b"theirs"
    exchange.service = service
    bound.on_request(exchange)
    left = exchange.upstream_fields
    return exchange.request.fields if left is None else left


def test_one_that_is_passed_on_costs_nothing() -> None:
    exchange = an_exchange(a_head(fields=[AGENT, SHOWN]))
    exchange.principal, exchange.token = WHO, b"theirs"
    policy("pass").on_request(exchange)
    assert exchange.upstream_fields is None
    assert exchange.upstream_query is None


def test_one_that_was_shown_elsewhere_is_passed_on_where_services_look() -> None:
    assert seen(policy("pass"), AGENT) == [AGENT, SHOWN]


def test_one_beside_somebody_else_s_is_the_one_that_was_proved() -> None:
    basic = (b"authorization", b"Basic dTpw")
    assert seen(policy("pass"), basic, AGENT) == [AGENT, SHOWN]


@pytest.mark.parametrize("known", [True, False])
def test_none_is_shown_where_that_is_said(known: bool) -> None:
    assert seen(policy("strip"), SHOWN, AGENT, known=known) == [AGENT]


def test_what_is_not_a_token_stays() -> None:
    basic = (b"authorization", b"Basic dTpw")
    assert seen(policy("strip"), basic, AGENT, known=False) == [basic, AGENT]


def test_one_of_our_own_takes_its_place() -> None:
    fields = seen(policy("mint"), SHOWN, AGENT)
    assert [name for name, _ in fields] == [b"user-agent", b"authorization"]
    assert fields[1][1].startswith(b"Bearer ey")
    assert seen(policy("mint"), SHOWN, AGENT, known=False) == [AGENT]


def test_each_service_of_a_split_is_shown_its_own() -> None:
    bound = policy("mint", service="newer")
    assert seen(bound, SHOWN) == [SHOWN]
    assert seen(bound, SHOWN, service="newer") != [SHOWN]


@pytest.mark.parametrize("name", [b"x-user-id", b"x-user-roles", b"remote-user"])
@pytest.mark.parametrize("known", [True, False])
def test_what_clients_say_of_themselves_goes_nowhere(name: bytes, known: bool) -> None:
    said = (name, b"admin")
    wanted = [AGENT, SHOWN] if known else [AGENT]
    assert seen(policy("pass"), said, AGENT, *wanted[1:], known=known) == wanted


def websocket(bound: BoundTokenRelay, target: bytes) -> Exchange:
    head = a_head(target=target.decode(), fields=[AGENT])
    head.path, _, query = target.partition(b"?")
    head.query = query or None
    head.upgrade = b"websocket"
    exchange = an_exchange(head)
    exchange.principal, exchange.token = WHO, b"theirs"
    bound.on_request(exchange)
    return exchange


@pytest.mark.parametrize(
    ("target", "line"),
    [(b"/ws", b"GET /ws?token=theirs"), (b"/ws?a=1", b"GET /ws?a=1&token=theirs")],
)
def test_a_websocket_shows_it_where_the_service_looks(target: bytes, line: bytes) -> None:
    exchange = websocket(policy("pass", query="token"), target)
    assert outgoing.line(exchange, b"GET") == line
    assert exchange.upstream_fields is None


def test_a_request_of_another_kind_does_not() -> None:
    assert seen(policy("pass", query="token"), SHOWN) == [SHOWN]


def test_it_acts_where_there_is_a_service() -> None:
    relay = TokenRelay(TokenRelayBound(), wall=lambda: NOW)
    assert relay.for_route(None) is None
    assert relay.for_route(a_route(service="")) is None


@pytest.mark.parametrize(
    ("mode", "query", "said"),
    [
        ("pass", "", "passes the access token on"),
        ("pass", "token", "passes the access token on in the query of WebSockets (`token`)"),
        ("strip", "", "shows no access token to the service"),
        ("mint", "", "shows the service a token of the gateway's own"),
    ],
)
def test_it_says_what_it_does(mode: Mode, query: str, said: str) -> None:
    assert policy(mode, query=query).explain() == said
