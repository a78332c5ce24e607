"""The client's side of HTTP/1.1: requests out, and answers in, however they come."""

from collections.abc import Iterable

import h11
import pytest
from hypothesis import given

from tests.helpers.conversation import body_of, cut, hear, in_full, in_short, in_turns
from tests.helpers.independent_parser import RequestParser
from tests.helpers.message_strategy import PROPERTY, Sample, answers, places, requests
from tests.helpers.strict_answer import read_answer
from tta_gateway.kernel.message import CHUNKED, UNTIL_CLOSE, Response, lines_of
from tta_gateway.wire import http1_client
from tta_gateway.wire.event import End, Reset
from tta_gateway.wire.http1_client import BROKEN, DONE, IDLE, RAW, ClientCodec, Event
from tta_gateway.wire.limits import Limits

_LIMITS = Limits()
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
_HEARD = [("answer", 200), ("data", b"hello"), ("end",)]
_GARBAGE = [("reset", "upstream_answer_malformed")]


def asking(line: bytes = b"GET /", limits: Limits = _LIMITS) -> ClientCodec:
    """Return a codec that has asked, and now waits for the answer."""
    codec = ClientCodec(limits)
    codec.send_head(line, b"host: a\r\n", b"", stream_id=7)
    return codec


def told(raw: bytes, *, line: bytes = b"GET /") -> ClientCodec:
    """Return a codec that has been answered so."""
    codec = asking(line)
    codec.receive(raw)
    return codec


def answer(raw: bytes, *, line: bytes = b"GET /") -> Response:
    """Return the first head of an answer."""
    head = asking(line).receive(raw)[0]
    assert isinstance(head, Response)
    return head


