"""/ws/chat: who may connect, how fast they may talk, and how a connection ends.

A missing or bad token is no failed handshake but an open socket that closes with 1008 at once.
Whatever goes wrong later, a binary frame included, closes with 1011.  Any origin may connect, and
nobody notices when the token expires.
"""

import logging
from collections import deque
from typing import Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from examples.tta.chassis import clock
from examples.tta.chassis.token import Principal, TokenInvalid, bearer, read
from examples.tta.conversation.chat import Chat
from examples.tta.conversation.frame import Frame, notice, welcome

POLICY_VIOLATION: Final = 1008
INTERNAL_ERROR: Final = 1011
WINDOW: Final = 2  # seconds
MOST: Final = 10  # messages a window

router = APIRouter()
log = logging.getLogger(__name__)


class Pace:
    """How fast a client talks: so many messages in any window."""

    def __init__(self) -> None:
        """Begin with silence."""
        self._times: deque[float] = deque()

    def is_too_fast(self, now: float) -> bool:
        """Count one message, and return whether it was one too many."""
        while self._times and self._times[0] < now - WINDOW:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > MOST


@router.websocket("/ws/chat")
async def chat(socket: WebSocket) -> None:
    """Serve one connection until either side has had enough."""
    await socket.accept()
    if _principal(socket) is None:
        await socket.close(POLICY_VIOLATION)
        return
    try:
        await _converse(socket)
    except WebSocketDisconnect:
        return
    except Exception:
        log.exception("the chat failed")
        await socket.close(INTERNAL_ERROR)


async def _converse(socket: WebSocket) -> None:
    typing = socket.query_params.get("typing", "").lower() in {"1", "true", "yes"}
    conversation, pace = Chat(shows_typing=typing), Pace()
    await _send(socket, welcome())
    while True:
        raw = await socket.receive_text()  # raises on a binary frame
        if pace.is_too_fast(clock.elapsed()):
            await _send(socket, notice("Rate limit: please slow down."))
            continue
        for frame in conversation.answers(raw):
            await _send(socket, frame)


async def _send(socket: WebSocket, frame: Frame) -> None:
    await socket.send_text(frame.model_dump_json())


def _principal(socket: WebSocket) -> Principal | None:
    token = socket.query_params.get("token") or bearer(socket.headers.get("authorization", ""))
    try:
        return read(token)
    except TokenInvalid:
        return None
