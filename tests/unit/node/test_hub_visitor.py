"""Connections as the desk knows them: what they have shown, and how they speak."""

import pytest

from tests.helpers.builders import a_head, an_exchange
from tta_gateway.features.realtime.contract import Carrier
from tta_gateway.kernel.message import Field
from tta_gateway.node.hub_visitor import Visitor, head


@pytest.mark.parametrize(
    ("target", "fields", "carrier"),
    [
        ("/connection/websocket", [], Carrier("websocket")),
        ("/connection/websocket?format=protobuf", [], Carrier("websocket", is_binary=True)),
        (
            "/connection/websocket",
            [(b"sec-websocket-protocol", b"centrifuge-protobuf")],
            Carrier("websocket", is_binary=True),
        ),
        (
            "/connection/websocket",
            [(b"sec-websocket-protocol", b"centrifuge-json, centrifuge-protobuf")],
            Carrier("websocket"),
        ),
        (
            "/connection/http_stream",
            [(b"content-type", b"application/octet-stream")],
            Carrier("http_stream", is_binary=True),
        ),
        (
            "/connection/http_stream",
            [(b"content-type", b"Application/Octet-Stream; a=b")],
            Carrier("http_stream", is_binary=True),
        ),
        ("/connection/http_stream?format=protobuf", [], Carrier("http_stream")),
        ("/connection/sse", [(b"content-type", b"text/plain")], Carrier("sse")),
        ("/connection/sse?format=protobuf", [], Carrier("sse")),
        (
            "/connection/websocket",
            [(b"content-type", b"application/octet-stream")],
            Carrier("websocket"),
        ),
    ],
)
def test_how_a_client_speaks_its_request_says(
    target: str, fields: list[Field], carrier: Carrier
) -> None:
    assert Visitor(an_exchange(a_head(target=target, fields=fields))).carrier == carrier


def test_only_the_service_that_has_said_something_of_it_is_told_that_again() -> None:
    visitor = Visitor(an_exchange(a_head()))
    assert visitor.as_told_to("chat") == Carrier("websocket")
    visitor.meta = ("chat", b'{"a":1}')
    assert visitor.as_told_to("chat") == Carrier("websocket", meta=b'{"a":1}')
    assert visitor.as_told_to("other") == Carrier("websocket")


def test_what_is_asked_of_policies_is_asked_as_who_has_opened_the_socket() -> None:
    opening = an_exchange(
        a_head(
            host="here.example",
            fields=[(b"cookie", b"a"), (b"user-agent", b"x"), (b"authorization", b"b")],
            forwarding=[(b"x-forwarded-for", b"192.0.2.1")],
        )
    )
    visitor = Visitor(opening)
    assert visitor.shown == [(b"cookie", b"a"), (b"authorization", b"b")]
    made = head(b"PUBLISH", b"/session/1", visitor.shown, opening)
    assert (made.method, made.path, made.fields) == (b"PUBLISH", b"/session/1", visitor.shown)
    assert (made.host, made.forwarding) == (b"here.example", opening.request.forwarding)
    visitor.leave("never read")
    visitor.close()
