"""Two who are in one database at once: one of them stands still at a statement of its own."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import event
from sqlalchemy.util import await_only

from tta_gateway.support.sql.database import Database

_AS_FAR_AS_IT_GETS: Final = 0.5  # seconds that the other one has
_PATIENCE: Final = 4.0  # seconds, less than a statement has
T = TypeVar("T")
U = TypeVar("U")


class Halt:
    """A place at which a transaction stands still."""

    def __init__(self, words: str) -> None:
        self._words = words
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    def after(self, _: object, __: object, statement: str, *___: object) -> None:
        if self._words in " ".join(statement.split()) and not self.reached.is_set():
            self.reached.set()
            await_only(self.go_on.wait())


@contextmanager
def halting(database: Database, words: str) -> Iterator[Halt]:
    """Stand still behind the first statement that holds these words, its locks held."""
    made, engine = Halt(words), database.engine.sync_engine
    event.listen(engine, "after_cursor_execute", made.after)
    try:
        yield made
    finally:
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
        halt.go_on.set()
        return await one, await other
