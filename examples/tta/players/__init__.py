"""Players: profiles, settings and progress.

Kinder than the platform in one place: what is stored stays stored, where the platform forgets a
profile as soon as it has answered.
"""

from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from examples.tta.chassis.app import application
from examples.tta.chassis.database import Database
from examples.tta.chassis.guard import Public
from examples.tta.players import progress, routes, settings
from examples.tta.players.profile import Profile
from examples.tta.players.settings import Settings

PUBLIC: Final = Public(optional=frozenset({("POST", "/api/v1/players")}))


def build(state: Path) -> ASGIApp:
    """Return the service with its data under `state`."""
    database = Database(state / "players.sqlite3", Profile, Settings)
    routers = (routes.router, progress.router, settings.router)
    return application("players", *routers, database=database, public=PUBLIC)
