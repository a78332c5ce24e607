"""Connections and transactions of one database."""

import asyncio
import os
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from functools import partial
from types import TracebackType
from typing import Any, Final

from sqlalchemy import URL, Engine, NullPool, create_engine, event
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tta_gateway.support.sql.at_once import Lane, T, Work, driven
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.url import DatabaseUrl

PATIENCE: Final = 5.0  # seconds, for a connection and for a statement
_CONNECTIONS: Final = 8
_THEIRS: Final = (OperationalError, InterfaceError, InternalError)
_LITE: Final = (sqlite3.OperationalError, sqlite3.InternalError)
_BARE: Final = (PoolTimeout, OSError, TimeoutError)
_READS: Final = "tta_gateway_reads"
"""marks connections that only read"""
_READ: Final = "BEGIN"
_WRITE: Final = "BEGIN IMMEDIATE"
_SQLITE: Final = (
    "PRAGMA journal_mode=WAL",  # who reads does not wait for who writes
    "PRAGMA synchronous=FULL",  # what is committed outlives the power
    "PRAGMA secure_delete=ON",  # not all builds of SQLite have it so: a key that is erased is gone
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={int(PATIENCE * 1000)}",
)


class Database:
    """A database: `read` and `write` give connections, and take them back whatever happens.

    `seen` and `written` do the same for less, where a transaction waits for nothing else: what is
    asked often goes by them.
    """

    def __init__(self, url: DatabaseUrl) -> None:
        """Connect when first asked."""
        self.url = url
        self._engine = _engine(url)
        one_state = {} if url.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        # SQLite lets one write at a time, and who waits there sleeps: better in a row, and awake.
        self._turn: AbstractAsyncContextManager[object] = (
            asyncio.Lock() if url.is_sqlite else nullcontext()
        )
        self._readers = self._engine.execution_options(**{_READS: True}, **one_state)
        self._lanes = _lanes(url) if url.is_sqlite else None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees one state of things; Unavailable if it cannot be had."""
        patience = asyncio.timeout(2 * PATIENCE)
        with _Told():
            async with patience, self._readers.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that is committed at the end, or undone if anything is raised.

        What it has read stays true until then only where it has locked it (`with_for_update`; on
        SQLite it writes alone from its begin on).  Unavailable, or Conflict.
        """
        patience = asyncio.timeout(2 * PATIENCE)
        with _Told():
            async with patience, self._turn, self._engine.begin() as connection:
                yield connection

    async def seen(self, work: Work[T]) -> T:
        """Return what comes of a transaction that only reads, in one go (at_once.py)."""
        if self._lanes is not None:
            with _Told():
                async with asyncio.timeout(2 * PATIENCE):
                    return await self._lanes[0].done(work)
        async with self.read() as connection:
            return await connection.run_sync(partial(driven, work))

    async def written(self, work: Work[T]) -> T:
        """Return what comes of a transaction, in one go: it is committed, or undone, as above."""
        if self._lanes is not None:
            with _Told():
                async with asyncio.timeout(2 * PATIENCE), self._turn:
                    return await self._lanes[1].done(work)
        async with self.write() as connection:
            return await connection.run_sync(partial(driven, work))

    async def close(self, *, patience: float = PATIENCE) -> None:
        """Let go of all connections, for good; of what hangs after so many seconds."""
        for lane in self._lanes or ():
            with suppress(TimeoutError):  # it hangs at a disk: its thread keeps nobody
                async with asyncio.timeout(patience):
                    await lane.close()
        await self._engine.dispose()

    @property
    def engine(self) -> AsyncEngine:
        """What migrations run on."""
        return self._engine


class _Told:
    """Translate what SQLAlchemy and the drivers raise, without their texts: they may quote data.

    A statement that the database does not understand is a fault of ours, and stays what it is.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        places: TracebackType | None,
    ) -> None:
        """Raise what it means to whoever asked; what is not the database's goes on as it is."""
        told = _translated(error) if isinstance(error, Exception) else None
        if told is not None:
            raise told from None


def _translated(error: Exception) -> Exception | None:
    """Return what a caller hears of it; None where it is a fault of ours, or the caller's own."""
    if isinstance(error, sqlite3.Error):  # bare, of statements that are prepared
        return _of_sqlite(error)
    if isinstance(error, DBAPIError):
        name = type(error.orig).__name__
        if isinstance(error, IntegrityError):
            return Conflict(name)
        # SQLite has understood its file then, and not the statement.
        ours = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
        bare = type(error) is DBAPIError  # as what asyncpg raises while it logs in
        theirs = isinstance(error, _THEIRS) or bare or error.connection_invalidated
        return Unavailable(name) if theirs and not ours else None
    # While it connects, the driver's own come bare.
    if isinstance(error, _BARE) or type(error).__module__.startswith("asyncpg"):
        return Unavailable(type(error).__name__)
    return None


def _of_sqlite(error: sqlite3.Error) -> Exception | None:
    name = type(error).__name__
    if isinstance(error, sqlite3.IntegrityError):
        return Conflict(name)
    # A broken file is a DatabaseError itself.
    theirs = isinstance(error, _LITE) or type(error) is sqlite3.DatabaseError
    ours = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return Unavailable(name) if theirs and not ours else None


def _engine(url: DatabaseUrl) -> AsyncEngine:
    if url.is_sqlite:
        made = create_async_engine(
            _for_driver(url),
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=PATIENCE,
            hide_parameters=True,
        )
        _listen(made.sync_engine, url.file)
        event.listen(made.sync_engine, "begin", _begun)
        return made
    return create_async_engine(
        _for_driver(url),
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=PATIENCE,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "ssl": _context(url) if url.encrypted else False,
            "timeout": PATIENCE,
            "command_timeout": PATIENCE,
            "server_settings": {"application_name": "tta-gateway"},
        },
    )


def _lanes(url: DatabaseUrl) -> tuple[Lane, Lane]:
    """Return who reads and who writes in SQLite in one go."""
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=url.file), poolclass=NullPool, hide_parameters=True
    )
    _listen(engine, url.file)
    return (
        Lane(engine, begin=_READ, name="sqlite reads"),
        Lane(engine, begin=_WRITE, name="sqlite writes"),
    )


def _listen(engine: Engine, file: str) -> None:
    event.listen(engine, "do_connect", lambda *_: _owned(file))
    event.listen(engine, "connect", _prepared)


def _for_driver(url: DatabaseUrl) -> URL:
    if url.is_sqlite:
        return URL.create("sqlite+aiosqlite", database=url.file)
    return URL.create(
        "postgresql+asyncpg",
        username=url.user,
        password=url.password or None,
        host=url.host,
        port=url.port,
        database=url.name,
    )


def _context(url: DatabaseUrl) -> ssl.SSLContext:
    """Return how its certificate is looked at: by what was read, or by what the machine trusts."""
    made = ssl.create_default_context(cadata=url.authorities.decode() or None)
    if not url.verified:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _owned(file: str) -> None:
    """Have the file be its owner's alone; what SQLite puts beside it gets the same mode."""
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _prepared(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own
    """Have SQLite be safe, and leave the begin of transactions to us."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for line in _SQLITE:
        cursor.execute(line)
    cursor.close()


def _begun(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own, of another kind
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql(_READ if reads else _WRITE)
