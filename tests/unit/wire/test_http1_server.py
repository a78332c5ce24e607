"""The server's side of HTTP/1.1: requests in, however they come, and answers out."""

import h11
import pytest
from hypothesis import given

from tests.helpers.conversation import body_of, cut, hear, hear_all, in_full, in_short, in_turns
from tests.helpers.message_strategy import PROPERTY, Sample, answers, places, requests
from tests.helpers.strict_answer import read_answer
from tta_gateway.kernel.message import CHUNKED, UNTIL_CLOSE, RequestHead, Response, lines_of
from tta_gateway.wire.event import Reset
from tta_gateway.wire.http1_server import BROKEN, DONE, HEAD, STATUS_LINES, ServerCodec
from tta_gateway.wire.limits import Limits

_LIMITS = Limits()
_GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
_NEXT = b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
_POST = b"POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
_CHUNKS = (
    b"POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
)


def server(limits: Limits = _LIMITS) -> ServerCodec:
    return ServerCodec(limits)


def asked(raw: bytes) -> ServerCodec:
    """Return a codec to which this has been said."""
    codec = server()
    codec.receive(raw)
    return codec


def refused(raw: bytes) -> str:
    """Return for what the last of this is refused."""
    kind, code = in_short(hear_all(server(), [raw]))[-1]
    assert kind == "reset"
    return str(code)


def h11_body(client: h11.Connection) -> bytes:
    """Return the body that h11 reads, to its end."""
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    return body


# Requests


def test_a_request_without_a_body_is_its_head() -> None:
    assert hear(server(), _GET) == [("request", b"GET", b"/a")]


def test_a_request_may_come_in_any_pieces() -> None:
    pieces = [_GET[at : at + 1] for at in range(len(_GET))]
    assert hear(server(), *pieces) == [("request", b"GET", b"/a")]


def test_a_body_follows_its_head() -> None:
    assert hear(server(), _POST) == [("request", b"POST", b"/c"), ("data", b"hello"), ("end",)]


def test_a_body_may_come_later_and_in_pieces() -> None:
    heard = hear(server(), _POST[:-5], b"he", b"llo")
    assert heard == [("request", b"POST", b"/c"), ("data", b"hello"), ("end",)]


def test_a_body_in_chunks_follows_its_head() -> None:
    assert hear(server(), _CHUNKS) == [("request", b"POST", b"/d"), ("data", b"hello"), ("end",)]


def flood(count: int) -> bytes:
    """Return the beginning of a body in very small chunks."""
    return _CHUNKS.partition(b"5\r\n")[0] + b"1\r\nx\r\n" * count


def test_a_body_in_very_many_chunks_is_read_turn_by_turn() -> None:
    codec = server()
    events, parts = in_turns(codec, flood(1200) + b"0\r\n\r\n" + _NEXT)
    assert max(len(part) for part in parts) == 500
    assert body_of(events) == b"x" * 1200
    assert (in_short(events)[-1], codec.waiting) == (("end",), _NEXT)


def test_what_comes_while_a_body_is_read_turn_by_turn_waits_behind_it() -> None:
    codec = asked(flood(600))
    assert codec.receive(b"1\r\ny\r\n0\r\n\r\n") == []
    assert body_of(codec.go_on()).endswith(b"xy")
    assert (codec.reading, codec.is_behind) == (DONE, False)


def test_nothing_is_said_of_a_chunk_that_has_only_begun() -> None:
    codec = asked(_CHUNKS.partition(b"5\r\n")[0])
    assert hear(codec, b"5\r") == []


def test_trailers_come_with_the_end() -> None:
    raw = _CHUNKS.replace(b"0\r\n\r\n", b"0\r\nX-T: v\r\n\r\n")
    assert hear(server(), raw)[-2:] == [("data", b"hello"), ("end", (b"x-t", b"v"))]


def test_trailers_may_come_by_themselves() -> None:
    codec = asked(_CHUNKS.removesuffix(b"0\r\n\r\n"))
    assert hear(codec, b"0\r\nX-T: v\r\n\r\n") == [("end", (b"x-t", b"v"))]


def test_requests_are_numbered() -> None:
    heads = [event for event in hear_all(server(), [_GET, _NEXT]) if isinstance(event, RequestHead)]
    assert [head.stream_id for head in heads] == [1, 2]


# What is pipelined


