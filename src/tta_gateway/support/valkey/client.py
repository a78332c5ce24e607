"""The client: commands and scripts, sent to whoever serves their key at the moment.

    client = Valkey(store, way=way, tell=log.event)
    await client.ready(1.0)
    value = await client.command(b"GET", b"presence:7")

`command` and `eval` are plain functions: they send at once and return a future, so that a caller
who does not wait needs no task.  They raise Unavailable when nothing can be sent.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tta_gateway.support.valkey.connection import Arg, Pending, Reply, pack
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.link import Link, Way
from tta_gateway.support.valkey.script import Script
from tta_gateway.support.valkey.slot import COUNT, slot
from tta_gateway.support.valkey.topology import Address, Topology

TIMEOUT: Final = 0.1  # seconds
_MOST_MOVES: Final = 3  # of one command, from node to node
_UNKNOWN: Final = "who serves is not known yet"


class Tell(Protocol):
    """Who hears what happens, as EventLog.event."""

    def __call__(self, name: str, **fields: object) -> None:
        """Take an event."""


class Valkey:
    """One store: a server, or a cluster."""

    __slots__ = (
        "_changed",
        "_closing",
        "_links",
        "_loop",
        "_name",
        "_only",
        "_slots",
        "_stale",
        "_tell",
        "_timeout",
        "_way",
    )

    def __init__(
        self,
        topology: Topology | None,
        *,
        way: Way,
        name: str,
        tell: Tell,
        stale: Callable[[str], None],
        timeout: float = TIMEOUT,
    ) -> None:
        """Begin to connect; with None, as soon as `use` says to whom.

        `stale` hears why the topology seems to be out of date: who knows a newer one gives it.
        """
        self._way = way
        self._loop = way.loop
        self._name = name
        self._tell = tell
        self._stale = stale
        self._timeout = timeout
        self._links: dict[Address, Link] = {}
        self._only: Link | None = None
        self._slots: list[Link | None] = []
        self._changed = asyncio.Event()
        self._closing = False
        if topology is not None:
            self.use(topology)

    # What its users ask

    def command(
        self, *args: Arg, key: bytes | None = None, timeout: float | None = None
    ) -> "asyncio.Future[Reply]":
        """Send a command; Unavailable if that cannot be.

        In a cluster the key says where to: the word behind the command, unless it is given.
        """
        pending = self._pending(args, timeout)
        link = self._only
        if link is None:
            link = self._link_of(_key(args) if key is None else key)
        link.put(pending)
        return pending.future

    def eval(
        self,
        script: Script,
        keys: Sequence[bytes],
        args: Sequence[Arg] = (),
        *,
        timeout: float | None = None,
    ) -> "asyncio.Future[Reply]":
        """Run a script, by its name if the server knows it, else by its text; keys share a slot."""
        rest: tuple[Arg, ...] = (len(keys), *keys, *args)
        pending = self._pending((b"EVALSHA", script.sha, *rest), timeout)
        pending.fallback = (b"EVAL", script.source, *rest)
        link = self._only
        if link is None:
            link = self._link_of(keys[0] if keys else b"")
        link.put(pending)
        return pending.future

    async def ready(self, patience: float) -> None:
        """Wait until every server can be asked; Unavailable if that takes too long."""
        try:
            async with asyncio.timeout(patience):
                while not self.is_open:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Unavailable(self.reason) from None

    @property
    def is_open(self) -> bool:
        """Tell whether every server can be asked."""
        links = self._links.values()
        return bool(links) and all(link.is_open for link in links)

    @property
    def reason(self) -> str:
        """Return why some server cannot be asked, and which; empty if all can."""
        if not self._links:
            return _UNKNOWN
        closed = [link for link in self._links.values() if not link.is_open]
        return "; ".join(f"{link.address}: {link.reason}" for link in closed)

    def place(self, key: bytes) -> Address | None:
        """Return who serves a key, as far as it is known."""
        link = self._only
        if link is None and self._slots:
            link = self._slots[slot(key)]
        return None if link is None else link.address

    def use(self, topology: Topology) -> None:
        """Send to these from now on; what is under way elsewhere gets its answer from there."""
        links = {address: self._link_at(address) for address in topology.addresses}
        for address in [one for one in self._links if one not in links]:
            self._links.pop(address).close()
        if len(links) == 1:
            (self._only,) = links.values()
            self._slots = []
        else:
            slots: list[Link | None] = [None] * COUNT
            for one in topology.ranges:
                slots[one.first : one.last + 1] = [links[one.address]] * (one.last - one.first + 1)
            self._only, self._slots = None, slots
        self._changed.set()

    def close(self) -> None:
        """Send no more; what is under way gets its answer."""
        self._closing = True
        for link in self._links.values():
            link.close()

    # What its links tell

    def refused(self, link: Link, pending: Pending, error: Refused) -> bool:
        """Take over what can be done all the same: an unknown script, a key that has moved."""
        code = error.code
        if code == "NOSCRIPT" and pending.fallback is not None:
            pending.packed = pack(pending.fallback)
            self._again(link, pending)
            return True
        if code in ("MOVED", "ASK") and self._slots and pending.moves < _MOST_MOVES:
            pending.moves += 1
            self._follow(link, pending, error)
            return True
        if code == "MOVED":
            self._stale("it is one of a cluster")
        if code == "READONLY":
            link.renew("it has become a replica")
        return False

    def pushed(self, push: list[Reply]) -> None:
        """Let it go: nobody here subscribes."""

    def opened(self, link: Link) -> None:
        """Take note."""
        self._changed.set()
        self._tell("valkey_reached", store=self._name, address=str(link.address))

    def closed(self, link: Link, reason: str) -> None:
        """Take note, and ask for a newer topology: somebody else may serve by now."""
        if self._closing or self._links.get(link.address) is not link:
            return
        self._tell("valkey_lost", store=self._name, address=str(link.address), reason=reason)
        self._stale(reason)

    # In between

    def _pending(self, args: tuple[Arg, ...], timeout: float | None) -> Pending:
        loop = self._loop
        patience = self._timeout if timeout is None else timeout
        return Pending(pack(args), loop.create_future(), loop.time() + patience)

    def _link_of(self, key: bytes) -> Link:
        link = self._slots[slot(key)] if self._slots else None
        if link is None:
            raise Unavailable("nobody serves this key" if self._slots else _UNKNOWN)
        return link

    def _link_at(self, address: Address) -> Link:
        link = self._links.get(address)
        if link is None:
            link = Link(address, way=self._way, keeper=self)
            self._links[address] = link
        return link

    def _follow(self, link: Link, pending: Pending, error: Refused) -> None:
        """Send a command where the key is said to be: `MOVED 3999 127.0.0.1:6381`."""
        _, number, where = error.text.split(" ")
        host, _, port = where.rpartition(":")
        target = self._link_at(Address(host or link.address.host, int(port)))
        if error.code == "MOVED":
            self._slots[int(number)] = target
            self._stale("MOVED")
        else:
            asking = self._pending((b"ASKING",), None)
            asking.future.cancel()  # its answer is nobody's business
            self._again(target, asking)
        self._again(target, pending)

    def _again(self, link: Link, pending: Pending) -> None:
        try:
            link.put(pending)
        except Unavailable as error:
            pending.fail(error)


def _key(args: tuple[Arg, ...]) -> bytes:
    """Return the key of a command: the word behind it."""
    if len(args) < 2:
        return b""
    key = args[1]
    return key if isinstance(key, bytes) else str(key).encode()
