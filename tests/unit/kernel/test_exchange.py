from tests.helpers.builders import a_head, a_peer, an_exchange
from tta_gateway.kernel.message import Response


def test_an_exchange_begins_with_the_neighbour_as_its_client() -> None:
    assert an_exchange(peer=a_peer("192.0.2.9")).client == "192.0.2.9"


def test_an_exchange_begins_with_no_policy_entered() -> None:
    assert an_exchange().entered == 0


def test_two_exchanges_never_share_what_they_send_upstream() -> None:
    one, other = an_exchange(), an_exchange()
    one.extra.append((b"x-request-id", b"1"))
    assert other.extra == []


def test_an_exchange_prints_what_is_asked_and_how_far_it_has_come() -> None:
    exchange = an_exchange(a_head("GET", "/players/7"))
    exchange.response = Response(404)
    assert repr(exchange) == "<exchange <GET /players/7 #1> tries=0 <answer 404>>"
