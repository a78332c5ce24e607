"""Posting: what is read of an answer.  Real servers answer in tests/contract/alerts."""

import asyncio
import ssl

import pytest

from tests.helpers.certificates import Folder
from tta_gateway.features.alerts.post import _status, encryption


def status_of(data: bytes) -> int:
    async def read() -> int:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await _status(reader)

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.0 503\r\n\r\n", 503),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", 202),
    ],
)
def test_the_status_of_an_answer_is_read(data: bytes, status: int) -> None:
    assert status_of(data) == status


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "ends the connection"),
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
        (b"HTTP/1.1 103 Early\r\n" + b"a: b\r\n" * 1000, "no HTTP"),
        (b"x" * 100_000, "limit"),
    ],
)
def test_what_is_no_answer_is_a_fault_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        status_of(data)


def test_tls_is_spoken_where_the_url_says_so_by_the_authorities_named(
    certificates: Folder,
) -> None:
    assert encryption("http://h", "") is None
    context = encryption("HTTPS://h", certificates.ca.read_text())
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
