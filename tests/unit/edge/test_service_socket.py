"""Sockets that the gateway opens to a service, by a real driver, to an end on paper."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.helpers.builders import Bound, a_head, a_plan, an_exchange, from_upstream
from tests.helpers.fake_origin import FakeTunnel
from tests.helpers.steps import Gate, Work, turn
from tta_gateway.edge.passing import MANY
from tta_gateway.edge.service_socket import ServiceSocket, ServiceSockets
from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.kernel.exchange import Exchange, Tunnel
from tta_gateway.kernel.message import Fields, Refusal, Response, answer_of
from tta_gateway.kernel.problem import NOT_FOUND, UPSTREAM_RESET
from tta_gateway.kernel.said import Hearing, Need, Said, Talk
from tta_gateway.pipeline.run import Runner
from tta_gateway.wire.socket_codec import Close, Message, Ping
from tta_gateway.wire.socket_endpoint import SocketEndpoint
from tta_gateway.wire.socket_handshake import ACCEPT, KEY, accept_of, all_of

SHOWN: Fields = [
    (b"cookie", b"a=b"),
    (b"sec-websocket-key", b"theirs"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-extensions", b"permessage-deflate"),
    (b"sec-websocket-protocol", b"chat, bearer, secret"),
]


class End(FakeTunnel):
    """The service's end."""

    def __init__(self) -> None:
        super().__init__()
        self.let = False

    def splice(self, other: Tunnel) -> None: ...

    def let_go(self) -> None:
        self.let = True


class Try:
    """An attempt that can be given up."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Time:
    """A loop whose turns the test takes."""

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []

    def call_soon(self, call: Callable[[], None]) -> None:
        self.later.append(call)

    def turn(self) -> None:
        later, self.later = self.later, []
        for call in later:
            call()


class House:
    """A plan that ends here, where the test answers in a service's place."""

    def __init__(self, *policies: Any) -> None:  # noqa: ANN401 - whatever has steps
        self.heard: list[object] = []
        self.passing: list[tuple[bytes, bool]] = []
        self.needs: list[Need | None] = []
        self.asked: list[Exchange] = []
        self.time = Time()
        self.sweeper = Sweeper(cast("asyncio.AbstractEventLoop", self.time), lambda: 0.0)
        self.works: list[Work] = []
        self.end = End()
        self.peer = SocketEndpoint()
        self.runner = Runner(self.works.append, lambda _, __: None)
        sockets = ServiceSockets(self.sweeper, self.runner, largest=1 << 16)
        plan = a_plan(policies, forward=self.asked.append)
        like = an_exchange(a_head(fields=list(SHOWN)))
        head = like.request.again(1, b"/ws?session_id=a")
        self.socket: ServiceSocket = sockets.open(plan, head, like=like, hearer=self)
        self.time.turn()

    # What is heard

    def opened(self) -> None:
        self.heard.append("opened")

    def refused(self, response: Response) -> None:
        self.heard.append(("refused", response.status))

    def message(self, payload: bytes, *, is_text: bool) -> None:
        self.heard.append(payload if is_text else ("binary", payload))

    def tell(self, payload: bytes, *, is_text: bool, is_help: bool) -> None:
        assert not is_help
        self.heard.append(("told", payload, is_text))

    def passed(self, payload: bytes, *, is_text: bool, need: Need | None) -> None:
        self.needs.append(need)
        self.passing.append((payload, is_text))

    def stopped(self, payload: bytes) -> None:
        self.heard.append(("stopped", payload))

    def may_write(self, *, may: bool) -> None:
        self.heard.append(("may write", may))

    def closed(self, code: int, reason: bytes, *, is_of_policy: bool) -> None:
        self.heard.append((code, reason, is_of_policy))

    # What the service does

    def answer(self, status: int = 101, *, accept: bytes = b"") -> None:
        (exchange,) = self.asked
        key = all_of(exchange.request.fields, KEY)[0]
        answer = from_upstream(status, [(ACCEPT, accept or accept_of(key))])
        if self.runner.respond(exchange, answer) and status == 101 and not exchange.finished:
            exchange.origin.open_tunnel(self.end)

    def says(self, *texts: bytes) -> None:
        for text in texts:
            self.peer.send(text, is_text=True)
        self.socket.write(self.peer.taken())

    def gets(self) -> list[object]:
        """What the service is told: texts, and codes of Closes."""
        told: list[object] = []
        for event in self.peer.receive(b"".join(self.end.written)):
            self.peer.heed(event)
            if isinstance(event, Message):
                told.append(event.data)
            elif isinstance(event, Close):
                told.append(event.code)
            elif isinstance(event, Ping):
                told.append("ping")
        self.end.written.clear()
        return told


