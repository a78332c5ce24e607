"""What is agreed on with either side of a WebSocket, and how one is refused."""

import pytest

from tests.helpers.builders import a_head, a_plan, a_route, an_exchange
from tta_gateway.edge.legs import Legs, agreed_on, ending
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.problem import (
    CONNECTIONS_EXCEEDED,
    INTERNAL,
    NOT_FOUND,
    UPSTREAM_BUSY,
    Problem,
)
from tta_gateway.kernel.route import Sockets
from tta_gateway.wire.socket_codec import Close, Message, SocketLimits, SocketReader

OFFER = (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits")
TAKEN = (b"sec-websocket-extensions", b"permessage-deflate; server_no_context_takeover")
HANDSHAKE = [
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]
SLOWLY = Problem("too_many", 429, "These are too many.", "Send them more slowly.")


def opening(sockets: Sockets | None, *, offers: bool = True) -> Exchange:
    head = a_head(fields=[*HANDSHAKE, OFFER] if offers else list(HANDSHAKE))
    head.upgrade = b"websocket"
    route = None if sockets is None else a_route(sockets=sockets)
    return an_exchange(head, plan=a_plan(route=route))


def switched(*fields: tuple[bytes, bytes]) -> Response:
    return Response(101, [(b"upgrade", b"websocket"), *fields])


@pytest.mark.parametrize(
    ("sockets", "offers", "answers", "client", "service"),
    [
        (None, True, True, False, False),
        (Sockets(), True, True, False, False),
        (Sockets(deflate="client"), True, False, True, False),
        (Sockets(deflate="client"), True, True, True, False),
        (Sockets(deflate="client"), False, False, False, False),
        (Sockets(deflate="both"), True, True, True, True),
        (Sockets(deflate="both"), False, True, False, True),
        (Sockets(deflate="both"), True, False, True, False),
    ],
)
def test_each_leg_is_agreed_on_by_itself(
    sockets: Sockets | None, offers: bool, answers: bool, client: bool, service: bool
) -> None:
    response = switched(*([TAKEN] if answers else []))
    legs = agreed_on(opening(sockets, offers=offers), response)
    assert (legs.client is not None, legs.service is not None) == (client, service)
    heard = [value for name, value in response.fields if name == OFFER[0]]
    assert len(heard) == client
    assert all(b"server_no_context_takeover" in one for one in heard)
    assert all(b"client_no_context_takeover" in one for one in heard)


def test_without_a_word_nothing_is_agreed_on() -> None:
    assert (Legs().client, Legs().service) == (None, None)


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (NOT_FOUND, 1008),
        (SLOWLY, 1013),
        (INTERNAL, 1011),
        (UPSTREAM_BUSY, 1013),
        (CONNECTIONS_EXCEEDED, 1013),
    ],
)
def test_a_refusal_is_told_by_a_close(problem: Problem, code: int) -> None:
    response = answer_of(problem)
    response.fields = [(b"x-request-id", b"r1"), (b"content-type", b"application/problem+json")]
    told = ending(opening(Sockets(profile="chat")), response)
    assert told is not None
    assert told.response.status == 101
    assert (b"x-request-id", b"r1") in told.response.fields
    assert b"content-type" not in dict(told.response.fields)
    (close,) = SocketReader(is_server=False, limits=SocketLimits()).receive(told.close)
    assert isinstance(close, Close)
    assert (close.code, close.reason) == (code, problem.code.encode())


def test_who_is_refused_hears_first_what_else_they_should() -> None:
    response = answer_of(NOT_FOUND)
    response.fields = [(b"x-crisis-support", b"available")]
    response.farewell = b'{"help":{}}'
    told = ending(opening(Sockets(profile="chat")), response)
    assert told is not None
    assert (b"x-crisis-support", b"available") in told.response.fields
    said, close = SocketReader(is_server=False, limits=SocketLimits()).receive(told.close)
    assert isinstance(said, Message)
    assert (said.data, said.is_text) == (b'{"help":{}}', True)
    assert isinstance(close, Close)


def test_a_protocol_that_a_page_has_named_is_chosen() -> None:
    chat = opening(Sockets(profile="chat"))
    chat.request.fields += [(b"sec-websocket-protocol", b"bearer, a.b.c")]
    told = ending(chat, answer_of(NOT_FOUND))
    assert told is not None
    assert dict(told.response.fields)[b"sec-websocket-protocol"] == b"bearer"


def test_other_answers_stay_what_they_are() -> None:
    chat = opening(Sockets(profile="chat"))
    assert ending(chat, Response(404)) is None
    assert ending(chat, Response(200, problem=NOT_FOUND)) is None
    assert ending(opening(Sockets()), answer_of(NOT_FOUND)) is None
    assert ending(opening(None), answer_of(NOT_FOUND)) is None
    chat.request.fields.pop(0)
    assert ending(chat, answer_of(NOT_FOUND)) is None
