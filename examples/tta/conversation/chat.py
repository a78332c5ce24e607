"""The chat's answers: one message in, frames out.  It waits for nothing and sends nothing."""

import json
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from examples.tta.conversation import crisis, exercise
from examples.tta.conversation.frame import Content, Frame, notice, progress, typing

_UNSAFE: Final = ("<script", "javascript:")


class Incoming(BaseModel):
    """One message from the client; what it does not know, it ignores."""

    model_config = ConfigDict(extra="ignore")

    type: str | None = None
    session_id: str | None = None
    content: Content | None = None
    metadata: Content | None = None

    def said(self, name: str) -> str | None:
        """Return a word of the message's content, or of its metadata."""
        word = (self.content or {}).get(name) or (self.metadata or {}).get(name)
        return str(word) if word else None


class Chat:
    """One connection's chat; it knows its session, and whether the client shows typing."""

    def __init__(self, *, shows_typing: bool) -> None:
        """Begin a session, for messages that name none."""
        self._shows_typing = shows_typing
        self._session_id = str(uuid4())

    def answers(self, raw: str) -> list[Frame]:
        """Return the frames that answer one message.

        What is no object at all, or one of the wrong types, raises: the platform's handler falls
        over it as well, and closes with 1011.
        """
        try:
            message = Incoming.model_validate(json.loads(raw))
        except json.JSONDecodeError:
            return [notice("Invalid message format.")]
        answer = _ANSWERS.get(message.type or "")
        if answer is None:
            return [notice("Unknown message type.")]
        frames = answer(message, message.session_id or self._session_id)
        if message.type == "user_message" and self._shows_typing:
            return _with_typing(frames)
        return frames


def _user_message(message: Incoming, session_id: str) -> list[Frame]:
    text = message.said("text") or ""
    if any(mark in text.lower() for mark in _UNSAFE):
        return [notice("Message contains unsafe content. Please rephrase.")]
    return [
        progress("analyzing", "Understanding your message...", session_id),
        progress("personalizing", "Personalizing response...", session_id),
        progress("complete", "Response ready", session_id),
        _reply(text, session_id),
    ]


def _reply(text: str, session_id: str) -> Frame:
    kinds = crisis.kinds(text)
    elements = [*crisis.RESOURCES] if kinds else []
    if kinds or exercise.helps(text):
        elements += exercise.BUTTONS
    # Without a language model the platform echoes what was said; here, a crisis it does not.
    content: Content = {"text": crisis.SUPPORT if kinds else text}
    return Frame(
        role="assistant",
        session_id=session_id,
        content={**content, "elements": elements} if elements else content,
        metadata={"recommendations": [], "safety": {"crisis": bool(kinds), "types": kinds}},
    )


def _interaction(message: Incoming, session_id: str) -> list[Frame]:
    elements = exercise.pressed(message.said("id"))
    return [Frame(role="interactive", session_id=session_id, content={"elements": elements})]


def _feedback(_: Incoming, session_id: str) -> list[Frame]:
    return [notice("Feedback processed. Changes: none.", session_id, elements=[])]


def _settings(_: Incoming, session_id: str) -> list[Frame]:
    return [notice("Settings updated successfully", session_id, conflicts=[])]


def _switch(message: Incoming, session_id: str) -> list[Frame]:
    targets = [
        f"{kind} {target}"
        for kind in ("character", "world")
        if (target := message.said(f"{kind}_id"))
    ]
    where = f" to {', '.join(targets)}" if targets else ""
    return [notice(f"Context switched{where}.", message.said("session_id") or session_id)]


def _with_typing(frames: list[Frame]) -> list[Frame]:
    """Return the answer between its typing events; an error has none."""
    session_id = frames[-1].session_id
    if session_id is None:
        return frames
    return [typing("start", session_id), *frames, typing("stop", session_id)]


_ANSWERS: Final[Mapping[str, Callable[[Incoming, str], list[Frame]]]] = {
    "user_message": _user_message,
    "interaction": _interaction,
    "feedback": _feedback,
    "update_settings": _settings,
    "switch_context": _switch,
}
