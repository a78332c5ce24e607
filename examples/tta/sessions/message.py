"""What was said in a session: /api/v1/sessions/{session_id}/messages and /copy, for its owner."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException

from examples.tta.chassis import clock
from examples.tta.chassis.guard import Caller
from examples.tta.sessions.session import Existing, Session, Sessions

router = APIRouter(prefix="/api/v1/sessions/{session_id}")


def _own(session: Existing, caller: Caller) -> Session:
    if session.player_id != caller.player_id:
        raise HTTPException(403, "Access denied")
    return session


Own = Annotated[Session, Depends(_own)]


@router.get("/messages")
def read(session: Own) -> dict[str, Any]:
    """Show what was said."""
    messages = [message.model_dump() for message in session.messages]
    return {
        "session_id": session.session_id,
        "messages": messages,
        "message_count": len(messages),
    }


@router.delete("/messages")
def clear(session: Own, sessions: Sessions) -> dict[str, Any]:
    """Forget what was said; the session stays."""
    update = {"messages": [], "updated_at": clock.stamp()}
    sessions.put(session.session_id, session.model_copy(update=update))
    return {
        "session_id": session.session_id,
        "messages_deleted": len(session.messages),
        "status": "cleared",
    }


@router.post("/copy", status_code=201)
def copy(session: Own, sessions: Sessions) -> dict[str, Any]:
    """Begin another session in which the same was said."""
    twin = session.copied()
    sessions.put(twin.session_id, twin)
    return {"copied_from": session.session_id, **twin.shown("player_id", "updated_at")}
