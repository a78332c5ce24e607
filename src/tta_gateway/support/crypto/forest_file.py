"""The forest of a store that is this node's alone: in the file of data keys (key_store.py)."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from tta_gateway.support.crypto.forest import Made
from tta_gateway.support.crypto.key_store import NAME, opened


class ForestFile:
    """A Shelf; the process that has it is the only one to change the forest."""

    def __init__(self, state: Path) -> None:
        """Look for it in this state folder when it is asked for."""
        self._file = state / NAME

    async def revision(self) -> int:
        """Return the number of the last change; OSError."""
        return (await asyncio.to_thread(self._done, None, ""))[0]

    async def changed(self, made: Made, *, once: str = "") -> tuple[int, bytes]:
        """Keep what is made of it, in one step; return its number, and what is kept; OSError."""
        return await asyncio.to_thread(self._done, made, once)

    def _done(self, made: Made | None, once: str) -> tuple[int, bytes]:
        try:
            with contextlib.closing(opened(self._file)) as database:
                return _read(database) if made is None else _changed(database, made, once)
        except sqlite3.Error as error:
            raise OSError(f"{self._file}: {error}") from error


def _changed(database: sqlite3.Connection, made: Made, once: str) -> tuple[int, bytes]:
    with database:
        database.execute("BEGIN IMMEDIATE")
        number, before = _read(database)
        marked = "INSERT OR IGNORE INTO erasures VALUES (?)"
        if once and not database.execute(marked, (f"store {once}",)).rowcount:
            return number, before
        after = made(before or None)
        if after == before:
            return number, before
        database.execute("INSERT OR REPLACE INTO forest VALUES (1, ?, ?)", (number + 1, after))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return number + 1, after


def _read(database: sqlite3.Connection) -> tuple[int, bytes]:
    row = database.execute("SELECT revision, wrapped FROM forest").fetchone()
    return (0, b"") if row is None else (int(row[0]), bytes(row[1]))
