"""Sessions: one character in one world, and what was said there."""

from pathlib import Path

from starlette.types import ASGIApp

from examples.tta.chassis.app import application
from examples.tta.chassis.database import Database
from examples.tta.sessions import message, routes
from examples.tta.sessions.session import Session


def build(state: Path) -> ASGIApp:
    """Return the service with its data under `state`."""
    database = Database(state / "sessions.sqlite3", Session)
    return application("sessions", routes.router, message.router, database=database)
