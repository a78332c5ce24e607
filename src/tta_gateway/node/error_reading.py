"""Reading error records: an Archive (features/error_records/api.py), in control or a command.

That somebody reads one is on the disk before it is shown, with the reason; the log says so too.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import HTTPException

from tta_gateway.features.error_records.api import Answer, Reader
from tta_gateway.features.error_records.record import Reading, Record, Row
from tta_gateway.features.error_records.sqlite_store import SqliteStore
from tta_gateway.node.error_sealing import Seal
from tta_gateway.node.incidents import Incidents
from tta_gateway.node.key_ring import ring_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.log import EventLog

READS: Final = "errors:read"
"""The permission that shows what happened behind errors."""
_GONE: Final = "It cannot be read any more: the key of the person has been erased, or is not here."


class ErrorReading:
    """The records of this node."""

    def __init__(
        self, incidents: Incidents, log: EventLog, clock: Clock, *, snapshot: Callable[[], Snapshot]
    ) -> None:
        """Let those read whom `incidents` knows; keys and folder are the snapshot's in force."""
        self._incidents = incidents
        self._log = log
        self._wall = clock.wall
        self._snapshot = snapshot

    def reader(self, authorization: str | None) -> Reader:
        """Return who shows this, and may see which records there are."""
        who = self._incidents.anybody(authorization, READS)
        return Reader(who.name, who.sees)

    def person(self, authorization: str | None) -> Reader:
        """Return which person shows this, and may read records."""
        who = self._incidents.person(authorization, READS)
        return Reader(who.name, who.sees)

    def rows(self, correlation: str, skip: int) -> list[Answer]:
        """Return which records there are, the newest first; HTTPException if that fails."""
        try:
            return rows_in(Path(self._snapshot().state_dir), correlation, skip)
        except OSError as error:
            raise HTTPException(503, f"The records cannot be read: {error}.") from error

    def opened(self, id: str, reader: Reader, reason: str) -> Answer | None:
        """Return a record, once it is kept that it is read; None if there is none for them."""
        try:
            found = opened(self._snapshot(), id, reader, reason, self._wall())
        except NotSealed:
            raise HTTPException(410, _GONE) from None
        except OSError as error:
            raise HTTPException(503, f"The record cannot be read: {error}.") from error
        if found is not None:
            correlation = found["record"]["correlation"]
            self._log.event("error_record_read", record=id, request_id=correlation, by=reader.name)
        return found


def rows_in(state: Path, correlation: str, skip: int = 0) -> list[Answer]:
    """Return which records there are in a state folder; OSError if they cannot be read."""
    store = SqliteStore(state)
    if not store.is_there:
        return []
    try:
        return [_listed(one) for one in store.rows(correlation, skip=skip)]
    finally:
        store.close()


def opened(snapshot: Snapshot, id: str, reader: Reader, reason: str, now: float) -> Answer | None:
    """Return a record and who has read it before, once it is kept that this one does.

    None if there is none that they may see; Erased or NotSealed if nobody can read it (any more),
    OSError if something cannot be read or kept.
    """
    state = Path(snapshot.state_dir)
    store, seal = SqliteStore(state), Seal(state, ring_of(snapshot))
    try:
        row = store.row(id) if store.is_there else None
        if row is None:
            return None
        record = seal.opened(row)
        if not reader.sees(record.person):
            return None
        before = [_read(seal, id, at, sealed) for at, sealed in store.notes(id)]
        reading = Reading(record=id, at=now, by=reader.name, reason=reason)
        store.note(id, now, seal.note(reading))
        return {"record": _told(record), "read": before}
    finally:
        store.close()
        seal.close()


def _read(seal: Seal, id: str, at: float, sealed: bytes) -> Answer:
    try:
        reading = seal.noted(id, sealed)
    except NotSealed:  # by a key that is not here any more
        return {"at": _moment(at), "by": "", "reason": ""}
    return {"at": _moment(at), "by": reading.by, "reason": reading.reason}


def _listed(row: Row) -> Answer:
    return {
        "id": row.id,
        "at": _moment(row.at),
        "correlation": row.correlation,
        "kind": row.kind,
        "status": row.status,
        "code": row.code,
    }


def _told(record: Record) -> Answer:
    told: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(bytes,))
    told["at"] = _moment(record.at)
    if "body" in told:
        told["body"] = record.body.decode(errors="replace")
    return told


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
