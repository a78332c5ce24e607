"""The platform's chat through the gateway, by real processes: one gateway, and services of threads.

Its clients are those of another library; what they see is what a page of the platform would.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve

from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

WELCOME: Final = {"role": "system", "session_id": None, "content": {"text": "Connected."}}
LONG: Final = "again and " * 100


@dataclass
class Chat:
    """A service like the platform's: it welcomes, tells of its progress, and echoes."""

    heard: list[str] = field(default_factory=list)
    open: list[ServerConnection] = field(default_factory=list)
    extensions: list[int] = field(default_factory=list)

    def serve(self, socket: ServerConnection) -> None:
        """Talk to one client."""
        self.open.append(socket)
        self.extensions.append(len(socket.protocol.extensions))
        socket.send(json.dumps(WELCOME))
        for message in socket:
            assert isinstance(message, str)
            self.heard.append(message)
            progress = {"role": "system", "content": {"event": "progress", "stage": "analyzing"}}
            socket.send(json.dumps(progress))
            told = {"role": "assistant", "content": {"text": message}}
            text = json.dumps(told)
            socket.send([text[:20], text[20:]])  # in two fragments


def _refuses(_: ServerConnection, request: Request) -> Response | None:
    if request.path.startswith("/forbidden"):
        return Response(HTTPStatus.FORBIDDEN, "Forbidden", request.headers)
    return None


@dataclass
class Stage:
    """The gateway, and the service behind it."""

    gateway: Gateway
    chat: Chat
    access_log: Path

    @contextlib.contextmanager
    def talk(self, path: str = "/ws/chat", **options: Any) -> Iterator[ClientConnection]:  # noqa: ANN401 - the library's
        """Connect, and have been welcomed."""
        with self.connect(path, **options) as socket:
            assert json.loads(socket.recv(5)) == WELCOME
            yield socket

    def connect(self, path: str, **options: Any) -> ClientConnection:  # noqa: ANN401 - likewise
        """Connect."""
        url = f"ws://127.0.0.1:{self.gateway.port}{path}"
        made: ClientConnection = connect(url, proxy=None, **options)
        return made

    def logged(self, path: str) -> list[dict[str, Any]]:
        """Lines of the access log about a path."""
        lines = map(json.loads, self.access_log.read_text().splitlines())
        return [one for one in lines if one["path"] == path]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One gateway for all of this."""
    folder, chat = tmp_path_factory.mktemp("chat"), Chat()
    with serve(chat.serve, "127.0.0.1", 0, process_request=_refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        gateway = start_gateway(_config(folder, server), folder)
        try:
            yield Stage(gateway, chat, folder / "access.log")
        finally:
            gateway.stop()
            server.shutdown()


def _config(folder: Path, server: Server) -> dict[str, object]:
    limit = {"messages": 5, "per": "2s", "key": ["address"]}
    port = server.socket.getsockname()[1]
    spoken = {"service": "chat", "auth": "none", "socket": {"profile": "chat"}}
    return {
        "listen": "127.0.0.1:0",
        "state_dir": str(folder / "state"),
        "access_log": {"path": str(folder / "access.log"), "paths": "whole"},
        "services": {
            "chat": {"endpoints": [f"http://127.0.0.1:{port}"]},
            "away": {"endpoints": [f"http://127.0.0.1:{free_port()}"]},
        },
        "routes": [
            {"path": "/ws/chat", **spoken},
            {"path": "/limited", **spoken, "rate_limit": limit},
            {"path": "/both", **spoken, "socket": {"profile": "chat", "deflate": "both"}},
            {"path": "/plain", "service": "chat", "auth": "none", "rate_limit": limit},
            {"path": "/forbidden", **spoken},
            {"path": "/away", **spoken, "service": "away"},
        ],
    }


def said(text: str) -> str:
    return json.dumps({"type": "user_message", "content": {"text": text}, "timestamp": text})


def received(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [json.loads(socket.recv(5)) for _ in range(count)]


def ended(socket: ClientConnection) -> tuple[int, str]:
    """Read until the end; return its code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        _read_on(socket)
    told = closed.value.rcvd
    assert told is not None
    return told.code, told.reason


def _read_on(socket: ClientConnection) -> None:
    while True:
        socket.recv(5)


def test_a_ping_is_answered_by_the_gateway(stage: Stage) -> None:
    """Story 6: red where `ping_of` of features/chat/algorithm.py finds none."""
    with stage.talk("/ws/chat?session_id=s1") as socket:
        socket.send('{"type":"ping","timestamp":1764151200000}')
        (pong,) = received(socket, 1)
    assert (pong["type"], pong["role"], pong["session_id"]) == ("pong", "system", "s1")
    assert pong["content"] == {"event": "pong", "ping_timestamp": 1764151200000}
    assert "ping" not in "".join(stage.chat.heard)


