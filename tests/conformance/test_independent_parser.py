"""The upstream's parser has to be beyond doubt before it may judge a gateway."""

import pytest

from tests.conformance.runner import request_rows
from tests.helpers.hostile_rows import Row
from tests.helpers.independent_parser import RequestParser, Severity

_PLAIN = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
_CHUNKED = (
    b"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5;a="x;y"\r\nhello\r\n0\r\nX-T: v\r\n\r\n'
)
_HEAD = b"GET / HTTP/1.1\r\nHost: h\r\n"
_CHUNKS = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def _findings(data: bytes) -> list[tuple[Severity, str]]:
    parser = RequestParser()
    parser.feed(data)
    return [(finding.severity, finding.what) for finding in parser.findings]


def test_pipelined_requests_come_out_whole_whatever_the_pieces() -> None:
    parser, data = RequestParser(), _PLAIN + _CHUNKED
    requests = [request for at in range(len(data)) for request in parser.feed(data[at : at + 1])]
    assert [(request.head.target, request.body) for request in requests] == [
        (b"/a", b"hello"),
        (b"/b", b"hello"),
    ]
    assert requests[1].trailers == ((b"x-t", b"v"),)
    assert not parser.findings


def test_a_request_without_its_whole_body_is_pending_and_not_complete() -> None:
    parser = RequestParser()
    assert not parser.feed(_PLAIN[:-1])
    assert parser.pending
    assert parser.pending.target == b"/a"


@pytest.mark.parametrize(
    "data",
    [
        b"GET  / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/2.0\r\n",
        b"GET /\r\n",
        b"G(T / HTTP/1.1\r\n",
        b"\r\n" + _PLAIN,
        _HEAD + b"X : 1\r\n",
        _HEAD + b" folded\r\n",
        _HEAD + b"X: a\rb\r\n",
        _HEAD + b"X: a\nY: b\r\n",
        _HEAD + b"X: a\x00b",
        _HEAD + b"X\xff: a\r\n",
        _HEAD + b"no colon\r\n",
        _CHUNKS + b"5\nhello",
        _CHUNKS + b"5 \r\nhello",
        _CHUNKS + b"0x5\r\nhello",
        _CHUNKS + b"5;\r\nhello",
        _CHUNKS + b"5\r\nhelloXX",
        _CHUNKS + b"-5\r\n",
        _CHUNKS + b"\r\n",
    ],
)
def test_malformed_bytes_break_the_connection_at_once(data: bytes) -> None:
    parser = RequestParser()
    assert not parser.feed(data)
    assert parser.is_broken
    assert [finding.severity for finding in parser.findings] == [Severity.DANGEROUS]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "both"),
        (b"Content-Length: 5\r\nContent-Length: 5\r\n", "several Content-Length"),
        (b"Content-Length: +5\r\n", "Content-Length"),
        (b"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding"),
        (b"Transfer_Encoding: chunked\r\n", "look-alike"),
        (b"Content.Length: 5\r\n", "look-alike"),
        (b"Host: h\r\n", "2 Host fields"),
    ],
)
def test_doubtful_framing_is_dangerous(fields: bytes, what: str) -> None:
    [(severity, found), *_] = _findings(_HEAD + fields + b"\r\n")
    assert severity is Severity.DANGEROUS
    assert what in found


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n",
        _CHUNKS + b"0\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_what_is_wrong_without_touching_the_framing_is_invalid(data: bytes) -> None:
    assert [severity for severity, _ in _findings(data)] == [Severity.INVALID]


@pytest.mark.parametrize(
    "field", [b"Content-Length-X: 5", b"Transfer-%45ncoding: chunked", b"X: Content_Length"]
)
def test_fields_that_only_resemble_framing_are_left_alone(field: bytes) -> None:
    assert not _findings(_HEAD + field + b"\r\n\r\n")


def test_other_control_characters_in_a_value_are_only_remarked_on() -> None:
    assert [severity for severity, _ in _findings(_HEAD + b"X: a\x01b\r\n\r\n")] == [
        Severity.REMARK
    ]


@pytest.mark.parametrize("row", request_rows(), ids=lambda row: row.id)
def test_no_row_makes_it_raise_and_pieces_change_nothing(row: Row) -> None:
    raw = row.raw
    whole, pieces = RequestParser(), RequestParser()
    at_once = whole.feed(raw)
    one_by_one = [
        request for at in range(0, len(raw), 7) for request in pieces.feed(raw[at : at + 7])
    ]
    assert one_by_one == at_once
    assert [found.severity for found in pieces.findings] == [
        found.severity for found in whole.findings
    ]
