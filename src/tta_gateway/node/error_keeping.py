"""Keeping error records: from a worker's loop to the disk, by a thread of its own.

Nothing waits for a record: what the thread has no time for, or the disk no room, is lost and
counted.  In a second so many are taken, for an outage must not cost more than what it has broken;
acts of safety do not count in that.
"""

import contextlib
import queue
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from tta_gateway.features.error_records.bound import ErrorRecordsBound
from tta_gateway.features.error_records.metrics import RECORDS
from tta_gateway.features.error_records.record import Record
from tta_gateway.features.error_records.sqlite_store import SqliteStore
from tta_gateway.kernel.crisis import HELPED, KEPT, WITHHELD
from tta_gateway.kernel.incident import Report, Reports
from tta_gateway.node.error_sealing import Seal
from tta_gateway.node.key_ring import ring_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.places import places

MOST_WAITING: Final = 1000
"""Records that wait for the thread: of about 20 KiB, at most."""
A_SECOND: Final = 50
"""Records of errors that are taken in a second; in the first one twice as many."""
_ALIKE: Final = 10.0
"""For so many counts one where no service was asked: where many are turned away they are alike."""
_TOGETHER: Final = 64
_TIDIED_EACH: Final = 60.0  # seconds
_PATIENCE: Final = 2.0  # seconds, at the end, for what is under way


class ErrorKeeping:
    """A worker's records: a Keeper (features/error_records/policy.py)."""

    def __init__(
        self,
        *,
        clock: Clock,
        registry: Registry,
        tell: Callable[[Callable[[], None]], object],
        log: EventLog,
    ) -> None:
        """Keep nothing yet: see `open`.  `tell` has the loop call something, from the thread."""
        self._clock = clock
        self._log = log
        self._tell = tell
        self._kept, self.crowded, self._failed = (
            registry.child(RECORDS, one) for one in ("kept", "crowded", "failed")
        )
        self._queue: queue.SimpleQueue[Record | Snapshot | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._allowed, self._looked = 2.0 * A_SECOND, clock.monotonic()
        self.closed_until = self._looked
        self._bound = ErrorRecordsBound()
        # The thread's own
        self._store: SqliteStore | None = None
        self._seal: Seal | None = None
        self._said = ""
        self._tidied = 0.0
        self._grown = 0  # bytes that were written since

    # --- in the loop ---------------------------------------------------------------------------

    def open(self, snapshot: Snapshot, bound: ErrorRecordsBound) -> None:
        """Begin to keep records in the state folder of this snapshot."""
        self.adopt(snapshot, bound)
        self._thread = threading.Thread(target=self._run, name="error records", daemon=True)
        self._thread.start()

    def adopt(self, snapshot: Snapshot, bound: ErrorRecordsBound) -> None:
        """Go by another configuration from now on."""
        self._bound = bound
        self._queue.put(snapshot)

    def has_room(self, *, is_urgent: bool, is_alike: bool = False) -> bool:
        """Tell whether one more is taken now; one that is not is counted as lost."""
        if not self._bound.enabled:
            return False
        now = self._clock.monotonic()
        grown = self._allowed + (now - self._looked) * A_SECOND
        self._allowed, self._looked = min(2.0 * A_SECOND, grown), now
        if self._thread is None or self._queue.qsize() >= MOST_WAITING:
            self.crowded.add()
            return False
        if is_urgent:
            return True
        cost = _ALIKE if is_alike else 1.0
        if self._allowed < cost:
            self.crowded.add()
            if is_alike:
                self.closed_until = now + (cost - self._allowed) / A_SECOND
            return False
        self._allowed -= cost
        return True

    def put(self, record: Record) -> None:
        """Keep it, later; it never waits and never raises."""
        self._queue.put(record)

    def close(self) -> None:
        """Let what is under way be written, as far as that takes no time."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(_PATIENCE)

    # --- in the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        ends = False
        while not ends:
            records, ends = self._taken()
            try:
                self._write(records)
                self._tidy()
            except Exception as error:  # noqa: BLE001 - the next record must find somebody
                self._failed.add(len(records))
                self._complain(f"{type(error).__name__} {places(error)[-1:]}")
        for one in (self._store, self._seal):
            if one is not None:
                one.close()

    def _taken(self) -> tuple[list[Record], bool]:
        """Wait for records, for a while; return those that are there, and whether none follows."""
        records: list[Record] = []
        wait = True
        while len(records) < _TOGETHER:
            try:
                one = self._queue.get(timeout=_TIDIED_EACH) if wait else self._queue.get_nowait()
            except queue.Empty:
                return records, False
            wait = False
            if one is None:
                return records, True
            if isinstance(one, Snapshot):
                self._turn_to(one)
            else:
                records.append(one)
        return records, False

    def _turn_to(self, snapshot: Snapshot) -> None:
        """Seal by the keys of this snapshot, if they can be had."""
        state = Path(snapshot.state_dir)
        if self._store is None:
            self._store = SqliteStore(state)
        try:
            keys = ring_of(snapshot)
        except OSError as error:
            self._complain(str(error))
            return
        if self._seal is None:
            self._seal = Seal(state, keys)
        else:
            self._seal.adopt(keys)

    def _write(self, records: list[Record]) -> None:
        if not records:
            return
        if self._store is None or self._seal is None:
            self._failed.add(len(records))
            return
        try:
            rows = self._seal.rows(records)
            self._store.add(rows)
            self._grown += sum(len(one.sealed) for one in rows)
        except OSError as error:
            self._failed.add(len(records))
            self._complain(str(error))
            return
        self._kept.add(len(records))
        self._said = ""

    def _tidy(self) -> None:
        """Forget what is too old, or too much; other workers of the node do so too."""
        now = self._clock.wall()
        if self._store is None or not self._store.is_there:
            return
        if now - self._tidied < _TIDIED_EACH and self._grown < self._bound.size // 4:
            return
        self._tidied, self._grown = now, 0
        try:
            self._store.tidy(now - self._bound.keep, self._bound.size)
        except OSError as error:
            self._complain(str(error))

    def _complain(self, why: str) -> None:
        """Have the loop write, once, that records are lost."""
        if why != self._said:
            self._said = why
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._tell(partial(self._log.event, "error_records_trouble", error=why))


class Remembered:
    """Reports (kernel/incident.py) that leave a record each: of what is said through sockets."""

    def __init__(self, reports: Reports, keeping: ErrorKeeping, fresh: Callable[[], str]) -> None:
        """Pass reports on; `fresh` gives ids that nobody else has."""
        self._reports = reports
        self._keeping = keeping
        self._fresh = fresh

    def put(self, report: Report, text: str) -> Awaitable[bool]:
        """Keep it; what was said stands in the incident alone."""
        if self._keeping.has_room(is_urgent=True):
            self._keeping.put(record_of(report, self._fresh()))
        return self._reports.put(report, text)


def record_of(report: Report, id: str) -> Record:
    """Return the record of an act of safety, from what the guard is told."""
    return Record(
        id=id,
        at=report.at,
        correlation=report.correlation,
        kind="safety",
        person=report.person if report.identity == "verified" else "",
        route=report.route,
        service=report.service,
        acted=_acted(report),
        level=report.level,
        categories=report.categories,
    )


def _acted(report: Report) -> str:
    if report.source == "reply":
        return WITHHELD
    return HELPED if report.delivered else KEPT
