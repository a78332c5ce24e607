"""Bring a schema to the state that this version wants, step by step, all of them or none."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, inspect, select

from tta_gateway.support.sql.database import Database

STEPS: Final = Path(__file__).with_name("steps")
_VERSION: Final = "alembic_version"
"""the table in which alembic keeps what step was the last"""
_LOCK: Final = 0x7474_6167  # "ttag": nodes that start together take turns


class TooNew(Exception):
    """A newer version has written the schema; going on could harm what it has written."""


async def is_whole(database: Database) -> bool:
    """Tell whether every step has been taken, without alembic: it is large.  Unavailable."""
    async with database.read() as connection:
        return await connection.run_sync(_is_at, newest())


def newest(steps: Path = STEPS) -> str:
    """Return the last step: they are numbered in their order."""
    return max(one.name for one in steps.glob("step_*.py")).split("_")[1]


def _is_at(connection: Connection, step: str) -> bool:
    if not inspect(connection).has_table(_VERSION):
        return False
    found = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION}")  # noqa: S608 - ours
    return [*found.scalars()] == [step]


async def migrate(database: Database, steps: Path = STEPS) -> tuple[str, str]:
    """Take what steps are left; return the last one before and now, empty for none.

    TooNew, where this version does not know the last one; Unavailable, and then nothing is done.
    """
    async with database.write() as connection:
        if not database.url.is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        return await connection.run_sync(_taken, steps)


def _taken(connection: Connection, steps: Path) -> tuple[str, str]:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    script = ScriptDirectory(str(steps), version_locations=[str(steps)])
    before = MigrationContext.configure(connection).get_current_revision() or ""
    now = script.get_current_head() or ""
    try:
        known = not before or script.get_revision(before) is not None
    except CommandError:
        known = False
    if not known:
        raise TooNew(before)
    environment = EnvironmentContext(Config(), script)
    # What `alembic upgrade` calls itself; its command wants files that a library has no use for.
    way = script._upgrade_revs  # noqa: SLF001
    environment.configure(connection=connection, fn=lambda at, _: way(now, at))
    environment.run_migrations()
    return before, now
