"""One schema on every database: made in steps, once, whole, and never by an older version."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.migrate import STEPS, TooNew, is_whole, migrate, newest
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e

Work = Callable[[Database], Awaitable[None]]
STEP = '''
"""A step."""
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = {before!r}
def upgrade() -> None:
    """Make a table."""
    op.create_table("t{revision}", sa.Column("a", sa.Integer, primary_key=True))
    {then}
'''


def on(url: DatabaseUrl, work: Work) -> None:
    """Do the work on a database that is empty."""

    async def done() -> None:
        database = Database(url)
        try:
            async with database.write() as connection:
                for name in await connection.run_sync(tables):
                    await connection.execute(text(f"DROP TABLE {name} {cascade(url)}"))
            await work(database)
        finally:
            await database.close()

    asyncio.run(done())


def cascade(url: DatabaseUrl) -> str:
    return "" if url.is_sqlite else "CASCADE"


def tables(connection: Connection) -> list[str]:
    """Return those that depend on others first."""
    found = inspect(connection)
    return [name for name, _ in reversed(found.get_sorted_table_and_fkc_names()) if name]


async def names(database: Database) -> set[str]:
    async with database.read() as connection:
        return {*await connection.run_sync(tables)} - {"alembic_version"}


def steps(folder: Path, *thens: str) -> Path:
    """Return a folder of steps; each makes a table and then does this."""
    folder.mkdir(exist_ok=True)
    before = None
    for number, then in enumerate(thens, 1):
        written = STEP.format(revision=str(number), before=before, then=then)
        (folder / f"step_{number}.py").write_text(written)
        before = str(number)
    return folder


def test_the_schema_of_this_version_is_made_once(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        assert not await is_whole(database)
        first, again = await migrate(database), await migrate(database)
        assert (first[0], again) == ("", (first[1], first[1]))
        assert first[1] == newest()
        assert await is_whole(database)
        assert {"users", "sessions", "refresh_tokens", "revocations"} <= await names(database)

    on(url, work)


def test_what_is_left_is_done_and_no_more(url: DatabaseUrl, tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        folder = tmp_path / "steps"
        assert await migrate(database, steps(folder, "")) == ("", "1")
        assert await migrate(database, steps(folder, "", "")) == ("1", "2")
        assert await names(database) == {"t1", "t2"}

    on(url, work)


def test_a_step_that_fails_undoes_all_of_them(url: DatabaseUrl, tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        with pytest.raises(ZeroDivisionError):
            await migrate(database, steps(tmp_path / "steps", "", "1 / 0"))
        assert await names(database) == set()

    on(url, work)


def test_what_a_newer_version_has_written_is_left_alone(url: DatabaseUrl, tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        await migrate(database, steps(tmp_path / "newer", "", ""))
        with pytest.raises(TooNew, match="2"):
            await migrate(database, steps(tmp_path / "older", ""))
        assert await names(database) == {"t1", "t2"}

    on(url, work)


def test_of_many_nodes_that_start_together_one_does_it(url: DatabaseUrl) -> None:
    async def work(database: Database) -> None:
        others = [database, *(Database(url) for _ in range(3))]
        done = await asyncio.gather(*map(migrate, others))
        await asyncio.gather(*(one.close() for one in others[1:]))
        assert sorted(before for before, _ in done) == ["", *[done[0][1]] * 3]

    on(url, work)


def test_the_steps_are_one_line() -> None:
    first, *_ = sorted(path.name for path in STEPS.glob("step_*.py"))
    assert first == "step_0001_identity.py"
