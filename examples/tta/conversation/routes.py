"""The conversation service's paths by HTTP, all under /api/v1/conversation."""

from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel

from examples.tta.chassis.database import Shelf, shelf_of
from examples.tta.chassis.guard import Caller
from examples.tta.conversation.reply import reply
from examples.tta.conversation.transcript import Entry, Transcript, themes

router = APIRouter(prefix="/api/v1/conversation")

Transcripts = Annotated[Shelf[Transcript], Depends(shelf_of(Transcript))]


class Sent(BaseModel):
    """What a player sends."""

    session_id: str
    message: str
    context: dict[str, Any] = {}


def _own(session_id: str, caller: Caller, transcripts: Transcripts) -> Transcript:
    transcript = transcripts.get(session_id)
    if transcript is None:
        raise HTTPException(404, "Conversation not found")
    return _unless_foreign(transcript, caller.player_id)


Own = Annotated[Transcript, Depends(_own)]


@router.post("/send")
def send(sent: Sent, caller: Caller, transcripts: Transcripts) -> dict[str, Any]:
    """Answer a message, and keep both."""
    text, metadata = reply(themes(sent.message))
    said = Entry(role="user", content=sent.message, metadata={"context": sent.context})
    answered = Entry(role="assistant", content=text, metadata=metadata)
    with transcripts.transaction():
        fresh = Transcript(session_id=sent.session_id, player_id=caller.player_id)
        before = _unless_foreign(transcripts.get(sent.session_id) or fresh, caller.player_id)
        transcripts.put(sent.session_id, before.after(said, answered))
    return {
        "message_id": str(uuid4()),
        "session_id": sent.session_id,
        "response": text,
        "timestamp": answered.timestamp,
        "metadata": metadata,
    }


@router.get("/{session_id}/history")
def history(transcript: Own, limit: int = 50) -> dict[str, Any]:
    """Show the last messages; with a limit of 0, all of them."""
    messages = transcript.messages[-limit:] if limit > 0 else transcript.messages
    return {
        "session_id": transcript.session_id,
        "messages": [message.model_dump() for message in messages],
        "total_messages": len(transcript.messages),
        "created_at": transcript.created_at,
        "last_activity": transcript.last_activity,
    }


@router.get("/{session_id}/state")
def state(transcript: Own) -> dict[str, Any]:
    """Show where the conversation stands."""
    return {
        "session_id": transcript.session_id,
        "player_id": transcript.player_id,
        "emotional_themes": transcript.themes,
        "coping_strategies_discussed": [],
        "progress_markers": [],
        "session_goals": [],
        "therapeutic_focus": "general_support",
        "interaction_count": len(transcript.messages) // 2,
        "created_at": transcript.created_at,
        "last_updated": transcript.last_activity,
        "computed_analytics": {
            "session_duration_minutes": _minutes(transcript),
            "total_emotional_themes": len(transcript.themes),
        },
    }


def _minutes(transcript: Transcript) -> float:
    began = datetime.fromisoformat(transcript.created_at)
    ended = datetime.fromisoformat(transcript.last_activity)
    return round((ended - began).total_seconds() / 60, 2)


def _unless_foreign(transcript: Transcript, player_id: str) -> Transcript:
    if transcript.player_id != player_id:
        raise HTTPException(403, "Access denied to this conversation")
    return transcript
