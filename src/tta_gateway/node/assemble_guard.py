"""Assemble the guard: the only code that knows everything of its process."""

import asyncio
import contextlib
import random
import secrets
import sqlite3
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tta_gateway.features.escalation.algorithm import Impossible
from tta_gateway.features.escalation.bound import Act, EscalationBound
from tta_gateway.features.escalation.delivering import Deliveries
from tta_gateway.features.escalation.desk import Desk
from tta_gateway.features.escalation.sealing import Seal, secrets_of
from tta_gateway.features.escalation.service import Escalation, Trouble, Unknown, unreadable
from tta_gateway.features.escalation.sqlite_store import NAME, SqliteStore, is_damage, is_fault
from tta_gateway.features.escalation.store import Record
from tta_gateway.features.escalation.trying import NAME as TRYING
from tta_gateway.features.escalation.trying import Trying
from tta_gateway.kernel.events import EscalationTroubled
from tta_gateway.kernel.incident import Report
from tta_gateway.node import guard_socket
from tta_gateway.node.crisis_channels import CrisisChannels
from tta_gateway.node.guard_journals import Journals
from tta_gateway.node.key_ring import people_of, ring_of
from tta_gateway.node.subscribed import Subscribed
from tta_gateway.snapshot.parts import Parts, base_of, bound_of
from tta_gateway.support.bus import Notes
from tta_gateway.support.clock import Clock, Stamp
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import KEY_BYTES
from tta_gateway.support.log import EventLog, Log
from tta_gateway.support.metrics import Registry
from tta_gateway.support.places import places
from tta_gateway.support.tasks import lasting, spawn

_LOOK: Final = 1.0  # seconds between two looks where nothing wakes it
_MOST: Final = 64  # records of a transaction
_FORGOTTEN_EACH: Final = 5.0  # seconds between two looks at what the journals need not keep
_TIDIED_EACH: Final = 3600.0  # seconds between two looks at what has been kept for long enough


class Outside:
    """The rest of the node, as incidents see it."""

    def __init__(self, clock: Clock, log: EventLog, notes: Notes) -> None:
        """Pass on to these."""
        self.wall = clock.wall
        self.chance = random.random
        self.wake = asyncio.Event()
        self.changed = self.wake.set
        self._log = log
        self._notes = notes

    def tell(self, event: str, **fields: object) -> None:
        """Write a line of the log."""
        self._log.event(event, **fields)

    def trouble(self, kind: Trouble, of: str, *, cause: str, over: bool) -> None:
        """Have an alert begin, or end: control tells people, if it is there."""
        self._notes.put(
            EscalationTroubled(kind=kind, of=of, over=over, cause=cause, at=self.wall())
        )


