"""What an endpoint does by itself: Pongs, the Close that answers a Close, the one for a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.message_strategy import PROPERTY
from tests.helpers.socket_talk import MASK, Heard, OnPaper, streams
from tta_gateway.wire.socket_codec import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Fragment,
    Message,
    framed,
)
from tta_gateway.wire.socket_deflate import Agreed, agree, agreed_by, offer
from tta_gateway.wire.socket_endpoint import SocketEndpoint


def heard(endpoint: SocketEndpoint, *pieces: bytes) -> list[Heard]:
    return OnPaper(endpoint).hear(pieces)


def of_client(opcode: int, data: bytes) -> bytes:
    return framed(opcode, data, mask=MASK)


def pair(agreed: Agreed | None = None, of_server: Agreed | None = None) -> list[SocketEndpoint]:
    """Return a server's side and a client's."""
    return [
        SocketEndpoint(agreed=of_server),
        SocketEndpoint(agreed=agreed, mask=lambda: MASK),
    ]


def test_a_ping_is_answered_and_told() -> None:
    server = SocketEndpoint()
    assert heard(server, of_client(PING, b"x")) == [("ping", b"x")]
    assert server.taken() == framed(PONG, b"x")
    assert server.taken() == b""


def test_pings_of_a_peer_that_does_not_read_are_answered_by_one_pong() -> None:
    server = SocketEndpoint()
    server.hold()
    heard(server, of_client(PING, b"1") + of_client(PING, b"2"))
    assert server.taken() == b""
    server.release()
    assert server.taken() == framed(PONG, b"2")
    server.release()
    assert server.taken() == b""


def test_what_is_answered_stands_in_the_order_of_what_came() -> None:
    server = SocketEndpoint()
    events = server.receive(
        of_client(TEXT, b"1")
        + of_client(PING, b"2")
        + of_client(TEXT, b"3")
        + of_client(CLOSE, b"")
    )
    for event in events:
        if server.heed(event) and isinstance(event, Message):
            server.send(event.data, is_text=True)
    assert heard(SocketEndpoint(mask=lambda: MASK), server.taken()) == [
        ("text", b"1"),
        ("pong", b"2"),
        ("text", b"3"),
        ("close", 1005, b""),
    ]


@pytest.mark.parametrize("pong", [b"", b"x"])
def test_a_pong_is_told(pong: bytes) -> None:
    assert heard(SocketEndpoint(), of_client(PONG, pong)) == [("pong", pong)]


@pytest.mark.parametrize("data", [b"", b"\x03\xe8", b"\x0f\xa0until later"])
def test_a_close_is_answered_by_one_with_its_code(data: bytes) -> None:
    server, client = pair()
    client.close(int.from_bytes(data[:2], "big") if data else 1005, data[2:])
    heard(server, client.taken())
    assert server.over
    assert server.closed
    heard(client, server.taken())
    assert client.over
    assert client.taken() == b""


def test_a_broken_rule_is_said() -> None:
    server = SocketEndpoint()
    events = heard(server, of_client(TEXT, b"good") + framed(TEXT, b"not masked"))
    assert events == [("text", b"good"), ("broken", 1002)]
    assert server.over
    assert server.taken() == framed(CLOSE, b"\x03\xeaa frame is not masked")


def test_behind_a_close_of_ours_nothing_is_sent_and_only_theirs_is_told() -> None:
    server = SocketEndpoint()
    server.close(1001, b"bye")
    said = server.taken()
    server.close(1002)
    server.send(b"x", is_text=True)
    server.send_frame(framed(TEXT, b"x"))
    server.ping()
    assert heard(server, of_client(TEXT, b"late") + of_client(PING, b"late")) == []
    assert heard(server, of_client(CLOSE, b"\x03\xe9")) == [("close", 1001, b"")]
    assert (said, server.taken()) == (framed(CLOSE, b"\x03\xe9bye"), b"")


def test_whoever_has_stopped_says_and_hears_nothing() -> None:
    server = SocketEndpoint()
    server.stop()
    server.send(b"x", is_text=True)
    assert heard(server, of_client(TEXT, b"x")) == []
    assert server.taken() == b""


@pytest.mark.parametrize("deflates", [False, True])
def test_both_sides_understand_each_other(deflates: bool) -> None:
    server, client = pair()
    if deflates:
        agreed = agree(offer())
        assert agreed is not None
        server, client = pair(agreed_by(agreed.answer), agreed)
    assert server.is_plain == (not deflates)
    assert not client.is_plain
    for one, other in ((server, client), (client, server)):
        one.send(b"abc", is_text=True)
        one.send(b"\xff" * 4000, is_text=False)
        one.ping(b"!")
        written = one.taken()
        assert (len(written) < 400) == deflates
        assert heard(other, written) == [
            ("text", b"abc"),
            ("binary", b"\xff" * 4000),
            ("ping", b"!"),
        ]
        assert heard(one, other.taken()) == [("pong", b"!")]


def test_a_frame_that_is_ready_goes_to_many() -> None:
    server, client = pair()
    server.send_frame(framed(TEXT, b"to all"))
    assert heard(client, server.taken()) == [("text", b"to all")]


def test_a_message_is_passed_on_in_parts() -> None:
    server, client = SocketEndpoint(streams=True), SocketEndpoint(mask=lambda: MASK)
    wire = framed(BINARY, b"ab", mask=MASK, final=False) + of_client(CONTINUATION, b"c")
    for event in server.receive(wire):
        assert server.heed(event)
        assert isinstance(event, Fragment)
        server.send_fragment(event)
    server.pong(b"!")
    assert heard(client, server.taken()) == [("binary", b"abc"), ("pong", b"!")]
    server.close()
    server.taken()
    server.send_fragment(Fragment(b"late", is_text=True, begins=True, final=True))
    server.pong(b"late")
    assert server.taken() == b""


def test_what_has_come_in_one_moment_is_read_in_turns() -> None:
    server = SocketEndpoint()
    first = server.receive(of_client(PING, b"x") * 100)
    assert len(first) < 100
    assert server.is_behind
    assert len(heard(server, b"")) == 100 - len(first)


@PROPERTY
@given(st.data())
def test_whatever_comes_the_answer_is_well_formed(data: st.DataObject) -> None:
    server = SocketEndpoint()
    told = heard(server, data.draw(streams(is_masked=True)))
    answered = heard(SocketEndpoint(mask=lambda: MASK), server.taken())
    ends = [one for one in told if one[0] in ("close", "broken")]
    assert [one[0] for one in answered].count("close") == len(ends)
    assert all(one[0] in ("pong", "close") for one in answered)
    pings = [one[1] for one in told if one[0] == "ping"]
    assert [one[1] for one in answered if one[0] == "pong"] == pings