def test_what_is_pipelined_waits() -> None:
    codec = server()
    assert hear(codec, _GET + _NEXT) == [("request", b"GET", b"/a")]
    assert codec.waiting == _NEXT


def test_what_comes_while_a_request_is_answered_waits() -> None:
    codec = asked(_GET)
    assert hear(codec, _NEXT[:5], _NEXT[5:]) == []
    assert codec.waiting == _NEXT


def test_the_next_request_is_what_has_waited() -> None:
    codec = asked(_GET + _NEXT)
    assert in_short(codec.next_request()) == [("request", b"GET", b"/b")]


def test_what_is_pipelined_behind_a_body_waits_too() -> None:
    codec = asked(_POST + _NEXT)
    assert in_short(codec.next_request()) == [("request", b"GET", b"/b")]


def test_what_is_pipelined_behind_a_request_that_says_the_same_waits_too() -> None:
    codec = asked(_GET)
    codec.next_request()
    codec.receive(_GET + _NEXT)
    assert in_short(codec.next_request()) == [("request", b"GET", b"/b")]


def test_a_request_that_says_what_the_last_one_said_is_a_request_too() -> None:
    codec = asked(_GET)
    codec.next_request()
    assert hear(codec, _GET) == [("request", b"GET", b"/a")]
    assert codec.requested == 2


def test_nothing_comes_next_if_nothing_has_waited() -> None:
    assert asked(_GET).next_request() == []


def test_a_request_goes_on_behind_one_that_asks_for_another_protocol() -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert in_short(hear_all(server(), [upgrade, _GET]))[-1] == ("request", b"GET", b"/a")


def test_a_codec_is_idle_before_a_request_and_not_in_the_middle() -> None:
    codec = server()
    assert codec.is_idle
    codec.receive(_GET[:5])
    assert not codec.is_idle


def test_a_codec_is_not_idle_while_it_is_to_answer() -> None:
    assert not asked(_GET).is_idle


@PROPERTY
@given(requests(), requests(), places)
def test_requests_are_the_same_however_the_bytes_come(
    first: Sample, second: Sample, at: list[int]
) -> None:
    raw = first.raw + second.raw
    assert in_full(hear_all(server(), cut(raw, at))) == in_full(hear_all(server(), [raw]))


@PROPERTY
@given(requests(), requests())
def test_pipelined_requests_are_the_same_as_requests_apart(first: Sample, second: Sample) -> None:
    together = in_full(hear_all(server(), [first.raw + second.raw]))
    apart = in_full(hear_all(server(), [first.raw, second.raw]))
    assert together == apart


@PROPERTY
@given(requests())
def test_a_request_is_read_as_it_was_meant(sample: Sample) -> None:
    head, *rest = hear_all(server(), [sample.raw])
    assert isinstance(head, RequestHead)
    assert (head.method, head.target, head.fields) == (*sample.start, sample.fields)
    assert body_of(rest) == sample.body


@PROPERTY
@given(requests(), places)
def test_h11_reads_the_same_request(sample: Sample, at: list[int]) -> None:
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(sample.raw)
    theirs = peer.next_event()
    mine = hear_all(server(), cut(sample.raw, at))[0]
    assert isinstance(theirs, h11.Request)
    assert isinstance(mine, RequestHead)
    own = (b"host", b"content-length", b"transfer-encoding")
    fields = [(bytes(name), bytes(value)) for name, value in theirs.headers if name not in own]
    assert (mine.method, mine.target, mine.fields) == (theirs.method, theirs.target, fields)


# Empty lines before a request


@pytest.mark.parametrize("empty", [b"\r\n", b"\r\n" * 4])
def test_a_few_empty_lines_before_a_request_are_ignored(empty: bytes) -> None:
    assert hear(server(), empty + _GET) == [("request", b"GET", b"/a")]


def test_empty_lines_may_come_in_any_pieces() -> None:
    assert hear(server(), b"\r", b"\n", b"\r", b"\n" + _GET) == [("request", b"GET", b"/a")]


def test_a_codec_is_idle_when_only_empty_lines_have_come() -> None:
    assert asked(b"\r\n").is_idle


@pytest.mark.parametrize(
    "pieces", [[b"\r\n" * 5], [b"\r\n" * 4, b"\r"], [b"\n"], [b"\r\r\n"], [b"\r", b"G"], [b"\rG"]]
)
def test_more_of_them_and_stray_bytes_are_refused(pieces: list[bytes]) -> None:
    assert hear(server(), *pieces) == [("reset", "request_malformed")]


