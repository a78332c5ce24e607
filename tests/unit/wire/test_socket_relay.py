"""A relay: what each side hears of the other, message by message, frame by frame, to the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.conversation import cut
from tests.helpers.message_strategy import PROPERTY
from tests.helpers.socket_talk import MASK, Heard, OnPaper, joined, streams
from tta_gateway.wire.socket_codec import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Message,
    SocketLimits,
    SocketReader,
    framed,
)
from tta_gateway.wire.socket_deflate import agree, agreed_by, offer
from tta_gateway.wire.socket_endpoint import SocketEndpoint
from tta_gateway.wire.socket_relay import HELD, Inspect, SocketRelay

LIMITS = SocketLimits(frame=1 << 20, message=1 << 20)
PLACES = st.lists(st.integers(0, 1 << 18), max_size=12)


class Ends:
    """A relay, and what its two ends hear."""

    def __init__(
        self, *, of_client: Inspect | None = None, of_service: Inspect | None = None
    ) -> None:
        self.relay = SocketRelay(
            limits=LIMITS, mask=lambda: MASK, of_client=of_client, of_service=of_service
        )
        self._client = SocketReader(is_server=False, limits=LIMITS, streams=True)
        self._service = SocketReader(is_server=True, limits=LIMITS, streams=True)

    def client_says(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.relay.from_client.receive(piece)
            while self.relay.from_client.is_behind:
                self.relay.from_client.go_on()

    def service_says(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.relay.from_service.receive(piece)
            while self.relay.from_service.is_behind:
                self.relay.from_service.go_on()

    @property
    def client_hears(self) -> list[Heard]:
        return OnPaper(self._client).hear([self.relay.client.taken()])

    @property
    def service_hears(self) -> list[Heard]:
        return OnPaper(self._service).hear([self.relay.service.taken()])


def said(opcode: int, data: bytes = b"", *, final: bool = True) -> bytes:
    return framed(opcode, data, mask=MASK, final=final)


def unseen(message: Message) -> Message:
    return message


@PROPERTY
@given(st.data(), PLACES, st.booleans())
def test_a_service_hears_what_the_client_says(
    data: st.DataObject, places: list[int], inspected: bool
) -> None:
    stream = data.draw(streams(is_masked=True))
    told = OnPaper(SocketReader(is_server=True, limits=LIMITS)).hear([stream])
    ends = Ends(of_client=unseen if inspected else None)
    ends.client_says(*cut(stream, places))
    heard = joined(ends.service_hears)
    if told and told[-1][0] == "broken":
        assert ends.client_hears[-1][:2] == ("close", told[-1][1])
        told[-1] = ("close", 1001, b"the client has gone")
    assert heard == told


@PROPERTY
@given(st.data(), PLACES, st.booleans())
def test_a_client_hears_what_the_service_says(
    data: st.DataObject, places: list[int], inspected: bool
) -> None:
    stream = data.draw(streams(is_masked=False))
    told = OnPaper(SocketReader(is_server=False, limits=LIMITS)).hear([stream])
    ends = Ends(of_service=unseen if inspected else None)
    ends.service_says(*cut(stream, places))
    heard = joined(ends.client_hears)
    if told and told[-1][0] == "broken":
        assert ends.service_hears[-1][:2] == ("close", told[-1][1])
        told[-1] = ("close", 1012, b"the service has gone: connect again")
    assert heard == told


def test_what_nobody_inspects_is_passed_on_frame_by_frame() -> None:
    ends = Ends(of_client=unseen)
    ends.service_says(framed(TEXT, b"a", final=False))
    assert ends.client_hears == [("part", "text", b"a", True, False)]
    ends.client_says(said(TEXT, b"a", final=False))
    assert ends.service_hears == []
    ends.client_says(said(CONTINUATION, b"b"))
    assert ends.service_hears == [("text", b"ab")]


def test_whoever_inspects_may_change_a_message_or_leave_it_out() -> None:
    def inspect(message: Message) -> Message | None:
        if message.data == b"bad":
            return None
        return Message(message.data.upper(), is_text=message.is_text)

    ends = Ends(of_client=inspect)
    ends.client_says(said(TEXT, b"good"), said(TEXT, b"bad"), said(TEXT, b"end"))
    assert ends.service_hears == [("text", b"GOOD"), ("text", b"END")]


@pytest.mark.parametrize("lets_through", [True, False])
def test_whoever_inspects_may_take_time(lets_through: bool) -> None:
    waiting: list[Message] = []

    def inspect(message: Message) -> Message | None:
        waiting.append(message)
        return HELD

    ends = Ends(of_client=inspect)
    way = ends.relay.from_client
    ends.client_says(said(TEXT, b"1") + said(PING, b"2") + said(TEXT, b"3") + said(CLOSE))
    assert way.is_held
    assert (ends.service_hears, len(waiting)) == ([], 1)
    way.decided(waiting[0] if lets_through else None)
    passed = [("text", b"1")] if lets_through else []
    assert ends.service_hears == [*passed, ("ping", b"2")]
    assert way.is_held
    ends.service_says(framed(TEXT, b"meanwhile"))
    assert ends.client_hears == [("text", b"meanwhile")]
    way.decided(waiting[1])
    assert ends.service_hears == [("text", b"3"), ("close", 1005, b"")]


def test_whoever_inspects_may_end_it() -> None:
    def inspect(_: Message) -> Message | None:
        ends.relay.close(1008, b"that is not allowed")
        return None

    ends = Ends(of_client=inspect)
    ends.client_says(said(TEXT, b"1") + said(TEXT, b"2"))
    assert ends.client_hears == [("close", 1008, b"that is not allowed")]
    assert ends.service_hears == [("close", 1001, b"that is not allowed")]
    ends.client_says(said(CLOSE, b"\x03\xf0"))
    ends.service_says(framed(TEXT, b"late"), framed(TEXT, b"la", final=False))
    assert (ends.client_hears, ends.service_hears) == ([], [])


@pytest.mark.parametrize("data", [b"", b"\x03\xe8", b"\x0f\xa0later", b"\x03\xf4again"])
def test_closes_go_through(data: bytes) -> None:
    code = int.from_bytes(data[:2], "big") if data else 1005
    for from_client in (True, False):
        ends = Ends()
        if from_client:
            ends.client_says(said(CLOSE, data))
        else:
            ends.service_says(framed(CLOSE, data))
        assert ends.client_hears == [("close", code, data[2:])]
        assert ends.service_hears == [("close", code, data[2:])]
        if from_client:
            ends.service_says(framed(CLOSE, data))
        else:
            ends.client_says(said(CLOSE, data))
        assert (ends.client_hears, ends.service_hears) == ([], [])
        assert ends.relay.client.over
        assert ends.relay.service.over


def test_pings_are_the_other_sides_to_answer() -> None:
    ends = Ends()
    ends.client_says(said(PING, b"?"))
    assert (ends.service_hears, ends.client_hears) == ([("ping", b"?")], [])
    ends.service_says(framed(PONG, b"?"))
    assert ends.client_hears == [("pong", b"?")]


def test_what_has_come_in_one_moment_is_passed_on_in_turns() -> None:
    ends = Ends()
    ends.relay.from_client.receive(said(PING, b"?") * 200)
    assert ends.relay.from_client.is_behind
    assert 0 < len(ends.service_hears) < 100
    ends.client_says(b"")
    assert 100 < len(ends.service_hears) < 200


def test_a_side_that_is_lost_is_said_to_have_gone() -> None:
    ends = Ends()
    ends.client_says(said(TEXT, b"half")[:7])
    ends.relay.from_client.lost()
    ends.relay.from_client.lost()
    assert ends.service_hears == [("close", 1001, b"the client has gone")]
    ends = Ends()
    ends.relay.from_service.lost()
    assert ends.client_hears == [("close", 1012, b"the service has gone: connect again")]


def test_each_leg_has_its_own_compression() -> None:
    agreed = agree(offer())
    assert agreed is not None
    theirs = SocketEndpoint(agreed=agreed_by(agreed.answer), mask=lambda: MASK)
    relay = SocketRelay(limits=LIMITS, mask=lambda: MASK, client=agreed, of_client=unseen)
    theirs.send(b"long" * 500, is_text=True)
    small = theirs.taken()
    relay.from_client.receive(small)
    large = relay.service.taken()
    assert len(small) < 100 < 2000 < len(large)
    assert OnPaper(SocketReader(is_server=True, limits=LIMITS)).hear([large]) == [
        ("text", b"long" * 500)
    ]
    relay.from_service.receive(framed(BINARY, b"back" * 500))
    assert OnPaper(theirs).hear([relay.client.taken()]) == [("binary", b"back" * 500)]


def test_what_the_gateway_says_parts_no_message() -> None:
    ends = Ends()
    ends.relay.tell(b"first", is_text=True)
    ends.service_says(framed(TEXT, b"a", final=False))
    ends.relay.tell(b"card", is_text=True)
    ends.relay.tell(b"\x00", is_text=False)
    ends.service_says(framed(CONTINUATION, b"b", final=False), framed(PING, b"?"))
    ends.service_says(framed(CONTINUATION, b"c"), framed(TEXT, b"d"))
    assert ends.client_hears == [
        ("text", b"first"),
        ("part", "text", b"a", True, False),
        ("part", "text", b"b", False, False),
        ("ping", b"?"),
        ("part", "text", b"c", False, True),
        ("text", b"card"),
        ("binary", b"\x00"),
        ("text", b"d"),
    ]


def test_what_the_gateway_says_goes_before_a_message_that_is_held() -> None:
    ends = Ends(of_service=lambda _: HELD)
    ends.service_says(framed(TEXT, b"a", final=False), framed(CONTINUATION, b"b"))
    ends.relay.tell(b"card", is_text=True)
    ends.relay.from_service.decided(Message(b"ab", is_text=True))
    assert ends.client_hears == [("text", b"card"), ("text", b"ab")]


@pytest.mark.parametrize("ends", ["service", "gateway"])
def test_whoever_inspects_sees_what_a_client_says_when_nobody_takes_it(ends: str) -> None:
    seen: list[bytes] = []

    def look(message: Message) -> Message:
        seen.append(message.data)
        return message

    relay = SocketRelay(
        limits=SocketLimits(), mask=lambda: b"\1\2\3\4", of_client=look, of_service=look
    )
    if ends == "service":
        relay.from_service.receive(framed(CLOSE, b"\x03\xf3"))
    else:
        relay.close(1012, b"")
    relay.service.taken()
    relay.from_client.receive(framed(TEXT, b"dark", mask=b"\1\2\3\4"))
    relay.from_service.receive(framed(TEXT, b"late"))
    assert seen == [b"dark"]
    assert relay.service.taken() == b""


def test_the_gateway_may_say_something_to_the_service_too() -> None:
    ends = Ends(of_client=unseen)
    assert ends.relay.inform(b"word")
    ends.client_says(said(TEXT, b"a"))
    assert ends.service_hears == [("text", b"word"), ("text", b"a")]
    ends.relay.close(1001, b"")
    assert not ends.relay.inform(b"late")
