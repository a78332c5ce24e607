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
PATIENCE: Final = 10.0
"""Seconds for which a database may be away before anybody is told: it is opened after control."""

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

    def is_of(self, snapshot: Snapshot) -> bool:
        """Tell whether it was read by the same keys, in the same place."""
        return _place(snapshot) == _place(self.snapshot)


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
        self._monotonic = clock.monotonic
        self._snapshot = snapshot
        self._database = database
        self._put = put
        self._read: _Read | None = None
        self._told: StoreKeys | None = None
        self._seen: dict[bytes, float] = {}
        """since when each tree is known here, by this node's own clock"""
        self._away: float | None = None
        self._erased: set[str] = set()
        """what has been done in the place that was read last: it is asked for again and again"""
        self._said = ""

    def recover(self, live: Mapping[str, bytes]) -> None:
        """Go on telling what a control or a gateway before told."""
        raw, snapshot = live.get(STORE_KEYS), self._snapshot()
        if raw is None or not is_kept(snapshot):
            return
        try:
            told = _told(raw)
        except msgspec.DecodeError:
            return  # of another version of the gateway: they are read again
        if told.is_shared == is_shared(snapshot):
            self._told = told
            self._put(STORE_KEYS, told)

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
            self._tell(await self._looked(snapshot))
        except Conflict:  # another node was faster: the next look sees what it has done
            return
        except Unavailable as error:
            self._wait(str(error))
        except (OSError, NotSealed) as error:
            self._complain(str(error))

    async def _looked(self, snapshot: Snapshot) -> _Read:
        """Return what is kept, read again if it may be another."""
        shelf, ring = self._shelf(snapshot), ring_of(snapshot)
        number = await shelf.revision()
        read = self._read
        is_known = read is not None and read.is_of(snapshot)
        if read is not None and is_known and read.number == number:
            return read
        before, now = self._before(snapshot), self._wall()
        made = partial(kept, ring, now=now, before=before, is_renewed=not is_known)
        number, wrapped = await shelf.changed(made)
        return _Read(snapshot, number, wrapped, opened(ring, wrapped))

    def _before(self, snapshot: Snapshot) -> bytes:
        """Return the forest that was told last, if it was of a store of that kind."""
        told = self._told
        return told.forest if told is not None and told.is_shared == is_shared(snapshot) else b""

    async def erase(self, subject: str, *, id: str) -> None:
        """Destroy the key of a person, once for all nodes; NotErased."""
        snapshot, read = self._snapshot(), self._read
        if not is_kept(snapshot):
            return
        if id in self._erased and read is not None and read.is_of(snapshot):
            return
        try:
            ring, name = ring_of(snapshot), key_of_person(subject)
            before = self._before(snapshot)
            made = partial(without, ring, name=name, now=self._wall(), before=before)
            number, wrapped = await self._shelf(snapshot).changed(made, once=id)
            if not wrapped:  # it was done, and all of them are gone since: others are planted soon
                return
            self._tell(_Read(snapshot, number, wrapped, opened(ring, wrapped)))
            self._erased.add(id)
        except (Conflict, Unavailable, OSError, NotSealed) as error:
            raise NotErased(f"the keys of the store for state: {error}") from error

    def _shelf(self, snapshot: Snapshot) -> Shelf:
        return self._database() if is_shared(snapshot) else ForestFile(Path(snapshot.state_dir))

    def _tell(self, read: _Read) -> None:
        """Tell what has been read."""
        if self._read is None or not self._read.is_of(read.snapshot):
            self._erased.clear()
        self._read, self._said, self._away = read, "", None
        shared = is_shared(read.snapshot)
        told = StoreKeys(forest=read.wrapped, seals=self._sealing(read), is_shared=shared)
        if told != self._told:
            self._told = told
            self._put(STORE_KEYS, told)

    def _sealing(self, read: _Read) -> bytes:
        """Return what seals: the newest that all nodes can have been told of.

        Clocks may be wrong, so what this node has known for long enough is one as well.
        """
        trees, now = read.forest.trees, self._monotonic()
        if not is_shared(read.snapshot):
            return trees[-1].tree.id
        seen = {one.tree.id: self._seen.get(one.tree.id, now) for one in trees}
        self._seen = seen
        known = [id for id, since in seen.items() if since <= now - SETTLES]
        return read.forest.sealing(before=self._wall() - SETTLES, known=known)

    def _wait(self, why: str) -> None:
        """Say that the database is away, once that has lasted."""
        now = self._monotonic()
        if self._away is None:
            self._away = now
        if now >= self._away + PATIENCE:
            self._complain(why)

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
