"""Posting: what is read of an answer.  Real servers answer in tests/contract/alerts."""

import asyncio
import hashlib
import hmac
import ssl

import pytest

from tests.helpers.certificates import Folder
from tta_gateway.support.posting import NotTaken, _status, encryption, shown, signature


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


def test_another_try_may_help_unless_it_is_said_not_to() -> None:
    assert NotTaken("no").again
    assert (str(NotTaken("no", again=False)), NotTaken("no", again=False).again) == ("no", False)


def test_whoever_has_the_secret_can_check_the_signature() -> None:
    body = b'{"version":1}'
    stamp, _, mac = signature("secret", body, now=1_700_000_000.9).partition(",")
    expected = hmac.new(b"secret", b"1700000000." + body, hashlib.sha256).hexdigest()
    assert (stamp, mac) == ("t=1700000000", f"v1={expected}")


def test_a_call_shows_what_there_is_to_show() -> None:
    assert shown("", "", b"x", now=5.0) == {}
    signed = signature("secret", b"x", now=5.0)
    assert shown("token", "secret", b"x", now=5.0) == {
        "authorization": "Bearer token",
        "x-tta-signature": signed,
    }
