"""WebSocket frames: read as the RFC has it, however they are cut, as others read them too."""

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.events import Ping as OtherPing
from wsproto.events import Pong as OtherPong
from wsproto.utilities import RemoteProtocolError

from tests.helpers.conversation import cut
from tests.helpers.message_strategy import PROPERTY
from tests.helpers.socket_talk import MASK, Heard, OnPaper, in_short, joined, naive, rows, streams
from tta_gateway.wire.socket_codec import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_CODE,
    PING,
    PONG,
    TEXT,
    Message,
    SocketLimits,
    SocketReader,
    close_data,
    framed,
    is_sayable,
    masked,
)
from tta_gateway.wire.socket_deflate import Inflater

LIMITS = SocketLimits(frame=1 << 20, message=1 << 20)
PLACES = st.lists(st.integers(0, 1 << 18), max_size=12)
BOTH = pytest.mark.parametrize("is_server", [True, False])


def reader(
    limits: SocketLimits = LIMITS, *, is_server: bool = True, inflater: Inflater | None = None
) -> OnPaper:
    return OnPaper(SocketReader(is_server=is_server, limits=limits, inflater=inflater))


def of_client(opcode: int, data: bytes, *, final: bool = True, compressed: bool = False) -> bytes:
    return framed(opcode, data, mask=MASK, final=final, compressed=compressed)


@PROPERTY
@given(st.booleans(), st.data(), PLACES)
def test_any_stream_in_any_pieces_is_read_as_the_naive_way_has_it(
    is_server: bool, data: st.DataObject, places: list[int]
) -> None:
    stream = data.draw(streams(is_masked=is_server))
    found = reader(is_server=is_server).hear(cut(stream, places))
    assert found == naive(stream, is_server=is_server, limits=LIMITS)


@PROPERTY
@given(st.data(), PLACES, st.integers(1, 200), st.integers(1, 200))
def test_limits_are_kept(data: st.DataObject, places: list[int], frame: int, message: int) -> None:
    limits = SocketLimits(frame=frame, message=message)
    stream = data.draw(streams(is_masked=True))
    expected = naive(stream, is_server=True, limits=limits)
    assert reader(limits).hear(cut(stream, places)) == expected


@PROPERTY
@given(st.booleans(), st.booleans(), st.data(), PLACES)
def test_others_read_the_same(
    is_server: bool, whole: bool, data: st.DataObject, places: list[int]
) -> None:
    stream = data.draw(streams(is_masked=is_server, whole=whole))
    ours = reader(is_server=is_server).hear(cut(stream, places))
    theirs = _by_websockets(stream, is_server)
    if not _ends_amid_a_message(ours, theirs):
        _agree(ours, theirs, whole=whole)
    _agree(ours, _by_wsproto(stream, is_server), whole=whole)


def _ends_amid_a_message(ours: list[Heard], theirs: list[Heard]) -> bool:
    """A Close between two fragments is good (RFC 6455 5.4), and `websockets` refuses it."""
    return bool(ours) and ours[-1][0] == "close" and theirs == [*ours[:-1], ("broken",)]


def _agree(ours: list[Heard], theirs: list[Heard], *, whole: bool) -> None:
    """What is told is the same; where one refuses, the other does, if not for the same reason.

    Of frames that are not whole, and of text that is not, we may refuse the beginning: theirs look
    at it when a frame, or the message, is over.
    """
    told = [one for one in ours if one[0] != "broken"]
    others = [one for one in theirs if one[0] != "broken"]
    refused, refuse = len(ours) > len(told), len(theirs) > len(others)
    if refused and (not whole or ours[-1] == ("broken", 1007)):
        assert told == others[: len(told)]
    else:
        assert (told, refused) == (others, refuse)


