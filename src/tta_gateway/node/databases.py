"""The database, as control keeps it: opened, and brought to the schema of this version, aside.

Control starts and serves without it; what needs it hears `Unavailable` until it is there, and again
while it does not answer.  What is wrong is told once, and tried again and again.  SQLAlchemy is
imported when a database is first wanted, in a thread: it costs a second and forty megabytes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tta_gateway.node.sqlalchemy_aside import imported, steps_imported
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.sql.away import Unavailable
from tta_gateway.support.sql.url import DatabaseUrl, in_folder

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tta_gateway.support.sql.database import Database

PAUSE: Final = 1.0  # seconds until it is looked at again
_YET: Final = "database: it has not answered yet"
Open = Callable[[DatabaseUrl], Awaitable["Database"]]


async def _answered(connection: "AsyncConnection") -> None:
    await connection.exec_driver_sql("SELECT 1")


class TooNew(Exception):
    """A newer version of the gateway has written its schema."""


async def opened(url: DatabaseUrl) -> "Database":
    """Return a database with the schema of this version; Unavailable or TooNew."""
    await imported()
    from tta_gateway.support.sql import migrate
    from tta_gateway.support.sql.database import Database

    made = Database(url)
    try:
        if not await migrate.is_whole(made):
            await steps_imported()
            await migrate.migrate(made)
    except BaseException as error:
        await made.close()
        if isinstance(error, migrate.TooNew):
            raise TooNew from None
        raise
    return made


class Databases:
    """The database that the configuration in force names, as soon as it is there."""

    def __init__(
        self,
        log: EventLog,
        *,
        open: Open = opened,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin without one."""
        self._log = log
        self._open = open
        self._sleep = sleep
        self._wanted: DatabaseUrl | None = None
        self._url: DatabaseUrl | None = None
        self._database: Database | None = None
        self._told = ""
        self.complaints: list[str] = []
        self.tell: Callable[[bool], None] = lambda _: None
        """Hears whether it is away."""

    def adopt(self, snapshot: Snapshot, *, is_needed: bool) -> None:
        """Go by this configuration; without a name of one only what is needed is opened."""
        found = snapshot.database
        if found is None and is_needed:
            found = in_folder(Path(snapshot.state_dir))
        if found != self._wanted:
            self._wanted = found
            self.complaints = [] if found is None else [_YET]

    @property
    def is_wanted(self) -> bool:
        """Tell whether there is to be one."""
        return self._wanted is not None

    @property
    def database(self) -> "Database":
        """Return it; Unavailable while it is not there."""
        if self._database is None or self._url != self._wanted or self.complaints:
            raise Unavailable("not there")
        return self._database

    async def watch(self) -> None:
        """Open it, and look at it, for ever."""
        while True:
            await self.look()
            await self._sleep(PAUSE)

    async def look(self) -> None:
        """Open it if it is not, and look whether it answers."""
        if self._url != self._wanted:
            await self._close()
        if self._wanted is None:
            self._take("")
            return
        wanted = self._wanted
        words = await self._asked(wanted)
        if wanted == self._wanted:
            self._take(words)

    async def _asked(self, wanted: DatabaseUrl) -> str:
        """Return what keeps it from being asked; nothing if it answers."""
        try:
            if self._database is None:
                self._database, self._url = await self._open(wanted), wanted
            await self._database.seen(_answered)
        except Unavailable as error:
            return f"database: it could not be asked: {error}"
        except TooNew:
            return (
                "database: a newer version of the gateway has written it: install that one, or "
                "name another database"
            )
        except Exception as fault:  # noqa: BLE001 - nobody else would ask again
            return f"database: it could not be asked: {type(fault).__name__}"
        return ""

    def _take(self, words: str) -> None:
        """Keep what is wrong with it, and log it where that is news: why it is away is none."""
        self.complaints = [words] if words else []
        self.tell(bool(words))
        told = words.partition(": ")[2].partition(":")[0]
        if told == self._told:
            return
        self._told = told
        if words:
            self._log.event("store_unfit", store="database", complaints=[words])
        else:
            self._log.event("store_fit", store="database")

    async def close(self) -> None:
        """Let go of it: its threads must not find the loop gone."""
        self._wanted = None
        await self._close()

    async def _close(self) -> None:
        made, self._database, self._url = self._database, None, None
        if made is not None:
            await made.close()
