"""Sockets of the gateway's own: opened, heard, held back, ended, whoever ends them."""

import pytest

from tests.helpers.builders import Bound
from tests.helpers.fake_transport import HIGH_WATER, FakeTransport
from tests.helpers.own_sockets import Echoes
from tests.helpers.paper_gateway import Gate, Open, PaperGateway, statuses
from tests.helpers.socket_talk import MASK, Heard, OnPaper
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.socket import SocketTerms
from tta_gateway.wire.socket_codec import BINARY, CLOSE, PING, TEXT, SocketLimits, framed
from tta_gateway.wire.socket_deflate import agreed_by, offer
from tta_gateway.wire.socket_endpoint import SocketEndpoint

ASK = (
    b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
END = b"\r\n"
LIMIT = 300


def said(opcode: int, data: bytes = b"", *, final: bool = True) -> bytes:
    return framed(opcode, data, mask=MASK, final=final)


class House:
    """A gateway on paper whose only route leads to echoes."""

    def __init__(self, gateway: PaperGateway, echoes: Echoes) -> None:
        self.gateway, self.echoes = gateway, echoes
        gateway.sockets.serve("echo", echoes)

    def opened(self, fields: bytes = b"", early: bytes = b"") -> FakeTransport:
        client = self.gateway.client()
        client.feed(ASK + fields + END + early)
        head, _, rest = client.take().partition(b"\r\n\r\n")
        assert statuses(head) == [101], head
        client.sent = rest
        return client

    def turn(self) -> None:
        self.gateway.loop.run_ready()

    @property
    def heard(self) -> list[object]:
        return self.echoes.last.heard


def heard(client: FakeTransport) -> list[Heard]:
    """What the client hears."""
    limits = SocketLimits(frame=1 << 20, message=1 << 20)
    return OnPaper(SocketEndpoint(limits=limits, mask=lambda: MASK)).hear([client.take()])


@pytest.fixture
def house(build: Open) -> House:
    terms = SocketTerms(protocols=(b"one", b"two"), largest=LIMIT)
    return House(build(socket="echo"), Echoes(terms))


# --- Opening ------------------------------------------------------------------------------------


def test_it_opens_and_answers(house: House) -> None:
    client = house.opened(b"Sec-WebSocket-Protocol: zero, two\r\n")
    client.feed(said(TEXT, b"hello"), said(BINARY, b"\xff"))
    assert heard(client) == [("text", b"hello"), ("binary", b"\xff")]
    assert house.heard == [("opened", b"two"), ("text", b"hello"), ("binary", b"\xff")]


def test_what_comes_with_the_request_is_heard(house: House) -> None:
    client = house.opened(early=said(TEXT, b"early") + said(TEXT, b"bird"))
    assert heard(client) == [("text", b"early"), ("text", b"bird")]
    assert house.heard[0] == ("opened", b"")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 426),
        (ASK.replace(b"13", b"8") + END, 426),
        (ASK.replace(b"dGhl", b"dGh") + END, 400),
        (ASK.replace(b"GET", b"POST") + END, 400),
    ],
)
def test_what_is_no_web_socket_is_refused(house: House, request_: bytes, status: int) -> None:
    client = house.gateway.client()
    client.feed(request_)
    assert statuses(client.sent) == [status]
    assert house.echoes.made == []


def test_a_service_that_is_not_there(build: Open) -> None:
    gateway = build(socket="echo")
    client = gateway.client()
    client.feed(ASK + END)
    assert statuses(client.sent) == [503]


def test_messages_may_be_deflated(build: Open) -> None:
    house = House(build(socket="echo"), Echoes(SocketTerms(deflates=True)))
    client = house.gateway.client()
    client.feed(ASK + b"Sec-WebSocket-Extensions: " + offer() + b"\r\n" + END)
    head, _, rest = client.take().partition(b"\r\n\r\n")
    answer = head.partition(b"sec-websocket-extensions: ")[2].partition(b"\r\n")[0]
    theirs = SocketEndpoint(agreed=agreed_by(answer), mask=lambda: MASK)
    theirs.send(b"long" * 500, is_text=True)
    client.feed(theirs.taken())
    assert len(client.sent) < 200
    assert OnPaper(theirs).hear([rest, client.take()]) == [("text", b"long" * 500)]


def test_a_policy_may_think_about_the_answer(build: Open) -> None:
    gate = Gate()
    house = House(build(policies=[Bound(on_response=gate.ask)], socket="echo"), Echoes())
    client = house.gateway.client()
    client.feed(ASK + END + said(TEXT, b"early"))
    house.turn()
    assert (client.sent, house.echoes.made) == (b"", [])
    gate.answer()
    house.turn()
    assert statuses(client.take().partition(b"\r\n\r\n")[0]) == [101]
    assert house.heard[-1] == ("text", b"early")


