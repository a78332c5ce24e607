"""What a caller hears of a database, and how SQLite is kept safe; more is in tests/contract/sql."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database, _for_driver, _translated
from tta_gateway.support.sql.url import in_folder, parse

BUSY, BROKEN, NOT_A_DATABASE, MISUNDERSTOOD = 5, 11, 26, 1


class DriverError(sqlite3.OperationalError):
    """An error of SQLite with its code."""

    def __init__(self, code: int) -> None:
        super().__init__("what a person wrote")
        self.sqlite_errorcode = code


def raised(kind: type[exc.DBAPIError], code: int = BUSY, *, cut: bool = False) -> exc.DBAPIError:
    return kind("statement", {}, DriverError(code), connection_invalidated=cut)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (raised(exc.OperationalError), Unavailable),
        (raised(exc.OperationalError, BROKEN), Unavailable),
        (raised(exc.DatabaseError, NOT_A_DATABASE, cut=True), Unavailable),
        (raised(exc.InterfaceError), Unavailable),
        (raised(exc.InternalError), Unavailable),
        (raised(exc.DBAPIError), Unavailable),
        (raised(exc.ProgrammingError, cut=True), Unavailable),
        (raised(exc.IntegrityError), Conflict),
        (exc.TimeoutError(), Unavailable),
        (ConnectionRefusedError(), Unavailable),
        (TimeoutError(), Unavailable),
        (raised(exc.OperationalError, MISUNDERSTOOD), None),
        (raised(exc.ProgrammingError), None),
        (raised(exc.DataError), None),
        (KeyError("ours"), None),
        (DriverError(BUSY), Unavailable),
        (sqlite3.DatabaseError("file is not a database"), Unavailable),
        (sqlite3.IntegrityError("what a person wrote"), Conflict),
        (DriverError(MISUNDERSTOOD), None),
        (sqlite3.ProgrammingError("ours"), None),
    ],
)
def test_each_error_is_the_database_s_or_ours(error: Exception, told: type[Exception]) -> None:
    found = _translated(error)
    assert (None if found is None else type(found)) is told
    assert found is None or "person" not in str(found)


def test_sqlite_keeps_what_is_committed_and_lets_who_reads_go_on(tmp_path: Path) -> None:
    async def said() -> list[object]:
        database = Database(in_folder(tmp_path))
        found = []
        async with database.read() as connection:
            names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys", "busy_timeout")
            for name in names:
                row = await connection.execute(text(f"PRAGMA {name}"))
                found.append(row.scalar_one())
        await database.close()
        return found

    assert asyncio.run(said()) == ["wal", 2, 1, 1, 5000]


def test_its_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    async def made() -> None:
        database = Database(in_folder(tmp_path))
        async with database.write() as connection:
            await connection.execute(text("CREATE TABLE a (b INTEGER)"))
        await database.close()

    asyncio.run(made())
    assert (tmp_path / "gateway.sqlite3").stat().st_mode & 0o077 == 0


def test_the_driver_is_told_all_of_it(tmp_path: Path) -> None:
    made = _for_driver(parse("postgresql://me:word@db.example.org:5433/clinic"))
    assert made.render_as_string(hide_password=False) == (
        "postgresql+asyncpg://me:word@db.example.org:5433/clinic"
    )
    assert "word" not in str(made)
    assert _for_driver(in_folder(tmp_path)).drivername == "sqlite+aiosqlite"