# What is refused


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "request_host_invalid"),
        (b"GET /\r\nHost: a\r\n\r\n", "request_malformed"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "request_version_unsupported"),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", "request_method_unknown"),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "request_target_invalid"),
        (_POST.replace(b" 5\r", b" +5\r"), "request_malformed"),
        (_CHUNKS.replace(b"5\r\nhello", b"5\nhello"), "request_framing_invalid"),
        (_CHUNKS.replace(b"0\r\n\r\n", b"0\r\nX : v\r\n\r\n"), "request_framing_invalid"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "request_method_unknown"),
    ],
)
def test_a_bad_request_is_refused_with_its_code(raw: bytes, code: str) -> None:
    assert refused(raw) == code


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /\r\n"],
        [b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00"],
        [b"GET / HTTP/1.1\r\n", b"X : a\r\n"],
        [b"GET / HTTP/1.1\r\nX: a\r\n", b" b"],
    ],
)
def test_a_head_that_cannot_become_a_good_one_is_refused_before_its_end(
    pieces: list[bytes],
) -> None:
    assert [part[0] for part in hear(server(), *pieces)] == ["reset"]


_ORIGIN = b"Origin: https://a.test\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [b"BAD\r\n" + _ORIGIN + b"\r\n"],
        [b"GET / HTTP/1.1\r\n" + _ORIGIN + b"\r\n"],
        [b"GET / HTTP/1.1\r\n" + _ORIGIN, b"X : a\r\n"],
        [b"GET /\r\n" + _ORIGIN],
    ],
)
def test_what_is_refused_says_where_it_came_from(pieces: list[bytes]) -> None:
    (reset,) = [event for event in hear_all(server(), pieces) if isinstance(event, Reset)]
    assert reset.origin == b"https://a.test"


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\n\r\n", b"BAD\r\nHost: a\r\n\r\n"])
def test_what_comes_behind_a_bad_head_does_not_say_where_it_came_from(head: bytes) -> None:
    behind = b"GET / HTTP/1.1\r\n" + _ORIGIN + b"\r\n"
    (reset,) = [event for event in hear_all(server(), [head + behind]) if isinstance(event, Reset)]
    assert reset.origin is None


def test_nothing_is_heard_behind_what_is_refused() -> None:
    codec = asked(b"BAD\r\n\r\n")
    assert hear(codec, _GET) == []
    assert (codec.reading, codec.closing, codec.waiting) == (BROKEN, True, b"")


def test_a_request_that_cannot_be_read_has_its_number_too() -> None:
    events = hear_all(server(), [_GET, b"BAD\r\n\r\n"])
    assert [event.stream_id for event in events] == [1, 2]


def test_a_body_that_cannot_be_read_is_its_requests() -> None:
    events = hear_all(server(), [_GET, _CHUNKS.replace(b"hello", b"helloX")])
    assert [event.stream_id for event in events if isinstance(event, Reset)] == [2]


# Limits


def line_of(size: int) -> bytes:
    return b"GET /" + b"a" * (size - 14) + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def head_of(size: int) -> bytes:
    """Return a head of so many bytes behind its request line."""
    return b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (size - 18) + b"\r\n\r\n"


@pytest.mark.parametrize("at", [1, 8191, 8192, 8193, 8194, 8195, 9000])
def test_a_request_line_at_its_limit_is_taken_however_it_comes(at: int) -> None:
    raw = line_of(8192)
    assert [part[0] for part in hear(server(), raw[:at], raw[at:])] == ["request"]


@pytest.mark.parametrize("at", [1, 8191, 8192, 8193, 8194, 8195, 9000])
def test_a_request_line_over_its_limit_is_refused_however_it_comes(at: int) -> None:
    raw = line_of(8193)
    assert hear(server(), raw[:at], raw[at:]) == [("reset", "request_line_too_long")]


def test_a_request_line_without_an_end_is_refused_at_its_limit() -> None:
    assert hear(server(), b"GET /" + b"a" * 9000) == [("reset", "request_line_too_long")]


@pytest.mark.parametrize("at", [1, 20, 32000, 32780])
def test_a_head_at_its_limit_is_taken_however_it_comes(at: int) -> None:
    raw = head_of(32768)
    assert [part[0] for part in hear(server(), raw[:at], raw[at:])] == ["request"]