def test_a_client_that_goes_meanwhile_opens_nothing(build: Open) -> None:
    gate = Gate()
    house = House(build(policies=[Bound(on_response=gate.ask)], socket="echo"), Echoes())
    client = house.gateway.client()
    client.feed(ASK + END)
    house.turn()
    client.lose()
    gate.answer()
    house.turn()
    assert house.echoes.made == []


def test_a_policy_may_answer_something_else(build: Open) -> None:
    def other(_: Exchange) -> Response:
        return Response(403)

    house = House(build(policies=[Bound(on_response=other)], socket="echo"), Echoes())
    client = house.gateway.client()
    client.feed(ASK + END)
    assert statuses(client.sent) == [403]
    assert house.echoes.made == []


# --- The end ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (said(CLOSE, b"\x03\xe8bye"), 1000),
        (said(CLOSE), 1005),
        (framed(TEXT, b"not masked"), 1002),
        (said(TEXT, b"\xff"), 1007),
        (said(TEXT, bytes(LIMIT + 1)), 1009),
    ],
)
def test_the_client_ends_it(house: House, frame: bytes, code: int) -> None:
    client = house.opened()
    client.feed(frame + said(TEXT, b"late"))
    assert [one[:2] for one in heard(client)] == [("close", code)]
    assert house.heard[1:] == [("closed", code)]
    assert client.ended
    client.feed(said(TEXT, b"later"))
    client.end()
    house.turn()
    assert client.lost
    assert len(house.gateway.finished) == 1
    assert house.gateway.finished[0].received > 0
    assert house.heard[1:] == [("closed", code)]


def test_a_client_that_does_not_end_its_half_is_ended(house: House) -> None:
    client = house.opened()
    client.feed(framed(TEXT, b"not masked"))
    client.feed(*[said(TEXT, b"on and on")] * 100)
    house.gateway.wait(6.0)
    assert client.lost


def test_the_hearer_ends_it(house: House) -> None:
    client = house.opened()
    house.echoes.last.open.close(4000, b"enough")
    house.echoes.last.open.close(4001, b"once")
    house.echoes.last.open.send(b"late", is_text=True)
    assert heard(client) == [("close", 4000, b"enough")]
    client.feed(said(TEXT, b"late"), said(CLOSE, b"\x0f\xa0"))
    assert house.heard[1:] == [("late text", b"late"), ("closed", 4000)]
    assert client.ended


def test_a_client_that_does_not_answer_a_close(house: House) -> None:
    client = house.opened()
    house.echoes.last.open.close(4000, b"enough")
    house.gateway.wait(6.0)
    assert client.lost
    assert house.heard[1:] == [("closed", 4000)]


def test_a_client_that_is_cut_off(house: House) -> None:
    client = house.opened()
    client.feed(said(TEXT, b"half")[:-1])
    client.lose()
    assert house.heard[1:] == []  # in a turn of its own: thousands may go in one moment
    house.echoes.last.open.send(b"to nobody", is_text=True)
    house.turn()
    assert house.heard[1:] == [("closed", 1006)]


def test_a_client_that_ends_its_half_without_a_word(house: House) -> None:
    client = house.opened()
    client.end()
    house.turn()
    assert house.heard[1:] == [("closed", 1006)]
    assert client.lost


def test_many_that_go_in_one_moment_are_told_a_few_in_a_turn(house: House) -> None:
    clients = []
    for _ in range(250):
        clients.append(house.opened())
        house.gateway.loop.delay(0.001)  # in turns of their own
    for client in clients:
        client.lose()
    house.gateway.loop.turn()
    told = sum(echo.heard[-1] == ("closed", 1006) for echo in house.echoes.made)
    assert 0 < told < 250
    house.turn()
    assert all(echo.heard[-1] == ("closed", 1006) for echo in house.echoes.made)


@pytest.mark.parametrize(("farewell", "code"), [(None, 1012), ((3001, b"shutdown"), 3001)])
def test_the_gateway_goes(build: Open, farewell: tuple[int, bytes] | None, code: int) -> None:
    house = House(build(socket="echo"), Echoes(SocketTerms(farewell=farewell)))
    client = house.opened()
    house.gateway.guests.drain()
    assert [one[:2] for one in heard(client)] == [("close", code)]
    client.feed(said(CLOSE, code.to_bytes(2, "big")))
    assert house.heard[1:] == [("closed", code)]


