"""RFC 7692: what is agreed on, both ways of the work, and nothing inflated beyond its bound."""

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, parse_extension
from websockets.typing import ExtensionName

from tests.helpers.message_strategy import PROPERTY
from tta_gateway.wire.socket_deflate import (
    Agreed,
    Deflater,
    Inflater,
    SocketFault,
    agree,
    agreed_by,
    offer,
)

NAME = b"permessage-deflate"
BITS = st.one_of(st.none(), st.integers(9, 15))
MESSAGES = st.lists(st.binary(max_size=400) | st.sampled_from((b"", b"abc" * 300)), max_size=5)


def inflated(inflater: Inflater, data: bytes, room: int = 1 << 20) -> bytes:
    made = inflater.inflate(data, room)
    return made + inflater.end(room - len(made))


# Agreeing


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        (b"permessage-deflate", b"; server_no_context_takeover; client_no_context_takeover"),
        (
            b"permessage-deflate; client_max_window_bits",
            b"; server_no_context_takeover; client_no_context_takeover",
        ),
        (
            b'Permessage-Deflate;client_max_window_bits="10" ; server_max_window_bits = 9',
            b"; server_no_context_takeover; client_no_context_takeover"
            b"; server_max_window_bits=9; client_max_window_bits=10",
        ),
        (
            b"x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8,"
            b" permessage-deflate; client_no_context_takeover",
            b"; client_no_context_takeover; server_no_context_takeover",
        ),
    ],
)
def test_the_first_offer_that_can_be_kept_is_taken(offers: bytes, answer: bytes) -> None:
    agreed = agree(offers)
    assert agreed is not None
    assert agreed.answer.split(b"; ")[0] == NAME
    assert set(agreed.answer.split(b"; ")[1:]) == set(answer.split(b"; ")[1:])


@pytest.mark.parametrize(
    "offers",
    [
        b"",
        b"permessage-bzip2",
        b"permessage-deflate; client_max_window_bits=7",
        b"permessage-deflate; client_max_window_bits=16",
        b"permessage-deflate; client_max_window_bits=010",
        b"permessage-deflate; server_max_window_bits",
        b"permessage-deflate; server_max_window_bits=8",  # of which zlib makes nothing
        b"permessage-deflate; server_no_context_takeover=1",
        b"permessage-deflate; unknown",
        b"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        b"permessage-deflate; client_max_window_bits=10; client_max_window_bits",
        b"permessage-deflate ?",
        b"permessage-deflate,",
        b";",
        b", ".join([b"x"] * 16 + [NAME]),
    ],
)
def test_any_other_offer_is_declined(offers: bytes) -> None:
    assert agree(offers) is None


def test_a_window_that_zlib_cannot_make_is_asked_of_nobody() -> None:
    agreed = agree(NAME + b"; client_max_window_bits=8")  # a hint: the client keeps to it anyway
    assert agreed is not None
    assert b"window" not in agreed.answer


def test_what_is_kept_between_messages_is_kept_only_for_who_asks() -> None:
    assert agree(NAME, takeover=True).answer == NAME  # type: ignore[union-attr]
    agreed = agree(NAME + b"; client_no_context_takeover", takeover=True)
    assert agreed is not None
    assert agreed.answer == NAME + b"; client_no_context_takeover"


@pytest.mark.parametrize(
    "answer",
    [
        b"permessage-deflate",  # it would keep what we have said that it may not
        b"permessage-deflate; server_no_context_takeover; client_max_window_bits=8",
        b"permessage-deflate; server_no_context_takeover; client_max_window_bits",
        b"permessage-deflate; server_no_context_takeover; unknown",
        b"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        b"permessage-deflate; server_no_context_takeover, permessage-deflate",
        b"permessage-bzip2",
        b"?",
    ],
)
def test_a_client_takes_only_what_it_has_offered(answer: bytes) -> None:
    assert agreed_by(answer) is None


# With others


