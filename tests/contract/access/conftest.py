"""A PostgreSQL of Debian's."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.postgres_server import PostgresServer


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
