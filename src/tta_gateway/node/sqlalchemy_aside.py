"""SQLAlchemy, and all that is built on it, imported aside: that takes a second and forty megabytes.

All of it in one go, and by one thread at a time: its modules import each other in rings, and two
threads that each have a part of such a ring find it half done.
"""

import asyncio
from collections.abc import Iterable
from importlib import import_module
from threading import Lock
from typing import Final

from tta_gateway.support.uncollected import Uncollected

_WHAT: Final = (
    "tta_gateway.support.sql.migrate",
    "tta_gateway.features.identity.sql_sessions",
    "tta_gateway.features.identity.sql_failures",
    "tta_gateway.features.identity.sql_keys",
    "tta_gateway.features.identity.sql_logins",
    "tta_gateway.features.access.sql_store",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.dialects.postgresql.asyncpg",
)
_STEPS: Final = ("alembic.config", "alembic.runtime.environment", "alembic.script", "alembic.op")
_turn: Final = Lock()


async def imported() -> None:
    """Return when all of it is there; until then nobody else may import any of it."""
    await asyncio.to_thread(import_now)


def import_now() -> None:
    """Import all of it here, for whoever cannot wait; or wait for who does."""
    _import(_WHAT)


async def steps_imported() -> None:
    """Return when alembic is there, which takes the steps of the schema that are left."""
    await asyncio.to_thread(_import, _STEPS)


def _import(names: Iterable[str]) -> None:
    with _turn, Uncollected():
        for name in names:
            import_module(name)