def test_what_comes_behind_a_close_of_ours_is_heard_as_late_and_not_answered(house: House) -> None:
    """It was on its way: nobody carries it out, but somebody may need help by it."""
    client = house.opened()
    house.gateway.guests.drain()
    client.take()
    client.feed(said(TEXT, b"one"), said(PING, b"a"), said(BINARY, b"two"))
    client.feed(said(CLOSE, b"\x03\xf4"), said(TEXT, b"behind the client's own"))
    late = [("late text", b"one"), ("late binary", b"two")]
    assert house.heard[1:] == [*late, ("closed", 1012)]
    assert client.take() == b""


def test_of_what_is_late_only_so_much_is_heard(house: House) -> None:
    client = house.opened()
    house.gateway.guests.drain()
    for number in range(110):
        client.feed(said(TEXT, b"%d" % number))
        house.turn()
    assert house.heard[1:] == [("late text", b"%d" % number) for number in range(100)]


def test_what_the_hearer_has_held_back_is_late_once_the_client_has_gone(house: House) -> None:
    client = house.opened()
    house.echoes.last.before = lambda _: house.echoes.last.open.pause()
    client.feed(said(TEXT, b"told") + said(TEXT, b"said") + said(PING) + said(TEXT, b"and gone"))
    client.lose()
    house.turn()
    late = [("late text", b"said"), ("late text", b"and gone")]
    assert house.heard[1:] == [("text", b"told"), *late, ("closed", 1006)]


def test_a_fault_in_what_is_late_is_reported(build: Open) -> None:
    house = House(build(socket="echo"), Echoes(fails="late text"))
    client = house.opened()
    house.gateway.guests.drain()
    client.feed(said(TEXT, b"one"), said(CLOSE, b"\x03\xf4"))
    assert house.heard[-1] == ("closed", 1012)
    assert [type(error) for error in house.gateway.reported] == [ValueError]
    house.gateway.reported.clear()


def test_what_opens_while_the_gateway_goes_is_told_at_once(build: Open) -> None:
    gate = Gate()
    house = House(build(policies=[Bound(on_response=gate.ask)], socket="echo"), Echoes())
    client = house.gateway.client()
    client.feed(ASK + END)
    house.turn()
    house.gateway.guests.drain()
    gate.answer()
    house.turn()
    rest = client.take().partition(b"\r\n\r\n")[2]
    assert OnPaper(SocketEndpoint(mask=lambda: MASK)).hear([rest])[0][:2] == ("close", 1012)
    house.gateway.wait(6.0)
    assert client.lost


def test_a_policy_ends_it(house: House) -> None:
    client = house.opened()
    house.echoes.exchanges[0].origin.dismiss(3000, b"the token has expired")
    assert heard(client) == [("close", 3000, b"the token has expired")]
    house.gateway.wait(6.0)
    assert house.heard[1:] == [("closed", 3000)]


@pytest.mark.parametrize("end", ["abort", "let_go"])
def test_it_can_be_broken_off(house: House, end: str) -> None:
    house.opened()
    getattr(house.echoes.last.open, end)()
    house.turn()
    assert house.heard[1:] == [("closed", 1006)]


# --- Flow and turns -----------------------------------------------------------------------------


def test_a_client_that_does_not_read(house: House) -> None:
    client = house.opened()
    client.get_stuck()
    house.echoes.last.open.send(bytes(HIGH_WATER + 1), is_text=False)
    assert house.heard[1:] == [("may write", False)]
    client.feed(*[said(PING, b"%d" % number) for number in range(100)])
    client.get_unstuck()
    assert house.heard[1:] == [("may write", False), ("may write", True)]
    told = heard(client)
    assert [one[0] for one in told] == ["binary", "pong"]
    assert told[1] == ("pong", b"99")


def test_a_client_that_never_reads_is_cut(house: House) -> None:
    client = house.opened()
    client.get_stuck()
    house.echoes.last.open.send(bytes(HIGH_WATER + 1), is_text=False)
    house.gateway.wait(61.0)
    assert client.was_reset
    assert house.heard[-1] == ("closed", 1006)


def test_the_hearer_may_pause(house: House) -> None:
    client = house.opened()
    echo = house.echoes.last
    echo.before = lambda payload: echo.open.pause() if payload == b"1" else None
    client.feed(b"".join(said(TEXT, b"%d" % number) for number in range(4)))
    client.feed(said(TEXT, b"4"))
    house.turn()
    assert [one[1] for one in heard(client)] == [b"0", b"1"]
    assert not client.reading
    echo.open.pause()
    echo.open.resume()
    echo.open.resume()
    house.turn()
    assert [one[1] for one in heard(client)] == [b"2", b"3", b"4"]
    assert client.reading


