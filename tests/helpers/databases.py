"""Databases for tests: SQLite in a file, and a PostgreSQL of Debian's.

Fixtures: a conftest names those that it wants.  `emptied` has one ready for a store.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Table, text

from tests.helpers.postgres_server import PostgresServer
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.migrate import migrate
from tta_gateway.support.sql.url import DatabaseUrl, in_folder, parse


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o711)
        server = PostgresServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseUrl:
    """Where a database is, one of each kind."""
    return url_of(request, tmp_path)


def url_of(request: pytest.FixtureRequest, folder: Path) -> DatabaseUrl:
    """Where a database is of the kind that a fixture is asked for."""
    if request.param == "sqlite":
        return in_folder(folder)
    server: PostgresServer = request.getfixturevalue("postgres")
    return parse(server.url)


@asynccontextmanager
async def emptied(url: DatabaseUrl, *tables: Table | str) -> AsyncIterator[Database]:
    """A database of this version's schema, in which these tables are empty."""
    database = Database(url)
    try:
        await migrate(database)
        async with database.write() as connection:
            for name in tables:
                await connection.execute(text(f"DELETE FROM {name}"))
        yield database
    finally:
        await database.close()
