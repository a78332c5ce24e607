"""The HTTP client of control: how answers are read.  On sockets: tests/contract/discovery."""

import asyncio
import ssl
from typing import Any, cast

import pytest

from tta_gateway.support.http_client import (
    HttpError,
    HttpTimeout,
    Origin,
    Request,
    Stream,
    _translated,
    _whole,
    next_of,
)


class Writer:
    """Where a request goes."""

    def __init__(self) -> None:
        self.sent = b""
        self.aborted = False
        self.transport = self

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True


def answered(*pieces: bytes, largest: int = 1000) -> tuple[int, dict[str, str], bytes]:
    """What is read of an answer that comes so, and ends."""

    async def work() -> tuple[int, dict[str, str], bytes]:
        reader, writer = asyncio.StreamReader(), Writer()
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        stream = Stream(reader, cast("Any", writer))
        await stream.send(b"GET")
        assert writer.sent == b"GET"
        body = await _whole(stream, largest)
        stream.close()
        assert writer.aborted
        return stream.status, stream.fields, body

    return asyncio.run(work())


OK = b"HTTP/1.1 200 OK\r\nX-One: 1\r\n"


def test_an_answer_of_a_stated_length() -> None:
    status, fields, body = answered(OK + b"Content-Length: 5\r\n\r\nhello")
    assert (status, fields["x-one"], body) == (200, "1", b"hello")


def test_an_answer_in_chunks_with_trailers() -> None:
    chunks = b"2\r\nhe\r\n3\r\nllo\r\n0\r\nx-one: 2\r\n\r\n"
    status, fields, body = answered(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert (status, fields["x-one"], body) == (200, "1", b"hello")


def test_an_answer_that_lasts_as_long_as_its_connection() -> None:
    assert answered(OK + b"\r\nhello")[2] == b"hello"


def test_an_interim_answer_is_passed_over() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    status, fields, body = answered(interim + OK + b"Content-Length: 1\r\n\r\nx")
    assert (status, sorted(fields), body) == (200, ["content-length", "x-one"], b"x")


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 200 OK\r\n", OK + b"Content-Length: 5\r\n\r\nhell"],
)
def test_an_answer_that_breaks_off_is_none(data: bytes) -> None:
    with pytest.raises(HttpError, match="closed the connection before its answer was over"):
        answered(data)


def test_an_answer_that_is_not_http_is_none() -> None:
    with pytest.raises(HttpError, match="is not HTTP"):
        answered(b"SSH-2.0-OpenSSH_9.2\r\n")


def test_an_answer_that_is_too_large_is_refused() -> None:
    with pytest.raises(HttpError, match="larger than 4 bytes"):
        answered(OK + b"Content-Length: 5\r\n\r\nhello", largest=4)


def test_a_head_that_does_not_end_is_refused() -> None:
    with pytest.raises(HttpError, match="does not end"):
        answered(OK + b"X-Two: " + 70_000 * b"2")


def test_what_takes_too_long_is_given_up() -> None:
    async def work() -> None:
        stream = Stream(asyncio.StreamReader(), cast("Any", Writer()))
        with pytest.raises(HttpTimeout, match="does not answer within 0 s"):
            await next_of(stream, patience=0.0)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "does not answer within 3 s"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (ConnectionResetError(), "ConnectionResetError"),
        (ssl.SSLCertVerificationError(1, "x"), "its certificate is not good"),
    ],
)
def test_every_error_of_the_system_has_words(error: OSError, words: str) -> None:
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = "self-signed certificate"
    assert words in str(_translated(error, 3.0))


def test_a_request_is_written_as_it_should_be() -> None:
    get = Request("/a?b=c", fields=(("X-Token", "t"),))
    assert get.head("h:1") == (
        b"GET /a?b=c HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\nX-Token: t\r\n\r\n"
    )
    post = Request("/a", method="POST", body=b"{}")
    assert b"\r\nContent-Length: 2\r\n\r\n" in post.head("h:1")


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        (Origin("a.example", 80), "a.example"),
        (Origin("a.example", 443), "a.example:443"),
        (Origin("a.example", 443, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)), "a.example"),
        (Origin("::1", 80), "[::1]"),
        (Origin("::1", 8080), "[::1]:8080"),
        (Origin("", 0, unix="/run/a"), "localhost"),
    ],
)
def test_an_origin_names_itself(origin: Origin, authority: str) -> None:
    assert origin.authority == authority
