"""Statements that are made once, and asked for a fraction of what SQLAlchemy takes for one.

Where a transaction is done in one go on SQLite (at_once.py) the driver itself is asked; everywhere
else SQLAlchemy is.  The words and the order of the columns are SQLAlchemy's own in both.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Executable
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

_LITE: Final = SQLiteDialect_pysqlite()


class Prepared:
    """One of them: a query, or a change with the columns that are named when it is asked.

    Of its columns each has to be of a type that the driver takes and gives as it is: numbers,
    texts and bytes.
    """

    __slots__ = ("_lite", "_statement")

    def __init__(self, statement: Executable) -> None:
        """Keep it."""
        self._statement = statement
        self._lite: dict[tuple[str, ...], _Lite] = {}

    async def all(self, connection: AsyncConnection, **said: object) -> Sequence[Sequence[Any]]:
        """Return the rows."""
        driver = _driver(connection)
        if driver is None:
            return (await connection.execute(self._statement, said)).all()
        lite = self._for(said)
        return driver.execute(lite.words, lite.values(said)).fetchall()

    async def first(self, connection: AsyncConnection, **said: object) -> Sequence[Any] | None:
        """Return the only row, or the first; None if there is none."""
        driver = _driver(connection)
        if driver is None:
            return (await connection.execute(self._statement, said)).first()
        lite = self._for(said)
        found: Sequence[Any] | None = driver.execute(lite.words, lite.values(said)).fetchone()
        return found

    async def scalar(self, connection: AsyncConnection, **said: object) -> Any:  # noqa: ANN401 - of columns
        """Return the first value of the only row; None if there is none."""
        found = await self.first(connection, **said)
        return None if found is None else found[0]

    async def do(self, connection: AsyncConnection, **said: object) -> None:
        """Have it done."""
        driver = _driver(connection)
        if driver is None:
            await connection.execute(self._statement, said)
        else:
            lite = self._for(said)
            driver.execute(lite.words, lite.values(said))

    async def do_each(
        self, connection: AsyncConnection, rows: Sequence[Mapping[str, object]]
    ) -> None:
        """Have it done for each of these, which name the same columns, in this order."""
        driver = _driver(connection)
        if driver is None:
            await connection.execute(self._statement, rows)
        else:
            lite = self._for(rows[0])
            driver.executemany(lite.words, [lite.values(one) for one in rows])

    def _for(self, said: Mapping[str, object]) -> "_Lite":
        names = tuple(said)
        found = self._lite.get(names)
        if found is None:
            self._lite[names] = found = _Lite(self._statement, names)
        return found


class _Lite:
    """A statement in SQLite's words."""

    __slots__ = ("_fixed", "_order", "words")

    def __init__(self, statement: Executable, names: Sequence[str]) -> None:
        made = statement.compile(dialect=_LITE, column_keys=list(names))  # type: ignore[attr-defined]
        assert isinstance(made, SQLCompiler)  # it is no DDL
        self.words = str(made)
        self._order = tuple(made.positiontup or ())
        self._fixed = {name: made.params[name] for name in self._order if name not in names}

    def values(self, said: Mapping[str, object]) -> list[Any]:
        """Return what stands for its marks."""
        if self._fixed:
            said = {**self._fixed, **said}
        return [said[name] for name in self._order]


def _driver(connection: AsyncConnection) -> sqlite3.Connection | None:
    found: sqlite3.Connection | None = getattr(connection, "driver", None)
    return found
