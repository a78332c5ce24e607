"""Who is told of people at risk, and by what a service knows that it is the gateway who says it."""

import json

from tests.helpers.builders import a_plan, a_route, an_exchange
from tta_gateway.features.safety.telling import KEY, Telling, socket_of
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.listening import SAFETY_LEVEL


def asked(service: str = "", route: str = "asked") -> Exchange:
    exchange = an_exchange(plan=a_plan(route=a_route(service=route)))
    exchange.service = service
    exchange.request_id = b"r1"
    return exchange


def test_who_has_not_asked_is_told_nothing() -> None:
    for telling in (Telling(), Telling(["another"])):
        exchange = asked()
        telling.tell(exchange, 3, ("suicide",))
        telling.introduce(exchange)
        assert telling.word(exchange, 3, ("suicide",)) == b""
        assert exchange.extra == []


def test_where_a_route_has_several_the_chosen_one_counts() -> None:
    telling = Telling(["asked"])
    assert not telling.has_asked(asked("other"))
    assert telling.has_asked(asked("asked", "other"))
    assert not telling.has_asked(an_exchange())


def test_a_request_says_it_by_fields() -> None:
    exchange = asked()
    Telling(["asked"]).tell(exchange, 2, ("suicide", "abuse"))
    Telling(["asked"]).tell(exchange, 1, ())
    assert exchange.extra == [
        (SAFETY_LEVEL, b"2"),
        (b"x-safety-categories", b"suicide, abuse"),
        (SAFETY_LEVEL, b"1"),
    ]


def test_in_a_socket_a_word_repeats_what_its_handshake_said() -> None:
    telling, exchange, other = Telling(["asked"]), asked(), asked()
    telling.introduce(exchange)
    ((name, key),) = exchange.extra
    assert (name, len(key)) == (KEY, 32)
    told = json.loads(telling.word(exchange, 2, ("suicide",)))
    assert told == {"type": "safety", "level": 2, "categories": ["suicide"], "key": key.decode()}
    assert json.loads(telling.word(other, 2, ()))["key"] != key.decode()
    assert json.loads(Telling(["asked"]).word(exchange, 2, ()))["key"] != key.decode()


def test_a_socket_keeps_its_name() -> None:
    exchange = asked()
    exchange.socket_id = "tether a"
    assert socket_of(exchange) == "tether a"
    assert socket_of(asked()) != socket_of(asked())