class Guard:
    """The parts of a guard, bound to a snapshot, which another may replace."""

    def __init__(
        self, parts: Parts, *, clock: Clock, lines: Log, notes: Notes, counts: Registry
    ) -> None:
        """Build everything; OSError or sqlite3.Error if the state folder cannot be used."""
        self.parts = parts
        self.snapshot = base_of(parts)
        self.log = EventLog(lines, Stamp(clock.wall), people_of(self.snapshot, clock.wall))
        self.each_second: list[Callable[[], None]] = []
        self._clock = clock
        self._lines, self._notes = lines, notes
        self._folder = Path(self.snapshot.state_dir)
        self._outside = Outside(clock, self.log, notes)
        self._fails = ""
        self._keys: KeyStore | None = None
        self._is_renewed = True  # whether all is sealed by the keys of the snapshot
        self._store = self._opened(self._folder / NAME)
        trying = Trying(self._folder / TRYING)
        store = self._store or self._read_only()
        self.escalation = Escalation(store, trying, self._outside, counts)
        self._desk = Desk(self.escalation, wall=clock.wall)
        self._desk.is_lasting = lambda: not self._fails
        self._channels = CrisisChannels(
            lambda: self.parts,
            lambda: self.snapshot,
            wall=clock.wall,
            log=self.log,
            died=self.died,
        )
        self._subscribed = Subscribed(self.log)
        self._deliveries = Deliveries(self.escalation, died=self.died)
        self._journals = Journals(self.log, counts, wall=clock.wall)
        self._journals.lost = self._lost
        self._hidden: list[Report] = []
        self._looked = self._forgot = self._tidied = 0.0
        self._is_rung = True
        self._server: asyncio.Server | None = None
        self._said = set[tuple[str, str]]()
        self._adopt()

    def _seal(self) -> Seal:
        """Return what seals by the keys of the snapshot; OSError if there are none."""
        ring = ring_of(self.snapshot)
        if self._keys is None:
            self._keys = KeyStore(self._folder, ring)
        self._keys.keys = ring
        return Seal(ring, self._keys, marks=secrets_of(ring))

    def _any_seal(self) -> Seal:
        """Return that, or one for memory alone: without keys people are called all the same."""
        try:
            return self._seal()
        except OSError:
            ring = Ring([secrets.token_bytes(KEY_BYTES)])
            return Seal(ring, marks=secrets_of(ring))

    def _opened(self, path: Path) -> SqliteStore | None:
        """Open the guard's file; None if that is not possible at the moment.

        One that makes no sense is put aside: what can be read of it is taken over, and what the
        journals still hold is taken anew.
        """
        try:
            made = _readable(SqliteStore(path, self._seal()))
        except (sqlite3.OperationalError, OSError) as error:
            self._fail(error)
            return None
        except sqlite3.DatabaseError as error:
            return self._renewed(path, error)
        if not made.is_clean:
            advice = "make room, see that nobody reads it, and restart"
            self.log.event("guard_file_not_cleaned", advice=advice)
        return made

    def _renewed(self, path: Path, error: sqlite3.Error) -> SqliteStore | None:
        aside = path.with_name(f"{path.name}.broken-{int(self._clock.wall())}")
        try:
            path.replace(aside)
            wal = path.with_name(f"{path.name}-wal")
            if wal.exists():
                wal.replace(aside.with_name(f"{aside.name}-wal"))
            path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
            self.log.event("guard_file_broken", error=str(error), kept=str(aside))
            why = "the guard's file makes no sense, and is put aside: look at it"
            self._outside.trouble("parked", aside.name, cause=why, over=False)
            made = SqliteStore(path, self._seal())
            made.salvage(aside)
        except (sqlite3.Error, OSError) as fault:
            self._fail(fault)
            return None
        return made

    def _read_only(self) -> SqliteStore:
        """Return what can be read of a file that cannot be written, in memory."""
        made = SqliteStore(None, self._any_seal())
        with contextlib.suppress(sqlite3.Error):
            made.salvage(self._folder / NAME, as_itself=True)
        return made

    @property
    def version(self) -> int:
        """Return which snapshot is in force."""
        return self.parts.version

    async def apply(self, parts: Parts) -> None:
        """Go by this snapshot from now on."""
        await asyncio.sleep(0)
        before, self.parts = self.parts, parts
        if parts.base != before.base:
            keys = self.snapshot.encryption_keys
            self.snapshot = base_of(parts)
            self._adopt()
            if self.snapshot.encryption_keys != keys:
                self._is_renewed = False
                self._renew_keys()
        elif self._subscribed.is_changed(parts):
            self._adopt()

    def _adopt(self) -> None:
        bound = bound_of(self.parts, "escalation", EscalationBound)
        found = {one.name: one for one in (*self._subscribed.hooks(self.parts), *bound.subscribers)}
        subscribers = tuple(found.values())
        channels = {}
        for one in (*bound.contacts, *subscribers):
            try:
                channels[one.name] = self._channels.of(one, bound)
            except ssl.SSLError as error:
                why = error.reason or str(error)
                self.log.event("contact_unfit", contact=one.name, error=why)
        self._deliveries.channels = channels
        unfit = {one.name for one in bound.contacts} - channels.keys()
        self.escalation.adopt(bound, unfit, subscribers)
        self._journals.adopt(self.snapshot)

    def _renew_keys(self) -> None:
        """Seal by the keys of a new snapshot; where that fails, by those that there were for now.

        What they open and nobody could read before is called about.
        """
        try:
            seal = self._seal()
            self.escalation.store.renew(seal)
            if self._store is not None and self._store is not self.escalation.store:
                self._store.renew(seal)
            self._is_renewed = True
            self.escalation.use(self.escalation.store)
        except (OSError, sqlite3.Error) as error:
            self._tell_once("guard_keys_not_renewed", type(error).__name__)

    # Its life

    async def begin(self) -> None:
        """Serve, and look after incidents for ever, whatever of the state folder is not there."""
        with contextlib.suppress(sqlite3.Error):  # the first turn says what is wrong
            self.escalation.show_all()
        self._listen()
        await self._serve()
        work = lasting(self._run, name="escalation", died=self.died, clock=self._clock.monotonic)
        spawn(work, name="escalation", died=self.died)

    def _listen(self) -> None:
        """Be woken by workers; where that cannot be, journals are looked at each second."""
        try:
            self._journals.listen(self.snapshot, self._rung)
        except OSError as error:
            self.log.event("guard_not_woken", error=str(error))

    async def _serve(self) -> None:
        """Be asked; where that cannot be now, it is tried again each second."""
        try:
            self._server = await guard_socket.serve(self._folder, self._desk.answer)
        except OSError as error:
            self._tell_once("guard_not_asked", str(error))

    def close(self) -> None:
        """Let the log go; everything else stands on the disk."""
        if self._server is not None:
            self._server.close()
        self._journals.close()
        self._channels.close()
        self._lines.close()

    def _rung(self) -> None:
        """Hear that a journal holds more."""
        self._is_rung = True
        self._outside.changed()

    async def _run(self) -> None:
        while True:
            self._outside.wake.clear()
            due = self._turn()
            self._each_second()
            await self._wait(min(_LOOK, max(0.0, due - self._clock.wall())))

    async def _wait(self, patience: float) -> None:
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(patience):
                await self._outside.wake.wait()
        except TimeoutError:
            return

    def _turn(self) -> float:
        """Do all that can be done now; return when something is due next."""
        try:
            return self._tried()
        except Exception as fault:  # noqa: BLE001 - whatever it is, there is another turn
            self.died("escalation", fault)
            return self._clock.wall() + _LOOK

    def _tried(self) -> float:
        try:
            if self._fails:
                self._return()
            return self._step()
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.Error) and not is_fault(error):
                raise
            self._fail(error)
            if is_damage(error):
                self._replace_store(error)
        return self._go_on()

    def _step(self) -> float:
        """Take some records and make the calls that are due; return when to do so again.

        Not all records at once: what channels are to do comes between.
        """
        records = self._read() if self._is_rung else ()
        self._is_rung = False
        if records:
            self.escalation.take(records)
            self._is_rung = True
        self._report_hidden()
        due = min(self.escalation.tick(), self._deliveries.begin_due())
        return 0.0 if records else due

    def _read(self) -> Sequence[Record]:
        """Return the next records; none where the journals cannot be read, which is told."""
        try:
            return self._journals.read(self.escalation.marks, _MOST)
        except OSError as error:
            if self._tell_once("journal_not_read", str(error)):
                self._outside.trouble("parked", "journal", cause=str(error), over=False)
            return ()

    def _lost(self, place: str) -> None:
        """Hear of records that nobody can read: people are called about them."""
        why = "journals hold something that cannot be read"
        self._outside.trouble("parked", place, cause=why, over=False)
        self._hidden.append(unreadable(place, self._clock.wall()))

    def _report_hidden(self) -> None:
        for report in self._hidden:
            self.escalation.report(report)
        if self.escalation.store is self._store:  # memory goes: they are told of again
            self._hidden.clear()

    def _tell_once(self, event: str, why: str) -> bool:
        """Write a line of the log, unless it was written before; tell whether it was not."""
        if (event, why) in self._said:
            return False
        self._said.add((event, why))
        self.log.event(event, error=why)
        return True

    # A disk that fails: somebody in need is told of all the same

    def _fail(self, error: Exception) -> None:
        """Tell, once, that nothing can be kept."""
        why = type(error).__name__
        if why != self._fails:
            self._fails = why
            self.log.event("guard_store_fails", error=why, why=str(error))
            self._outside.trouble("store", "guard", cause=why, over=False)

    def _go_on(self) -> float:
        """Go on in memory, with what could be read; return when something is due next.

        The journals keep their records: they are taken again when the disk works, and come to the
        same incidents and notices, by the same ids.
        """
        try:
            if self.escalation.store is self._store:
                self.escalation.use(self._store.copied())
                self._is_rung = True
            return self._step()
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            return float("inf")

    def _replace_store(self, error: sqlite3.Error) -> None:
        """Put a file aside that makes no sense any more, and go on with what can be read of it.

        Where memory was gone by, that stays: people may have answered meanwhile.
        """
        broken, self._store = self._store, None
        if broken is not None:
            broken.close()
        self._store = self._renewed(self._folder / NAME, error)
        if self.escalation.store is broken:
            self.escalation.use(self._store or self._read_only())
            self._is_rung = True

    def _return(self) -> None:
        """Go back to the file, with what people have done meanwhile; sqlite3.Error if it fails.

        Then memory, which has all of it, stays what is gone by.
        """
        memory = self.escalation.store
        store = self._store or _readable(SqliteStore(self._folder / NAME, self._seal()))
        store.prove()
        self._store = store
        self.escalation.use(store)
        try:
            self._replay(_acts_of(memory) if memory is not store else [])
        except BaseException:
            self.escalation.use(memory)
            raise
        self._fails = ""
        self.escalation.show_all()
        self.log.event("guard_store_works")
        self._outside.trouble("store", "guard", cause="it works again", over=True)

    def _replay(self, acts: Sequence[Act]) -> None:
        while records := self._read():
            self.escalation.take(records)
        for act in acts:
            with contextlib.suppress(Unknown, Impossible):
                self.escalation.act(act)

    def _each_second(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked, self._is_rung = now, True  # a ring may have been lost
        for work in (*self.each_second, self._lines.flush, self._notes.flush, self._look_after):
            self._guarded(work)
        if not self._journals.is_read:
            self._journals.adopt(self.snapshot)
        if not self._is_renewed:
            self._renew_keys()
        if self._server is None:
            spawn(self._serve(), name="guard socket", died=self.died)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it; whatever is wrong with it, people are called."""
        try:
            work()
        except Exception as fault:  # noqa: BLE001 - see above
            self._tell_once("guard_upkeep_fails", f"{type(fault).__name__} {places(fault)[-1:]}")

    def _look_after(self) -> None:
        """Count, and tidy up; not while the file fails."""
        if self._fails:
            return
        self.escalation.count()
        self._journals.count(self.escalation.marks)
        now = self._looked
        if now - self._forgot >= _FORGOTTEN_EACH:
            self._forgot = now
            self.escalation.forget(self._journals.forget(self.escalation.marks))
        if now - self._tidied >= _TIDIED_EACH and not self.escalation.forget_over():
            self._tidied = now

    def died(self, name: str, error: BaseException) -> None:
        """Report the death of a task."""
        kind = type(error).__name__
        self.log.event("task_died", task=name, error=kind, where=places(error))


def _acts_of(memory: SqliteStore) -> Sequence[Act]:
    """Return what people have done; nothing if memory was copied from a file that is damaged."""
    try:
        return memory.all_acts()
    except sqlite3.Error:
        return ()


def _readable(store: SqliteStore) -> SqliteStore:
    """Return a store of which all can be read that a guard begins with; else sqlite3.Error."""
    try:
        store.marks()
        store.alarming()
    except BaseException:
        store.close()
        raise
    return store
