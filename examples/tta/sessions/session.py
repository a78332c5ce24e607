"""A session: one character in one world, and what was said there."""

from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import Depends, HTTPException
from pydantic import BaseModel, Field

from examples.tta.chassis import clock
from examples.tta.chassis.database import Shelf, shelf_of


def _id() -> str:
    return str(uuid4())


class TherapeuticSettings(BaseModel):
    """How a session is to treat its player."""

    intensity_level: str
    preferred_approaches: list[str] = []
    session_goals: list[str] = []
    safety_monitoring: bool = False


class NewSession(BaseModel):
    """What a player sends to get a session."""

    character_id: str
    world_id: str
    therapeutic_settings: TherapeuticSettings


class Changes(BaseModel):
    """What a player sends to change a session."""

    therapeutic_settings: TherapeuticSettings | None = None


class Message(BaseModel):
    """Something said in a session."""

    message_id: str = Field(default_factory=_id)
    role: Literal["user", "assistant"]
    content: str
    created_at: str = Field(default_factory=clock.stamp)


class Session(BaseModel):
    """What is kept of a session."""

    session_id: str = Field(default_factory=_id)
    player_id: str
    character_id: str
    world_id: str
    therapeutic_settings: TherapeuticSettings
    status: str = "active"
    created_at: str = Field(default_factory=clock.stamp)
    updated_at: str = Field(default_factory=clock.stamp)
    messages: list[Message] = []

    def shown(self, *more: str) -> dict[str, Any]:
        """Return what everyone may see of the session, and more of it if asked."""
        fields = {"session_id", "character_id", "world_id", "status", "created_at"}
        return self.model_dump(include=fields.union(more))

    def copied(self) -> "Session":
        """Return a new session in which the same was said."""
        said = [one.model_copy(update={"message_id": _id()}) for one in self.messages]
        now = clock.stamp()
        fresh = {"session_id": _id(), "created_at": now, "updated_at": now, "messages": said}
        return self.model_copy(update=fresh)


Sessions = Annotated[Shelf[Session], Depends(shelf_of(Session))]
"""The parameter of a route that reads or writes sessions."""


def _existing(session_id: str, sessions: Sessions) -> Session:
    session = sessions.get(session_id)
    if session is None:
        raise HTTPException(404, "Session not found")
    return session


Existing = Annotated[Session, Depends(_existing)]
"""The parameter of a route about one session, whoever it belongs to."""