def lines(*fields: bytes, status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([status, *fields, b"", b""])


def receive(codec: ClientCodec, pieces: Iterable[bytes]) -> list[Event]:
    return [event for piece in pieces for event in codec.receive(piece)]


def flood(count: int) -> bytes:
    """Return the beginning of an answer in very small chunks."""
    return _CHUNKS.partition(b"5\r\n")[0] + b"1\r\nx\r\n" * count


# Requests


def test_a_request_is_its_line_its_fields_and_its_framing() -> None:
    sent = ClientCodec(_LIMITS).send_head(
        b"POST /a", b"host: a\r\nx-a: b\r\n", b"content-length: 5\r\n", stream_id=1
    )
    assert sent == b"POST /a HTTP/1.1\r\nhost: a\r\nx-a: b\r\ncontent-length: 5\r\n\r\n"


def test_a_body_of_a_stated_length_goes_as_it_is() -> None:
    codec = ClientCodec(_LIMITS)
    codec.send_head(b"POST /", b"host: a\r\n", b"content-length: 5\r\n", stream_id=1)
    assert codec.send_data(b"hello") + codec.send_end() == b"hello"


def test_a_body_of_no_stated_length_goes_in_chunks() -> None:
    codec = ClientCodec(_LIMITS)
    codec.send_head(b"POST /", b"host: a\r\n", b"transfer-encoding: chunked\r\n", stream_id=1)
    assert codec.send_data(b"hello, world") == b"c\r\nhello, world\r\n"


def test_no_data_is_no_chunk() -> None:
    codec = ClientCodec(_LIMITS)
    codec.send_head(b"POST /", b"host: a\r\n", b"transfer-encoding: chunked\r\n", stream_id=1)
    assert codec.send_data(b"") == b""


def test_a_host_that_is_called_transfer_encoding_makes_no_chunks() -> None:
    codec = ClientCodec(_LIMITS)
    codec.send_head(
        b"POST /",
        b"host: transfer-encoding:80\r\n",
        b"content-length: 5\r\nexpect: transfer-encoding:\r\n",
        stream_id=1,
    )
    assert codec.send_data(b"hello") + codec.send_end() == b"hello"


def test_chunks_may_end_with_trailers() -> None:
    codec = ClientCodec(_LIMITS)
    codec.send_head(b"POST /", b"host: a\r\n", b"transfer-encoding: chunked\r\n", stream_id=1)
    assert codec.send_end([(b"x-t", b"v")]) == b"0\r\nx-t: v\r\n\r\n"


def sent(sample: Sample) -> bytes:
    """Return what goes to a service for this request."""
    method, target = sample.start
    codec = ClientCodec(_LIMITS)
    framing = b"transfer-encoding: chunked\r\n"
    fields = b"host: a\r\n" + lines_of(sample.fields)
    head = codec.send_head(method + b" " + target, fields, framing, stream_id=1)
    return head + codec.send_data(sample.body) + codec.send_end(sample.trailers)


@PROPERTY
@given(requests())
def test_h11_reads_the_request_that_was_sent(sample: Sample) -> None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(sent(sample))
    head = server.next_event()
    assert isinstance(head, h11.Request)
    assert (head.method, head.target) == sample.start
    own = (b"host", b"transfer-encoding")
    fields = [(bytes(name), bytes(value)) for name, value in head.headers if name not in own]
    assert fields == sample.fields
    body = b""
    while isinstance(event := server.next_event(), h11.Data):
        body += bytes(event.data)
    assert (body, type(event), server.trailing_data) == (
        sample.body,
        h11.EndOfMessage,
        (b"", False),
    )


@PROPERTY
@given(requests())
def test_a_strict_parser_reads_the_request_that_was_sent(sample: Sample) -> None:
    parser = RequestParser()
    (request,) = parser.feed(sent(sample))
    assert (request.body, list(request.trailers)) == (sample.body, sample.trailers)
    assert list(request.head.fields)[1:-1] == sample.fields
    assert (parser.findings, parser.pending) == ([], None)


# Answers


@pytest.mark.parametrize("raw", [_OK, _CHUNKS])
def test_an_answer_has_a_head_a_body_and_an_end(raw: bytes) -> None:
    assert hear(asking(), raw) == _HEARD


@pytest.mark.parametrize("raw", [_OK, _CHUNKS])
def test_an_answer_may_come_in_any_pieces(raw: bytes) -> None:
    assert hear(asking(), *[raw[at : at + 1] for at in range(len(raw))]) == _HEARD


@pytest.mark.parametrize("raw", [_OK, _CHUNKS])
def test_a_connection_may_be_used_again_behind_an_answer(raw: bytes) -> None:
    codec = told(raw)
    assert (codec.reading, codec.reusable) == (DONE, True)


def test_an_answer_is_its_requests() -> None:
    assert {event.stream_id for event in asking().receive(_CHUNKS)} == {7}


def test_an_answer_is_not_of_our_own_making() -> None:
    assert answer(_OK).body is None


@pytest.mark.parametrize(
    ("raw", "length"), [(_OK, 5), (_CHUNKS, CHUNKED), (_CLOSE, UNTIL_CLOSE), (lines(), UNTIL_CLOSE)]
)
def test_an_answer_tells_how_long_its_body_is(raw: bytes, length: int) -> None:
    assert answer(raw).length == length


def test_an_empty_body_is_over_at_once() -> None:
    assert hear(asking(), lines(b"Content-Length: 0")) == [("answer", 200), ("end",)]


def test_a_body_of_a_length_may_come_later() -> None:
    assert hear(asking(), _OK[:-5], b"he", b"llo") == _HEARD


def test_nothing_is_said_of_a_chunk_that_has_only_begun() -> None:
    assert hear(told(_CHUNKS[:-15]), b"5\r") == []


def test_trailers_come_with_the_end() -> None:
    raw = _CHUNKS.replace(b"0\r\n\r\n", b"0\r\nX-T: v\r\n\r\n")
    assert hear(asking(), raw)[-2:] == [("data", b"hello"), ("end", (b"x-t", b"v"))]


def test_trailers_may_come_by_themselves() -> None:
    codec = told(_CHUNKS.removesuffix(b"0\r\n\r\n"))
    assert hear(codec, b"0\r\nX-T: v\r\n\r\n") == [("end", (b"x-t", b"v"))]


def test_one_answer_follows_the_other() -> None:
    codec = told(_OK)
    codec.send_head(b"GET /b", b"host: a\r\n", b"", stream_id=8)
    assert hear(codec, _CHUNKS) == _HEARD


def test_fields_are_lower_case_and_without_white_space_around_them() -> None:
    assert answer(lines(b"Set-Cookie:a", b"SET-COOKIE: b \t", b"X-C:")).fields == [
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"x-c", b""),
    ]


