"""A check of a WebSocket's handshake; with a real server: tests/contract/health."""

import secrets

import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_endpoint import FakeEndpoints
from tta_gateway.features.health import websocket_check
from tta_gateway.features.health.bound import Check
from tta_gateway.features.health.target import Failed, Target

# RFC 6455 1.3
KEY, ACCEPT = b"the sample nonce", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
GOOD = b"HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"


@pytest.fixture(autouse=True)
def chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the RFC's example, and a mask that shows."""
    drawn = {16: KEY, 4: b"\0\1\2\3"}
    monkeypatch.setattr(secrets, "token_bytes", lambda count: drawn[count])


def outcome(endpoints: FakeEndpoints, *says: bytes | None) -> str:
    endpoints.says[9001] = says
    target = Target(an_endpoint(9001), Check(kind="websocket", path="/ws"))
    error = endpoints.outcome(websocket_check.look(target))
    assert error is None or isinstance(error, Failed)
    return "" if error is None else str(error)


def test_a_handshake_is_made_and_the_end_is_told(endpoints: FakeEndpoints) -> None:
    accept = GOOD + b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
    assert outcome(endpoints, accept[:30], accept[30:]) == ""
    sent = endpoints.opened[0].take()
    assert sent.startswith(b"GET /ws HTTP/1.1\r\nhost: 127.0.0.1:9001\r\n")
    for line in (
        b"connection: Upgrade",
        b"upgrade: websocket",
        b"sec-websocket-version: 13",
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ):
        assert b"\r\n" + line + b"\r\n" in sent
    assert sent.endswith(b"\r\n\r\n\x88\x82\x00\x01\x02\x03\x03\xe9")


def test_the_end_is_waited_for_but_not_for_long(endpoints: FakeEndpoints) -> None:
    accept = GOOD + b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
    assert outcome(endpoints, accept, b"\x88\x02\x03\xe8", None) == ""


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "status 200 to a WebSocket's handshake"),
        (b"HTTP/1.1 403 No\r\n\r\n", "status 403 to a WebSocket's handshake"),
        (GOOD + b"\r\n", "its answer to a WebSocket's handshake is none"),
        (
            GOOD + b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            "its answer to a WebSocket's handshake is none",
        ),
        (
            b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: "
            + ACCEPT
            + b"\r\n\r\n",
            "its answer to a WebSocket's handshake is none",
        ),
        (b"hello\r\n\r\n", "its answer is none"),
    ],
)
def test_anything_else_is_none(endpoints: FakeEndpoints, says: bytes, why: str) -> None:
    assert outcome(endpoints, says).startswith(why)


def test_an_end_is_none_either(endpoints: FakeEndpoints) -> None:
    assert outcome(endpoints, None).startswith("its answer is none")
