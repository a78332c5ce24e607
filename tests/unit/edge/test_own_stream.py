"""Answers of the gateway's own: begun, held back, ended, whoever ends them."""

import pytest

from tests.helpers.builders import Bound
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.own_streams import Tellers, Telling
from tests.helpers.paper_gateway import GET, Gate, Open, PaperGateway, post, statuses
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.stream import Stream


class House:
    """A gateway on paper whose only route leads to whoever tells."""

    def __init__(self, gateway: PaperGateway, tellers: Tellers) -> None:
        self.gateway, self.tellers = gateway, tellers
        gateway.answers.serve("tells", tellers)

    def asked(self, request: bytes = GET) -> FakeTransport:
        client = self.gateway.client()
        client.feed(request)
        return client

    def turn(self) -> None:
        self.gateway.loop.run_ready()

    @property
    def last(self) -> Telling:
        return self.tellers.last


@pytest.fixture
def house(build: Open) -> House:
    return House(build(stream="tells"), Tellers())


def chunks(sent: bytes) -> list[bytes]:
    """Return the parts of an answer, behind its head; an empty one is the end."""
    parts, rest = [], sent.partition(b"\r\n\r\n")[2] if sent.startswith(b"HTTP") else sent
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        parts.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return parts


def test_it_begins_goes_on_and_ends_and_the_connection_serves_on(house: House) -> None:
    client = house.asked()
    head = client.take()
    assert statuses(head) == [200]
    assert b"x-a: b\r\ndate: " in head
    house.last.stream.send(b"one")
    house.last.stream.send(b"two")
    assert chunks(client.take()) == [b"one", b"two"]
    house.last.stream.end()
    assert chunks(client.take()) == [b""]
    house.last.stream.send(b"late")
    house.last.stream.end()
    assert client.take() == b""
    house.turn()
    assert house.last.heard == ["opened", "closed"]
    assert [one.sent for one in house.gateway.finished] == [6]
    client.feed(GET)
    assert statuses(client.sent) == [200]
    assert len(house.tellers.made) == 2


def test_it_has_the_whole_body(house: House) -> None:
    client = house.asked(post(b"one", length=6))
    assert house.tellers.made == []
    client.feed(b"two")
    assert house.last.body == b"onetwo"
    assert statuses(client.sent) == [200]
    upload = house.last.stream.exchange.upload
    assert upload is not None
    assert upload._sink is None


EXPECTS = b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"


def test_who_waits_to_be_told_to_go_on_is_told(house: House) -> None:
    """RFC 9110 10.1.1; red without `send_interim` in own_stream.py."""
    client = house.asked(EXPECTS)
    assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.feed(b"body")
    assert statuses(client.take()) == [200]
    assert house.last.body == b"body"


def test_who_has_not_waited_is_not_told(build: Open) -> None:
    """Red without the look at `received`."""
    gate = Gate()
    house = House(build(policies=[Bound(on_request=gate.ask)], stream="tells"), Tellers())
    client = house.asked(EXPECTS + b"body")
    house.turn()
    gate.answer()
    house.turn()
    assert statuses(client.sent) == [200]
    assert house.last.body == b"body"


def test_what_is_told_at_once_leaves_with_the_head(house: House) -> None:
    house.tellers.first = lambda stream: stream.send(b"first")
    client = house.asked()
    assert len(client.writes) == 1
    assert chunks(client.sent) == [b"first"]


def test_it_may_be_answered_whole_at_once_or_later(build: Open) -> None:
    house = House(build(stream="tells"), Tellers(Response(204)))
    client = house.asked(post(b"body") + post(b"next"))
    house.turn()
    assert statuses(client.sent) == [204, 204]
    assert [one.body for one in house.tellers.made] == [b"body", b"next"]
    assert house.last.heard == []
    house.last.stream.answer(Response(200))
    house.last.stream.begin(Response(200, None, None), house.last)
    assert statuses(client.sent) == [204, 204]


def test_a_service_that_is_not_there(build: Open) -> None:
    client = build(stream="tells").client()
    client.feed(GET)
    assert statuses(client.sent) == [503]


def test_a_client_that_goes_is_told_of_in_a_turn_of_its_own(house: House) -> None:
    client = house.asked()
    client.end()
    assert client.was_reset
    house.turn()
    house.turn()
    assert house.last.heard == ["opened", "closed"]
    house.last.stream.send(b"late")
    assert len(house.gateway.finished) == 1
    assert house.gateway.finished[0].aborted


def test_a_client_that_goes_with_half_a_body_asks_nothing(house: House) -> None:
    client = house.asked(post(b"one", length=6))
    client.lose()
    house.turn()
    assert house.tellers.made == []


def test_a_client_that_sends_too_much_asks_nothing(build: Open) -> None:
    house = House(build(stream="tells", max_body=3), Tellers())
    client = house.asked(
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    )
    assert statuses(client.sent) == [413]
    assert house.tellers.made == []


