"""The way to the gateway: what is read of its answers, and which addresses are none."""

import asyncio

import pytest

from tta_gateway.client.link import Answer, Link, Unreachable, _answer


def read(data: bytes) -> Answer:
    async def feed() -> Answer:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await _answer(reader)

    return asyncio.run(feed())


@pytest.mark.parametrize(
    "data",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}',
        b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'3;x\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n',
    ],
)
def test_an_answer_is_read_however_it_is_framed(data: bytes) -> None:
    answer = read(data)
    assert (answer.status, answer.document()) == (200, {"a": 1})


def test_what_is_no_document_is_an_empty_one() -> None:
    assert read(b"HTTP/1.1 204 No Content\r\n\r\n").document() == {}
    assert read(b"HTTP/1.1 200 OK\r\n\r\n[1]").document() == {}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"SSH-2.0\r\n\r\n", ValueError),
        (b"HTTP/1.1 200 OK\r\n", EOFError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{", EOFError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n", ValueError),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(data)


@pytest.mark.parametrize("gateway", ["127.0.0.1:80", "ftp://a", "http://", "http://a/b"])
def test_an_address_that_is_none_is_refused_with_what_to_write(gateway: str) -> None:
    with pytest.raises(ValueError, match="is no internal listener"):
        Link(gateway, tls=None, patience=1.0)


def test_where_nobody_is_nothing_can_be_reached() -> None:
    link = Link("unix:/nowhere/at/all", tls=None, patience=1.0)
    with pytest.raises(Unreachable):
        asyncio.run(link.ask("PUT", "/", token="t"))
