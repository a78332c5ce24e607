"""The platform's chat: pings answered, events marked, refusals told."""

import json
from typing import Any

import pytest

from tests.helpers.builders import a_head, a_plan, a_route, an_exchange, answered, from_upstream
from tests.helpers.sayings import a_saying
from tta_gateway.features.chat.policy import BoundChat, Chat
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.problem import INTERNAL, NOT_FOUND, Problem
from tta_gateway.kernel.route import Sockets

CHAT = a_route(sockets=Sockets(profile="chat"))
SLOWLY = Problem("too_many", 429, "These are too many.", "Send them more slowly.")
TYPING = b'{"role":"system","content":{"event":"typing","status":"start"}}'


def a_chat() -> BoundChat:
    bound = Chat(now=lambda: "now", chance=bytes).for_route(CHAT)
    assert bound is not None
    return bound


def opening(target: str = "/ws/chat?session_id=s1") -> Exchange:
    head = a_head(target=target)
    head.upgrade = b"websocket"
    return an_exchange(head)


def told(response: Response | None) -> dict[str, Any]:
    assert response is not None
    assert response.body
    found: dict[str, Any] = json.loads(response.body)
    return found


def test_it_acts_where_a_route_says_so() -> None:
    chat = Chat(now=str, chance=bytes)
    assert (chat.for_route(None), chat.for_route(a_route())) == (None, None)
    bound = chat.for_route(CHAT)
    assert bound is not None
    assert bound.explain().startswith("answers pings")
    plan = a_plan([chat], route=CHAT)
    assert isinstance(plan.wording, BoundChat)
    assert (len(plan.message), len(plan.reply)) == (1, 1)


def test_a_ping_is_answered_and_goes_no_further() -> None:
    answer = told(a_chat().on_message(opening(), a_saying(b'{"type":"ping","timestamp":7}')))
    assert (answer["type"], answer["id"]) == ("pong", "msg_000000000000")
    assert (answer["session_id"], answer["content"]["ping_timestamp"]) == ("s1", 7)


def test_what_else_a_client_says_is_not_touched() -> None:
    said = a_saying(b'{"type":"user_message","content":{"text":"hello"}}')
    assert a_chat().on_message(opening(), said) is None
    assert said.data == b'{"type":"user_message","content":{"text":"hello"}}'
    binary = a_saying(b'{"type":"ping"}', is_text=False)
    assert a_chat().on_message(opening(), binary) is None


def test_a_service_s_events_are_marked() -> None:
    said = a_saying(TYPING, by_service=True)
    assert a_chat().on_message(opening(), said) is None
    assert json.loads(said.data)["event_type"] == "typing"
    ping = a_saying(b'{"type":"ping"}', by_service=True)
    assert a_chat().on_message(opening(), ping) is None


def test_whoever_is_refused_reads_why() -> None:
    response = answer_of(SLOWLY)
    response.fields = [(b"retry-after", b"3")]
    response.members = {"violated-policies": ["chatter"]}
    said = a_saying(b'{"type":"user_message","timestamp":"t1"}')
    found = json.loads(a_chat().refused(opening(), said, response))
    assert found["content"] == {
        "text": "Rate limit: please slow down. Your last message was not sent."
    }
    assert found["metadata"]["refused"] == {
        "code": "too_many",
        "status": 429,
        "detail": "Send them more slowly.",
        "retry_after": 3,
        "violated-policies": ["chatter"],
        "message": "t1",
    }


@pytest.mark.parametrize(
    ("response", "by_service", "text"),
    [
        (Response(422), False, "Your message was not sent."),
        (answer_of(NOT_FOUND), False, f"Your message was not sent. {NOT_FOUND.title}"),
        (
            answer_of(INTERNAL),
            False,
            "Something went wrong here, and your message was not sent. Please send it again.",
        ),
        (answer_of(NOT_FOUND), True, "A reply could not be shown."),
    ],
)
def test_each_refusal_has_its_words(response: Response, by_service: bool, text: str) -> None:
    said = a_saying(by_service=by_service)
    found = json.loads(a_chat().refused(opening(), said, response))
    assert found["content"]["text"] == text
    assert ("message" in found["metadata"]["refused"]) == (not by_service)


def test_a_time_that_is_no_number_is_not_told() -> None:
    response = answer_of(SLOWLY)
    response.fields = [(b"retry-after", b"Thu, 26 Nov 2026 10:00:00 GMT")]
    found = json.loads(a_chat().refused(opening(), a_saying(), response))
    assert "retry_after" not in found["metadata"]["refused"]


def test_the_gateway_s_own_events_have_the_form() -> None:
    found = json.loads(a_chat().event(opening("/ws/chat"), "connection", {"status": "back"}))
    assert (found["event_type"], found["session_id"]) == ("connection", None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "chat_refused_by_service"),
        (403, "chat_refused_by_service"),
        (404, "chat_unavailable"),
        (500, "chat_unavailable"),
        (200, "chat_unavailable"),
    ],
)
def test_a_service_that_opens_no_socket_is_worded(status: int, code: str) -> None:
    answer = a_chat().on_response(answered(opening(), from_upstream(status)))
    assert answer is not None
    assert answer.problem is not None
    assert answer.problem.code == code


def test_other_answers_are_left_alone() -> None:
    chat = a_chat()
    plain = an_exchange()
    assert chat.on_response(plain) is None
    assert chat.on_response(answered(plain, from_upstream(404))) is None
    assert chat.on_response(answered(opening(), from_upstream(101))) is None
    assert chat.on_response(answered(opening(), answer_of(NOT_FOUND))) is None