@pytest.mark.parametrize(
    "name", [b"X_Request_ID", b"X_Forwarded_For", b"Keep_Alive", b"Content_Type"]
)
def test_a_field_that_only_resembles_a_known_one_is_passed_on(name: bytes) -> None:
    read = answer(lines(b"X-A: 1", name + b": 2", b"Content-Length: 0", name + b": 3"))
    assert read.fields == [(b"x-a", b"1"), (name.lower(), b"2"), (name.lower(), b"3")]


def test_a_field_that_only_resembles_one_for_this_hop_is_not_obeyed() -> None:
    assert told(lines(b"Proxy_Connection: close", b"Content-Length: 0")).reusable


def test_a_field_that_only_resembles_a_known_one_may_be_for_this_hop_alone() -> None:
    read = answer(lines(b"X_Request_ID: a", b"Connection: x_request_id", b"Content-Length: 0"))
    assert read.fields == []


def test_a_trailer_that_resembles_a_known_field_is_dropped() -> None:
    end = receive(asking(), [_CHUNKS[:-2], b"X_Request_ID: a\r\nX-T: v\r\n\r\n"])[-1]
    assert isinstance(end, End)
    assert end.trailers == [(b"x-t", b"v")]


def test_a_field_that_a_client_may_not_repeat_a_service_may() -> None:
    fields = answer(lines(b"Content-Type: a", b"Content-Type: b")).fields
    assert fields == [(b"content-type", b"a"), (b"content-type", b"b")]


@pytest.mark.parametrize(
    "status",
    [
        b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.1 200 \xc3\xa9",
        b"HTTP/1.0 200 a b",
    ],
)  # fmt: skip
def test_a_status_line_may_have_a_reason_or_none(status: bytes) -> None:
    assert answer(lines(b"Content-Length: 0", status=status)).status == 200


def test_statuses_are_remembered_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1_client, "_statuses", {})
    read = [answer(lines(status=b"HTTP/1.1 200 %d" % number)) for number in range(300)]
    assert {head.status for head in read} == {200}
    assert len(http1_client._statuses) == 256


@PROPERTY
@given(answers(), places)
def test_an_answer_is_the_same_however_the_bytes_come(sample: Sample, at: list[int]) -> None:
    whole = in_full(asking().receive(sample.raw))
    assert in_full(receive(asking(), cut(sample.raw, at))) == whole


@PROPERTY
@given(answers(), places)
def test_an_answer_is_read_as_it_was_meant(sample: Sample, at: list[int]) -> None:
    head, *rest = receive(asking(), cut(sample.raw, at))
    assert isinstance(head, Response)
    assert (b"%d" % head.status, head.fields) == (sample.start[0], sample.fields)
    assert body_of(rest) == sample.body
    assert in_short(rest)[-1] == ("end", *sample.trailers)


@PROPERTY
@given(answers())
def test_a_strict_reader_reads_the_same_answer(sample: Sample) -> None:
    read = read_answer(sample.raw, method=b"GET", is_closed=False)
    assert read is not None
    (theirs,), rest = read
    assert (answer(sample.raw).status, rest) == (theirs.status, b"")


# Whether a connection goes on


@pytest.mark.parametrize(
    ("version", "fields", "reusable"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: keep-alive"], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"Connection: x-a, Close"], False),
        (b"1.1", [b"Proxy-Connection: close"], False),
        (b"1.1", [b"Proxy-Connection: x"], True),
        (b"1.1", [b"Keep-Alive: close"], True),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: keep-alive"], True),
        (b"1.0", [b"Connection: close"], False),
    ],
)
def test_a_connection_goes_on_or_not(version: bytes, fields: list[bytes], reusable: bool) -> None:
    status = b"HTTP/" + version + b" 200 OK"
    assert told(lines(b"Content-Length: 0", *fields, status=status)).reusable is reusable


def test_fields_that_connection_names_go_no_further() -> None:
    raw = lines(b"Connection: X-A", b"X-A: b", b"X-B: c", b"Content-Length: 0")
    assert answer(raw).fields == [(b"x-b", b"c")]


def test_fields_for_this_hop_alone_go_no_further() -> None:
    raw = lines(b"Keep-Alive: 5", b"Proxy-Authenticate: b", b"Upgrade: h2c", b"Content-Length: 0")
    assert answer(raw).fields == []


def test_an_answer_that_demands_another_protocol_says_which() -> None:
    raw = lines(b"Upgrade: websocket", b"Content-Length: 0", status=b"HTTP/1.1 426 Upgrade")
    assert answer(raw).fields == [(b"upgrade", b"websocket")]