def _by_websockets(stream: bytes, is_server: bool) -> list[Heard]:
    other = Protocol(SERVER if is_server else CLIENT, max_size=None)
    other.receive_data(stream)
    heard: list[Heard] = []
    kind, text = "", b""
    for frame in other.events_received():
        assert isinstance(frame, Frame)
        data = bytes(frame.data)
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            heard.append((frame.opcode.name.lower(), data))
        elif frame.opcode is Opcode.CLOSE:
            code = int.from_bytes(data[:2], "big") if data else NO_CODE
            heard.append(("close", code, data[2:]))
        else:
            kind = frame.opcode.name.lower() if frame.opcode is not Opcode.CONT else kind
            text += data
            if frame.fin:
                if kind == "text":
                    try:
                        text.decode()
                    except UnicodeDecodeError:
                        return [*heard, ("broken",)]
                heard.append((kind, text))
                text = b""
    if other.parser_exc is not None and not _has_closed(heard):
        heard.append(("broken",))
    return heard


def _has_closed(heard: list[Heard]) -> bool:
    return bool(heard) and heard[-1][0] == "close"


def _by_wsproto(stream: bytes, is_server: bool) -> list[Heard]:
    other = Connection(ConnectionType.SERVER if is_server else ConnectionType.CLIENT)
    heard: list[Heard] = []
    text = b""
    try:
        other.receive_data(stream)
        for event in other.events():
            if isinstance(event, (OtherPing, OtherPong)):
                name = "ping" if isinstance(event, OtherPing) else "pong"
                heard.append((name, bytes(event.payload)))
            elif isinstance(event, CloseConnection):
                is_theirs = other.state is ConnectionState.REMOTE_CLOSING
                # It takes codes that nobody has registered.
                if not is_theirs or not (is_sayable(event.code) or event.code == NO_CODE):
                    return [*heard, ("broken",)]
                heard.append(("close", int(event.code), (event.reason or "").encode()))
                break
            elif isinstance(event, (TextMessage, BytesMessage)):
                data = event.data
                text += data.encode() if isinstance(data, str) else bytes(data)
                if event.message_finished:
                    heard.append(("text" if isinstance(event, TextMessage) else "binary", text))
                    text = b""
    except RemoteProtocolError:
        heard.append(("broken",))
    return heard


@PROPERTY
@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_a_mask_is_taken_off_by_itself(data: bytes, mask: bytes) -> None:
    hidden = masked(data, mask)
    assert hidden == bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    assert masked(hidden, mask) == data


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70_000])
@BOTH
def test_a_frame_is_written_as_others_write_it(size: int, is_server: bool) -> None:
    data = bytes(size)
    assert framed(BINARY, data) == Frame(Opcode.BINARY, data).serialize(mask=False)
    written = framed(TEXT, data, mask=b"" if is_server else MASK)
    assert reader(is_server=not is_server).hear([written]) == [("text", data)]


def test_fragments_are_written_as_others_write_them() -> None:
    first = Frame(Opcode.TEXT, b"a", fin=False).serialize(mask=False)
    assert framed(TEXT, b"a", final=False) == first
    assert framed(TEXT, b"a", final=False, compressed=True) == bytes((first[0] | 0x40,)) + first[1:]


# The corpus


@pytest.mark.parametrize("row", rows("ws_frames_dev"), ids=lambda row: str(row["id"]))
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_the_hostile_corpus(row: dict[str, str], piece: int) -> None:
    data = base64.b64decode(row["raw_b64"])
    inflater = Inflater(takeover=False) if row["permessage_deflate"] else None
    limits = SocketLimits()
    found = reader(limits, inflater=inflater).hear(
        data[at : at + piece] for at in range(0, len(data), piece)
    )
    assert _fits(found, row["expect"], row["id"]), found


def _fits(found: list[Heard], expect: str, row: str) -> bool:
    if expect.startswith("close:") and "echoed" in expect:
        return found == [("close", int(expect[6:10]), b"")]
    if expect.startswith("close:"):
        codes = {int(code[:4]) for code in expect[6:].split("|")}
        told = [one for one in found if one[0] not in ("broken", "pong", "ping")]
        return found[-1][0] == "broken" and found[-1][1] in codes and not told
    if expect.startswith("message "):
        text = expect.removeprefix("message ").partition(" (")[0]
        return found == [("text", text.encode())]
    return {
        "ping-in-frag": lambda: found == [("ping", b"p"), ("text", b"ab")],
        "ping-flood": lambda: set(found) == {("ping", b"x")},
        "data-after-close": lambda: found == [("close", 1000, b"")],
        "close-empty": lambda: found == [("close", NO_CODE, b"")],
        "tcp-cut-midframe": lambda: found == [],
    }[row]()


