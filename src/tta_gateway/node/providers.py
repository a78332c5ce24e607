"""Login providers: where logins by way of others meet the rest of control."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.external_client import HttpPeer
from tta_gateway.features.identity.external_directory import Directory
from tta_gateway.features.identity.external_login import ExternalLogin, Tools
from tta_gateway.features.identity.external_store import ExternalStore
from tta_gateway.features.identity.recheck import Rechecker
from tta_gateway.features.identity.sign_in import SignIn
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.sql.away import Unavailable

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

EACH: Final = 1.0  # seconds between two looks
_TIDIED_EACH: Final = 60.0  # seconds


class LoginProviders:
    """All that lets people in by way of providers; nothing of it where there are none."""

    def __init__(self, bus: Bus, *, log: EventLog, clock: Clock, counts: Registry) -> None:
        """Begin with none."""
        self._peer = HttpPeer()
        self._log = log
        self._clock = clock
        self._counts = counts
        self._issuing: Issuing | None = None
        self._store: ExternalStore | None = None
        self._login: ExternalLogin | None = None
        self._tidied = clock.monotonic()
        self.directory = Directory(
            self._peer, bus, log=log, clock=clock, counts=counts, chance=random.random
        )

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""
        return self._issuing

    @property
    def external(self) -> ExternalLogin | None:
        """Return who lets people in; None where nobody is, or not yet."""
        return None if self._issuing is None else self._login

    def adopt(self, issuing: Issuing | None) -> None:
        """Go by this configuration."""
        self._issuing = issuing
        self.directory.adopt(() if issuing is None else issuing.providers)

    def build(
        self,
        database: Callable[[], "Database"],
        sign_in: SignIn,
        *,
        issuing: Callable[[], Issuing],
        key: Callable[[], bytes],
        lasting: Callable[[], float],
        rechecker: Rechecker,
    ) -> None:
        """Work with a database, and what issues tokens; `lasting` as in node/issuing.py."""
        from tta_gateway.features.identity.sql_external import SqlExternal

        self._store = store = SqlExternal(database, lasting=lasting)
        self._login = ExternalLogin(
            Tools(sign_in, sign_in.stores.users, store, self.directory, self._peer, rechecker),
            issuing=issuing,
            key=key,
            wall=self._clock.wall,
            log=self._log,
            counts=self._counts,
        )

    async def run(self) -> None:
        """Look at the providers whenever that is due, for ever."""
        while True:
            await self.directory.look()
            await self._tidy()
            await asyncio.sleep(EACH)

    async def _tidy(self) -> None:
        now = self._clock.monotonic()
        if self._store is not None and now - self._tidied >= _TIDIED_EACH:
            self._tidied = now
            with contextlib.suppress(Unavailable):  # node/databases.py says so
                await self._store.tidy(self._clock.wall())