# Surplus: bytes that nobody asked for


@pytest.mark.parametrize("raw", [_OK, _CHUNKS, lines(b"Content-Length: 0")])
def test_a_connection_on_which_more_comes_with_the_answer_is_not_used_again(raw: bytes) -> None:
    codec = told(raw + _OK)
    assert (codec.reading, codec.reusable) == (DONE, False)


def test_a_connection_on_which_more_comes_behind_the_answer_is_not_used_again() -> None:
    codec = told(_OK)
    assert hear(codec, b"HTTP/1.1 200 OK\r\n") == []
    assert not codec.reusable


def test_what_comes_before_anything_was_asked_goes_nowhere() -> None:
    codec = ClientCodec(_LIMITS)
    assert codec.reading is IDLE
    assert hear(codec, _OK) == []
    assert not codec.reusable


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HEAD /", b"HTTP/1.1 200 OK"),
        (b"GET /", b"HTTP/1.1 204 No Content"),
        (b"GET /", b"HTTP/1.1 304 Not Modified"),
    ],
)
@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X: y"])
class TestAnAnswerWithoutABody:
    """To HEAD, and by its status: whatever its fields say (RFC 9112 6.3 rule 1)."""

    def test_it_is_over_behind_its_head(self, line: bytes, status: bytes, framing: bytes) -> None:
        codec = asking(line)
        assert [part[0] for part in hear(codec, lines(framing, status=status))] == ["answer", "end"]
        assert codec.reusable

    def test_surplus_is_not_its_body(self, line: bytes, status: bytes, framing: bytes) -> None:
        codec = asking(line)
        heard = hear(codec, lines(framing, status=status) + b"hello")
        assert [part[0] for part in heard] == ["answer", "end"]
        assert not codec.reusable

    def test_another_follows(self, line: bytes, status: bytes, framing: bytes) -> None:
        codec = told(lines(framing, status=status), line=line)
        codec.send_head(b"GET /", b"host: a\r\n", b"", stream_id=8)
        assert hear(codec, _OK) == _HEARD


def test_an_empty_answer_to_head_is_over() -> None:
    assert hear(asking(b"HEAD /"), lines(b"Content-Length: 0")) == [("answer", 200), ("end",)]


def test_an_answer_to_head_says_how_long_a_body_would_be() -> None:
    assert answer(_OK[:-5], line=b"HEAD /").length == 5


def test_a_length_that_was_not_stated_is_not_invented() -> None:
    assert answer(lines(status=b"HTTP/1.1 304 Not Modified")).length == UNTIL_CLOSE


# The end of the connection


def test_the_end_of_the_connection_ends_a_body_without_a_length() -> None:
    codec = asking()
    assert hear(codec, _CLOSE) == [("answer", 200), ("data", b"hello")]
    assert in_short(codec.receive_eof()) == [("end",)]
    assert not codec.reusable


def test_a_connection_that_ends_before_the_answer_was_lost() -> None:
    assert in_short(asking().receive_eof()) == [("reset", "upstream_connection_terminated")]


@pytest.mark.parametrize("raw", [_OK[:20], _OK[:-1], _CHUNKS[:-1], b"\r\n"])
def test_a_connection_that_ends_inside_an_answer_spoils_it(raw: bytes) -> None:
    codec = told(raw)
    assert in_short(codec.receive_eof()) == [("reset", "upstream_answer_incomplete")]
    assert codec.reading is BROKEN


@pytest.mark.parametrize("raw", [_OK, _CHUNKS, _SWITCH, b"BAD\r\n\r\n"])
def test_a_connection_that_ends_behind_an_answer_says_nothing(raw: bytes) -> None:
    codec = told(raw)
    assert codec.receive_eof() == []
    assert not codec.reusable


# Interim answers, and other protocols


def test_an_interim_answer_comes_before_the_final_one() -> None:
    assert hear(asking(), _CONTINUE + _OK) == [("answer", 100), *_HEARD]


def test_the_final_answer_may_come_later() -> None:
    assert hear(asking(), _CONTINUE, _OK) == [("answer", 100), *_HEARD]


@pytest.mark.parametrize("status", [b"100", b"102", b"103", b"150", b"199"])
@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_an_interim_answer_has_no_body_whatever_it_says(status: bytes, framing: bytes) -> None:
    interim = lines(framing, status=b"HTTP/1.1 " + status + b" X")
    assert hear(asking(), interim + _OK) == [("answer", int(status)), *_HEARD]