@pytest.fixture
def open_one() -> House:
    house = House()
    house.answer()
    return house


def test_the_service_is_asked_with_a_handshake_of_ours() -> None:
    (exchange,) = House().asked
    fields = exchange.request.fields
    assert (b"cookie", b"a=b") in fields
    assert all_of(fields, b"sec-websocket-key") != [b"theirs"]
    assert len(all_of(fields, b"sec-websocket-key")) == 1
    assert all_of(fields, b"sec-websocket-version") == [b"13"]
    assert all_of(fields, b"sec-websocket-extensions") == []
    assert all_of(fields, b"sec-websocket-protocol") == [b"bearer, secret"]
    assert exchange.request.upgrade == b"websocket"


def test_messages_pass_both_ways(open_one: House) -> None:
    open_one.says(b"a", b"b")
    open_one.socket.send(b"c", is_text=True)
    assert open_one.heard == ["opened", b"a", b"b"]
    assert open_one.gets() == [b"c"]


@pytest.mark.parametrize("status", [200, 401, 503])
def test_an_answer_that_is_no_change_of_protocol_is_a_refusal(status: int) -> None:
    house = House()
    (exchange,) = house.asked
    exchange.attempt = attempt = cast("Any", Try())
    house.answer(status)
    assert house.heard == [("refused", status)]
    assert (exchange.finished, attempt.cancelled) == (True, True)


def test_so_is_one_with_a_wrong_proof() -> None:
    house = House()
    house.answer(accept=b"wrong")
    assert house.heard == [("refused", 502)]


def test_a_policy_may_refuse() -> None:
    house = House(Bound(on_request=lambda _: Refusal(answer_of(NOT_FOUND))))
    assert house.heard == [("refused", 404)]


def test_an_attempt_that_fails_is_a_refusal() -> None:
    house = House()
    house.runner.respond(house.asked[0], answer_of(UPSTREAM_RESET))
    house.socket.abort()
    assert house.heard == [("refused", UPSTREAM_RESET.status)]


def test_a_fault_before_it_is_open_is_one_too() -> None:
    house = House()
    house.socket.abort()
    assert house.heard == [("refused", 502)]


def test_the_close_of_a_service_is_answered_and_told(open_one: House) -> None:
    open_one.peer.close(4001, b"why")
    open_one.socket.write(open_one.peer.taken())
    assert open_one.heard == ["opened", (4001, b"why", False)]
    assert open_one.gets() == [4001]
    assert open_one.end.let
    assert open_one.asked[0].finished


def test_a_service_that_breaks_a_rule_has_gone(open_one: House) -> None:
    open_one.socket.write(b"\xff\xff")
    assert open_one.heard[-1] == (1006, b"", False)


@pytest.mark.parametrize("way", ["write_eof", "abort"])
def test_a_service_that_goes_without_a_word_has_gone(open_one: House, way: str) -> None:
    getattr(open_one.socket, way)()
    assert open_one.heard[-1] == (1006, b"", False)
    assert not open_one.sweeper._watched


def test_who_closes_it_hears_nothing_more(open_one: House) -> None:
    open_one.socket.close(1000, b"")
    open_one.socket.close(1000, b"")
    open_one.socket.send(b"late", is_text=True)
    assert open_one.heard == ["opened"]
    assert open_one.gets() == [1000]
    assert open_one.end.let


def test_who_finishes_it_hears_what_the_service_says_until_it_answers(open_one: House) -> None:
    open_one.socket.send(b"last", is_text=True)
    open_one.socket.finish(1012, b"elsewhere")
    open_one.socket.send(b"late", is_text=True)
    open_one.says(b"1", b"2")
    assert open_one.gets() == [b"last", 1012]
    open_one.socket.write(open_one.peer.taken())
    assert open_one.heard[1:] == [b"1", b"2", (1012, b"elsewhere", False)]
    assert open_one.asked[0].finished


def test_who_closes_it_then_waits_for_no_answer(open_one: House) -> None:
    open_one.socket.finish(1012, b"")
    open_one.socket.finish(1012, b"")
    open_one.socket.close(1001, b"")
    assert open_one.heard == ["opened"]
    assert open_one.gets() == [1012]
    assert open_one.asked[0].finished


