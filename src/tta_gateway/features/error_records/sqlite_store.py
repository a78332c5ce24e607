"""Where records are kept: a file of SQLite in the state folder, which all processes share.

It holds what records are found by, and all else sealed.  The reasons of those who have read one
stand there too, sealed likewise; they stay when the record has gone.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, cast

from tta_gateway.features.error_records.record import Kind, Row

NAME: Final = "errors.sqlite"
"""The file, in the state folder."""
MOST: Final = 200
"""Records that are listed at once."""
_PATIENCE: Final = 2.0  # seconds, for another process that writes
_AT_ONCE: Final = 0.05  # of the records, the part that goes when there is no room
_SCHEMA: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA secure_delete = ON",
    "CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, at REAL NOT NULL, correlation TEXT "
    "NOT NULL, kind TEXT NOT NULL, status INTEGER NOT NULL, code TEXT NOT NULL, sealed BLOB NOT "
    "NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS records_at ON records (at)",
    "CREATE INDEX IF NOT EXISTS records_of ON records (correlation)",
    "CREATE TABLE IF NOT EXISTS readings (number INTEGER PRIMARY KEY, record TEXT NOT NULL, "
    "at REAL NOT NULL, sealed BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS readings_of ON readings (record)",
)
_FOUND_BY: Final = "id, at, correlation, kind, status, code"


class SqliteStore:
    """The file; OSError says that it cannot be used.  One thread at a time uses it."""

    def __init__(self, state: Path) -> None:
        """Look for it there; nothing is opened before it is needed."""
        self._path = state / NAME
        self._database: sqlite3.Connection | None = None

    @property
    def is_there(self) -> bool:
        """Tell whether anything has been kept yet."""
        return self._database is not None or self._path.exists()

    def add(self, rows: Sequence[Row]) -> None:
        """Keep these."""
        statement = "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)"
        told = [
            (one.id, one.at, one.correlation, one.kind, one.status, one.code, one.sealed)
            for one in rows
        ]
        with self._using() as database, database:
            database.executemany(statement, told)

    def tidy(self, before: float, size: int) -> int:
        """Forget what is older than this, and the oldest beyond that many bytes; say how many."""
        with self._using() as database:
            with database:
                gone = database.execute("DELETE FROM records WHERE at < ?", (before,)).rowcount
            while _used(database) > size:
                with database:
                    more = database.execute(
                        "DELETE FROM records WHERE id IN (SELECT id FROM records ORDER BY at LIMIT "
                        "(SELECT 1 + CAST(count(*) * ? AS INTEGER) FROM records))",
                        (_AT_ONCE,),
                    ).rowcount
                if not more:
                    break
                gone += more
            return gone

    def rows(self, correlation: str = "", *, skip: int = 0, most: int = MOST) -> list[Row]:
        """Return what records are found by, the newest first; of one id only, where it is told."""
        where = "WHERE correlation = ?" if correlation else ""
        asked: tuple[object, ...] = (correlation,) if correlation else ()
        query = f"SELECT {_FOUND_BY} FROM records {where} ORDER BY at DESC LIMIT ? OFFSET ?"  # noqa: S608 - of ours
        with self._using() as database:
            found = database.execute(query, (*asked, most, skip)).fetchall()
        return [_row((*one, b"")) for one in found]

    def row(self, id: str) -> Row | None:
        """Return a record, sealed; None if there is none."""
        query = f"SELECT {_FOUND_BY}, sealed FROM records WHERE id = ?"  # noqa: S608 - of ours
        with self._using() as database:
            found = database.execute(query, (id,)).fetchone()
        return None if found is None else _row(found)

    def note(self, record: str, at: float, sealed: bytes) -> None:
        """Keep that a record is read; it is on the disk when this returns."""
        with self._using() as database:
            database.execute("PRAGMA synchronous = FULL")
            with database:
                statement = "INSERT INTO readings (record, at, sealed) VALUES (?, ?, ?)"
                database.execute(statement, (record, at, sealed))

    def notes(self, record: str) -> list[tuple[float, bytes]]:
        """Return when a record was read, and the rest sealed, in order."""
        query = "SELECT at, sealed FROM readings WHERE record = ? ORDER BY number"
        with self._using() as database:
            return database.execute(query, (record,)).fetchall()

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Give the file; what SQLite refuses is an OSError, and the file is opened anew."""
        try:
            yield self._opened()
        except sqlite3.Error as error:
            self.close()
            raise OSError(f"{self._path}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._database is not None:
            return self._database
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(self._path, timeout=_PATIENCE, check_same_thread=False)
        try:
            for statement in _SCHEMA:
                database.execute(statement)
        except BaseException:
            database.close()
            raise
        self._database = database
        return database

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None


def _used(database: sqlite3.Connection) -> int:
    """Return how many bytes the file has in use."""
    pages, free, size = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _row(found: Sequence[object]) -> Row:
    id, at, correlation, kind, status, code, sealed = found
    return Row(
        id=str(id),
        at=cast("float", at),
        correlation=str(correlation),
        kind=cast("Kind", kind),
        status=cast("int", status),
        code=str(code),
        sealed=cast("bytes", sealed),
    )
