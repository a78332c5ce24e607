"""The handshake: what is refused, what is answered, and what a client believes."""

import base64

import pytest
from websockets.client import ClientProtocol
from websockets.http11 import Response as TheirResponse
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from tests.helpers.socket_talk import rows
from tta_gateway.kernel.message import Fields, RequestHead, Response
from tta_gateway.wire.event import Reset
from tta_gateway.wire.http1_server import ServerCodec
from tta_gateway.wire.limits import Limits
from tta_gateway.wire.socket_handshake import (
    accept_of,
    all_of,
    answered,
    asking,
    opening,
    refused,
)

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SPOKEN = (b"centrifuge-json", b"centrifuge-protobuf")


def head_of(raw: bytes) -> RequestHead | Reset:
    event = ServerCodec(Limits()).receive(raw)[0]
    assert isinstance(event, (RequestHead, Reset))
    return event


def request(*lines: bytes, method: bytes = b"GET") -> RequestHead:
    """Return a request with these lines, beside those that every one has."""
    head = head_of(
        b"%b / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n%b\r\n"
        % (method, b"".join(line + b"\r\n" for line in lines))
    )
    assert isinstance(head, RequestHead)
    return head


UPGRADE = b"Upgrade: websocket"
VERSION = b"Sec-WebSocket-Version: 13"
KEYED = b"Sec-WebSocket-Key: " + KEY


def test_a_request_is_answered_as_the_rfc_has_it() -> None:
    head = request(UPGRADE, VERSION, KEYED)
    assert refused(head) is None
    opened = opening(head)
    assert opened.response.status == 101
    assert opened.response.get(b"sec-websocket-accept") == ACCEPT == accept_of(KEY)
    assert opened.response.get(b"upgrade") == b"websocket"
    assert (opened.protocol, opened.agreed) == (b"", None)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((), 426),
        ((b"Upgrade: h2c", VERSION, KEYED), 426),
        ((UPGRADE, b"Sec-WebSocket-Version: 8", KEYED), 426),
        ((UPGRADE, KEYED), 400),
        ((UPGRADE, VERSION, VERSION, KEYED), 400),
        ((UPGRADE, VERSION), 400),
        ((UPGRADE, VERSION, b"Sec-WebSocket-Key: c2hvcnQ="), 400),
        ((UPGRADE, VERSION, b"Sec-WebSocket-Key: " + b"?" * 24), 400),
        ((UPGRADE, VERSION, b"Sec-WebSocket-Key: " + base64.b64encode(bytes(17))), 400),
    ],
)
def test_what_opens_no_web_socket_is_refused(lines: tuple[bytes, ...], status: int) -> None:
    refusal = refused(request(*lines))
    assert refusal is not None
    assert refusal.status == status
    versions = all_of(refusal.fields, b"sec-websocket-version")
    assert versions == ([b"13"] if status == 426 else [])


def test_a_post_opens_none() -> None:
    refusal = refused(request(UPGRADE, VERSION, KEYED, method=b"POST"))
    assert refusal is not None
    assert refusal.status == 400


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((b"centrifuge-protobuf",), b"centrifuge-protobuf"),
        ((b"other, centrifuge-json",), b"centrifuge-json"),
        ((b"other", b"centrifuge-protobuf , centrifuge-json"), b"centrifuge-protobuf"),
        ((b"Centrifuge-Json",), b""),
        ((b"evil",), b""),
        ((), b""),
    ],
)
def test_the_first_protocol_that_is_spoken_is_chosen(
    offered: tuple[bytes, ...], chosen: bytes
) -> None:
    lines = [b"Sec-WebSocket-Protocol: " + one for one in offered]
    opened = opening(request(UPGRADE, VERSION, KEYED, *lines), protocols=SPOKEN)
    assert opened.protocol == chosen
    assert opened.response.get(b"sec-websocket-protocol") == (chosen or None)


def test_fields_may_stand_in_the_place_of_the_requests() -> None:
    head = request(UPGRADE, VERSION, KEYED, b"Sec-WebSocket-Protocol: bearer, token")
    fields: Fields = [(b"sec-websocket-key", KEY), (b"sec-websocket-protocol", SPOKEN[0])]
    assert opening(head, fields=fields, protocols=SPOKEN).protocol == SPOKEN[0]


def test_messages_are_deflated_only_where_that_is_wanted() -> None:
    head = request(UPGRADE, VERSION, KEYED, b"Sec-WebSocket-Extensions: permessage-deflate")
    assert opening(head).agreed is None
    opened = opening(head, deflates=True)
    assert opened.agreed is not None
    assert opened.response.get(b"sec-websocket-extensions") == opened.agreed.answer


