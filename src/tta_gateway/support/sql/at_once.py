"""Transactions in one go: each is one word to a thread (SQLite), or one greenlet (PostgreSQL).

Whoever asks statement by statement over `AsyncConnection` pays for each several hops to a thread
and back.  Here all of a transaction runs where its connection is: the same code, written with
`await`, but none of it waits, so that it can be driven to its end in one step.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
Work: TypeAlias = Callable[[AsyncConnection], Coroutine[Any, Any, T]]
"""A transaction: it may wait for its connection, and for nothing else."""


class Held:
    """A connection where it is: the words of `AsyncConnection` that stores use; none waits."""

    __slots__ = ("_connection", "driver")

    def __init__(self, connection: Connection) -> None:
        """Speak with this one; on SQLite the driver may be asked itself (prepared.py)."""
        self._connection = connection
        self.driver: sqlite3.Connection | None = None
        if connection.dialect.name == "sqlite":
            self.driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)

    @property
    def dialect(self) -> Dialect:
        """Return which kind of database it is."""
        return self._connection.dialect

    async def execute(self, asked: Executable, parameters: Any = None) -> CursorResult[Any]:  # noqa: ANN401 - of columns
        """Ask."""
        return self._connection.execute(asked, parameters)

    async def scalar(self, asked: Executable, parameters: Any = None) -> Any:  # noqa: ANN401 - of columns
        """Ask for one value."""
        return self._connection.scalar(asked, parameters)

    async def exec_driver_sql(self, asked: str) -> CursorResult[Any]:
        """Ask in the words of the driver."""
        return self._connection.exec_driver_sql(asked)


def driven(work: Work[T], connection: Connection) -> T:
    """Do all of a transaction here; its begin and its end are others' business."""
    return _driven(work, Held(connection))


def _driven(work: Work[T], held: Held) -> T:
    doing = work(cast("AsyncConnection", held))
    try:
        doing.send(None)
    except StopIteration as done:
        told: T = done.value
        return told
    doing.close()
    raise RuntimeError("a transaction in one go waits for something else than its connection")


class _GivenUp(Exception):
    """Nobody waits for it any more: it is undone."""


class _Turn:
    """What is to be done, if not to end, and who waits for it."""

    __slots__ = ("future", "is_given_up", "loop", "work")

    def __init__(self, work: Work[Any] | None) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.is_given_up = False


class Lane:
    """A thread with a connection of its own, which does one transaction after the other."""

    def __init__(self, engine: Engine, *, begin: str, name: str) -> None:
        """Begin when first asked; `begin` is how SQLite is told of each transaction."""
        self._engine: Final = engine
        self._begin = begin
        self._name = name
        self._turns: SimpleQueue[_Turn] = SimpleQueue()
        self._is_open = False
        self._is_over = False

    async def done(self, work: Work[T]) -> T:
        """Return what comes of a transaction, committed; if who asks gives up it is undone.

        ConnectionError, once it is closed: a thread that began again would be ended by nobody.
        """
        if self._is_over:
            raise ConnectionError("closed")
        if not self._is_open:
            self._is_open = True
            # Not one that is waited for at the end: it may hang at a disk.
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        turn = _Turn(work)
        self._turns.put(turn)
        try:
            told: T = await turn.future
        except asyncio.CancelledError:
            turn.is_given_up = True
            raise
        return told

    async def close(self) -> None:
        """End the thread, behind what it has begun; for good."""
        self._is_over = True
        if self._is_open:
            self._is_open = False
            last = _Turn(None)
            self._turns.put(last)
            await last.future

    # --- on the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        held: _Connected | None = None
        while (work := (turn := self._turns.get()).work) is not None:
            try:
                held = held or _Connected(self._engine.connect(), self._begin)
                done = held.done(work, turn)
            except BaseException as error:  # noqa: BLE001 - whoever waits hears of it
                if held is not None and _spoils(error):
                    _drop(held.connection)
                    held = None
                _tell(turn, _fail, error)
            else:
                _tell(turn, _succeed, done)
            del turn, work  # nobody knows how long the next one is waited for
        if held is not None:
            held.connection.close()
        _tell(turn, _succeed, None)


class _Connected:
    """A connection to SQLite, and its transactions.

    The driver itself is told when they begin and end: it is much less to do than with SQLAlchemy,
    which begins one of its own only where a statement is no prepared one, and ends it with this.
    """

    __slots__ = ("_begin", "_driver", "_held", "connection")

    def __init__(self, connection: Connection, begin: str) -> None:
        self.connection = connection
        self._held = Held(connection)
        assert self._held.driver is not None  # lanes are SQLite's
        self._driver = self._held.driver
        self._begin = begin

    def done(self, work: Work[T], turn: _Turn) -> T:
        """Return what comes of a transaction; whatever is raised has it undone."""
        self._driver.execute(self._begin)
        try:
            _go_on(turn)
            told = _driven(work, self._held)
            _go_on(turn)
            self._end(self.connection.commit, self._driver.commit)
        except BaseException:
            self._end(self.connection.rollback, self._driver.rollback)
            raise
        return told

    def _end(self, ours: Callable[[], None], drivers: Callable[[], None]) -> None:
        """End it: by way of SQLAlchemy where that has taken part, which asks the driver to."""
        (ours if self.connection.in_transaction() else drivers)()


def _go_on(turn: _Turn) -> None:
    if turn.is_given_up:
        raise _GivenUp


def _spoils(error: BaseException) -> bool:
    """Tell whether a connection may be no good behind this."""
    theirs = isinstance(error, DBAPIError | sqlite3.Error)
    return theirs and not isinstance(error, IntegrityError | sqlite3.IntegrityError)


def _drop(connection: Connection) -> None:
    with contextlib.suppress(Exception):
        connection.invalidate()
        connection.close()


def _tell(turn: _Turn, how: Callable[[asyncio.Future[Any], Any], None], what: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is gone, and whoever waited
        turn.loop.call_soon_threadsafe(how, turn.future, what)


def _succeed(future: asyncio.Future[Any], told: object) -> None:
    if not future.done():
        future.set_result(told)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