def test_what_an_interim_answer_says_is_not_the_final_ones() -> None:
    interim = lines(b"X-A: b", b"Connection: close", status=b"HTTP/1.1 103 Early Hints")
    codec = asking()
    final = codec.receive(interim + _OK)[1]
    assert isinstance(final, Response)
    assert (final.fields, codec.reusable) == ([], True)


def test_so_many_interim_answers_are_taken() -> None:
    heard = hear(asking(), _CONTINUE * 16 + _OK)
    assert heard == [("answer", 100)] * 16 + _HEARD


def test_one_interim_answer_more_is_refused() -> None:
    assert hear(asking(), _CONTINUE * 17 + _OK)[-1:] == _GARBAGE


def test_interim_answers_are_counted_for_each_request() -> None:
    codec = told(_CONTINUE * 16 + _OK)
    codec.send_head(b"GET /", b"host: a\r\n", b"", stream_id=8)
    assert hear(codec, _CONTINUE + _OK) == [("answer", 100), *_HEARD]


def test_behind_a_switch_come_bytes_of_another_protocol() -> None:
    codec = asking()
    assert hear(codec, _SWITCH + b"\x81\x02ok", b"\x81\x00") == [
        ("answer", 101),
        ("data", b"\x81\x02ok\x81\x00"),
    ]
    assert (codec.reading, codec.reusable) == (RAW, False)


def test_a_switch_says_to_what() -> None:
    raw = _SWITCH.replace(b": Upgrade", b": Upgrade, X-A")
    assert answer(raw).fields == [(b"upgrade", b"websocket")]


def test_a_switch_to_nothing_is_refused() -> None:
    assert hear(asking(), lines(status=b"HTTP/1.1 101 Switching")) == _GARBAGE


# An empty line before an answer


@pytest.mark.parametrize("pieces", [[b"\r\n" + _OK], [b"\r\n", _OK], [b"\r", b"\n" + _OK]])
def test_an_empty_line_before_an_answer_is_ignored(pieces: list[bytes]) -> None:
    assert hear(asking(), *pieces) == _HEARD


@pytest.mark.parametrize(
    "pieces",
    [
        [b"\r\n\r\n" + _OK], [b"\r\n", b"\r\n" + _OK], [b"\n" + _OK], [b"\r" + _OK],
        [b"\r\n\n" + _OK], [b"\n\r\n" + _OK],
    ],
)  # fmt: skip
def test_more_than_that_is_refused(pieces: list[bytes]) -> None:
    assert hear(asking(), *pieces) == _GARBAGE


# What is refused


@pytest.mark.parametrize(
    "status",
    [
        b"HTTP/1.1 099 X", b"HTTP/1.1 600 X", b"HTTP/1.1 20 X", b"HTTP/1.1 2000 X",
        b"HTTP/1.1 20x X", b"HTTP/1.1  200 X", b"HTTP/1.1 200  X", b"HTTP/1.1 200X",
        b"HTTP/1.1 200\tX", b" HTTP/1.1 200 X", b"HTTP/1.2 200 X", b"HTTP/2 200 X",
        b"HTTP/0.9 200 X", b"http/1.1 200 X", b"ICY 200 X", b"HTTP/1.1 200 a\x00b",
        b"HTTP/1.1 200 a\rb", b"HTTP/1.1 200 a\nb: c", b"HTTP/1.1", b"<html>", b"HTTP/1.1 -200 X",
        b"HTTP/1.1 +20 X",
    ],
)  # fmt: skip
def test_a_malformed_status_line_is_refused(status: bytes) -> None:
    assert hear(asking(), lines(status=status)) == _GARBAGE


