"""A link: one address, and a connection to it that is opened anew whenever it is lost."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Protocol

from tta_gateway.support.tasks import spawn
from tta_gateway.support.valkey.connection import Connection, Pending, Reply
from tta_gateway.support.valkey.dial import PATIENCE, dial, why
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.pause import LIVED, pause
from tta_gateway.support.valkey.topology import Address, Login

IDLE: Final = 5.0  # seconds between two signs of life that are asked for


class Keeper(Protocol):
    """Whose links they are."""

    def refused(self, link: "Link", pending: Pending, error: Refused) -> bool:
        """Tell whether the command has been taken over, and its caller need not know."""

    def pushed(self, push: list[Reply]) -> None:
        """Take what the server says unasked."""

    def opened(self, link: "Link") -> None:
        """Take note that commands can be sent."""

    def closed(self, link: "Link", reason: str) -> None:
        """Take note that none can, and why; said again when the reason changes."""


class Way:
    """How all links of a client connect."""

    __slots__ = ("chance", "died", "login", "loop", "name", "role", "tls")

    def __init__(
        self,
        login: Login,
        *,
        tls: ssl.SSLContext | None,
        name: str,
        chance: Callable[[], float],
        died: Callable[[str, BaseException], None],
        role: str = "master",
    ) -> None:
        """Keep it; `name` is what the server calls us, `role` what the server has to be."""
        self.login = login
        self.tls = tls
        self.name = name
        self.chance = chance
        self.died = died
        self.role = role
        self.loop = asyncio.get_running_loop()


class Link:
    """Keeps a connection to one address."""

    __slots__ = (
        "_closing",
        "_connection",
        "_failures",
        "_gone",
        "_keeper",
        "_way",
        "address",
        "reason",
    )

    def __init__(self, address: Address, *, way: Way, keeper: Keeper) -> None:
        """Begin to connect."""
        self.address = address
        self.reason = "not connected yet"
        self._way = way
        self._keeper = keeper
        self._connection: Connection | None = None
        self._gone: asyncio.Event = asyncio.Event()
        self._failures = 0
        self._closing = False
        spawn(self._keep(), name="valkey", died=way.died)

    @property
    def is_open(self) -> bool:
        """Tell whether commands can be sent."""
        return self._connection is not None

    def put(self, pending: Pending) -> None:
        """Send a command; Unavailable if that cannot be."""
        connection = self._connection
        if connection is None:
            raise Unavailable(self.reason)
        connection.put(pending)

    def write(self, packed: bytes) -> None:
        """Send what has no answer, if anybody hears it."""
        if self._connection is not None:
            self._connection.write(packed)

    def renew(self, reason: str) -> None:
        """Connect anew, behind the answers that are still to come."""
        connection = self._connection
        if connection is not None:
            self._failures += 1  # it is there, and not what is wanted: come back more slowly
            self._forget(reason)
            connection.leave()

    def close(self) -> None:
        """End behind the answers that are still to come."""
        self._closing = True
        connection = self._connection
        self._forget("closed")
        if connection is not None:
            connection.leave()

    # What its connection tells

    def refused(self, pending: Pending, error: Refused) -> bool:
        """Pass it on."""
        return self._keeper.refused(self, pending, error)

    def pushed(self, push: list[Reply]) -> None:
        """Pass it on."""
        self._keeper.pushed(push)

    def lost(self, connection: Connection, reason: str) -> None:
        """Take note that the connection has ended."""
        if connection is self._connection:
            self._forget(reason)

    # Keeping it

    def _forget(self, reason: str) -> None:
        was_open = self._connection is not None
        self._connection = None
        self._gone.set()
        if was_open or reason != self.reason:
            self.reason = reason
            self._keeper.closed(self, reason)

    async def _keep(self) -> None:
        while not self._closing:
            self._gone.clear()
            lived = await self._once()
            self._failures = 0 if lived >= LIVED else self._failures + 1
            if not self._closing:
                await asyncio.sleep(pause(self._failures, self._way.chance()))

    async def _once(self) -> float:
        """Open a connection, and come back when it is gone; return how long it lived."""
        way = self._way
        try:
            connection = await dial(
                self.address, way.login, tls=way.tls, owner=self, name=way.name, role=way.role
            )
        except (Unavailable, Refused) as error:
            self._forget(why(error))
            return 0.0
        except Exception as fault:  # noqa: BLE001 - nobody else would connect again
            way.died("valkey", fault)
            self._forget(type(fault).__name__)
            return 0.0
        if self._closing or connection.has_ended:
            connection.break_off("it is no longer needed")
            return 0.0
        self._connection = connection
        opened = way.loop.time()
        self._keeper.opened(self)
        while not await self._is_gone():
            self._look_for_life(connection)
        return way.loop.time() - opened

    async def _is_gone(self) -> bool:
        """Wait for the end of the connection, for a while."""
        try:
            async with asyncio.timeout(IDLE):
                await self._gone.wait()
        except TimeoutError:
            return False
        return True

    def _look_for_life(self, connection: Connection) -> None:
        """Ask for a sign of life: a machine that has gone says nothing by itself."""
        if connection.under_way == 0:
            connection.ask("PING", patience=PATIENCE).add_done_callback(_heard)


def _heard(future: "asyncio.Future[Reply]") -> None:
    """Take the answer, or the error: the connection itself knows what to do."""
    if not future.cancelled():
        future.exception()