def test_what_the_client_has_said_goes_before_the_end(slow: tuple[House, "Lost"]) -> None:
    house, lost = slow
    house.socket.finish(1012, b"")
    assert house.gets() == []
    _settled(house, lost)
    assert house.gets() == [b"dark", b"well", 1012]


def test_it_may_be_closed_before_it_is_open() -> None:
    house = House()
    house.socket.close(1000, b"")
    assert house.asked[0].finished
    assert house.asked[0].aborted
    assert house.heard == []


def test_whoever_ends_tunnels_ends_it(open_one: House) -> None:
    open_one.socket.dismiss(1008, b"revoked")
    assert open_one.heard[-1] == (1008, b"revoked", True)
    assert open_one.gets() == [1008]


def test_flow_is_passed_on_both_ways(open_one: House) -> None:
    open_one.socket.pause_reading()
    open_one.socket.resume_reading()
    assert open_one.heard[1:] == [("may write", False), ("may write", True)]
    open_one.socket.pause()
    assert not open_one.end.reading
    open_one.socket.resume()
    assert open_one.end.reading


def test_a_client_waits_for_as_long_as_there_is_any_reason() -> None:
    slow = Gate()
    house = House(Bound(on_message=lambda _, __: slow))
    house.answer()
    for _ in range(MANY + 1):
        house.socket.send(b"a", is_text=True)
    house.socket.pause_reading()
    house.socket.resume_reading()
    assert house.heard == ["opened", ("may write", False)]
    slow.open()
    while house.works:
        turn(house.works)
    assert house.heard == ["opened", ("may write", False), ("may write", True)]


@pytest.mark.parametrize("ends", ["close", "eof", "both"])
def test_what_a_service_had_said_is_heard_before_its_end(ends: str) -> None:
    slow = Gate()
    house = House(Bound(on_message=lambda _, __: slow, hears_replies=True))
    house.answer()
    house.peer.send(b"last", is_text=True)
    if ends != "eof":
        house.peer.close(4001, b"why")
    house.socket.write(house.peer.taken())
    if ends != "close":
        house.socket.write_eof()
    assert house.heard == ["opened", ("may write", False)]
    slow.open()
    turn(house.works)
    code = (1006, b"", False) if ends == "eof" else (4001, b"why", False)
    assert house.heard[2:] == [b"last", code]
    assert house.asked[0].finished


def test_a_silent_service_is_asked_for_a_sign_of_life_and_given_up(open_one: House) -> None:
    socket = open_one.socket
    assert socket.deadline == 30.0
    socket.on_deadline(30.0)
    assert open_one.gets() == ["ping"]
    assert socket.deadline == 50.0
    socket.on_deadline(50.0)
    assert open_one.heard[-1] == (1006, b"", False)


def test_one_that_gives_a_sign_stays(open_one: House) -> None:
    open_one.socket.on_deadline(30.0)
    open_one.gets()
    open_one.sweeper.now = 31.0
    open_one.socket.write(open_one.peer.taken())
    assert open_one.socket.deadline == 61.0


def test_one_that_is_not_read_is_not_missed(open_one: House) -> None:
    open_one.socket.pause()
    open_one.socket.on_deadline(30.0)
    assert (open_one.gets(), open_one.socket.deadline) == ([], 60.0)


def test_very_many_messages_are_read_in_turns(open_one: House) -> None:
    open_one.says(*[b"%d" % number for number in range(2000)])
    while open_one.time.later:
        assert not open_one.end.reading
        open_one.time.turn()
    assert open_one.heard[1:] == [b"%d" % number for number in range(2000)]
    assert open_one.end.reading


def test_policies_look_at_messages_and_may_end_it() -> None:
    def refuse(_: Exchange, said: Any) -> Refusal | None:  # noqa: ANN401 - a message
        return Refusal(answer_of(NOT_FOUND)) if said.data == b"no" else None

    house = House(Bound(on_message=refuse))
    house.answer()
    house.socket.send(b"yes", is_text=True)
    house.socket.send(b"no", is_text=True)
    assert house.gets() == [b"yes", 1008]
    assert house.heard[-1] == (1008, NOT_FOUND.code.encode(), True)


def test_what_policies_say_themselves_is_told() -> None:
    house = House(Bound(on_message=lambda _, __: Response(200, body=b"pong")))
    house.answer()
    house.socket.send(b"ping", is_text=True)
    assert house.heard[-2:] == [("told", b"pong", True), ("stopped", b"ping")]