@pytest.mark.parametrize("piece", range(1, 6))
def test_a_mask_goes_on_where_a_piece_ended(piece: int) -> None:
    data = of_client(TEXT, b"as long as it takes")
    cut = (data[at : at + piece] for at in range(0, len(data), piece))
    assert reader().hear(cut) == [("text", b"as long as it takes")]


def test_a_message_beyond_its_limit_is_refused_before_it_has_come() -> None:
    limits = SocketLimits(message=30, frame=20)
    assert reader(limits).hear([of_client(TEXT, bytes(21))[:6]]) == [("broken", 1009)]
    begun = of_client(TEXT, b"a" * 20, final=False)
    assert reader(limits).hear([begun, of_client(CONTINUATION, b"a" * 10)]) == [("text", b"a" * 30)]
    assert reader(limits).hear([begun, of_client(CONTINUATION, bytes(11))[:6]]) == [
        ("broken", 1009)
    ]


# Turns, bounds, what is kept


def test_very_many_frames_are_read_in_turns() -> None:
    made = SocketReader(is_server=True, limits=LIMITS)
    data = of_client(PING, b"") * 1000
    first = made.receive(data)
    assert 0 < len(first) < 100
    assert len(made.waiting) == len(data) - 6 * len(first)
    assert len(OnPaper(made).hear([b""])) == 1000 - len(first)
    assert made.waiting == b""


def test_what_is_waiting_stays_before_what_comes() -> None:
    made = SocketReader(is_server=True, limits=LIMITS)
    made.receive(of_client(PING, b"") * 1000)
    heard = OnPaper(made).hear([of_client(TEXT, b"last")])
    assert heard[-1] == ("text", b"last")


def test_very_many_bytes_out_of_few_are_inflated_in_turns() -> None:
    made = SocketReader(is_server=True, limits=LIMITS, inflater=Inflater(takeover=False))
    deflating = zlib.compressobj(9, zlib.DEFLATED, -15)
    small = (deflating.compress(bytes(100_000)) + deflating.flush(zlib.Z_SYNC_FLUSH))[:-4]
    first = made.receive(of_client(TEXT, small, compressed=True) * 40)
    assert len(first) == 2
    assert len(OnPaper(made).hear([b""])) == 38


def test_text_that_cannot_become_utf_8_is_refused_before_its_end() -> None:
    head, bad = framed(TEXT, b"\xce\xba" * 20, mask=bytes(4))[:8], b"\xf4\x90"
    assert reader().hear([head, bad]) == [("broken", 1007)]
    begun = of_client(TEXT, "κό".encode()[:3], final=False)
    assert reader().hear([begun]) == []
    assert reader().hear([begun, of_client(CONTINUATION, b"")]) == [("broken", 1007)]


def test_nothing_is_read_behind_the_end() -> None:
    made = SocketReader(is_server=True, limits=LIMITS)
    assert in_short(made.receive(of_client(CLOSE, b"") + of_client(TEXT, b"x"))) == [
        ("close", NO_CODE, b"")
    ]
    assert made.over
    assert made.receive(of_client(TEXT, b"x")) == []


def test_a_bomb_ends_with_the_first_byte_too_many() -> None:
    deflating = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflating.compress(bytes(1 << 24)) + deflating.flush(zlib.Z_SYNC_FLUSH)
    made = reader(SocketLimits(), inflater=Inflater(takeover=False))
    assert made.hear([of_client(BINARY, bomb[:-4], compressed=True)]) == [("broken", 1009)]


def test_a_compressed_message_may_come_in_fragments() -> None:
    deflating = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = "κόσμε".encode() * 50
    small = (deflating.compress(text) + deflating.flush(zlib.Z_SYNC_FLUSH))[:-4]
    made = reader(inflater=Inflater(takeover=False))
    heard = made.hear(
        [
            of_client(TEXT, small[:5], final=False, compressed=True),
            of_client(PONG, b"in between"),
            of_client(CONTINUATION, small[5:]),
            of_client(TEXT, b"plain"),
        ]
    )
    assert heard == [("pong", b"in between"), ("text", text), ("text", b"plain")]


