"""The entrance: what all client connections of a worker share."""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.kernel.message import RequestHead
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.pipeline.run import Runner
from tta_gateway.wire.limits import Limits

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Destination(Protocol):
    """Where a request goes: a plan, and what the service sees instead of the path."""

    plan: Plan
    rewrites: bool

    def upstream_path(self, params: dict[str, str], path: bytes) -> bytes | None:
        """Return the rewritten path, or None to leave it as it was matched."""


class Directory(Protocol):
    """Finds where a request goes; there is always an answer, if only a 404."""

    @property
    def malformed(self) -> Destination:
        """Where a request goes that could not be read."""

    def find(self, head: RequestHead) -> tuple[Destination, dict[str, str]]:
        """Return the destination and the values of the path's parameters."""


class Drained(Protocol):
    """A connection that can be asked to end."""

    def drain(self) -> None:
        """End now if nothing is under way, else behind the answer."""

    def abort(self) -> None:
        """End now, whatever is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What clients of one listener may do; `trusted` are the networks of the operator's proxies."""

    limits: Limits
    timeouts: ClientTimeouts
    connections: ConnectionLimits
    trusted: tuple[str, ...]


class Entrance:
    """Limits, counters and the way in."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        sweeper: Sweeper,
        clock: Callable[[], float],
        runner: Runner,
        directory: Directory,
        rules: Rules,
    ) -> None:
        """Bind what a client connection needs."""
        self.loop = loop
        self.sweeper = sweeper
        self.clock = clock
        self.runner = runner
        self.directory = directory
        self.limits = rules.limits
        self.timeouts = rules.timeouts
        self.connections = rules.connections
        self.open: set[Drained] = set()
        self._empty = asyncio.Event()
        self.of_address: Counter[str] = Counter()
        self.draining = False
        self._trusted: list[Network] = [ipaddress.ip_network(text) for text in rules.trusted]
        self.on_opened: Callable[[], None] = _nothing
        self.on_closed: Callable[[], None] = _nothing

    def is_proxy(self, address: str) -> bool:
        """Tell whether the address is one of the operator's proxies."""
        if not self._trusted:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)

    def admit(self, connection: "Drained", address: str) -> bool:
        """Count a new connection; False says that there are too many."""
        if len(self.open) >= self.connections.per_worker:
            return False
        if address and self.of_address[address] >= self.connections.per_address:
            return False
        self.open.add(connection)
        self.of_address[address] += 1
        self.on_opened()
        return True

    def drain(self) -> None:
        """Close idle connections now, and each of the others behind its answer."""
        self.draining = True
        for connection in list(self.open):
            connection.drain()
        self._tell_if_empty()

    def cut(self) -> None:
        """End what is left."""
        for connection in list(self.open):
            connection.abort()

    async def emptied(self) -> None:
        """Wait until no connection is open."""
        await self._empty.wait()

    def _tell_if_empty(self) -> None:
        if self.draining and not self.open:
            self._empty.set()

    def leave(self, connection: "Drained", address: str) -> None:
        """Count a connection no longer."""
        if connection not in self.open:
            return
        self.open.discard(connection)
        self.of_address[address] -= 1
        if not self.of_address[address]:
            del self.of_address[address]
        self.on_closed()
        self._tell_if_empty()


def _nothing() -> None:
    """Do nothing: nobody counts."""
