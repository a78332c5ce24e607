"""Sessions themselves: /api/v1/sessions/ and /api/v1/sessions/{session_id}.

Whoever knows a session's id may read and change it: the platform checks no owner here, and a
gateway has to.
"""

from typing import Any

from fastapi import APIRouter, HTTPException

from examples.tta.chassis import clock
from examples.tta.chassis.guard import Caller
from examples.tta.sessions.session import Changes, Existing, Message, NewSession, Session, Sessions
from examples.tta.worlds.world import CATALOGUE

router = APIRouter(prefix="/api/v1/sessions")


@router.post("/", status_code=201)
def create(new: NewSession, caller: Caller, sessions: Sessions) -> dict[str, Any]:
    """Begin a session; the world speaks first."""
    world = CATALOGUE.get(new.world_id)
    if world is None:
        raise HTTPException(404, f"World {new.world_id} not found")
    opening = Message(role="assistant", content=world.setting_description)
    session = Session(player_id=caller.player_id, messages=[opening], **dict(new))
    return sessions.put(session.session_id, session).shown()


@router.get("/")
def list_own(caller: Caller, sessions: Sessions) -> dict[str, Any]:
    """Show the caller's sessions, the last changed first."""
    own = sessions.find("player_id", caller.player_id)
    own.sort(key=lambda session: session.updated_at, reverse=True)
    shown = [
        {**session.shown("player_id", "updated_at"), "message_count": len(session.messages)}
        for session in own
    ]
    return {"sessions": shown, "count": len(shown)}


@router.get("/{session_id}")
def read(session: Existing, _: Caller) -> dict[str, Any]:
    """Show a session."""
    return session.shown("updated_at")


@router.put("/{session_id}")
def update(session: Existing, changes: Changes, sessions: Sessions, _: Caller) -> dict[str, Any]:
    """Change how a session treats its player."""
    settings = changes.therapeutic_settings or session.therapeutic_settings
    update = {"therapeutic_settings": settings, "updated_at": clock.stamp()}
    changed = session.model_copy(update=update)
    return sessions.put(changed.session_id, changed).shown("updated_at")


@router.get("/{session_id}/progress")
def progress(session: Existing, _: Caller) -> dict[str, Any]:
    """Show how far a session is: always at its end, as on the platform."""
    return {
        "session_id": session.session_id,
        "character_id": session.character_id,
        "world_id": session.world_id,
        "progress": {"completed_steps": 1, "total_steps": 1},
    }
