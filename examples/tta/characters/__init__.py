"""Characters: who a player is in the worlds; at most five a player, and only ever one's own."""

from pathlib import Path

from starlette.types import ASGIApp

from examples.tta.characters.character import Character
from examples.tta.characters.routes import router
from examples.tta.chassis.app import application
from examples.tta.chassis.database import Database


def build(state: Path) -> ASGIApp:
    """Return the service with its data under `state`."""
    return application(
        "characters", router, database=Database(state / "characters.sqlite3", Character)
    )
