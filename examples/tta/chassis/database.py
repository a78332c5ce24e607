"""Where a service keeps what it knows: one SQLite file, a table a kind, a JSON document a row."""

import json
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel

Kind = TypeVar("Kind", bound=BaseModel)


class Database:
    """One file, one connection, one transaction at a time: routes run in several threads."""

    def __init__(self, path: Path, *kinds: type[BaseModel]) -> None:
        """Open the file, making it and a table for each kind where they are missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        for kind in kinds:
            table = _table(kind)
            self._connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (key TEXT PRIMARY KEY, body TEXT NOT NULL)"
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all of what follows or none of it; inside another one, be part of that."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # commits, or rolls back when something is raised
                yield self._connection


class Shelf(Generic[Kind]):
    """All documents of one kind, oldest first."""

    def __init__(self, database: Database, kind: type[Kind]) -> None:
        """Read and write `kind` in `database`."""
        self._database = database
        self._kind = kind
        self._table = _table(kind)

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Do all of what follows or none of it, alone."""
        return self._database.transaction()

    def get(self, key: str) -> Kind | None:
        """Return the document of this key, if there is one."""
        found = self._select("key = ?", key)
        return found[0] if found else None

    def find(self, field: str, value: str) -> list[Kind]:
        """Return the documents whose field has this value."""
        return self._select("json_extract(body, ?) = ?", f"$.{field}", value)

    def put(self, key: str, document: Kind) -> Kind:
        """Keep the document under this key, in the place of the one before; return it."""
        with self._database.transaction() as connection:
            connection.execute(
                f"INSERT INTO {self._table} VALUES (?, ?)"  # noqa: S608 - the table is a class name
                " ON CONFLICT (key) DO UPDATE SET body = excluded.body",
                (key, json.dumps(document.model_dump(mode="json"))),
            )
        return document

    def remove(self, key: str) -> None:
        """Forget the document of this key."""
        with self._database.transaction() as connection:
            connection.execute(f"DELETE FROM {self._table} WHERE key = ?", (key,))  # noqa: S608

    def _select(self, condition: str, *values: str) -> list[Kind]:
        query = f"SELECT body FROM {self._table} WHERE {condition} ORDER BY rowid"  # noqa: S608
        with self._database.transaction() as connection:
            rows = connection.execute(query, values).fetchall()
        return [self._kind.model_validate_json(body) for (body,) in rows]


def shelf_of(kind: type[Kind]) -> Callable[[Request], Coroutine[Any, Any, Shelf[Kind]]]:
    """Return the dependency that gives a route the shelf of a kind in its service's database."""

    async def shelf(request: Request) -> Shelf[Kind]:  # async only to stay out of a thread
        return Shelf(request.app.state.database, kind)

    return shelf


def _table(kind: type[BaseModel]) -> str:
    return kind.__name__.lower()
