"""Conversation: messages by HTTP under /api/v1/conversation, and the chat at /ws/chat."""

from pathlib import Path

from starlette.types import ASGIApp

from examples.tta.chassis.app import application
from examples.tta.chassis.database import Database
from examples.tta.conversation import routes, socket
from examples.tta.conversation.transcript import Transcript


def build(state: Path) -> ASGIApp:
    """Return the service with its data under `state`."""
    database = Database(state / "conversation.sqlite3", Transcript)
    return application("conversation", routes.router, socket.router, database=database)