def test_what_comes_although_it_pauses_is_heard_behind_it(house: House) -> None:
    client = house.opened()
    echo = house.echoes.last
    echo.before = lambda payload: echo.open.pause() if payload == b"0" else None
    client.feed(said(TEXT, b"0") + said(TEXT, b"1"))
    client.protocol.data_received(said(TEXT, b"2"))  # it was on its way already
    echo.open.resume()
    house.turn()
    assert [one[1] for one in heard(client)] == [b"0", b"1", b"2"]


def test_a_pause_ends_with_the_socket(house: House) -> None:
    client = house.opened()
    echo = house.echoes.last

    def enough(_: bytes) -> None:
        echo.open.pause()
        echo.open.close(4000, b"")

    echo.before = enough
    client.feed(said(TEXT, b"0") + said(TEXT, b"1") + said(CLOSE, b"\x0f\xa0"))
    house.turn()
    assert house.heard[1:] == [("text", b"0"), ("late text", b"1"), ("closed", 4000)]


def test_very_much_at_once_is_heard_in_turns(house: House) -> None:
    client = house.opened()
    client.feed(b"".join(said(TEXT, b"%d" % number) for number in range(200)))
    assert 0 < len(house.heard) < 100
    assert not client.reading
    house.turn()
    assert [one[1] for one in heard(client)] == [b"%d" % number for number in range(200)]
    assert client.reading


def test_what_waits_for_its_turn_goes_with_the_client(house: House) -> None:
    client = house.opened()
    client.feed(b"".join(said(TEXT, b"%d" % number) for number in range(200)))
    before = len(house.heard)
    client.lose()
    house.turn()
    assert house.heard[before:] == [("closed", 1006)]


def test_the_same_for_many_is_framed_once(house: House) -> None:
    clients = [house.opened() for _ in range(3)]
    payload = b"to all of them"
    for echo in house.echoes.made:
        echo.open.send(payload, is_text=True)
    frames = [client.writes[-1] for client in clients]
    assert frames[0] is frames[1] is frames[2]
    house.echoes.last.open.send(payload, is_text=False)
    assert heard(clients[-1])[-1] == ("binary", payload)


# --- Time, pings, faults ------------------------------------------------------------------------


def test_the_hearer_is_woken(house: House) -> None:
    house.opened()
    now = house.gateway.loop.time()
    house.echoes.last.open.wake_at(now + 10.0)
    house.gateway.wait(9.0)
    assert house.heard[1:] == []
    house.gateway.wait(2.0)
    assert len(house.heard[1:]) == 1
    house.gateway.wait(20.0)
    assert len(house.heard[1:]) == 1


def test_the_hearer_asks_for_a_sign_of_life(house: House) -> None:
    client = house.opened()
    house.echoes.last.open.ping(b"?")
    assert heard(client) == [("ping", b"?")]


@pytest.mark.parametrize("fails", ["hearer", "opened", "text", "may write", "due", "closed"])
def test_a_fault_of_whoever_hears_is_reported_and_said(build: Open, fails: str) -> None:
    house = House(build(socket="echo"), Echoes(fails=fails))
    client = house.opened()
    if house.echoes.made and fails != "opened":
        house.echoes.last.open.wake_at(house.gateway.loop.time())
        client.feed(said(TEXT, b"x"))
        house.gateway.wait(0.5)
        client.get_stuck()
        house.echoes.last.open.send(bytes(HIGH_WATER + 1), is_text=False)
        client.get_unstuck()
    codes = [one[1] for one in heard(client) if one[0] == "close"]
    assert codes == ([] if fails == "closed" else [1011])
    client.feed(said(TEXT, b"late") * 100)
    house.gateway.wait(6.0)
    client.lose()
    house.turn()
    assert [type(error) for error in house.gateway.reported] == [ValueError]
    house.gateway.reported.clear()


def test_it_says_what_it_is(house: House) -> None:
    house.opened()
    assert "own socket" in repr(house.echoes.last.open)


def test_nothing_of_an_answer_can_be_paused(build: Open) -> None:
    gate = Gate()
    house = House(build(policies=[Bound(on_response=gate.ask)], socket="echo"), Echoes())
    client = house.gateway.client()
    client.feed(ASK + END)
    house.turn()
    client.protocol.pause_writing()
    client.protocol.resume_writing()
    gate.answer()
    house.turn()
    assert statuses(client.take().partition(b"\r\n\r\n")[0]) == [101]