def test_a_reply_that_does_not_go_on_is_no_message_of_the_client_s() -> None:
    house = House(Bound(on_message=lambda _, __: Response(204), hears_replies=True))
    house.answer()
    house.peer.send(b"reply", is_text=True)
    house.socket.write(house.peer.taken())
    assert house.heard == ["opened"]


def test_what_has_gone_to_the_service_is_told_as_it_went(open_one: House) -> None:
    open_one.socket.send(b"a", is_text=True)
    assert (open_one.passing, open_one.gets()) == ([(b"a", True)], [b"a"])


def test_what_a_policy_stops_has_not_gone_there() -> None:
    house = House(Bound(on_message=lambda _, __: Response(200)))
    house.answer()
    house.socket.send(b"a", is_text=True)
    assert (house.passing, house.gets()) == ([], [])


def test_what_was_judged_elsewhere_asks_no_policy() -> None:
    house = House(Bound(on_message=lambda _, __: Response(200)))
    house.answer()
    house.socket.relay(b"a")
    assert (house.passing, house.gets()) == ([], [b"a"])
    house.socket.close(1000, b"")
    house.gets()
    house.socket.relay(b"b")
    assert house.gets() == []


class Lost:
    """What somebody at risk says, looked at for as long as the test wants."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.lost = 0
        self.looked_at: list[bytes] = []

    async def on_message(self, _: Exchange, said: Said) -> None:
        self.looked_at.append(said.data)
        await self.gate
        said.need = Need(2, is_spared=True, undelivered=self._count)

    def _count(self) -> None:
        self.lost += 1


@pytest.fixture
def slow() -> tuple[House, Lost]:
    lost = Lost()
    house = House(Bound(on_message=lost.on_message))
    house.answer()
    house.socket.send(b"dark", is_text=True)
    house.socket.send(b"well", is_text=True)
    return house, lost


def _settled(house: House, lost: Lost) -> None:
    lost.gate.open()
    for _ in range(10):
        if house.works:
            turn(house.works)


def test_who_goes_is_heard_to_the_end_of_what_they_have_said(slow: tuple[House, Lost]) -> None:
    house, lost = slow
    house.socket.close(1000, b"")
    house.socket.send(b"late", is_text=True)
    assert house.gets() == []
    _settled(house, lost)
    assert house.gets() == [b"dark", b"well", 1000]
    assert (lost.lost, house.end.let, house.asked[0].finished) == (0, True, True)


@pytest.mark.parametrize("way", ["write_eof", "dismiss"])
def test_what_a_service_gets_no_more_is_listened_to(slow: tuple[House, Lost], way: str) -> None:
    house, lost = slow
    if way == "dismiss":
        house.socket.dismiss(1008, b"revoked")
    else:
        house.socket.write_eof()
    assert house.heard[-1][2] is (way == "dismiss")  # type: ignore[index]  # an end
    _settled(house, lost)
    assert lost.looked_at == [b"dark", b"well"]
    assert house.gets() == ([1008] if way == "dismiss" else [])
    assert (lost.lost, house.end.let, house.asked[0].finished) == (2, True, True)


def test_what_is_looked_at_for_too_long_does_not_go_on(slow: tuple[House, Lost]) -> None:
    house, lost = slow
    house.socket.close(1000, b"")
    house.socket.on_deadline(house.socket.deadline)
    assert (house.gets(), house.end.let) == ([1001], True)
    _settled(house, lost)
    assert (house.gets(), lost.lost) == ([], 1)


def test_what_was_heard_while_it_waited_is_not_heard_again() -> None:
    seen: list[tuple[bool, Need | None]] = []
    house = House(Bound(on_message=lambda _, said: seen.append((said.is_heard, said.need))))
    house.answer()
    done, undone = Hearing(), Hearing()
    done.done(need := Need(2, is_spared=True, undelivered=lambda: None))
    house.socket.send(b"a", is_text=True, hearing=done)
    house.socket.send(b"b", is_text=True, hearing=undone)
    assert seen == [(True, need), (False, None)]
    assert house.needs == [need, None]


def test_a_policy_may_tell_the_service_something_ahead_of_a_message() -> None:
    talks: list[Talk] = []

    def look(_: Exchange, said: Said) -> None:
        talks.append(said.talk)
        assert said.talk.inform(b"word")

    house = House(Bound(on_message=look))
    house.answer()
    house.socket.send(b"a", is_text=True)
    assert house.gets() == [b"word", b"a"]
    house.socket.dismiss(1008, b"")
    assert not talks[0].inform(b"late")