@pytest.mark.parametrize("at", [1, 20, 32000, 32780])
def test_a_head_over_its_limit_is_refused_however_it_comes(at: int) -> None:
    raw = head_of(32769)
    assert hear(server(), raw[:at], raw[at:]) == [("reset", "request_fields_too_large")]


def test_a_head_without_an_end_is_refused() -> None:
    raw = b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 7000
    assert hear(server(), raw) == [("reset", "request_fields_too_large")]


# Answers


@pytest.mark.parametrize(
    ("version", "method", "status", "length", "framing"),
    [
        # A length is stated, unless the status has no body and so no length.
        (b"1.1", b"GET", 200, 5, b"content-length: 5"),
        (b"1.1", b"HEAD", 200, 5, b"content-length: 5"),
        (b"1.1", b"GET", 204, 5, b""),
        (b"1.1", b"GET", 204, CHUNKED, b""),
        (b"1.1", b"GET", 304, 5, b"content-length: 5"),
        (b"1.1", b"GET", 304, 0, b""),
        (b"1.1", b"GET", 200, 0, b"content-length: 0"),
        (b"1.0", b"GET", 200, 5, b"content-length: 5|connection: keep-alive"),
        (b"1.0", b"HEAD", 200, 5, b"content-length: 5|connection: keep-alive"),
        (b"1.0", b"GET", 204, 0, b"connection: keep-alive"),
        # Chunks, for those who know them.
        (b"1.1", b"GET", 200, CHUNKED, b"transfer-encoding: chunked"),
        (b"1.1", b"HEAD", 200, CHUNKED, b"transfer-encoding: chunked"),
        (b"1.0", b"GET", 200, CHUNKED, b"connection: close"),
        (b"1.0", b"HEAD", 200, CHUNKED, b"connection: keep-alive"),
        # An end that nobody has stated is the connection's.
        (b"1.1", b"GET", 200, UNTIL_CLOSE, b"connection: close"),
        (b"1.0", b"GET", 200, UNTIL_CLOSE, b"connection: close"),
        (b"1.1", b"HEAD", 200, UNTIL_CLOSE, b""),
        (b"1.1", b"GET", 204, UNTIL_CLOSE, b""),
        (b"1.1", b"GET", 304, UNTIL_CLOSE, b""),
        (b"1.1", b"GET", 101, UNTIL_CLOSE, b"connection: upgrade"),
    ],
)
def test_an_answer_is_framed_by_the_request_the_status_and_the_length(
    version: bytes, method: bytes, status: int, length: int, framing: bytes
) -> None:
    codec = asked(method + b" / HTTP/" + version + b"\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    response = Response(status, [], None)
    response.length = length
    lines = codec.send_head(response).removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert lines == [STATUS_LINES[status], *filter(None, framing.split(b"|"))]


def test_an_answer_has_the_fields_it_was_given() -> None:
    sent = asked(_GET).send_head(Response(200, [(b"x-a", b"b"), (b"x-a", b"c")], b""))
    assert sent == b"HTTP/1.1 200 OK\r\nx-a: b\r\nx-a: c\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize("status", [299, 599, 600])
def test_a_status_without_a_name_has_none(status: int) -> None:
    sent = asked(_GET).send_head(Response(status))
    assert sent.startswith(b"HTTP/1.1 %d \r\n" % status)


def test_the_last_answer_says_so() -> None:
    codec = asked(_GET)
    assert b"connection: close\r\n" in codec.send_head(Response(200), last=True)
    assert codec.closing


def test_an_answer_to_a_client_that_goes_says_so() -> None:
    codec = asked(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"connection: close\r\n" in codec.send_head(Response(200))


def test_an_answer_before_the_end_of_the_request_is_the_last() -> None:
    codec = asked(_POST[:-1])
    assert b"connection: close\r\n" in codec.send_head(Response(200))


def test_an_answer_to_what_cannot_be_read_is_the_last() -> None:
    codec = asked(b"BAD\r\n\r\n")
    assert b"connection: close\r\n" in codec.send_head(Response(400))


def test_data_in_chunks_has_its_size() -> None:
    codec = asked(_GET)
    codec.send_head(Response(200, None, None))
    assert codec.send_data(b"hello, world") == b"c\r\nhello, world\r\n"


def test_no_data_is_no_chunk() -> None:
    codec = asked(_GET)
    codec.send_head(Response(200, None, None))
    assert codec.send_data(b"") == b""


def test_data_of_a_stated_length_goes_as_it_is() -> None:
    codec = asked(_GET)
    codec.send_head(Response(200, None, b"hello"))
    assert codec.send_data(b"hello") + codec.send_end() == b"hello"


def test_chunks_have_an_end() -> None:
    codec = asked(_GET)
    codec.send_head(Response(200, None, None))
    assert codec.send_end() == b"0\r\n\r\n"


def test_chunks_may_end_with_trailers() -> None:
    codec = asked(_GET)
    codec.send_head(Response(200, None, None))
    assert codec.send_end([(b"x-t", b"v")]) == b"0\r\nx-t: v\r\n\r\n"


@pytest.mark.parametrize("length", [5, CHUNKED, UNTIL_CLOSE])
def test_an_answer_to_head_has_no_body(length: int) -> None:
    codec = asked(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    response = Response(200, None, None)
    response.length = length
    codec.send_head(response)
    assert codec.send_data(b"hello") + codec.send_end() == b""


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(status: int) -> None:
    codec = asked(_GET)
    codec.send_head(Response(status, None, None))
    assert codec.send_data(b"hello") + codec.send_end() == b""


@pytest.mark.parametrize("behind", [b"BAD\r\n\r\n", _GET[:5], _GET])
def test_only_the_answer_to_head_has_no_body(behind: bytes) -> None:
    codec = asked(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    codec.next_request()
    codec.receive(behind)
    codec.send_head(Response(408, None, b"hello"))
    assert codec.send_data(b"hello") == b"hello"


def test_every_answer_to_head_has_no_body_however_often_it_is_asked() -> None:
    codec = asked(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    codec.next_request()
    codec.receive(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    codec.send_head(Response(200, None, b"hello"))
    assert codec.send_data(b"hello") == b""


def test_http_1_1_is_answered_as_such_behind_http_1_0() -> None:
    codec = asked(_GET)
    codec.next_request()
    codec.receive(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    codec.next_request()
    codec.receive(_GET)
    assert b"transfer-encoding: chunked\r\n" in codec.send_head(Response(200, None, None))


def test_an_interim_answer_is_passed_on() -> None:
    sent = asked(_GET).send_interim(Response(103, [(b"link", b"</a>")]))
    assert sent == b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


def test_http_1_0_is_not_told_of_interim_answers() -> None:
    assert asked(b"GET / HTTP/1.0\r\n\r\n").send_interim(Response(100)) == b""


@PROPERTY
@given(answers())
def test_h11_reads_the_answer_that_was_sent(sample: Sample) -> None:
    codec = asked(_GET)
    sent = codec.send_head(Response(int(sample.start[0]), sample.fields, None))
    sent += codec.send_data(sample.body) + codec.send_end(sample.trailers)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=b"GET", target=b"/a", headers=[(b"host", b"a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(sent)
    head = client.next_event()
    assert isinstance(head, h11.Response)
    fields = [(bytes(name), bytes(value)) for name, value in head.headers]
    assert fields == [*sample.fields, (b"transfer-encoding", b"chunked")]
    assert h11_body(client) == sample.body


@PROPERTY
@given(answers())
def test_a_strict_reader_reads_the_answer_that_was_sent(sample: Sample) -> None:
    codec = asked(_GET)
    sent = codec.send_head(Response(int(sample.start[0]), sample.fields, None))
    sent += codec.send_data(sample.body) + codec.send_end(sample.trailers)
    read = read_answer(sent, method=b"GET", is_closed=False)
    assert read is not None
    (answer,), rest = read
    assert (answer.body, list(answer.trailers), rest) == (sample.body, sample.trailers, b"")


def test_the_cycle_ends_where_it_began() -> None:
    codec = asked(_GET)
    assert codec.reading is DONE
    codec.send_head(Response(200))
    codec.next_request()
    assert (codec.reading, codec.is_idle) == (HEAD, True)


@pytest.mark.parametrize("status", [503, 999])
@pytest.mark.parametrize("last", [True, False])
def test_a_head_whose_lines_are_known_is_the_one_that_its_fields_make(
    status: int, last: bool
) -> None:
    response = Response(status, [(b"x-a", b"b"), (b"x-c", b"d")], b"hello")
    by_hand = asked(_GET).send_head(response, last=last)
    response.lines = lines_of(response.fields)
    assert asked(_GET).send_head(response, last=last) == by_hand
