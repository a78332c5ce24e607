"""The journals of a node's workers, as its guard reads them: woken, and with the keys in force."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tta_gateway.features.escalation.store import Record
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.reporting import FOLDER
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.journal.metrics import BEHIND_BYTES, BEHIND_SECONDS, DAMAGED
from tta_gateway.support.journal.reader import MOST, Reader, Trouble
from tta_gateway.support.journal.wake import Bell
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry


class Journals:
    """Records (features/escalation/store.py); nothing is read while there is no key."""

    def __init__(self, log: EventLog, counts: Registry, *, wall: Callable[[], float]) -> None:
        """Read nothing yet: see `adopt`."""
        self._log = log
        self._counts = counts
        self._wall = wall
        self._reader: Reader | None = None
        self._bell: Bell | None = None
        self._said = ""
        self.lost: Callable[[str], None] = lambda _: None
        """Hears of each place of which nothing can be made: somebody may be in need."""

    def adopt(self, snapshot: Snapshot) -> None:
        """Read with the keys of this snapshot from now on, if they can be had."""
        try:
            keys = ring_of(snapshot)
        except OSError as error:
            if str(error) != self._said:
                self._said = str(error)
                self._log.event("journal_without_key", error=str(error))
            return
        if self._reader is not None:
            self._reader.keys = keys
            return
        folder = Path(snapshot.state_dir) / FOLDER
        self._reader = Reader(folder, keys, trouble=self._tell)

    def listen(self, snapshot: Snapshot, woken: Callable[[], None]) -> None:
        """Hear from now on that there is something new; OSError if that cannot be."""
        bell = self._bell = Bell(Path(snapshot.state_dir) / FOLDER)

        def rung() -> None:
            bell.clear()
            woken()

        asyncio.get_running_loop().add_reader(bell.fileno(), rung)

    @property
    def is_read(self) -> bool:
        """Tell whether there is a key to read with."""
        return self._reader is not None

    def read(self, marks: Mapping[str, int], most: int = MOST) -> Sequence[Record]:
        """Return the next of each segment, in its order; `marks`: what has been taken of it."""
        return [] if self._reader is None else self._reader.read(marks, most)

    def forget(self, marks: Mapping[str, int]) -> Iterable[str]:
        """Remove what has been taken whole, and return its names: no marks need be kept of it."""
        return [] if self._reader is None else self._reader.forget(marks)

    def count(self, marks: Mapping[str, int]) -> None:
        """Count what nobody has taken yet."""
        if self._reader is None:
            return
        behind = self._reader.behind(marks)
        age = 0.0 if behind.since is None else max(0.0, self._wall() - behind.since)
        self._counts.child(BEHIND_BYTES).set(float(behind.size))
        self._counts.child(BEHIND_SECONDS).set(age)

    def _tell(self, trouble: Trouble) -> None:
        self._counts.child(DAMAGED, trouble.kind).add()
        self._log.event(
            "journal_damage",
            kind=trouble.kind,
            segment=trouble.segment,
            begin=trouble.begin,
            size=trouble.size,
        )
        if hides_records(trouble):
            self.lost(f"{trouble.segment}:{trouble.begin}")

    def close(self) -> None:
        """Hear no more."""
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())
            self._bell.close()
        if self._reader is not None:
            self._reader.close()


def hides_records(trouble: Trouble) -> bool:
    """Tell whether there may be records in a place that makes no sense.

    Nothing of a torn end was acknowledged; a segment that cannot be opened is told of again once
    something is seen to stand in it.
    """
    if trouble.kind == "unreadable":
        return trouble.begin > 0 or "/" not in trouble.segment
    return trouble.kind == "damaged"
