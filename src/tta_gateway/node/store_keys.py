"""Keys of what stands in the store for state: control keeps them, and tells all processes.

Where the store is this node's own they are in its state folder; where nodes share the store, in the
database that they share (PostgreSQL), wrapped by the keys that they share.  So they do not stand
where the content does, and whoever erases somebody's key leaves what it had sealed unreadable, in
all copies of the store.  What nodes share without that is sealed as ever (support/crypto/vault.py):
to erase is to delete there.

Processes are told by a live section, which outlives control and the gateway (keepsake.py): they go
on while the database is away, and wait for nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tta_gateway.features.erasure.bound import STORE_KEYS, StoreKeys
from tta_gateway.features.realtime.publication import key_of_person
from tta_gateway.node.key_ring import ring_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.forest import Forest, Shelf, kept, opened, without
from tta_gateway.support.crypto.forest_file import ForestFile
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.log import EventLog
from tta_gateway.support.sql.away import Conflict, Unavailable

PAUSE: Final = 2.0
"""Seconds between two looks at what other nodes have erased."""
SETTLES: Final = 10.0
"""Seconds in which all nodes have looked: what they do not know seals nothing yet."""

_told = msgspec.msgpack.Decoder(StoreKeys).decode


class NotErased(Exception):
    """A key could not be destroyed at the moment: it says why."""


@dataclass(frozen=True, slots=True)
class _Read:
    """The forest, as it was read last: by which configuration, and its number."""

    snapshot: Snapshot
    number: int
    wrapped: bytes
    forest: Forest

    def is_of(self, snapshot: Snapshot, number: int) -> bool:
        """Tell whether it would be the same, read once more."""
        return number == self.number and _place(snapshot) == _place(self.snapshot)


def _place(snapshot: Snapshot) -> tuple[object, ...]:
    return is_shared(snapshot), snapshot.encryption_keys, snapshot.database


class StoreKeeping:
    """Keeps them for the store that the configuration in force names."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        *,
        snapshot: Callable[[], Snapshot],
        database: Callable[[], Shelf],
        put: Callable[[str, msgspec.Struct | None], None],
    ) -> None:
        """Begin with what is known; `database` returns the one of all nodes, or Unavailable.

        `put` tells all processes, by live sections.
        """
        self._log = log
        self._wall = clock.wall
        self._snapshot = snapshot
        self._database = database
        self._put = put
        self._read: _Read | None = None
        self._told: StoreKeys | None = None
        self._said = ""

    def recover(self, live: Mapping[str, bytes]) -> None:
        """Go on telling what a control or a gateway before told."""
        raw = live.get(STORE_KEYS)
        if raw is not None and is_kept(self._snapshot()):
            try:
                self._put(STORE_KEYS, _told(raw))
            except msgspec.DecodeError:
                return  # of another version of the gateway: they are read again

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await sleep(PAUSE)

    async def look(self) -> None:
        """Tell what the keys are, if that may have changed; what fails is tried again."""
        snapshot = self._snapshot()
        if not is_kept(snapshot):
            self._put(STORE_KEYS, None)
            self._read = self._told = None
            return
        try:
            shelf, ring = self._shelf(snapshot), ring_of(snapshot)
            if self._read is None or not self._read.is_of(snapshot, await shelf.revision()):
                number, wrapped = await shelf.changed(partial(kept, ring, now=self._wall()))
                self._read = _Read(snapshot, number, wrapped, opened(ring, wrapped))
            self._tell(self._read)
        except Conflict:  # another node was faster: the next look sees what it has done
            return
        except (Unavailable, OSError, NotSealed) as error:
            self._complain(str(error))

    async def erase(self, subject: str, *, id: str) -> None:
        """Destroy the key of a person, once for all nodes; NotErased."""
        snapshot = self._snapshot()
        if not is_kept(snapshot):
            return
        try:
            ring, name = ring_of(snapshot), key_of_person(subject)
            made = partial(without, ring, name=name, now=self._wall())
            number, wrapped = await self._shelf(snapshot).changed(made, once=id)
            self._read = _Read(snapshot, number, wrapped, opened(ring, wrapped))
        except (Conflict, Unavailable, OSError, NotSealed) as error:
            raise NotErased(f"the keys of the store for state: {error}") from error
        self._tell(self._read)

    def _shelf(self, snapshot: Snapshot) -> Shelf:
        return self._database() if is_shared(snapshot) else ForestFile(Path(snapshot.state_dir))

    def _tell(self, read: "_Read") -> None:
        """Tell what has been read; a new tree seals when other nodes can have been told of it."""
        settles = SETTLES if is_shared(read.snapshot) else 0.0
        told = StoreKeys(
            forest=read.wrapped, seals=read.forest.sealing(before=self._wall() - settles)
        )
        self._said = ""
        if told != self._told:
            self._told = told
            self._put(STORE_KEYS, told)

    def _complain(self, why: str) -> None:
        """Say, once, what is wrong: what is sealed meanwhile is so by what was told before."""
        if why != self._said:
            self._said = why
            self._log.event("store_keys_not_read", why=why)


def is_shared(snapshot: Snapshot) -> bool:
    """Tell whether other nodes may be at the same store for state."""
    return snapshot.state is not None and not snapshot.state.embedded


def is_kept(snapshot: Snapshot) -> bool:
    """Tell whether there is a place for the keys, apart from the store, that all nodes share."""
    if snapshot.state is None:
        return False
    if not is_shared(snapshot):
        return True
    return bool(snapshot.encryption_keys) and snapshot.database is not None