@pytest.mark.parametrize(
    "field",
    [
        b"X : a", b" X: a", b"X", b": a", b"X: a\x00", b"X: a\x01", b"X: a\x7f", b"X: a\rb",
        b"X: a\nY: b", b"X: a\r\n folded", b"X:\r\n folded", b"X\x80: a", b"Content_Length: 5",
        b"Transfer_Encoding: chunked", b"Content-Length : 5",
    ],
)  # fmt: skip
def test_a_malformed_field_is_refused(field: bytes) -> None:
    assert hear(asking(), lines(b"Content-Length: 0", field)) == _GARBAGE


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: +5"], [b"Content-Length: 5, 5"], [b"Content-Length:"],
        [b"Content-Length: \xb2"], [b"Content-Length: 5"] * 2,
        [b"Content-Length: 9007199254740993"], [b"Content-Length: 18446744073709551621"],
        [b"Content-Length: " + b"0" * 20], [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"], [b"Transfer-Encoding: chunked"] * 2,
        [b"Transfer-Encoding: gzip, chunked"], [b"Transfer-Encoding: gzip"],
        [b"Transfer-Encoding:"], [b"Transfer-Encoding: chunked;q=1"],
    ],
)  # fmt: skip
def test_a_body_of_no_clear_length_is_refused(fields: list[bytes]) -> None:
    assert hear(asking(), lines(*fields)) == _GARBAGE


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: 5"] * 2,
        [b"Transfer-Encoding: chunked"] * 2,
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
    ],
)
def test_it_is_refused_whatever_llhttp_says(fields: list[bytes]) -> None:
    raw = lines(*fields)
    assert in_short(asking()._begin(raw, len(raw))) == _GARBAGE


def test_http_1_0_has_no_chunks() -> None:
    raw = lines(b"Transfer-Encoding: chunked", status=b"HTTP/1.0 200 OK")
    assert hear(asking(), raw) == _GARBAGE


@pytest.mark.parametrize("spoilt", [b"helloX", b"hell\r\n", b"hello\n"])
def test_a_malformed_body_is_refused(spoilt: bytes) -> None:
    events = asking().receive(_CHUNKS.replace(b"hello\r\n", spoilt))
    assert isinstance(events[-1], Reset)


def test_nothing_is_heard_behind_what_is_refused() -> None:
    codec = told(b"BAD\r\n\r\n")
    assert hear(codec, _OK) == []
    assert (codec.reading, codec.reusable) == (BROKEN, False)


def test_a_head_is_refused_before_its_end() -> None:
    assert hear(asking(), b"HTTP/1.1 200 OK\r\nX : a\r\n") == _GARBAGE


# Limits


def head_of(size: int) -> bytes:
    empty = len(b"HTTP/1.1 200 OK\r\nX: \r\nContent-Length: 0\r\n\r\n")
    return lines(b"X: " + b"a" * (size - empty), b"Content-Length: 0")


@pytest.mark.parametrize("at", [1, 20, 32000, 32767])
def test_a_head_at_its_limit_is_taken_however_it_comes(at: int) -> None:
    raw = head_of(32768)
    assert hear(asking(), raw[:at], raw[at:]) == [("answer", 200), ("end",)]


@pytest.mark.parametrize("at", [1, 20, 32000, 32768])
def test_a_head_over_its_limit_is_refused_however_it_comes(at: int) -> None:
    raw = head_of(32769)
    assert hear(asking(), raw[:at], raw[at:]) == _GARBAGE


def test_a_head_without_an_end_is_refused() -> None:
    assert hear(asking(), b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 7000) == _GARBAGE


def test_as_many_fields_as_the_limit_says_are_taken() -> None:
    raw = lines(*[b"X-%d: a" % number for number in range(99)], b"Content-Length: 0")
    assert len(answer(raw).fields) == 99


def test_one_field_more_is_refused() -> None:
    raw = lines(*[b"X-%d: a" % number for number in range(100)], b"Content-Length: 0")
    assert hear(asking(), raw) == _GARBAGE


# Very many chunks


def test_an_answer_in_very_many_chunks_is_read_turn_by_turn() -> None:
    codec = asking()
    events, parts = in_turns(codec, flood(1200) + b"0\r\n\r\n")
    assert max(len(part) for part in parts) == 500
    assert body_of(events) == b"x" * 1200
    assert (in_short(events)[-1], codec.reading) == (("end",), DONE)


def test_what_comes_while_an_answer_is_read_turn_by_turn_waits_behind_it() -> None:
    codec = told(flood(600))
    assert codec.receive(b"1\r\ny\r\n0\r\n\r\n") == []
    assert body_of(codec.go_on()).endswith(b"xy")
    assert (codec.reading, codec.is_behind) == (DONE, False)


def test_garbage_behind_very_many_chunks_ends_the_reading() -> None:
    codec = told(flood(600) + b"x\r\n")
    assert in_short(codec.go_on()) == _GARBAGE
    assert not codec.is_behind