@PROPERTY
@given(
    st.one_of(st.none(), st.integers(8, 15)),
    BITS,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    MESSAGES,
)
def test_a_client_of_others_and_our_server(
    server_bits: int | None,
    client_bits: int | None,
    no_server_takeover: bool,
    no_client_takeover: bool,
    takeover: bool,
    messages: list[bytes],
) -> None:
    factory = ClientPerMessageDeflateFactory(
        server_no_context_takeover=no_server_takeover,
        client_no_context_takeover=no_client_takeover,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
    )
    offers = build_extension([(factory.name, factory.get_request_params())])
    agreed = agree(offers.encode(), takeover=takeover)
    if agreed is None:
        assert server_bits == 8
        return
    answer = parse_extension(agreed.answer.decode())
    other = factory.process_response_params(answer[0][1], [])
    _talk(agreed, other, messages, is_server=True)


@PROPERTY
@given(BITS, BITS, MESSAGES)
def test_a_server_of_others_and_our_client(
    server_bits: int | None, client_bits: int | None, messages: list[bytes]
) -> None:
    factory = ServerPerMessageDeflateFactory(
        server_max_window_bits=server_bits, client_max_window_bits=client_bits
    )
    asked = parse_extension(offer().decode())
    answer, other = factory.process_request_params(asked[0][1], [])
    agreed = agreed_by(build_extension([(ExtensionName("permessage-deflate"), answer)]).encode())
    assert agreed is not None
    _talk(agreed, other, messages, is_server=False)


def test_what_others_refuse_of_ours_is_nothing() -> None:
    with pytest.raises(NegotiationError):  # so that the test above shows something
        ServerPerMessageDeflateFactory().process_request_params([("unknown", None)], [])


def _talk(agreed: Agreed, other: object, messages: list[bytes], *, is_server: bool) -> None:
    deflater = agreed.deflater(is_server=is_server)
    inflater = agreed.inflater(is_server=is_server)
    for message in messages:
        theirs = Frame(Opcode.BINARY, message)
        assert inflated(inflater, bytes(other.encode(theirs).data)) == message  # type: ignore[attr-defined]
        ours = Frame(Opcode.BINARY, deflater.deflate(message), rsv1=True)
        assert bytes(other.decode(ours).data) == message  # type: ignore[attr-defined]


# Bounds


@PROPERTY
@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=5), st.booleans())
def test_a_message_in_any_pieces(data: bytes, places: list[int], takeover: bool) -> None:
    inflater, deflater = Inflater(takeover=takeover), Deflater(takeover=takeover)
    for _ in range(2):
        small = deflater.deflate(data)
        ends = sorted({0, *(place % (len(small) + 1) for place in places), len(small)})
        pieces = [small[begin:end] for begin, end in pairwise(ends)]
        made = b"".join(inflater.inflate(piece, len(data)) for piece in pieces)
        assert made + inflater.end(len(data) - len(made)) == data


@pytest.mark.parametrize(("room", "fits"), [(999, False), (1000, True)])
def test_not_one_byte_too_many_is_inflated(room: int, fits: bool) -> None:
    small = Deflater(takeover=False).deflate(bytes(1000))
    if fits:
        assert inflated(Inflater(takeover=False), small, room) == bytes(1000)
        return
    with pytest.raises(SocketFault) as fault:
        inflated(Inflater(takeover=False), small, room)
    assert fault.value.code == 1009


def test_what_is_no_deflated_data_is_refused() -> None:
    with pytest.raises(SocketFault, match="cannot be inflated") as fault:
        Inflater(takeover=False).inflate(b"\xff\xff\xff\xff", 100)
    assert fault.value.code == 1007


def test_a_sender_may_end_its_stream_with_a_message() -> None:
    deflating = zlib.compressobj(9, zlib.DEFLATED, -15)
    ended = deflating.compress(b"Hello") + deflating.flush(zlib.Z_FINISH) + b"\x00"
    inflater = Inflater(takeover=True)
    assert inflated(inflater, ended) == b"Hello"
    assert inflated(inflater, ended) == b"Hello"


def test_very_many_streams_in_one_message_are_an_attack() -> None:
    empty = b"\x03\x00"  # a stream of its own, which costs a new window each time
    assert inflated(Inflater(takeover=False), empty * 8 + b"\x00") == b""
    with pytest.raises(SocketFault, match="many streams"):
        Inflater(takeover=False).inflate(empty * 1000, 100)
