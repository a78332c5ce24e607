"""Databases for tests: SQLite in a file, and a PostgreSQL of Debian's.

Fixtures: a conftest names those that it wants.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.postgres_server import PostgresServer
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
    if request.param == "sqlite":
        return in_folder(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return parse(server.url)
