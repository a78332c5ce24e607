"""What the chat sends: always one envelope, around a text, an event or elements."""

from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, Field

from examples.tta.chassis import clock

Content = dict[str, Any]


class Frame(BaseModel):
    """One message to the client."""

    id: str = Field(default_factory=lambda: f"msg_{uuid4().hex[:12]}")
    role: Literal["system", "assistant", "interactive"]
    session_id: str | None = None
    content: Content
    timestamp: str = Field(default_factory=lambda: f"{clock.stamp()}Z")
    metadata: Content = {}


def notice(text: str, session_id: str | None = None, **more: object) -> Frame:
    """Return a text from the system: a welcome, a result, an error."""
    return Frame(role="system", session_id=session_id, content={"text": text, **more})


def welcome() -> Frame:
    """Return what the chat says first, before it was asked anything."""
    frame = notice("Connected to therapeutic chat. You're safe here.")
    return frame.model_copy(update={"metadata": {"safety": {"crisis": False}}})


def typing(status: Literal["start", "stop"], session_id: str) -> Frame:
    """Return that the other side has begun or finished typing."""
    return _event("typing", session_id, status=status)


def progress(stage: str, message: str, session_id: str) -> Frame:
    """Return how far the answer is."""
    return _event("progress", session_id, stage=stage, message=message)


def _event(event: str, session_id: str, **more: str) -> Frame:
    return Frame(role="system", session_id=session_id, content={"event": event, **more})
