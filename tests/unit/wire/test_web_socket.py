"""Following WebSocket frames: where they end, whoever made them and however they are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol, Side

from tests.helpers.conversation import cut
from tta_gateway.wire.web_socket import GOING_AWAY, RESTARTED, Frames, close_frame

DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
OPCODES = (*DATA, Opcode.PING, Opcode.PONG)
SIZES = st.one_of(st.integers(0, 300), st.sampled_from((125, 126, 127, 65535, 65536, 70_000)))
MASK = b"\x01\x80\xff\x7e"
HELLO = b"\x81\x05hello"
CLOSE = b"\x88\x02\x03\xe8"


@st.composite
def frames(draw: st.DrawFn) -> tuple[list[bytes], bool]:
    """Frames as the `websockets` library writes them, the last perhaps a Close; and whether."""
    is_masked = draw(st.booleans())
    sizes = draw(st.lists(st.tuples(st.sampled_from(OPCODES), SIZES), max_size=6))
    made = [
        Frame(opcode, bytes(size), fin=draw(st.booleans()))
        if opcode in DATA
        else Frame(opcode, bytes(min(size, 125)))  # RFC 6455 5.5: short, and never in parts
        for opcode, size in sizes
    ]
    closes = draw(st.booleans())
    if closes:
        made.append(Frame(Opcode.CLOSE, b"\x03\xe8bye"))
    return [one.serialize(mask=is_masked) for one in made], closes


PLACES = st.lists(st.integers(0, 1 << 18), max_size=12)


@given(frames(), PLACES)
def test_frames_are_followed_however_they_are_cut(
    made: tuple[list[bytes], bool], places: list[int]
) -> None:
    written, closes = made
    follower = Frames()
    ends = {0, *itertools.accumulate(len(one) for one in written)}
    come = 0
    for piece in cut(b"".join(written), places):
        if piece:
            follower.follow(piece)
        come += len(piece)
        assert follower.is_between == (come in ends)
    assert (follower.is_between, follower.closed) == (True, closes)


@given(frames(), st.integers(0, 1 << 18))
def test_the_end_of_the_frame_under_way_is_found(
    made: tuple[list[bytes], bool], place: int
) -> None:
    data = b"".join(made[0])
    ends = [0, *itertools.accumulate(len(one) for one in made[0])]
    begun = place % (len(data) + 1)
    follower = Frames()
    follower.follow(data[:begun])
    next_end = next(end for end in ends if end >= begun)
    if begun < next_end:
        assert follower.end_in(data[begun:]) == next_end - begun
    assert follower.is_between


@given(frames())
def test_a_frame_a_byte_at_a_time_ends_with_its_last(made: tuple[list[bytes], bool]) -> None:
    follower = Frames()
    for one in made[0]:
        for at in range(min(len(one), 20)):
            assert follower.end_in(one[at : at + 1]) == 1
        if len(one) > 20:
            assert follower.end_in(one[20:] + HELLO) == len(one) - 20
        assert follower.is_between


def test_a_length_that_no_frame_can_have_never_ends() -> None:
    follower = Frames()
    follower.follow(b"\x82\x7f" + b"\xff" * 8 + bytes(1000))
    assert (follower.is_between, follower.closed) == (False, False)


def test_a_close_that_has_not_all_come_has_not_gone_by() -> None:
    follower = Frames()
    follower.follow(CLOSE[:-1])
    assert not follower.closed
    follower.follow(CLOSE[-1:])
    assert follower.closed


def test_what_follows_a_close_makes_it_no_less_one() -> None:
    follower = Frames()
    follower.follow(CLOSE + HELLO)
    assert follower.closed


@pytest.mark.parametrize(("side", "mask"), [(CLIENT, b""), (SERVER, MASK)])
@pytest.mark.parametrize("code", [GOING_AWAY, RESTARTED])
def test_a_close_is_understood_by_either_side(side: Side, mask: bytes, code: int) -> None:
    """A server refuses a frame that is not masked, and a client one that is."""
    peer = Protocol(side)
    peer.receive_data(close_frame(code, b"come again", mask=mask))
    assert peer.close_rcvd is not None
    assert (peer.close_rcvd.code, peer.close_rcvd.reason) == (CloseCode(code), "come again")


def test_a_close_is_a_frame_like_any_other() -> None:
    follower = Frames()
    follower.follow(close_frame(GOING_AWAY, b"r" * 60, mask=MASK) + HELLO)
    assert (follower.closed, follower.is_between) == (True, True)