@pytest.mark.parametrize(
    "frame",
    [
        of_client(CONTINUATION, b"x", compressed=True),
        of_client(PING, b"x", compressed=True),
        of_client(TEXT, b"x", final=False) + of_client(CONTINUATION, b"x", compressed=True),
    ],
)
def test_only_a_message_begins_compressed(frame: bytes) -> None:
    made = reader(inflater=Inflater(takeover=False))
    assert made.hear([frame]) == [("broken", 1002)]


def test_between_messages_nothing_is_kept() -> None:
    made = SocketReader(is_server=True, limits=LIMITS)
    made.receive(of_client(TEXT, b"x" * 70_000) + of_client(PING, b"x"))
    names = [name for name in dir(made) if not name.startswith("__")]
    kept = [getattr(made, name) for name in names]
    assert not any(isinstance(one, (bytearray, list)) for one in kept)
    assert sum(len(one) for one in kept if isinstance(one, bytes)) <= 8


def test_a_message_says_how_long_it_is_and_not_what() -> None:
    assert repr(Message(b"secret", is_text=True)) == "<text of 6 bytes>"
    assert repr(Message(b"secret", is_text=False)) == "<binary of 6 bytes>"


@PROPERTY
@given(st.data(), PLACES, st.integers(1, 200))
def test_whoever_passes_parts_on_hears_the_same(
    data: st.DataObject, places: list[int], message: int
) -> None:
    stream = data.draw(streams(is_masked=True))
    limits = SocketLimits(frame=1 << 20, message=message)
    made = SocketReader(is_server=True, limits=limits, streams=True)
    told = OnPaper(made).hear(cut(stream, places))
    assert joined(told) == naive(stream, is_server=True, limits=limits)


def test_parts_are_told_frame_by_frame() -> None:
    made = SocketReader(is_server=True, limits=LIMITS, streams=True)
    first, last = of_client(TEXT, b"\xce", final=False), of_client(CONTINUATION, b"\xbax")
    assert OnPaper(made).hear([first[:3], first[3:], last, of_client(TEXT, b"whole")]) == [
        ("part", "text", b"\xce", True, False),
        ("part", "text", b"\xbax", False, True),
        ("text", b"whole"),
    ]


@pytest.mark.parametrize("first", [0x8B, 0x83, 0xA1, 0x09, 0x80, 0xC1])
def test_the_first_byte_is_enough_to_be_refused(first: int) -> None:
    assert reader().hear([bytes((first,))]) == [("broken", 1002)]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("place", [10, 11, 13, 14])
def test_a_frame_in_two_pieces_is_unmasked_as_one(opcode: int, place: int) -> None:
    frame = of_client(opcode, b"0123456789")
    kind = "text" if opcode == TEXT else "binary"
    assert reader().hear([frame[:place], frame[place:]]) == [(kind, b"0123456789")]


def test_binary_messages_are_inflated_too() -> None:
    data = b"\xff" * 1000
    deflating = zlib.compressobj(9, zlib.DEFLATED, -15)
    small = (deflating.compress(data) + deflating.flush(zlib.Z_SYNC_FLUSH))[:-4]
    made = reader(inflater=Inflater(takeover=False))
    assert made.hear([of_client(BINARY, small, compressed=True)]) == [("binary", data)]


# A Close of ours


def test_a_close_carries_its_code_and_as_much_of_its_reason_as_fits() -> None:
    assert close_data(NO_CODE, b"never said") == b""
    assert close_data(CloseCode.GOING_AWAY, b"bye") == b"\x03\xe9bye"
    long = close_data(1000, "ä".encode() * 100)
    assert len(long) == 124  # not 125: that would be half a letter
    assert reader().hear([of_client(CLOSE, long)]) == [("close", 1000, "ä".encode() * 61)]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_these_codes_are_never_said(code: int) -> None:
    assert not is_sayable(code)
    assert reader().hear([of_client(CLOSE, code.to_bytes(2, "big"))]) == [("broken", 1002)]


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1012, 1013, 1014, 3000, 3500, 4999])
def test_these_are(code: int) -> None:
    assert is_sayable(code)
