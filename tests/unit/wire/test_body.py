"""Bodies: where one ends, and the bounds of everything that frames it."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.conversation import cut
from tests.helpers.message_strategy import PROPERTY, Sample, bodies, places, requests
from tests.helpers.naive_chunks import naive_chunks
from tta_gateway.kernel.message import Fields
from tta_gateway.wire.body import ChunkedReader, CloseReader, FramingError, LengthReader, Reader
from tta_gateway.wire.limits import Limits

_LIMITS = Limits()


def read(reader: Reader, *pieces: bytes) -> tuple[bytes, bool, bytes]:
    """Return the whole body, whether it is over, and what is behind it."""
    body, over, rest = b"", False, b""
    for number, piece in enumerate(pieces):
        part, over, rest = reader.read(piece)
        body += part
        if over:
            return body, True, rest + b"".join(pieces[number + 1 :])
    return body, over, rest


def chunks(*pieces: bytes, limits: Limits = _LIMITS) -> tuple[bytes, bool, bytes]:
    return read(ChunkedReader(limits), *pieces)


def trailers(*pieces: bytes) -> Fields:
    reader = ChunkedReader(_LIMITS)
    read(reader, *pieces)
    return reader.trailers


# Bodies of a stated length


def test_a_body_of_a_length_ends_there_and_leaves_the_rest() -> None:
    assert read(LengthReader(5), b"helloGET") == (b"hello", True, b"GET")


def test_a_body_that_is_all_there_is_over() -> None:
    assert read(LengthReader(5), b"hello") == (b"hello", True, b"")


def test_a_body_that_is_not_all_there_goes_on() -> None:
    assert read(LengthReader(5), b"he", b"l") == (b"hel", False, b"")


def test_a_body_of_no_length_takes_nothing() -> None:
    assert read(LengthReader(0), b"GET") == (b"", True, b"GET")


@PROPERTY
@given(bodies, bodies, places)
def test_a_length_cuts_the_same_however_the_bytes_come(
    body: bytes, behind: bytes, at: list[int]
) -> None:
    pieces = cut(body + behind, at) or [b""]
    assert read(LengthReader(len(body)), *pieces) == (body, True, behind)


# Bodies until the end of the connection


def test_a_body_until_the_end_of_the_connection_takes_everything() -> None:
    assert read(CloseReader(), b"hello", b"0\r\n\r\n") == (b"hello0\r\n\r\n", False, b"")


def test_it_has_no_trailers() -> None:
    assert CloseReader().trailers == []


# Bodies in chunks


def test_what_ends_a_chunk_may_come_in_pieces() -> None:
    assert chunks(b"1\r\na", b"\r", b"\n", b"0\r\n\r\nGET") == (b"a", True, b"GET")


def test_chunks_are_put_together_and_the_rest_is_left() -> None:
    assert chunks(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET") == (b"hello!", True, b"GET")


def test_a_chunk_goes_on_in_the_next_piece() -> None:
    assert chunks(b"5\r\nhe", b"llo\r\n0\r\n\r\n") == (b"hello", True, b"")


def test_a_flood_of_chunks_takes_many_turns() -> None:
    reader, turns, body = ChunkedReader(_LIMITS), 0, b""
    over, rest = False, b"1\r\nx\r\n" * 5000 + b"0\r\n\r\nGET"
    while not over:
        part, over, rest = reader.read(rest)
        assert len(part) <= 500
        turns, body = turns + 1, body + part
    assert (turns, body, rest) == (11, b"x" * 5000, b"GET")


def test_a_single_chunk_is_passed_on_as_it_came() -> None:
    assert ChunkedReader(_LIMITS).read(b"5\r\nhello\r\n") == (b"hello", False, b"")


@pytest.mark.parametrize("size", [b"A", b"a", b"0a", b"000000000000000A"])
def test_a_size_is_hexadecimal_in_either_case(size: bytes) -> None:
    assert chunks(size + b"\r\n0123456789\r\n0\r\n\r\n") == (b"0123456789", True, b"")


@pytest.mark.parametrize("last", [b"0", b"000", b"0;a=b", b"0000000000000000"])
def test_a_size_of_nothing_is_the_last(last: bytes) -> None:
    assert chunks(last + b"\r\n\r\nX") == (b"", True, b"X")


def test_the_largest_size_is_taken() -> None:
    assert chunks(b"%x\r\nhello" % 2**53) == (b"hello", False, b"")


@pytest.mark.parametrize(
    "line",
    [
        b"", b"g", b"0x5", b"+5", b"-5", b" 5", b"5 ", b"5\t", b"5 5", b"5,5", b"5;", b"5;;a",
        b"5 ;a", b"5; a", b"5;a =b", b"5;a= b", b"5;a=", b"5;=b", b"5;a=b c", b'5;a="b',
        b'5;a="b"c', b"5;a\x00", b'5;a="\x00"', b'5;a="\\\x00"', b"5;a\n", b"5\n", b"5\r", b"5;a\r",
        b"\xb2", b"20000000000001", b"ffffffffffffffff", b"00000000000000005", b'5;a="\x7f"',
    ],
)  # fmt: skip
def test_a_malformed_size_line_is_refused(line: bytes) -> None:
    with pytest.raises(FramingError):
        chunks(line + b"\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "extension", [b";a", b";a=b", b';a="b"', b';a=""', b';a="\\""', b';a="; \t\xff"', b";a;b=c;d"]
)
def test_a_wellformed_extension_is_passed_over(extension: bytes) -> None:
    assert chunks(b"5" + extension + b"\r\nhello\r\n0\r\n\r\n") == (b"hello", True, b"")


@pytest.mark.parametrize("behind", [b"X", b"\n", b"\rX", b"\n\r", b"5\r\n"])
def test_a_chunk_without_its_end_of_line_is_refused(behind: bytes) -> None:
    with pytest.raises(FramingError):
        chunks(b"5\r\nhello" + behind)


@pytest.mark.parametrize("beginning", [b"X", b"\r", b"\n", b"5\rX", b"5\n", b"5 ", b"5;\x00"])
def test_a_size_line_that_cannot_become_a_good_one_is_refused_at_once(beginning: bytes) -> None:
    with pytest.raises(FramingError):
        ChunkedReader(_LIMITS).read(beginning)


@pytest.mark.parametrize("beginning", [b"5", b"5\r", b"5;a", b'5;a="b\\', b"5;a\r", b"0"])
def test_a_size_line_that_can_is_waited_for(beginning: bytes) -> None:
    assert ChunkedReader(_LIMITS).read(beginning) == (b"", False, b"")


def test_a_chunk_extension_at_its_limit_is_taken() -> None:
    line = b"5;" + b"a" * 255
    assert chunks(line + b"\r\nhello\r\n0\r\n\r\n") == (b"hello", True, b"")


def test_a_chunk_extension_over_its_limit_is_refused() -> None:
    with pytest.raises(FramingError):
        chunks(b"5;" + b"a" * 256 + b"\r\nhello\r\n0\r\n\r\n")


def test_a_chunk_extension_over_its_limit_is_refused_before_its_end() -> None:
    with pytest.raises(FramingError):
        chunks(b"5;" + b"a" * 300)


def test_the_longest_size_line_is_taken_in_whatever_pieces() -> None:
    line = b"0000000000000005;" + b"a" * 255 + b"\r"
    assert chunks(line, b"\nhello\r\n0\r\n\r\n") == (b"hello", True, b"")


def test_the_extensions_of_all_chunks_at_their_limit_are_taken() -> None:
    chunk = b"1;" + b"a" * 255 + b"\r\nx\r\n"
    assert chunks(chunk * 16 + b"0\r\n\r\n") == (b"x" * 16, True, b"")


def test_the_extensions_of_all_chunks_over_their_limit_are_refused() -> None:
    chunk = b"1;" + b"a" * 255 + b"\r\nx\r\n"
    with pytest.raises(FramingError):
        chunks(chunk * 16 + b"0;a\r\n\r\n")


# Trailers


def test_trailers_are_kept_apart_from_the_body() -> None:
    assert trailers(b"0\r\nX-T: v \t\r\nX-U:\r\n\r\n") == [(b"x-t", b"v"), (b"x-u", b"")]


def test_trailers_go_on_in_the_next_piece() -> None:
    assert trailers(b"0\r\nX-T", b": v\r", b"\n\r", b"\n") == [(b"x-t", b"v")]


@pytest.mark.parametrize(
    "name", [b"Content-Length", b"Transfer-Encoding", b"Host", b"Set-Cookie", b"Content_Length"]
)
def test_a_trailer_that_would_change_the_message_is_dropped(name: bytes) -> None:
    assert trailers(b"0\r\n" + name + b": 5\r\nX-T: v\r\n\r\n") == [(b"x-t", b"v")]


@pytest.mark.parametrize(
    "line", [b"X-T", b": v", b"X-T : v", b" X-T: v", b"X-T: a\rb", b"X-T: a\x00", b"X-T: a\nX-U: b"]
)
def test_a_malformed_trailer_is_refused(line: bytes) -> None:
    with pytest.raises(FramingError):
        chunks(b"0\r\n" + line + b"\r\n\r\n")


def test_trailers_at_their_limit_are_taken() -> None:
    limits = Limits(trailers=100)
    assert chunks(b"0\r\nX: " + b"a" * 95 + b"\r\n\r\n", limits=limits) == (b"", True, b"")


def test_trailers_over_their_limit_are_refused() -> None:
    with pytest.raises(FramingError):
        chunks(b"0\r\nX: " + b"a" * 96 + b"\r\n\r\n", limits=Limits(trailers=100))


def test_trailers_over_their_limit_are_refused_before_their_end() -> None:
    with pytest.raises(FramingError):
        chunks(b"0\r\nX: " + b"a" * 200, limits=Limits(trailers=100))


def test_trailers_over_their_limit_together_are_refused() -> None:
    with pytest.raises(FramingError):
        chunks(b"0\r\n" + b"X: a\r\n" * 17 + b"\r\n", limits=Limits(trailers=100))


# Against other readers


def outcome(*pieces: bytes) -> tuple[bytes, Fields | None, bytes | None] | None:
    reader = ChunkedReader(_LIMITS)
    try:
        body, over, rest = read(reader, *pieces)
    except FramingError:
        return None
    return (body, reader.trailers, rest) if over else (body, None, None)


_CHUNKED = requests().filter(lambda sample: b"\r\nTransfer-Encoding" in sample.raw)


@PROPERTY
@given(_CHUNKED, places)
def test_a_wellformed_body_is_read_as_it_was_meant(sample: Sample, at: list[int]) -> None:
    coded = sample.raw.partition(b"\r\n\r\n")[2]
    assert outcome(*cut(coded + b"GET /", at)) == (sample.body, sample.trailers, b"GET /")


_ALMOST_CHUNKS = st.lists(
    st.sampled_from(
        (
            b"5\r\nhello\r\n", b"0\r\n", b"\r\n", b"1", b"a", b";a=b", b'"', b"X-T: v", b":",
            b" ", b"\r", b"\n", b"\\", b"\x00", b"Host: a\r\n",
        )
    ),
    max_size=8,
).map(b"".join)  # fmt: skip


@PROPERTY
@given(_ALMOST_CHUNKS)
def test_a_naive_reading_agrees_on_everything_that_has_come_whole(data: bytes) -> None:
    # Of a line that has not ended, the naive reading says nothing, good or bad.
    naive = naive_chunks(data + b"\r\n\r\n", _LIMITS)
    assert outcome(data + b"\r\n\r\n") == naive


@PROPERTY
@given(_ALMOST_CHUNKS, places)
def test_chunks_are_the_same_however_the_bytes_come(data: bytes, at: list[int]) -> None:
    whole = data + b"\r\n\r\n"
    assert outcome(*cut(whole, at)) == outcome(whole)


class Heard:
    """What llhttp calls back with."""

    def __init__(self) -> None:
        self.body = b""
        self.is_complete = False

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.is_complete = True


@PROPERTY
@given(_CHUNKED)
def test_llhttp_reads_the_same_body(sample: Sample) -> None:
    heard = Heard()
    httptools.HttpRequestParser(heard).feed_data(sample.raw)
    mine = outcome(sample.raw.partition(b"\r\n\r\n")[2])
    assert mine == (heard.body, sample.trailers, b"")
    assert heard.is_complete
