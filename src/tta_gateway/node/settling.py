"""Settling: what a worker has let through is told its neighbours and the store, soon and often.

Nobody waits for it.  One round is: take what is owed, tell the neighbours, and tell the store,
unless the last round is still under way; then what is owed waits for the next.  While the store is
away nothing piles up for it: once it is back it is told what is known here, instead of what was
spent, so that nothing jumps and nothing is counted twice.
"""

from collections.abc import Callable, Coroutine
from typing import Final

import msgspec

from tta_gateway.features.ratelimit.algorithm import Concurrency, Entry, Quota, Seats, Told
from tta_gateway.features.ratelimit.metrics import SETTLED, TOLD
from tta_gateway.features.ratelimit.store import Away, Owed, Settles
from tta_gateway.features.ratelimit.tally import Table, Tally
from tta_gateway.node.neighbours import LARGEST, Neighbours
from tta_gateway.support.metrics import Registry

AT_LEAST: Final = 0.1  # seconds between two rounds, shared by all that are told
SHORTEST: Final = 0.02
_AT_ONCE: Final = 1000  # keys of a limit in one round
_BATCH: Final = 500  # buckets that the store is told of in one step: nobody else is served then
_MOST: Final = 100_000  # buckets that wait for the store
_REST: Final = 0.3  # seconds between two tries while it is away
_REPEATED: Final = 1.0  # seconds between two times that neighbours are told of all seats
_SLACK: Final = 200  # bytes of a datagram that are not keys
_PER_KEY: Final = 48  # bytes of an entry beside its key, at most

Line = tuple[str, Told]
Datagram = tuple[int, str, list[Line]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Datagram).decode


class Settling:
    """Settles one worker's tally; `store` is None where there is none."""

    def __init__(
        self,
        tally: Tally,
        store: Settles | None,
        *,
        number: int,
        registry: Registry,
        spawn: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        """Begin with nothing owed; `number` is that of this process."""
        self._tally = tally
        self._store = store
        self._number = number
        self._spawn = spawn
        self.neighbours = Neighbours(self.hear, number=number)
        self._due: dict[Entry, Table] = {}
        self._under_way = False
        self._is_behind = False
        self._rests_until = 0.0
        self._repeated = 0.0
        self._settled = registry.child(SETTLED, "settled")
        self._failed = registry.child(SETTLED, "failed")
        self._told = registry.child(TOLD, "told")
        self._lost = registry.child(TOLD, "lost")

    @property
    def pause(self) -> float:
        """Return the seconds until the next round.

        The more there are who count, the sooner each tells: together they let through what is spent
        in a tenth of a second beyond their bursts, however many they are (up to six).
        """
        if self._is_behind:
            return SHORTEST
        return max(SHORTEST, AT_LEAST / max(1, len(self.neighbours.others)))

    def round(self) -> None:
        """Tell whoever is to be told: of so many keys that the loop is not held for long."""
        self._is_behind = False
        for id, table in self._tally.tables.items():
            if table.owing:
                self._tell(id, table, table.owed(_AT_ONCE))
                self._is_behind = self._is_behind or bool(table.owing)
        if self._due and not self._under_way and self._tally.monotonic() >= self._rests_until:
            if self._store is None:
                self._due.clear()
                return
            self._under_way = True
            self._spawn(self._settle(self._store))

    # Neighbours

    def _tell(self, id: str, table: Table, owing: list[Entry]) -> None:
        measure = table.measure
        lines: list[Line] = []
        for entry in owing:
            told = measure.tell(entry)
            if isinstance(measure, Concurrency):
                lines.append((entry.key, told))
                continue
            self._due[entry] = table
            if told[1]:
                lines.append((entry.key, told))
        if len(self._due) > _MOST:
            self._forgo()
        self._send(id, lines)

    def _send(self, id: str, lines: list[Line]) -> None:
        """Send lines, as many in a datagram as it holds."""
        if not self.neighbours.others or not lines:
            return
        some: list[Line] = []
        length = _SLACK + 4 * len(id)
        for line in lines:
            size = _PER_KEY + 4 * len(line[0])
            if length + size > LARGEST:
                self._send_some(id, some)
                some, length = [], _SLACK + 4 * len(id)
            some.append(line)
            length += size
        self._send_some(id, some)

    def _send_some(self, id: str, lines: list[Line]) -> None:
        self.neighbours.tell(_encode((self._number, id, lines)))
        self._told.add(len(lines))
        self._lost.add(self.neighbours.lost)
        self.neighbours.lost = 0

    def hear(self, datagram: bytes) -> None:
        """Take what a neighbour tells; one of another version may say what nobody understands."""
        try:
            by, id, lines = _decode(datagram)
        except msgspec.DecodeError:
            return
        table = self._tally.tables.get(id)
        if table is None:
            return
        now = self._tally.monotonic()
        for key, told in lines:
            table.measure.hear(table.entry(key, now), told, by)

    def look(self, now: float) -> None:
        """Look who is there: seats of who has gone are free, and who has come hears of all."""
        if now - self._repeated < _REPEATED:
            return
        self._repeated = now
        gone = self.neighbours.look()
        for id, table in self._tally.tables.items():
            if isinstance(table.measure, Concurrency):
                self._repeat(id, table, table.measure, gone)

    def _repeat(self, id: str, table: Table, measure: Concurrency, gone: frozenset[int]) -> None:
        lines: list[Line] = []
        for entry in table.order:
            assert isinstance(entry, Seats)  # of such a table
            for one in gone:
                measure.hear(entry, (0.0, 0.0, 0.0, 0.0), one)
            if entry.by:
                measure.miss(entry)
            if entry.held:
                lines.append((entry.key, measure.tell(entry)))
        if lines:
            self._send(id, lines)

    # The store

    async def _settle(self, store: Settles) -> None:
        """Tell the store of all that is due."""
        waiting, self._due = list(self._due.items()), {}
        at = 0
        try:
            for at in range(0, len(waiting), _BATCH):
                await self._settle_some(store, waiting[at : at + _BATCH])
        except Away:
            self._rests_until = self._tally.monotonic() + _REST
            self._failed.add(len(waiting) - at)
            self._due.update(waiting[at:])
            for entry, table in self._due.items():
                table.measure.doubt(entry)
        finally:
            self._under_way = False

    async def _settle_some(self, store: Settles, batch: list[tuple[Entry, Table]]) -> None:
        found = await store.settle([owed_of(entry, table) for entry, table in batch])
        for (entry, table), one in zip(batch, found, strict=True):
            entry.is_stale = False
            anew = bool(one.nonce) and one.nonce != entry.nonce
            entry.nonce = one.nonce
            table.measure.settled(entry, one.since, one.full, anew=anew)
        self._settled.add(len(batch))

    def _forgo(self) -> None:
        """Let the store go without those that have waited longest."""
        for entry in list(self._due)[: _MOST // 10]:
            self._due.pop(entry).measure.doubt(entry)


def owed_of(entry: Entry, table: Table) -> Owed:
    """Return what the store is to be told of an entry."""
    measure = table.measure
    told = measure.ask(entry)
    known = measure.known(entry)
    if isinstance(measure, Quota):
        number = int(known[0])
        return Owed(
            id=table.limit.id,
            key=entry.key,
            told=told,
            known=known,
            window=number,
            ends=(number + 1) * measure.per,
        )
    return Owed(id=table.limit.id, key=entry.key, told=told, known=known, depth=table.limit.depth)
