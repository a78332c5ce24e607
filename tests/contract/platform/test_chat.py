"""Each frame of the sample chat has the shape of the platform's, and comes in its order."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.contract.platform.conftest import Caller
from tests.contract.platform.shape import differences

pytestmark = pytest.mark.e2e

WAIT = 10.0  # seconds


@contextmanager
def _chat(caller: Caller, *, token: str = "", query: str = "") -> Iterator[ClientConnection]:
    service = caller.services["conversation"]
    address = f"ws://{service.host}:{service.port}/ws/chat{query}"
    headers = {"Authorization": f"Bearer {token or caller.token}"}
    with connect(address, additional_headers=headers, proxy=None) as socket:
        yield socket


def _frames(socket: ClientConnection, count: int) -> list[Any]:
    return [json.loads(socket.recv(timeout=WAIT)) for _ in range(count)]


def _say(socket: ClientConnection, kind: str, **content: str) -> None:
    socket.send(json.dumps({"type": kind, "content": content}))


def _kinds(frames: list[Any]) -> list[str]:
    """Return a word for each frame: its event, or its role."""
    return [
        frame["content"].get("stage") or frame["content"].get("status") or frame["role"]
        for frame in frames
    ]


def test_a_welcome_comes_before_anything_is_said(caller: Caller) -> None:
    with _chat(caller) as socket:
        (welcome,) = _frames(socket, 1)
    assert differences(welcome, "@chat_welcome") == []


def test_a_message_brings_three_events_and_a_reply(caller: Caller) -> None:
    with _chat(caller) as socket:
        _say(socket, "user_message", text="The lantern is lit.")
        _, *events, reply = _frames(socket, 5)
    assert _kinds(events) == ["analyzing", "personalizing", "complete"]
    assert [differences(event, "@chat_progress") for event in events] == [[], [], []]
    assert differences(reply, "@chat_reply") == []
    assert reply["content"] == {"text": "The lantern is lit."}


def test_who_asks_for_typing_gets_it_around_the_reply(caller: Caller) -> None:
    with _chat(caller, query="?typing=1") as socket:
        _say(socket, "user_message", text="I feel overwhelmed.")
        _, *frames = _frames(socket, 7)
    assert _kinds(frames) == [
        "start",
        "analyzing",
        "personalizing",
        "complete",
        "assistant",
        "stop",
    ]
    assert differences(frames[0], "@chat_typing") == []
    assert differences(frames[4], "@chat_reply") == []


def test_a_crisis_brings_the_lines_to_call_and_something_to_do(caller: Caller) -> None:
    with _chat(caller) as socket:
        _say(socket, "user_message", text="I want to die.")
        reply = _frames(socket, 5)[-1]
    assert differences(reply, "@chat_crisis") == []
    assert reply["metadata"]["safety"] == {"crisis": True, "types": ["suicidal_ideation"]}
    assert "988" in reply["content"]["text"]
    assert [element["id"] for element in reply["content"]["elements"]] == [
        "988_lifeline",
        "crisis_text_line",
        "emergency_services",
        "ex_breathing",
        "ex_grounding",
    ]


@pytest.mark.parametrize(
    ("kind", "content", "name"),
    [
        ("interaction", {"action": "button_click", "id": "ex_breathing"}, "interaction"),
        ("interaction", {"action": "button_click", "id": "ex_breathing_complete"}, "interaction"),
        ("interaction", {"action": "button_click"}, "interaction"),
        ("feedback", {"text": "This helps."}, "feedback"),
        ("update_settings", {"intensity_level": "low"}, "settings"),
        ("switch_context", {"world_id": "world_lantern_road"}, "context"),
        ("ping", {}, "error"),
        ("user_message", {"text": "<script>"}, "error"),
    ],
)
def test_any_other_message_brings_one_frame(
    caller: Caller, kind: str, content: dict[str, str], name: str
) -> None:
    with _chat(caller) as socket:
        _say(socket, kind, **content)
        _, answer = _frames(socket, 2)
    assert differences(answer, f"@chat_{name}") == []


def test_what_is_no_json_is_answered_with_an_error(caller: Caller) -> None:
    with _chat(caller) as socket:
        socket.send("{")
        _, answer = _frames(socket, 2)
    assert differences(answer, "@chat_error") == []
    assert answer["content"]["text"] == "Invalid message format."


def test_who_talks_too_fast_is_asked_to_slow_down(caller: Caller) -> None:
    with _chat(caller) as socket:
        for _ in range(11):
            _say(socket, "ping")
        answer = _frames(socket, 12)[-1]
    assert answer["content"]["text"] == "Rate limit: please slow down."


def test_a_bad_token_is_let_in_and_then_shown_out(caller: Caller) -> None:
    with _chat(caller, token="none") as socket, pytest.raises(ConnectionClosed) as caught:
        socket.recv(timeout=WAIT)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1008


@pytest.mark.parametrize("frame", [b"binary", "[]"])
def test_what_the_chat_cannot_read_ends_it(caller: Caller, frame: bytes | str) -> None:
    with _chat(caller) as socket:
        socket.send(frame)
        _frames(socket, 1)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=WAIT)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011


def test_another_path_is_refused_before_the_handshake(caller: Caller) -> None:
    service = caller.services["conversation"]
    with pytest.raises(InvalidStatus) as caught:
        connect(f"ws://{service.host}:{service.port}/ws/other", proxy=None)
    assert caught.value.response.status_code == 403