# The corpus: what of it is a matter of the handshake alone

ELSEWHERE = {
    "hs-origin-null": "a policy's: features/websocket_origin",
    "hs-origin-two": "the codec's: Origin is a single field",
    "hs-no-auth": "the hub's, behind the handshake",
    "hs-token-in-query-logged": "the log's",
}


@pytest.mark.parametrize(
    "row",
    [row for row in rows("ws_handshakes_dev") if row["id"] not in ELSEWHERE],
    ids=lambda row: str(row["id"]),
)
def test_the_hostile_corpus(row: dict[str, str]) -> None:
    head = head_of(base64.b64decode(row["raw_b64"]))
    if isinstance(head, Reset):
        assert str(head.error.problem.status) in row["expect"]
        return
    refusal = refused(head)
    if refusal is not None:
        assert str(refusal.status) in row["expect"].split("|")
        return
    opened = opening(head, protocols=SPOKEN, deflates=True)
    assert row["expect"].startswith(("101 without", "frames sent"))
    assert (opened.protocol, opened.agreed) == (b"", None)


# The client's side


def fields_of(response: TheirResponse) -> Response:
    fields = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    return Response(response.status_code, fields)


def test_a_server_of_others_is_understood() -> None:
    asked = asking(bytes(16), protocols=(b"a", b"b"), deflates=True)
    raw = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n%b\r\n" % b"".join(
        b"%b: %b\r\n" % field for field in asked
    )
    server = ServerProtocol(subprotocols=None)
    server.receive_data(raw)
    theirs = server.accept(server.events_received()[0])  # type: ignore[arg-type]
    result = answered(fields_of(theirs), asked)
    assert (result.problem, result.protocol, result.agreed) == ("", b"", None)


def test_a_client_of_others_is_answered() -> None:
    client = ClientProtocol(parse_uri("ws://a/"), subprotocols=None)
    client.send_request(client.connect())
    head = head_of(b"".join(client.data_to_send()))
    assert isinstance(head, RequestHead)
    assert refused(head) is None
    fields = [*opening(head).response.fields, (b"connection", b"Upgrade")]
    client.receive_data(
        b"HTTP/1.1 101 x\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % field for field in fields)
    )
    assert client.handshake_exc is None


ASKED = asking(bytes(16), protocols=(b"a", b"b"), deflates=True)
GOOD: Fields = [
    (b"upgrade", b"WebSocket"),
    (b"sec-websocket-accept", accept_of(base64.b64encode(bytes(16)))),
]
DEFLATE = b"permessage-deflate; server_no_context_takeover"


@pytest.mark.parametrize(
    ("fields", "asked", "problem"),
    [
        (GOOD, ASKED, ""),
        ([*GOOD, (b"sec-websocket-protocol", b"b")], ASKED, ""),
        ([*GOOD, (b"sec-websocket-extensions", DEFLATE)], ASKED, ""),
        (GOOD[1:], ASKED, "another protocol"),
        ([(b"upgrade", b"h2c"), GOOD[1]], ASKED, "another protocol"),
        (GOOD[:1], ASKED, "does not fit"),
        ([GOOD[0], (b"sec-websocket-accept", ACCEPT)], ASKED, "does not fit"),
        ([*GOOD, (b"sec-websocket-protocol", b"c")], ASKED, "not offered"),
        ([*GOOD, *[(b"sec-websocket-protocol", b"a")] * 2], ASKED, "not offered"),
        ([*GOOD, (b"sec-websocket-extensions", b"other")], ASKED, "extension"),
        ([*GOOD, (b"sec-websocket-extensions", DEFLATE)], asking(bytes(16)), "extension"),
        ([*GOOD, *[(b"sec-websocket-extensions", DEFLATE)] * 2], ASKED, "extension"),
    ],
)
def test_an_answer_is_judged(fields: Fields, asked: Fields, problem: str) -> None:
    result = answered(Response(101, fields), asked)
    assert problem in result.problem
    assert bool(result.problem) == bool(problem)
    if not problem:
        assert result.protocol == (b"b" if any(value == b"b" for _, value in fields) else b"")
        assert (result.agreed is not None) == any(value == DEFLATE for _, value in fields)


def test_an_answer_that_switches_nothing_is_none() -> None:
    assert answered(Response(200, GOOD), ASKED).problem == "it answers 200, not 101"