def test_a_client_that_reads_slowly_is_told_of_and_then_cut(house: House) -> None:
    client = house.asked()
    client.get_stuck()
    house.last.stream.send(bytes(100_000))
    assert house.last.heard == ["opened", "may write False"]
    client.get_unstuck()
    house.turn()
    assert house.last.heard == ["opened", "may write False", "may write True"]
    client.get_stuck()
    house.last.stream.send(bytes(100_000))
    house.gateway.wait(120.0)
    assert client.lost
    assert house.last.heard[-1] == "closed"


def test_who_is_slow_from_the_first_is_told_of_behind_the_beginning(build: Open) -> None:
    house = House(build(stream="tells"), Tellers())

    def first(stream: Stream) -> None:
        stream.send(bytes(100_000))

    house.tellers.first = first
    client = house.gateway.client()
    client.get_stuck()
    client.feed(GET)
    assert house.last.heard[-1] == "may write False"
    house.last.stream.end()
    client.get_unstuck()
    house.turn()
    assert [one for one in house.last.heard if one != "may write False"] == ["opened", "closed"]
    client.feed(GET)
    assert len(house.tellers.made) == 2


def test_who_answers_is_told_when_the_gateway_goes(house: House) -> None:
    client = house.asked()
    client.take()
    house.gateway.guests.drain()
    assert chunks(client.take()) == [b"bye", b""]
    house.turn()
    assert house.last.heard == ["opened", "leave", "closed"]
    house.gateway.wait(60.0)
    assert client.lost


def test_who_comes_while_the_gateway_goes_is_told_at_once(build: Open) -> None:
    house = House(build(stream="tells"), Tellers())
    waiting = house.asked(post(b"one", length=6))
    house.gateway.answers.is_leaving = lambda: house.gateway.guests.draining
    house.gateway.guests.drain()
    waiting.feed(b"two")
    assert chunks(waiting.sent) == [b"bye", b""]
    assert house.last.heard == ["opened", "leave"]


def test_a_policy_may_think_about_the_answer(build: Open) -> None:
    gate = Gate()
    house = House(build(policies=[Bound(on_response=gate.ask)], stream="tells"), Tellers())
    client = house.asked()
    house.turn()
    assert (client.sent, house.last.heard) == (b"", [])
    house.gateway.guests.drain()
    gate.answer()
    house.turn()
    assert statuses(client.sent) == [200]
    assert house.last.heard == ["opened", "leave", "closed"]


def test_a_client_that_goes_meanwhile_is_told_nothing(build: Open) -> None:
    gate = Gate()
    house = House(build(policies=[Bound(on_response=gate.ask)], stream="tells"), Tellers())
    client = house.asked()
    house.turn()
    client.lose()
    gate.answer()
    house.turn()
    assert house.last.heard == []


def test_a_policy_may_answer_something_else(build: Open) -> None:
    def other(_: Exchange) -> Response:
        return Response(403)

    house = House(build(policies=[Bound(on_response=other)], stream="tells"), Tellers())
    client = house.asked()
    assert statuses(client.sent) == [403]
    assert house.last.heard == []


@pytest.mark.parametrize("whole", [None, Response(204)])
def test_a_fault_of_the_service_is_ours(build: Open, whole: Response | None) -> None:
    house = House(build(stream="tells"), Tellers(whole, fails="asked"))
    client = house.asked()
    assert statuses(client.sent) == [500]
    assert house.gateway.codes == ["internal"]
    assert [str(one) for one in house.gateway.reported] == ["a fault of the service"]
    house.gateway.reported.clear()


@pytest.mark.parametrize("what", ["opened", "may write False", "leave", "closed"])
def test_a_fault_of_who_answers_cuts_the_answer(build: Open, what: str) -> None:
    house = House(build(stream="tells"), Tellers(fails=what))
    client = house.asked()
    client.get_stuck()
    house.last.stream.send(bytes(100_000))
    house.gateway.guests.drain()
    client.lose()
    house.turn()
    assert [str(one) for one in house.gateway.reported] == ["a fault of whoever answers"]
    assert (what == "closed") is not client.aborted
    house.gateway.reported.clear()


def test_it_says_how_far_it_has_come(house: House) -> None:
    house.asked(post(b"one", length=6))
    house.asked()
    stream = house.last.stream
    assert repr(stream) == "<own stream open>"
    stream.end()
    assert repr(stream) == "<own stream over>"
    waiting = house.gateway.clients[0].protocol._exchange.attempt
    assert repr(waiting) == "<own stream not open yet>"


def test_whose_answer_goes_on_is_told_over_time_that_the_gateway_goes(house: House) -> None:
    """Its client connects again as soon as it is told, as one with a WebSocket does."""
    client = house.asked()
    assert client.protocol.comes_back()
    house.last.stream.end()
    assert not client.protocol.comes_back()
