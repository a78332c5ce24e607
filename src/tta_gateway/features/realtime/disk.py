"""The disk: whether what a server was told is on its disk, as far as it can say so.

A server of 7.2 or newer is asked by WAITAOF; an older one is believed where it writes its log
before each answer (`appendfsync always`).  WAITAOF stops its connection until the disk has it, so
there is a client of its own for it, and all who wait at the same server are answered by one
question: a write of ours, which stands behind theirs in the log, and whether that is on disk.

Who answers must be who was told: another process, or the same one after it was a replica, knows
nothing of it.  Wherever no answer comes in time the answer is no.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Final

from tta_gateway.support.tasks import Died, spawn
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import Reply
from tta_gateway.support.valkey.error import Refused, Unavailable, ValkeyError
from tta_gateway.support.valkey.topology import Address

PATIENCE: Final = 2.5  # seconds: a server that flushes once a second needs up to two
_ROUND: Final = 1.5  # seconds
_CONNECTS: Final = 0.5  # seconds that the client is given to be there
_RUN: Final = re.compile(rb"run_id:([0-9a-f]+)")
_LINE: Final = re.compile(rb"master_replid:([0-9a-f]+)")
_SIGNIFICANT: Final = 20  # characters of each, as in scripts.py
_WHO: Final = (b"INFO", b"server", b"replication")
_ALWAYS: Final = {b"appendonly": b"yes", b"appendfsync": b"always"}


def identity(info: Reply) -> bytes:
    """Return which server says this of itself, as `server` of scripts.py has it."""
    if not isinstance(info, bytes):
        return b""
    run, line = _RUN.search(info), _LINE.search(info)
    if run is None or line is None:
        return b""
    return run[1][:_SIGNIFICANT] + line[1][:_SIGNIFICANT]


class _Round:
    """Who waits at one server."""

    __slots__ = ("is_running", "waiting")

    def __init__(self) -> None:
        self.is_running = False
        self.waiting: list[tuple[bytes, asyncio.Future[bool]]] = []


class Disk:
    """Asks by a client that nobody else uses."""

    def __init__(
        self, client: Callable[[], Valkey | None], *, died: Died, replicas: int = 0
    ) -> None:
        """Want it on the server's own disk, and on those of so many replicas."""
        self._client = client
        self._died = died
        self._replicas = replicas
        self._rounds: dict[Address, _Round] = {}
        self.unproved = 0
        """how often the answer was no"""

    async def holds(self, key: bytes, server: bytes) -> bool:
        """Tell whether what this server has just been told of a key is on its disk."""
        is_there = await self._holds(key, server)
        self.unproved += 0 if is_there else 1
        return is_there

    async def _holds(self, key: bytes, server: bytes) -> bool:
        client = self._client()
        place = None if client is None else client.place(key)
        if client is None or place is None:
            return False
        one = self._rounds.setdefault(place, _Round())
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        one.waiting.append((server, future))
        if not one.is_running:
            one.is_running = True
            spawn(self._answer(client, place, key), name="disk", died=self._died)
        try:
            async with asyncio.timeout(PATIENCE):
                return await future
        except TimeoutError:
            return False

    async def _answer(self, client: Valkey, place: Address, key: bytes) -> None:
        """Answer those who wait, and those who have come meanwhile, until there are none."""
        one = self._rounds[place]
        try:
            while one.waiting:
                waiting, one.waiting = one.waiting, []
                proved = await self._proof(client, key)
                for server, future in waiting:
                    if not future.done():
                        future.set_result(server != b"" and server == proved)
        finally:
            del self._rounds[place]

    async def _proof(self, client: Valkey, key: bytes) -> bytes:
        """Return which server has all on disk that it was told up to now; empty if none has."""
        if not client.is_open:  # nobody has asked before, or some server was away just now
            with contextlib.suppress(Unavailable):
                await client.ready(_CONNECTS)
        try:
            return await self._waited(client, key)
        except Refused:  # it knows no WAITAOF, or has no log
            pass
        except Unavailable:
            return b""
        try:
            return await self._believed(client, key)
        except ValkeyError:
            return b""

    async def _waited(self, client: Valkey, key: bytes) -> bytes:
        # One turn, hence one connection and one process, in this order.
        words = (b"WAITAOF", 1, self._replicas, round(_ROUND * 1000))
        info = client.command(*_WHO, key=key, timeout=_ROUND)
        wrote = client.command(b"SET", key, b"1", b"EX", 60, timeout=_ROUND)
        waited = client.command(*words, key=key, timeout=_ROUND + 0.5)
        said, _, reached = await asyncio.gather(info, wrote, waited)
        if not isinstance(reached, list) or len(reached) != 2:
            return b""
        own, others = reached
        on_disk = isinstance(own, int) and isinstance(others, int)
        return identity(said) if on_disk and own >= 1 and others >= self._replicas else b""

    async def _believed(self, client: Valkey, key: bytes) -> bytes:
        if self._replicas:
            return b""
        question = (b"CONFIG", b"GET", b"append*")
        info = client.command(*_WHO, key=key, timeout=_ROUND)
        before = client.command(*question, key=key, timeout=_ROUND)
        wrote = client.command(b"SET", key, b"1", b"EX", 60, timeout=_ROUND)
        after = client.command(*question, key=key, timeout=_ROUND)
        said, *both, _ = await asyncio.gather(info, before, after, wrote)
        always = all(isinstance(one, dict) and _ALWAYS.items() <= one.items() for one in both)
        return identity(said) if always else b""
