"""Heads of requests: what a head is read as, and everything for which one is refused."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.message_strategy import PROPERTY, Sample, requests
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.message import CHUNKED, RequestHead
from tta_gateway.kernel.problem import (
    EXPECTATION_UNKNOWN,
    FIELDS_TOO_LARGE,
    FRAMING_INVALID,
    HOST_INVALID,
    LINE_TOO_LONG,
    MALFORMED,
    METHOD_UNKNOWN,
    TARGET_INVALID,
    UPGRADE_BODY,
    VERSION_UNSUPPORTED,
    Problem,
)
from tta_gateway.wire.limits import Limits
from tta_gateway.wire.request_head import HeadReader, origin_in

_LIMITS = Limits()


def outcome(raw: bytes, limits: Limits = _LIMITS) -> RequestHead | Problem:
    """Return the head that these bytes are, or what is wrong with it."""
    reader = HeadReader(limits)
    try:
        reader.feed(raw)
    except ClientFault as fault:
        return fault.problem
    return reader.head(raw, len(raw))


def head(*lines: bytes, line: bytes = b"GET / HTTP/1.1") -> RequestHead:
    """Return the head with these field lines, and a Host."""
    read = outcome(b"\r\n".join([line, b"Host: a", *lines, b"", b""]))
    assert isinstance(read, RequestHead)
    return read


def problem(*lines: bytes, line: bytes = b"GET / HTTP/1.1", limits: Limits = _LIMITS) -> Problem:
    """Return what is wrong with the head of these field lines, and no other."""
    read = outcome(b"\r\n".join([line, *lines, b"", b""]), limits)
    assert isinstance(read, Problem)
    return read


# The request line


def test_a_head_has_a_method_a_target_and_a_host() -> None:
    read = head(line=b"DELETE /a/b?c=d HTTP/1.1")
    assert (read.method, read.target, read.host) == (b"DELETE", b"/a/b?c=d", b"a")


def test_a_target_is_a_path_and_a_query() -> None:
    read = head(line=b"GET /a?b?c HTTP/1.1")
    assert (read.path, read.query) == (b"/a", b"b?c")


def test_an_empty_query_is_not_none() -> None:
    assert head(line=b"GET /a? HTTP/1.1").query == b""


def test_a_target_without_a_query_has_none() -> None:
    read = head(line=b"GET /a HTTP/1.1")
    assert (read.path, read.query) == (b"/a", None)


def test_an_absolute_form_is_read_as_its_path() -> None:
    assert head(line=b"GET http://a/b?c HTTP/1.1").target == b"/b?c"


def test_options_may_ask_about_the_whole_server() -> None:
    assert head(line=b"OPTIONS * HTTP/1.1").target == b"*"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET  / HTTP/1.1", MALFORMED),
        (b"GET /  HTTP/1.1", MALFORMED),
        (b"GET / HTTP/1.1 ", MALFORMED),
        (b"GET\t/ HTTP/1.1", METHOD_UNKNOWN),
        (b" GET / HTTP/1.1", METHOD_UNKNOWN),
        (b"GET / HTTP/1.1\rX", MALFORMED),
        (b"GET / HTTP/1.1\nX: a", MALFORMED),
        (b"GET /\nGET / HTTP/1.1", MALFORMED),
        (b"get / HTTP/1.1", METHOD_UNKNOWN),
        (b"FOO / HTTP/1.1", METHOD_UNKNOWN),
        (b"PRI * HTTP/2.0", MALFORMED),
        (b"GET", METHOD_UNKNOWN),
        (b"GET / HTTP/2.0", VERSION_UNSUPPORTED),
        (b"GET / HTTP/0.9", VERSION_UNSUPPORTED),
        (b"GET / HTTP/1.2", MALFORMED),
        (b"GET / http/1.1", MALFORMED),
        (b"GET / HTTP/1.10", MALFORMED),
        (b"GET / XTTP/1.1", MALFORMED),
        (b"GET a HTTP/1.1", MALFORMED),
        (b"GET * HTTP/1.1", TARGET_INVALID),
        (b"GET /# HTTP/1.1", TARGET_INVALID),
        (b"GET /%zz HTTP/1.1", TARGET_INVALID),
        (b"GET http://b/ HTTP/1.1", TARGET_INVALID),
        (b"CONNECT a:443 HTTP/1.1", TARGET_INVALID),
        (b"CONNECT / HTTP/1.1", TARGET_INVALID),
        (b"\x16\x03\x01 / HTTP/1.1", METHOD_UNKNOWN),
    ],
)
def test_a_bad_request_line_is_refused(line: bytes, expected: Problem) -> None:
    assert problem(b"Host: a", line=line) is expected


def test_http_0_9_is_refused() -> None:
    assert outcome(b"GET /\r\n\r\n") is MALFORMED


def test_a_request_line_at_its_limit_is_taken() -> None:
    line = b"GET /" + b"a" * (8192 - 14) + b" HTTP/1.1"
    assert len(line) == 8192
    assert head(line=line).target == line[4:-9]


def test_a_request_line_over_its_limit_is_refused() -> None:
    line = b"GET /" + b"a" * (8193 - 14) + b" HTTP/1.1"
    assert problem(b"Host: a", line=line) is LINE_TOO_LONG


# Fields


def test_fields_are_lower_case_and_without_white_space_around_them() -> None:
    assert head(b"X-A:b", b"X-B: \tc \t", b"X-C:").fields == [
        (b"x-a", b"b"),
        (b"x-b", b"c"),
        (b"x-c", b""),
    ]


def test_a_field_may_be_repeated() -> None:
    assert head(b"Accept: a", b"Accept: b").fields == [(b"accept", b"a"), (b"accept", b"b")]


@pytest.mark.parametrize(
    "line",
    [
        b"X : a", b" X: a", b"\tX: a", b"X", b": a", b"X(Y): a", b"X: a\x00", b"X: a\x01",
        b"X: a\x7f", b"X: a\rb", b"X: a\r", b"X: a\nY: b", b"X: a\n", b"X: a\r\n folded",
        b"X: a\r\n\tfolded", b"X:\r\n a", b"\x00X: a", b"X\x80: a",
    ],
)  # fmt: skip
def test_a_malformed_field_is_refused(line: bytes) -> None:
    assert problem(b"Host: a", line) is MALFORMED


@pytest.mark.parametrize("line", [b"Content_Length: 5", b"Transfer_Encoding: chunked", b"Host_: b"])
def test_a_field_that_looks_like_a_framing_one_is_refused(line: bytes) -> None:
    assert problem(b"Host: a", line) is MALFORMED


@pytest.mark.parametrize(
    "line", [b"X_Forwarded_For: a", b"x-real_ip: a", b"X_Request_ID: a", b"Content_Type: a/b"]
)
def test_a_field_that_a_service_may_read_as_a_known_one_is_refused(line: bytes) -> None:
    assert problem(b"Host: a", line) is MALFORMED


@pytest.mark.parametrize(
    "name",
    [
        b"Authorization", b"Content-Type", b"Origin", b"Idempotency-Key", b"Sec-WebSocket-Key",
        b"Range",
    ],
)  # fmt: skip
def test_a_field_of_which_there_may_be_one_is_refused_twice(name: bytes) -> None:
    assert problem(b"Host: a", name + b": b", name + b": b") is MALFORMED


def test_a_field_of_which_there_may_be_one_is_passed_on() -> None:
    assert head(b"Content-Type: a/b", b"Origin: c").fields == [
        (b"content-type", b"a/b"),
        (b"origin", b"c"),
    ]


def ranges(count: int) -> bytes:
    return b"bytes=" + b",".join([b"%d-%d" % (at, at + 1) for at in range(count)])


def test_a_range_is_passed_on() -> None:
    assert head(b"Range: bytes=5-").fields == [(b"range", b"bytes=5-")]


def test_a_few_ranges_are_passed_on() -> None:
    assert head(b"Range: " + ranges(16)).fields == [(b"range", ranges(16))]


def test_very_many_ranges_are_not_asked_for() -> None:
    """The whole is sent then, once: fifty ranges of it could be fifty times as much."""
    assert head(b"Range: " + ranges(17), b"X-A: b").fields == [(b"x-a", b"b")]


def test_each_request_has_its_own_range() -> None:
    codec = HeadReader(Limits())
    for number in range(2):
        raw = b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=%d-\r\n\r\n" % number
        codec.feed(raw)
        read = codec.head(raw, len(raw))
        assert not isinstance(read, Problem)
        assert read.fields == [(b"range", b"bytes=%d-" % number)]


def test_fields_about_the_way_here_are_kept_apart() -> None:
    read = head(b"X-Forwarded-For: b", b"traceparent: c", b"X-A: d")
    assert read.forwarding == [(b"x-forwarded-for", b"b"), (b"traceparent", b"c")]
    assert read.fields == [(b"x-a", b"d")]


@pytest.mark.parametrize(
    "line", [b"Keep-Alive: 5", b"TE: trailers", b"Proxy-Authorization: b", b"Proxy-Connection: x"]
)
def test_fields_for_this_hop_alone_are_dropped(line: bytes) -> None:
    assert head(line).fields == []


def test_as_many_fields_as_the_limit_says_are_taken() -> None:
    assert len(head(*[b"X-%d: a" % number for number in range(99)]).fields) == 99


def test_one_field_more_is_refused() -> None:
    lines = [b"X-%d: a" % number for number in range(100)]
    assert problem(b"Host: a", *lines) is FIELDS_TOO_LARGE


def test_fields_that_are_dropped_count_too() -> None:
    assert problem(b"Host: a", *[b"Keep-Alive: 5"] * 100) is FIELDS_TOO_LARGE


def test_a_head_at_its_limit_is_taken() -> None:
    # What counts is everything behind the request line, with every CRLF.
    filler = b"X: " + b"a" * (32768 - len(b"\r\nHost: a\r\nX: \r\n\r\n"))
    assert len(head(filler).fields[0][1]) == len(filler) - 3


def test_a_head_over_its_limit_is_refused() -> None:
    filler = b"X: " + b"a" * (32769 - len(b"\r\nHost: a\r\nX: \r\n\r\n"))
    assert problem(b"Host: a", filler) is FIELDS_TOO_LARGE


# Host


def test_a_head_without_a_host_is_refused() -> None:
    assert problem() is HOST_INVALID


def test_http_1_0_needs_no_host() -> None:
    read = outcome(b"GET / HTTP/1.0\r\n\r\n")
    assert isinstance(read, RequestHead)
    assert read.host == b""


@pytest.mark.parametrize("line", [b"HTTP/1.1", b"HTTP/1.0"])
def test_a_host_may_not_be_repeated(line: bytes) -> None:
    assert problem(b"Host: a", b"Host: a", line=b"GET / " + line) is HOST_INVALID


@pytest.mark.parametrize("value", [b"", b"u@a", b"a b", b"a/", b"a, b", b"a:b", b"http://a", b"a%"])
def test_a_host_that_is_none_is_refused(value: bytes) -> None:
    assert problem(b"Host: " + value) is HOST_INVALID


# The body's length


def test_a_head_without_a_length_has_no_body() -> None:
    assert head().length == 0


@pytest.mark.parametrize(
    ("value", "length"),
    [(b"0", 0), (b"5", 5), (b"05", 5), (b" 5 \t", 5), (b"9007199254740992", 2**53)],
)
def test_a_content_length_is_a_number_of_bytes(value: bytes, length: int) -> None:
    assert head(b"Content-Length:" + value).length == length


@pytest.mark.parametrize(
    "value",
    [
        b"", b"+5", b"-5", b"5,5", b"5, 5", b"5 5", b"0x5", b"5.0", b"5e0", b"\xb2", b"\xd9\xa5",
        b"five", b"9007199254740993", b"18446744073709551616", b"18446744073709551621", b"9" * 30,
        b"0" * 20,
    ],
)  # fmt: skip
def test_a_content_length_that_is_none_is_refused(value: bytes) -> None:
    assert problem(b"Host: a", b"Content-Length: " + value) in {FRAMING_INVALID, MALFORMED}


@pytest.mark.parametrize("second", [b"5", b"6"])
def test_a_content_length_may_not_be_repeated(second: bytes) -> None:
    lines = (b"Content-Length: 5", b"Content-Length: " + second)
    assert problem(b"Host: a", *lines) in {FRAMING_INVALID, MALFORMED}


def test_a_repeated_content_length_is_refused_whatever_llhttp_says() -> None:
    reader = HeadReader(_LIMITS)
    raw = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"
    assert reader.head(raw, len(raw)) is FRAMING_INVALID


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"\tCHUNKED  "])
def test_a_body_may_come_in_chunks(value: bytes) -> None:
    assert head(b"Transfer-Encoding: " + value).length == CHUNKED


@pytest.mark.parametrize(
    "value",
    [
        b"", b"gzip", b"identity", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked",
        b"chunked,", b",chunked", b"xchunked", b"chunkedx", b"chunked;q=1", b'"chunked"',
        b"chun ked", b"chunked\x0b", b"\x0bchunked", b"chunked\xa0",
    ],
)  # fmt: skip
def test_any_other_transfer_encoding_is_refused(value: bytes) -> None:
    refused = problem(b"Host: a", b"Transfer-Encoding: " + value, line=b"POST / HTTP/1.1")
    assert refused in {FRAMING_INVALID, MALFORMED}


def test_a_transfer_encoding_may_not_be_repeated() -> None:
    assert problem(b"Host: a", *[b"Transfer-Encoding: chunked"] * 2) in {FRAMING_INVALID, MALFORMED}


def test_a_repeated_transfer_encoding_is_refused_whatever_llhttp_says() -> None:
    raw = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n"
    assert HeadReader(_LIMITS).head(raw, len(raw)) is FRAMING_INVALID


_BOTH = (b"Content-Length: 5", b"Transfer-Encoding: chunked")


@pytest.mark.parametrize("lines", [_BOTH, _BOTH[::-1]])
def test_a_length_stated_in_two_ways_is_refused(lines: tuple[bytes, ...]) -> None:
    assert problem(b"Host: a", *lines) in {FRAMING_INVALID, MALFORMED}


def test_a_length_stated_in_two_ways_is_refused_whatever_llhttp_says() -> None:
    raw = b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", *_BOTH, b"", b""])
    assert HeadReader(_LIMITS).head(raw, len(raw)) is FRAMING_INVALID


def test_http_1_0_has_no_chunks() -> None:
    refused = problem(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")
    assert refused is FRAMING_INVALID


# Connection


@pytest.mark.parametrize(
    ("version", "lines", "keep_alive"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: keep-alive"], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"Connection: Close \t"], False),
        (b"1.1", [b"Connection: x-a, close"], False),
        (b"1.1", [b"Connection: x-a", b"Connection: close"], False),
        (b"1.1", [b"Connection: keep-alive, close"], False),
        (b"1.1", [b"Connection: closed"], True),
        (b"1.1", [b"Proxy-Connection: close"], False),
        (b"1.1", [b"Proxy-Connection: keep-alive"], True),
        (b"1.1", [b"Keep-Alive: close"], True),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: keep-alive"], True),
        (b"1.0", [b"Connection: x-a"], False),
        (b"1.0", [b"Connection: keep-alive, close"], False),
        (b"1.0", [b"Proxy-Connection: keep-alive"], False),
    ],
)
def test_a_connection_goes_on_or_not(version: bytes, lines: list[bytes], keep_alive: bool) -> None:
    assert head(*lines, line=b"GET / HTTP/" + version).keep_alive is keep_alive


def test_fields_that_connection_names_go_no_further() -> None:
    read = head(b"Connection: X-A, x-forwarded-for", b"X-A: b", b"X-Forwarded-For: c", b"X-B: d")
    assert (read.fields, read.forwarding) == ([(b"x-b", b"d")], [])


@pytest.mark.parametrize("name", [b"cookie", b"authorization"])
def test_fields_that_say_who_asks_cannot_be_named_away(name: bytes) -> None:
    assert head(b"Connection: " + name, name + b": b").fields == [(name, b"b")]


def test_framing_cannot_be_named_away() -> None:
    read = head(b"Connection: close, content-length, host", b"Content-Length: 5")
    assert (read.length, read.host) == (5, b"a")


def test_a_transfer_encoding_cannot_be_named_away() -> None:
    read = head(b"Connection: close, transfer-encoding", b"Transfer-Encoding: chunked")
    assert read.length == CHUNKED


# Upgrade and Expect


def test_a_client_may_ask_for_another_protocol() -> None:
    assert head(b"Connection: Upgrade", b"Upgrade: WebSocket").upgrade == b"websocket"


def test_an_upgrade_that_connection_does_not_name_is_none() -> None:
    assert head(b"Upgrade: websocket").upgrade is None


def test_an_upgrade_of_http_1_0_is_none() -> None:
    read = head(b"Connection: upgrade", b"Upgrade: websocket", line=b"GET / HTTP/1.0")
    assert read.upgrade is None


def test_a_client_that_asks_for_two_protocols_asks_for_none_that_there_is() -> None:
    assert head(b"Connection: upgrade", b"Upgrade: a", b"Upgrade: b").upgrade == b""


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_an_upgrade_may_not_have_a_body(framing: bytes) -> None:
    lines = (b"Host: a", b"Connection: upgrade", b"Upgrade: websocket", framing)
    assert problem(*lines) is UPGRADE_BODY


def test_an_upgrade_that_is_none_may_have_a_body() -> None:
    assert head(b"Upgrade: h2c", b"Content-Length: 5").length == 5


def test_an_upgrade_with_an_empty_body_has_none() -> None:
    read = head(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 0")
    assert read.upgrade == b"websocket"


def test_a_client_may_wait_to_be_told_to_go_on() -> None:
    assert head(b"Expect: 100-Continue", b"Content-Length: 5").expects_continue


def test_it_may_expect_nothing_else() -> None:
    assert problem(b"Host: a", b"Expect: 200-ok") is EXPECTATION_UNKNOWN


# One head after the other


def read_all(*raws: bytes) -> list[RequestHead | Problem]:
    """Return what one reader makes of several heads, as the codec asks it."""
    reader = HeadReader(_LIMITS)
    read: list[RequestHead | Problem] = []
    for number, raw in enumerate(raws, 1):
        known = reader.again(raw, len(raw), number)
        if known is None:
            reader.feed(raw)
        read.append(known or reader.head(raw, len(raw)))
    return read


def lines(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([line, b"Host: a", *fields, b"", b""])


def test_a_reader_reads_one_head_after_the_other() -> None:
    first, second = read_all(lines(b"GET /a HTTP/1.1"), lines(b"PUT /b HTTP/1.1", b"X-A: b"))
    assert isinstance(first, RequestHead)
    assert isinstance(second, RequestHead)
    assert (first.method, second.method, second.fields) == (b"GET", b"PUT", [(b"x-a", b"b")])


def test_a_head_that_says_the_same_is_known_again() -> None:
    reader = HeadReader(_LIMITS)
    raw = lines(b"GET /a?b HTTP/1.1", b"X-A: b", b"traceparent: c")
    reader.feed(raw)
    reader.head(raw, len(raw))
    again = reader.again(lines(b"GET /c?d HTTP/1.1", b"X-A: b", b"traceparent: c"), len(raw), 2)
    assert again is not None
    assert (again.stream_id, again.target, again.path, again.query) == (2, b"/c?d", b"/c", b"d")
    assert (again.fields, again.forwarding) == ([(b"x-a", b"b")], [(b"traceparent", b"c")])


_KNOWN = lines(b"GET /a HTTP/1.1", b"X-A: b")


@pytest.mark.parametrize(
    "raw",
    [
        lines(b"PUT /a HTTP/1.1", b"X-A: b"),
        lines(b"GET /a HTTP/1.0", b"X-A: b"),
        lines(b"GET /%41 HTTP/1.1", b"X-A: b"),
        lines(b"GET http://a/ HTTP/1.1", b"X-A: b"),
        lines(b"GET  /a HTTP/1.1", b"X-A: b"),
        lines(b"GET /a  HTTP/1.1", b"X-A: b"),
        lines(b"GET /a", b"X-A: b"),
        lines(b"GET / HTTP/1.1 HTTP/1.1", b"X-A: b"),
        lines(b"GET /" + b"a" * 8192 + b" HTTP/1.1", b"X-A: b"),
        lines(b"GET /a HTTP/1.1", b"X-A: c"),
        lines(b"GET /a HTTP/1.1", b"X-A: b", b"X-B: c"),
        lines(b"GET /a HTTP/1.1"),
    ],
)
def test_a_head_that_says_anything_else_is_not(raw: bytes) -> None:
    reader = HeadReader(_LIMITS)
    reader.feed(_KNOWN)
    reader.head(_KNOWN, len(_KNOWN))
    assert reader.again(raw, len(raw), 2) is None


@pytest.mark.parametrize(
    "raw",
    [
        lines(b"POST / HTTP/1.1", b"Content-Length: 5"),
        lines(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: websocket"),
        lines(b"GET / HTTP/1.0", b"Connection: keep-alive"),
        lines(b"HEAD / HTTP/1.1"),
    ],
)
def test_a_head_with_consequences_is_judged_every_time(raw: bytes) -> None:
    reader = HeadReader(_LIMITS)
    reader.feed(raw)
    reader.head(raw, len(raw))
    assert reader.again(raw, len(raw), 2) is None


def test_only_the_very_last_head_is_known_again() -> None:
    reader = HeadReader(_LIMITS)
    for raw in (_KNOWN, lines(b"GET / HTTP/1.0", b"Connection: keep-alive")):
        reader.feed(raw)
        reader.head(raw, len(raw))
    assert reader.again(_KNOWN, len(_KNOWN), 3) is None


def test_a_reader_that_has_read_nothing_knows_nothing_again() -> None:
    assert HeadReader(_LIMITS).again(_KNOWN, len(_KNOWN), 1) is None


@pytest.mark.parametrize("beginning", [b"GET /\r\n", b"GET /\n", b"GET / HTTP/2.0\r\nHost"])
def test_a_request_line_without_a_version_is_refused_at_once(beginning: bytes) -> None:
    assert HeadReader(_LIMITS).early_problem(beginning) is VERSION_UNSUPPORTED


@pytest.mark.parametrize("beginning", [b"GET / HT", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.0\r\nX"])
def test_a_request_line_that_can_be_good_is_waited_for(beginning: bytes) -> None:
    assert HeadReader(_LIMITS).early_problem(beginning) is None


# The origin of a head that is refused


@pytest.mark.parametrize(
    "raw",
    [
        b"BAD\r\nOrigin: https://a.test\r\n\r\n",
        b"BAD\r\norigin:\thttps://a.test \t\r\nX : a\r\n",
    ],
)
def test_a_bad_head_may_still_say_where_it_comes_from(raw: bytes) -> None:
    assert origin_in(raw) == b"https://a.test"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"BAD\r\n\r\n", b"BAD\r\nX-Origin: a\r\n\r\n", b"BAD\r\nOrigin: a b\r\n\r\n",
        b"BAD\r\nOrigin: a\x00\r\n\r\n", b"BAD\r\nOrigin: a\nX: b\r\n\r\n", b"BAD\r\nOrigin: a",
        b"BAD\r\nOrigin: \xe9\r\n\r\n", b"BAD\r\nOrigin: " + b"a" * 513 + b"\r\n\r\n",
    ],
)  # fmt: skip
def test_nothing_is_made_of_what_is_no_origin(raw: bytes) -> None:
    assert origin_in(raw) is None


# Against llhttp


class Heard:
    """What llhttp calls back with."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, part: bytes) -> None:
        self.url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))


@PROPERTY
@given(requests())
def test_llhttp_hears_the_same_target_and_fields(sample: Sample) -> None:
    raw = sample.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    heard = Heard()
    httptools.HttpRequestParser(heard).feed_data(raw)
    read = outcome(raw)
    assert isinstance(read, RequestHead)
    own = (b"host", b"content-length", b"transfer-encoding")
    plain = [field for field in heard.fields if field[0] not in own]
    assert (read.target, read.fields) == (heard.url, plain)


@PROPERTY
@given(st.lists(st.binary(max_size=8), max_size=3))
def test_a_head_is_read_or_refused_and_nothing_else(parts: list[bytes]) -> None:
    raw = b"GET / HTTP/1.1\r\nHost: a" + b"\r\n".join(parts) + b"\r\n\r\n"
    assert isinstance(outcome(raw[: raw.find(b"\r\n\r\n") + 4]), (RequestHead, Problem))