def test_events_are_known_by_their_type_and_all_else_stays(stage: Stage) -> None:
    """Story 8: red where `marked` of features/chat/algorithm.py changes nothing."""
    with stage.talk() as socket:
        socket.send(said("hello"))
        progress, reply = received(socket, 2)
    assert (progress["type"], progress["event_type"]) == ("event", "progress")
    assert progress["content"] == {"event": "progress", "stage": "analyzing"}
    assert reply == {"role": "assistant", "content": {"text": said("hello")}}


def test_whoever_writes_fast_is_told_and_goes_on(stage: Stage) -> None:
    """Red where `refused` of pipeline/conversation.py closes at once."""
    with stage.talk("/limited") as socket:
        for number in range(8):
            socket.send(said(f"fast {number}"))
        frames = received(socket, 2 * 5 + 3)
        refused = [one["metadata"]["refused"] for one in frames if "metadata" in one]
        assert [one["message"] for one in refused] == ["fast 5", "fast 6", "fast 7"]
        assert {one["code"] for one in refused} == {"ratelimit_messages_exceeded"}
        assert refused[0]["violated-policies"] == ["messages"]
        time.sleep(refused[-1]["retry_after"])
        socket.send(said("fast no more"))
        assert received(socket, 2)[1]["content"]["text"] == said("fast no more")
    heard = [json.loads(one)["timestamp"] for one in stage.chat.heard if "fast" in one]
    assert heard == [*(f"fast {number}" for number in range(5)), "fast no more"]


def test_whoever_floods_all_the_same_is_ended(stage: Stage) -> None:
    with stage.talk("/limited") as socket:
        with contextlib.suppress(ConnectionClosed):
            for number in range(200):
                socket.send(said(f"flood {number}"))
        assert ended(socket) == (1008, "ratelimit_messages_exceeded")
    assert len([one for one in stage.chat.heard if "flood" in one]) <= 6


def test_without_a_form_of_messages_a_close_says_when_to_come_back(stage: Stage) -> None:
    with stage.talk("/plain") as socket:
        with contextlib.suppress(ConnectionClosed):
            for number in range(20):
                socket.send(said(f"plain {number}"))
        assert ended(socket) == (1013, "ratelimit_messages_exceeded")


@pytest.mark.parametrize(
    ("path", "offers", "legs"),
    [
        ("/ws/chat", True, (1, 0)),
        ("/ws/chat", False, (0, 0)),
        ("/both", True, (1, 1)),
        ("/both", False, (0, 1)),
    ],
)
def test_each_leg_is_deflated_by_itself(
    stage: Stage, path: str, offers: bool, legs: tuple[int, int]
) -> None:
    with stage.talk(path, compression="deflate" if offers else None) as socket:
        assert (len(socket.protocol.extensions), stage.chat.extensions[-1]) == legs
        for _ in range(3):
            socket.send(said(LONG))
            assert received(socket, 2)[1]["content"]["text"] == said(LONG)


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("/forbidden", 1008, "chat_refused_by_service"),
        ("/away", 1013, "upstream_connection_refused"),
    ],
)
def test_a_chat_that_does_not_open_says_why_in_its_close(
    stage: Stage, path: str, code: int, reason: str
) -> None:
    with stage.connect(path) as socket:
        assert ended(socket) == (code, reason)
    assert wait_until(lambda: bool(stage.logged(path)))
    (line,) = stage.logged(path)
    assert line["status"] == (403 if code == 1008 else 502)


def test_a_page_of_elsewhere_opens_no_chat(stage: Stage) -> None:
    before = len(stage.chat.open)
    with stage.connect("/ws/chat", origin="https://elsewhere.example") as socket:
        assert ended(socket) == (1008, "websocket_origin_refused")
    own = f"http://127.0.0.1:{stage.gateway.port}"
    with stage.talk(origin=own) as socket:
        socket.send('{"type":"ping"}')
        assert received(socket, 1)[0]["type"] == "pong"
    assert len(stage.chat.open) == before + 1


def test_a_service_that_goes_without_a_word_lets_its_client_come_back(stage: Stage) -> None:
    with stage.talk() as socket:
        stage.chat.open[-1].socket.shutdown(2)
        assert ended(socket)[0] == 1012
    with stage.talk() as socket:
        stage.chat.open[-1].close(4001, "the service's own")
        assert ended(socket) == (4001, "the service's own")
