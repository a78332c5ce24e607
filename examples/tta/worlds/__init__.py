"""Worlds: five places to play in, the same for everyone.

It keeps nothing, so that several instances may run: X-Instance says which one answered.
"""

from pathlib import Path

from starlette.types import ASGIApp

from examples.tta.chassis.app import application
from examples.tta.worlds.routes import router


def build(_: Path) -> ASGIApp:
    """Return the service."""
    return application("worlds", router)
