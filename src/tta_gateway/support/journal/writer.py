"""The writer: records from a loop to the disk, by a thread of their own.

What is given while the thread waits for the disk goes together, with one sync.  Of what is under
way there is a bound; beyond it a record is refused at once.  Nothing here raises, and nothing holds
the loop: whoever asks hears True once the record is durable, else False.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from tta_gateway.support.clock import Clock
from tta_gateway.support.journal.metrics import GIVEN_UP, RECORDS, SECONDS
from tta_gateway.support.journal.slot import Entry, Slot
from tta_gateway.support.metrics import Registry
from tta_gateway.support.places import places

MOST_WAITING: Final = 1024
"""records that have been given and are not durable yet"""
MOST_BATCH: Final = 64
"""Records that are taken together: to make them takes a few milliseconds of both threads' time."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A record on its way: how its bytes are made, and who waits for it."""

    make: Callable[[], bytes]
    urgent: bool
    at: float
    begun: float
    kept: "asyncio.Future[bool]"


class Writer:
    """A worker's end of the journal."""

    def __init__(
        self,
        slot: Slot,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        registry: Registry,
        wake: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        """Write there.  `wake` is called when there is something new, `failed` of a fault of ours.

        Both are called in the thread.
        """
        self.made: Callable[[], bool] = lambda: True
        """Is called there when records have been made, before they are written; where it says
        False they are made once more.  To be set before the start."""
        self._slot = slot
        self._loop = loop
        self._clock = clock
        self._wake = wake
        self._failed = failed
        self._kept = registry.child(RECORDS, "kept")
        self._refused = registry.child(RECORDS, "refused")
        self._seconds = registry.child(SECONDS)
        self._given_up = registry.child(GIVEN_UP)
        self._queue: queue.SimpleQueue[_Given | bool | None] = queue.SimpleQueue()
        self._syncing = threading.Thread(target=self._run, name="journal", daemon=True)
        self.waiting = 0
        self._closed = False

    def start(self) -> None:
        """Begin to write; segments are made by the thread."""
        self._syncing.start()

    def put(self, make: Callable[[], bytes], *, urgent: bool = True) -> "asyncio.Future[bool]":
        """Have the bytes made by the thread, and kept; True once they are durable."""
        kept: asyncio.Future[bool] = self._loop.create_future()
        if self._closed or self.waiting >= MOST_WAITING:
            kept.set_result(False)
            return kept
        self.waiting += 1
        clock = self._clock
        self._queue.put(_Given(make, urgent, clock.wall(), clock.monotonic(), kept))
        return kept

    def restock(self) -> None:
        """Have the thread see to its segments, though there is nothing to write."""
        self._queue.put(True)

    def close(self, patience: float) -> bool:
        """Write what was given before this, and end; False if a disk that hangs keeps it from that.

        `patience` is in seconds.
        """
        self._closed = True
        self._queue.put(None)
        if self._syncing.is_alive():
            self._syncing.join(patience)
        return not self._syncing.is_alive()

    # --- in the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        self._guarded(self._slot.open)
        ends = False
        while not ends:
            given, ends = self._taken()
            results = self._written(given)
            self._guarded(partial(self._tell, results))
            self._guarded(self._slot.restock)
        self._guarded(self._slot.close)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the next record must find somebody
            self._failed(f"{type(error).__name__} {places(error)[-1:]}")

    def _taken(self) -> tuple[list[_Given], bool]:
        """Wait for records; return those that are there, and whether none follows."""
        given: list[_Given] = []
        one = self._queue.get()
        while one is not None:
            if isinstance(one, _Given):
                given.append(one)
            if len(given) >= MOST_BATCH:
                return given, False
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                return given, False
        return given, True

    def _written(self, given: list[_Given]) -> list[tuple[_Given, bool]]:
        made = self._made_all(given)
        entries = [entry for _, entry in made if entry is not None]
        try:
            results = iter(self._slot.write(entries))
        except Exception as error:  # noqa: BLE001 - who waits must hear that it is not kept
            self._failed(f"{type(error).__name__} {places(error)[-1:]}")
            results = iter([False] * len(entries))
        return [(one, entry is not None and next(results)) for one, entry in made]

    def _made_all(self, given: list[_Given]) -> list[tuple[_Given, Entry | None]]:
        made = [(one, self._made(one)) for one in given]
        try:
            if self.made():
                return made
            made = [(one, self._made(one)) for one in given]
            return made if self.made() else [(one, None) for one in given]
        except Exception as error:  # noqa: BLE001 - who waits must hear that it is not kept
            self._failed(f"{type(error).__name__} {places(error)[-1:]}")
            return [(one, None) for one in given]

    def _made(self, one: _Given) -> Entry | None:
        try:
            return Entry(one.at, one.make(), one.urgent)
        except Exception as error:  # noqa: BLE001 - who waits must hear that it is not kept
            self._failed(f"{type(error).__name__} {places(error)[-1:]}")
            return None

    def _tell(self, results: list[tuple[_Given, bool]]) -> None:
        if not results:
            return
        kept = sum(done for _, done in results)
        if kept:
            self._wake()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._settle, results)
        now = self._clock.monotonic()
        for one, done in results:
            if done:
                self._seconds.observe(now - one.begun)
        self._kept.add(kept)
        self._refused.add(len(results) - kept)
        self._given_up.set(float(self._slot.given_up))

    # --- in the loop ---------------------------------------------------------------------------

    def _settle(self, results: list[tuple[_Given, bool]]) -> None:
        self.waiting -= len(results)
        for one, done in results:
            if not one.kept.done():  # who waited may have given up
                one.kept.set_result(done)
