"""Reporting: what a worker tells the guard of somebody in need, by way of the journal.

A report is sealed and written by the journal's thread; who asked hears True once it is durable.
The guard is woken then; if there is none at the moment, the next one begins by reading.  What
somebody wrote is sealed with a key of their own, so that it can be erased; where a new key cannot
be kept, it travels with the record (support/crypto/key_store.py).
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tta_gateway.kernel.incident import Report
from tta_gateway.node.key_ring import file_of, ring_of, spoilt
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.journal.disk import SystemDisk
from tta_gateway.support.journal.medium import is_in_memory
from tta_gateway.support.journal.slot import Slot
from tta_gateway.support.journal.wake import Ringer
from tta_gateway.support.journal.writer import Writer
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

FOLDER: Final = "journal"
"""Where journals stand, in the state folder."""
EVIDENCE: Final = "evidence"
"""What the text of a report is sealed for; it is bound to the id of the report."""
LONGEST: Final = 64 * 1024
"""bytes of a text that are kept: beyond that, the half of that from each end"""
_LEFT_OUT: Final = b"\n[...]\n"
_PAUSE: Final = 1.0  # seconds between two tries to have a key
_PATIENCE: Final = 2.0  # seconds, at the end, for what is under way
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Report).decode


def report_of(payload: bytes) -> Report:
    """Return the report that a record holds; msgspec.DecodeError if it is none."""
    return _decode(payload)


def text_of(report: Report, envelope: Envelope) -> str:
    """Return what was written; Erased or NotSealed if nobody can read it (any more).

    OSError if the keys cannot be read.
    """
    data = envelope.open(report.evidence, purpose=EVIDENCE, about=report.id)
    return data.decode(errors="replace")


class Reporting:
    """A worker's reports."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        clock: Clock,
        registry: Registry,
        log: EventLog,
    ) -> None:
        """Keep nothing yet: until it is opened, what is put is refused.

        Without a loop it is of that which runs when it is opened.
        """
        self._given = loop
        self._clock = clock
        self._registry = registry
        self._log = log
        self._writer: Writer | None = None
        self._slot: Slot | None = None
        self._envelope: Envelope | None = None
        self._ringer: Ringer | None = None
        self._snapshot: Snapshot | None = None
        self._number = -1
        self._again = 0.0
        self._said = ""
        self._is_idle = False  # there has been no report yet, and nothing is made before

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        if self._given is None:
            self._given = asyncio.get_running_loop()
        return self._given

    def open(self, snapshot: Snapshot, number: int, *, at_once: bool = True) -> None:
        """Begin to keep reports in the files of this number, which no other process has.

        Not `at_once`: with the first report, of a process that has hardly any.

        OSError if the folder is one in memory and that is not allowed.  Without a key nothing can
        be kept: that is told, and requests are served all the same.
        """
        state = Path(snapshot.state_dir)
        if not snapshot.volatile_journal and is_in_memory(state):
            raise OSError(
                f"{state} is kept in memory, and with it what people in need have written: put "
                "`state_dir` on a disk, or for a demonstration write `journal: {in_memory: allow}`"
            )
        self._number = number
        self._is_idle = not at_once
        if at_once:
            self._begin(snapshot)
        else:
            self._snapshot = snapshot

    def _begin(self, snapshot: Snapshot) -> None:
        """Begin to keep reports, if there is a key; else see `put` and `adopt`."""
        state = Path(snapshot.state_dir)
        self._snapshot, self._is_idle = snapshot, False
        self._again = self._clock.monotonic() + _PAUSE
        try:
            keys = self._ring(snapshot)
        except OSError as error:
            self._without_key(error)
            return
        number = self._number
        store = KeyStore(state, keys, gathers=True)
        self._envelope = Envelope(store)
        self._slot = self._slot_in(state / FOLDER, number, keys)
        ringer = self._ringer = Ringer(state / FOLDER)
        self._writer = Writer(
            self._slot,
            loop=self._loop,
            clock=self._clock,
            registry=self._registry,
            wake=ringer.ring,
            failed=partial(self._tell, "journal_fault", ""),
        )
        self._writer.made = store.commit
        self._writer.start()

    def _without_key(self, error: OSError) -> None:
        if str(error) != self._said:
            self._said = str(error)
            self._log.event("journal_without_key", error=str(error))

    def _ring(self, snapshot: Snapshot) -> Ring:
        """Return the keys; say so if one had to be made that stands beside what it protects."""
        is_new = not snapshot.encryption_keys and not file_of(snapshot).exists()
        keys = ring_of(snapshot)
        why = spoilt(snapshot)
        if why:
            self._log.event("encryption_key_spoilt", error=why)
        if is_new:
            self._log.event(
                "encryption_key_made",
                file=str(file_of(snapshot)),
                advice="in production name your own, kept elsewhere: `encryption: {keys: [...]}`",
            )
        return keys

    def _slot_in(self, folder: Path, number: int, keys: Ring) -> Slot:
        return Slot(
            folder,
            number,
            keys=keys,
            disk=SystemDisk(),
            clock=self._clock,
            trouble=partial(self._tell, "journal_trouble"),
        )

    def _tell(self, event: str, what: str, why: str) -> None:
        """Have the loop write an event: the journal's thread calls this."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(partial(self._log.event, event, what=what, why=why))

    def adopt(self, snapshot: Snapshot) -> None:
        """Seal with the keys of another snapshot from now on, if they can be had."""
        if self._is_idle:
            self._snapshot = snapshot
            return
        if self._slot is None or self._envelope is None or self._writer is None:
            if self._number >= 0:
                self._begin(snapshot)
            return
        try:
            keys = ring_of(snapshot)
        except OSError as error:
            self._log.event("journal_without_key", error=str(error))
            return
        self._slot.keys = self._envelope.store.keys = keys
        self._writer.restock()

    def put(self, report: Report, text: str) -> Awaitable[bool]:
        """Keep it, with what was written sealed as evidence; True once that is on the disk."""
        writer = self._writer or self._begun()
        if writer is None:
            return _refused(self._loop)
        return writer.put(partial(self._record, report, text))

    def _begun(self) -> Writer | None:
        """Try once more to begin, where there was no key: a disk that was full may have room."""
        if self._snapshot is not None and self._clock.monotonic() >= self._again:
            self._begin(self._snapshot)
        return self._writer

    def _record(self, report: Report, text: str) -> bytes:
        """Return the bytes of a record; the journal's thread calls this."""
        try:
            return self._sealed(report, text)
        except UnicodeEncodeError:  # of what is no text; it must not keep a report from anybody
            return self._sealed(cleaned(report), text)

    def _sealed(self, report: Report, text: str) -> bytes:
        assert self._envelope is not None  # there is a writer
        evidence = b""
        if text:
            evidence = self._envelope.seal(
                shortened(text), person=report.person, purpose=EVIDENCE, about=report.id
            )
        return _encode(msgspec.structs.replace(report, evidence=evidence))

    def close(self) -> None:
        """Let what is under way be written, and keep nothing any more."""
        if self._writer is None or not self._writer.close(_PATIENCE):
            return
        if self._ringer is not None:
            self._ringer.close()
        if self._envelope is not None:
            self._envelope.store.close()


def cleaned(report: Report) -> Report:
    """Return a report whose texts can be encoded: halves of characters (surrogates) become `?`."""
    texts = {
        name: value.encode(errors="replace").decode()
        for name, value in msgspec.structs.asdict(report).items()
        if isinstance(value, str)
    }
    return msgspec.structs.replace(report, **texts)


def shortened(text: str) -> bytes:
    """Return what is kept of a text: all of it, or its beginning and its end."""
    data = text.encode(errors="replace")
    if len(data) <= LONGEST:
        return data
    return data[: LONGEST // 2] + _LEFT_OUT + data[-LONGEST // 2 :]


def _refused(loop: asyncio.AbstractEventLoop) -> "asyncio.Future[bool]":
    refused: asyncio.Future[bool] = loop.create_future()
    refused.set_result(False)
    return refused
