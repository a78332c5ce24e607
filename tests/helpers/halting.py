"""Two who are in one database at once: one of them stands still at a statement of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar
from unittest import mock

from sqlalchemy import event
from sqlalchemy.util import await_only

from tta_gateway.support.sql import at_once
from tta_gateway.support.sql.database import Database

_AS_FAR_AS_IT_GETS: Final = 0.5  # seconds that the other one has
_PATIENCE: Final = 4.0  # seconds, less than a statement has
T = TypeVar("T")
U = TypeVar("U")
_driven: Final = at_once._driven


class Halt:
    """A place at which a transaction stands still."""

    def __init__(self, words: str) -> None:
        self._words = words
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._is_next = False
        self._may_go_on = threading.Event()

    def after(self, _: object, __: object, statement: str, *___: object) -> None:
        if self._words in " ".join(statement.split()) and not self.reached.is_set():
            self.reached.set()
            await_only(self.go_on.wait())

    def driven(self, work: at_once.Work[T], held: at_once.Held) -> T:
        """Look at each statement of a transaction in one go, where the driver itself is asked."""
        if held.driver is not None:
            held.driver.set_trace_callback(self._traced)
        return _driven(work, held)

    def _traced(self, statement: str) -> None:
        """Stand still before the statement that follows, on the thread of SQLite."""
        if self._is_next and not self._may_go_on.is_set():
            self._loop.call_soon_threadsafe(self.reached.set)
            self._may_go_on.wait(_PATIENCE)
        elif self._words in " ".join(statement.split()):
            self._is_next = True

    def end(self) -> None:
        """Let it go on."""
        self.go_on.set()
        self._may_go_on.set()


@contextmanager
def halting(database: Database, words: str) -> Iterator[Halt]:
    """Stand still behind the first statement that holds these words, its locks held."""
    made, engine = Halt(words), database.engine.sync_engine
    event.listen(engine, "after_cursor_execute", made.after)
    try:
        with mock.patch.object(at_once, "_driven", made.driven):
            yield made
    finally:
        made.end()
        event.remove(engine, "after_cursor_execute", made.after)


async def meanwhile(
    database: Database, words: str, slow: Awaitable[T], fast: Awaitable[U]
) -> tuple[T, U]:
    """Have one stand still in its transaction while another goes as far as it gets."""
    with halting(database, words) as halt:
        one = asyncio.ensure_future(slow)
        async with asyncio.timeout(_PATIENCE):
            await halt.reached.wait()
        other = asyncio.ensure_future(fast)
        await asyncio.wait({other}, timeout=_AS_FAR_AS_IT_GETS)
        halt.end()
        return await one, await other
