"""What the guard keeps: a file of SQLite of its own, in which every transaction waits for the disk.

One transaction holds the reader's mark in a journal and what has come of the records before it, so
that a guard that is killed reads nothing twice and misses nothing (WAL, synchronous=FULL).
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeGuard

import msgspec

from tta_gateway.features.escalation.algorithm import LONGEST_PAUSE, is_alarming, is_open
from tta_gateway.features.escalation.bound import (
    Act,
    Bundle,
    Incident,
    Other,
    Owed,
    Sent,
    is_subscriber,
)
from tta_gateway.kernel.incident import Report

NAME: Final = "guard.sqlite"
"""The file, in the state folder."""
_VERSION: Final = 2
MOST_PARTS: Final = 50
"""reports, acts and notices of an incident that are carried at once"""
MOST_BYTES: Final = 4 * 2**20
"""of what people have written, after which no further incident is carried at once"""
_PATIENCE: Final = 5.0  # seconds, for whoever else looks into the file
_SCHEMA: Final = """
CREATE TABLE marks (segment TEXT PRIMARY KEY, end INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE incidents (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, drill INTEGER NOT NULL, open INTEGER NOT NULL,
  due REAL NOT NULL, opened REAL NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX open_of ON incidents (person, drill) WHERE open;
CREATE INDEX due_at ON incidents (due) WHERE due > 0;
CREATE INDEX opened_at ON incidents (opened);
CREATE TABLE reports (
  id TEXT PRIMARY KEY, incident TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX reports_of ON reports (incident, at);
CREATE TABLE notices (
  call TEXT NOT NULL, contact TEXT NOT NULL, incident TEXT NOT NULL, number INTEGER NOT NULL,
  level INTEGER NOT NULL, tries INTEGER NOT NULL, due REAL NOT NULL,
  confirmed REAL NOT NULL DEFAULT 0,
  PRIMARY KEY (call, contact)
) WITHOUT ROWID;
CREATE INDEX owed ON notices (contact, level, due) WHERE confirmed = 0;
CREATE INDEX notices_of ON notices (incident, number);
CREATE TABLE acts (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, incident TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX acts_of ON acts (incident);
CREATE TABLE parked (
  segment TEXT NOT NULL, end INTEGER NOT NULL, at REAL NOT NULL, cause TEXT NOT NULL,
  data BLOB NOT NULL, PRIMARY KEY (segment, end)
) WITHOUT ROWID;
"""
_SHARED: Final = """
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,
  incident TEXT NOT NULL, UNIQUE (kind, id)
);
CREATE INDEX outbox_of ON outbox (incident, kind);
CREATE TABLE others (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, level INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX others_of ON others (person);
CREATE TABLE node (id TEXT NOT NULL);
INSERT INTO node VALUES (lower(hex(randomblob(16))));
INSERT INTO outbox (kind, id, incident) SELECT 'report', id, incident FROM reports;
INSERT INTO outbox (kind, id, incident) SELECT 'act', id, incident FROM acts;
INSERT INTO outbox (kind, id, incident) SELECT 'incident', id, id FROM incidents
"""
"""What version 2 has besides: the outbox, others' incidents, and the name of this file."""
_TABLES: Final = {
    "marks": "segment",
    "incidents": "id",
    "reports": "id",
    "notices": "call, contact",
    "acts": "number",
    "parked": "segment, end",
    "outbox": "number",
}
_encode = msgspec.msgpack.Encoder().encode
_incident = msgspec.msgpack.Decoder(Incident).decode
_report = msgspec.msgpack.Decoder(Report).decode
_act = msgspec.msgpack.Decoder(Act).decode
_OWED: Final = "SELECT call, contact, incident, number, level, tries, due FROM notices"


class SqliteStore:
    """The file; sqlite3.Error says that it cannot be used at the moment."""

    def __init__(self, path: Path | None) -> None:
        """Open it, or make it for its owner alone; None: in memory, for a while."""
        if path is not None:
            path.touch(0o600)
        self._db = sqlite3.connect(path or ":memory:", timeout=_PATIENCE, isolation_level=None)
        self._damaged: dict[str, bool] = {}  # incidents, and whether somebody has heard of it
        try:
            self._prepare(path)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path | None) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        with self.transaction():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version < _VERSION:
                schema = _SHARED if version else _SCHEMA + _SHARED
                for statement in schema.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise OSError(f"{path} is of another version ({version}): it is kept as it is")

    def copied(self) -> "SqliteStore":
        """Return a copy in memory, with as much as can be read."""
        made = SqliteStore(None)
        with contextlib.suppress(sqlite3.Error):
            self._db.backup(made._db)
        return made

    def salvage(self, path: Path, *, as_itself: bool = False) -> None:
        """Take over what can be read of another file of this version, which is left as it is.

        `as_itself`: be known to other nodes by its name, for as long as it cannot be used.
        """
        for way in ("mode=ro", "mode=ro&immutable=1"):  # the second where nothing can be locked
            with contextlib.suppress(sqlite3.Error):
                other = sqlite3.connect(f"{path.absolute().as_uri()}?{way}", uri=True)
                with contextlib.closing(other):
                    if other.execute("PRAGMA user_version").fetchone()[0] in range(1, _VERSION + 1):
                        self._take_over(other)
                        if as_itself:
                            self._db.executemany("UPDATE node SET id = ?", _rows(other, "node"))
                        return

    def _take_over(self, other: sqlite3.Connection) -> None:
        with self.transaction():
            for table, key in _TABLES.items():
                for direction in ("ASC", "DESC"):  # up to the damage, from both sides
                    self._add_rows(table, _rows(other, f"{table} ORDER BY {key} {direction}"))
            self._tidy_outbox()

    def _tidy_outbox(self) -> None:
        """Have nothing carried that is lost: it would never be done."""
        for kind in ("report", "act", "incident"):
            lost = f"kind = ? AND id NOT IN (SELECT id FROM {kind}s)"  # noqa: S608 - ours
            self._db.execute(f"DELETE FROM outbox WHERE {lost}", (kind,))  # noqa: S608 - ours
        self._db.execute("DELETE FROM outbox WHERE incident NOT IN (SELECT id FROM incidents)")

    def _add_rows(self, table: str, rows: Iterator[tuple[object, ...]]) -> None:
        for row in rows:
            marks = ", ".join("?" * len(row))
            statement = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608 - ours
            self._db.execute(statement, row)

    def take_damaged(self) -> list[str]:
        """Return incidents of which nothing can be made, each once."""
        found = [id for id, is_told in self._damaged.items() if not is_told]
        self._damaged = dict.fromkeys(self._damaged, True)
        return found

    def _readable(self, rows: Iterable[tuple[str, bytes]]) -> list[Incident]:
        """Return the incidents of rows; what makes no sense is put down as damaged."""
        found = []
        for id, body in rows:
            try:
                found.append(_incident(body))
            except msgspec.DecodeError:
                self._damaged.setdefault(id, False)
        return found

    def prove(self) -> None:
        """Write something that changes nothing; sqlite3.Error if that is not possible."""
        with self.transaction():
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Use it no more."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all or nothing of what is done within; what has been done is on the disk then."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Do all or nothing of what is done within, as a part of the transaction."""
        self._db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO part")
            raise
        finally:
            if self._db.in_transaction:
                self._db.execute("RELEASE part")

    # Journals

    def marks(self) -> dict[str, int]:
        """Return up to where each segment of a journal has been taken."""
        return dict(self._db.execute("SELECT segment, end FROM marks").fetchall())

    def mark(self, segment: str, end: int) -> None:
        """Take note that all up to there has been taken."""
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (segment, end))

    def unmark(self, segment: str) -> None:
        """Forget a segment that is no more."""
        self._db.execute("DELETE FROM marks WHERE segment = ?", (segment,))

    def park(self, segment: str, end: int, data: bytes, *, at: float, cause: str) -> None:
        """Keep a record that nothing can be made of, for people to look at."""
        row = (segment, end, at, cause, data)
        self._db.execute("INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?)", row)

    def parked(self) -> int:
        """Return how many records are parked."""
        (count,) = self._db.execute("SELECT count(*) FROM parked").fetchone()
        return int(count)

    # Incidents

    def put(self, incident: Incident, *, is_carried: bool = False) -> None:
        """Keep an incident as it is now, and have it carried if that is not done yet."""
        if not is_carried:
            self.carry("incident", incident.id, incident.id)
        row = (
            incident.id,
            incident.person,
            incident.drill,
            is_open(incident),
            incident.due if is_alarming(incident) else 0.0,
            incident.opened,
            _encode(incident),
        )
        self._db.execute("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def incident(self, id: str) -> Incident | None:
        """Return an incident; None if there is none."""
        rows = self._db.execute("SELECT id, body FROM incidents WHERE id = ?", (id,))
        return next(iter(self._readable(rows)), None)

    def open_of(self, person: str, *, drill: bool) -> Incident | None:
        """Return the incident of a person that is not over."""
        rows = self._db.execute(
            "SELECT id, body FROM incidents WHERE person = ? AND drill = ? AND open",
            (person, drill),
        )
        return next(iter(self._readable(rows)), None)

    def whole_of(self, person: str, part: str) -> Incident | None:
        """Return another incident of a person that is not over, and is no part."""
        rows = self._db.execute(
            "SELECT id, body FROM incidents WHERE person = ? AND drill = 0 AND open AND id <> ?",
            (person, part),
        )
        return next((one for one in self._readable(rows) if not one.part_of), None)

    def open_among(self, network: str) -> int:
        """Return how many incidents are not over of people who are told apart in a network."""
        begin, end = f"{network}/", f"{network}0"  # `0` comes next to `/`
        query = "SELECT count(*) FROM incidents WHERE person > ? AND person < ? AND open"
        (count,) = self._db.execute(query, (begin, end)).fetchone()
        return int(count)

    def latest_of(self, person: str, since: float, until: float) -> Incident | None:
        """Return the newest incident of a person that was opened then, be it over or not.

        None if another node goes on with it: it would call nobody here.
        """
        rows = self._db.execute(
            "SELECT id, body FROM incidents WHERE opened > ? AND opened <= ? AND person = ?"
            " AND drill = 0 ORDER BY opened DESC LIMIT 1",
            (since, until, person),
        )
        return next((one for one in self._readable(rows) if not one.holder), None)

    def alarming(self) -> list[Incident]:
        """Return every incident of which people are still to be called, the next one first."""
        return self._readable(
            self._db.execute("SELECT id, body FROM incidents WHERE due > 0 ORDER BY due")
        )

    def incidents(self, most: int, *, all: bool, skip: int = 0) -> list[Incident]:
        """Return the newest behind so many, those that are over only with `all`.

        Those of which people are still to be called come first, the most urgent before others;
        those that are over come last.
        """
        first = sorted(self.alarming(), key=lambda one: (-one.level, one.opened))
        found = first[skip : skip + most]
        where = "due <= 0" if all else "due <= 0 AND open"
        rows = self._db.execute(
            f"SELECT id, body FROM incidents WHERE {where}"  # noqa: S608 - ours
            " ORDER BY open DESC, opened DESC LIMIT ? OFFSET ?",
            (most - len(found), max(0, skip - len(first))),
        )
        return found + self._readable(rows)

    def open_levels(self) -> dict[tuple[int, bool], int]:
        """Return how many are not over, by level and whether nobody has acknowledged."""
        rows = self._db.execute("SELECT id, body FROM incidents WHERE open")
        found: dict[tuple[int, bool], int] = {}
        for one in self._readable(rows):
            key = (one.level, is_alarming(one))
            found[key] = found.get(key, 0) + int(not one.drill)
        return found

    # Reports

    def incident_of(self, report: str) -> str:
        """Return the incident that a report has been taken into; empty: it has not."""
        query = "SELECT incident FROM reports WHERE id = ?"
        row = self._db.execute(query, (report,)).fetchone()
        return "" if row is None else str(row[0])

    def add(self, report: Report, incident: str) -> None:
        """Keep a report with its incident."""
        row = (report.id, incident, report.at, _encode(report))
        self._db.execute("INSERT INTO reports VALUES (?, ?, ?, ?)", row)
        self.carry("report", report.id, incident)

    def move(self, report: str, incident: str) -> None:
        """Have a report belong to another incident: of the same person, at another node before."""
        self._db.execute("UPDATE reports SET incident = ? WHERE id = ?", (incident, report))
        self.carry("report", report, incident)

    def reports(self, incident: str, most: int = -1) -> list[Report]:
        """Return the newest reports of an incident, all with -1, in the order of their writing."""
        rows = self._db.execute(
            "SELECT body FROM reports WHERE incident = ? ORDER BY at DESC, id DESC LIMIT ?",
            (incident, most),
        )
        return [_report(body) for (body,) in reversed(rows.fetchall())]

    # Notices

    def owe(self, owed: Owed) -> None:
        """Owe a contact a notice, or keep that it was tried."""
        row = (owed.call, owed.contact, owed.incident, owed.number, owed.level)
        self._db.execute(
            "INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (*row, owed.tries, owed.due),
        )

    def owed(self, contact: str, now: float, most: int) -> list[Owed]:
        """Return what is owed to a contact and due, the most urgent first.

        What is further ahead than any pause is due as well: the clock was set back.
        """
        where = "WHERE contact = ? AND confirmed = 0 AND (due <= ? OR due > ?)"
        query = f"{_OWED} {where} ORDER BY level DESC, due LIMIT ?"
        return self._owed(query, (contact, now, now + LONGEST_PAUSE, most))

    def next_due(self, now: float) -> float:
        """Return when something more is due that is owed; `inf` for never."""
        query = "SELECT min(due) FROM notices WHERE confirmed = 0 AND due > ?"
        (due,) = self._db.execute(query, (now,)).fetchone()
        return float("inf") if due is None else float(due)

    def owed_of(self, incident: str) -> list[Owed]:
        """Return what is owed about an incident."""
        where = "INDEXED BY notices_of WHERE incident = ? AND confirmed = 0"
        return self._owed(f"{_OWED} {where}", (incident,))

    def _owed(self, query: str, values: Sequence[str | float]) -> list[Owed]:
        return [
            Owed(
                call=call,
                contact=contact,
                incident=incident,
                number=number,
                level=level,
                tries=tries,
                due=due,
            )
            for call, contact, incident, number, level, tries, due in self._db.execute(
                query, values
            )
        ]

    def confirm(self, owed: Owed, at: float) -> bool:
        """Take note that a contact has confirmed a notice; False if it is owed none any more."""
        done = self._db.execute(
            "UPDATE notices SET confirmed = ? WHERE call = ? AND contact = ? AND confirmed = 0",
            (at, owed.call, owed.contact),
        )
        return done.rowcount > 0

    def forgive(self, incident: str) -> None:
        """Owe nothing of an incident any more: its people are at work."""
        self._db.execute(
            "DELETE FROM notices INDEXED BY notices_of WHERE incident = ? AND confirmed = 0",
            (incident,),
        )

    def supersede(self, incident: str, contact: str) -> None:
        """Owe a contact no older notices of an incident: a newer one follows."""
        self._db.execute(
            "DELETE FROM notices INDEXED BY notices_of"
            " WHERE incident = ? AND contact = ? AND confirmed = 0",
            (incident, contact),
        )

    def is_unreached(self, call: str) -> bool:
        """Tell whether every contact of a call has been tried in vain, subscribers left aside."""
        query = "SELECT contact, tries, confirmed FROM notices WHERE call = ?"
        rows = [row for row in self._db.execute(query, (call,)) if not is_subscriber(row[0])]
        return bool(rows) and all(tries and not confirmed for _, tries, confirmed in rows)

    def told_by(self, call: str) -> set[str]:
        """Return the contacts that a call was, or is to be, brought to."""
        rows = self._db.execute("SELECT contact FROM notices WHERE call = ?", (call,))
        return {contact for (contact,) in rows}

    def confirmations(self, incident: str, most: int = -1) -> list[tuple[str, str, int, float]]:
        """Return notice, contact, number and moment of the newest that were confirmed."""
        rows = self._db.execute(
            "SELECT call, contact, number, confirmed FROM notices"
            " WHERE incident = ? AND confirmed > 0 ORDER BY number DESC, contact DESC LIMIT ?",
            (incident, most),
        )
        return [(call, contact, number, at) for call, contact, number, at in reversed(list(rows))]

    # Acts

    def act(self, id: str) -> Act | None:
        """Return what was done under an id."""
        row = self._db.execute("SELECT body FROM acts WHERE id = ?", (id,)).fetchone()
        return None if row is None else _act(row[0])

    def add_act(self, act: Act) -> None:
        """Keep what somebody has done."""
        row = (act.id, act.incident, _encode(act))
        self._db.execute("INSERT INTO acts (id, incident, body) VALUES (?, ?, ?)", row)
        self.carry("act", act.id, act.incident)

    def acts(self, incident: str) -> list[Act]:
        """Return what has been done about an incident, in order."""
        query = "SELECT body FROM acts WHERE incident = ? ORDER BY number"
        return [_act(body) for (body,) in self._db.execute(query, (incident,))]

    def all_acts(self) -> list[Act]:
        """Return all that has been done, in order."""
        return [_act(body) for (body,) in self._db.execute("SELECT body FROM acts ORDER BY number")]

    # What is carried to where all nodes read it, and what they say

    def node(self) -> str:
        """Return by what name this file is known to other nodes: another file is another node."""
        (id,) = self._db.execute("SELECT id FROM node").fetchone()
        return str(id)

    def carry(self, kind: Literal["incident", "report", "act"], id: str, incident: str) -> None:
        """Have something carried, behind all that is in the outbox."""
        row = (kind, id, incident)
        self._db.execute("INSERT OR REPLACE INTO outbox (kind, id, incident) VALUES (?, ?, ?)", row)

    def bundles(self, most: int, parts: int = MOST_PARTS) -> list[Bundle]:
        """Return what is to be carried of up to so many incidents, those that wait longest."""
        rows = self._db.execute(
            "SELECT id, body FROM incidents WHERE id IN"
            " (SELECT incident FROM outbox GROUP BY incident ORDER BY min(number) LIMIT ?)",
            (most,),
        )
        found, size = [], 0
        for one in self._readable(rows.fetchall()):
            found.append(self._bundle(one, parts))
            size += sum(len(report.evidence) for report in found[-1].reports)
            if size > MOST_BYTES:
                break
        return found

    def uncarried(self) -> int:
        """Return how much is in the outbox."""
        (count,) = self._db.execute("SELECT count(*) FROM outbox").fetchone()
        return int(count)

    def _bundle(self, incident: Incident, parts: int) -> Bundle:
        """Return one: with not all of many reports, the incident itself stays in the outbox."""
        id = incident.id
        reports = self._waiting("report", id, parts)
        acts = self._waiting("act", id, parts)
        numbers = [number for number, _ in (*reports, *acts)]
        if len(reports) < parts and len(acts) < parts:
            numbers += [number for number, _ in self._waiting("incident", id, 1)]
        return Bundle(
            incident=incident,
            reports=tuple(_report(body) for _, body in reports),
            acts=tuple(_act(body) for _, body in acts),
            notices=tuple(self._sent(id)),
            numbers=tuple(numbers),
        )

    def _waiting(self, kind: str, incident: str, most: int) -> list[tuple[int, bytes]]:
        return self._db.execute(
            f"SELECT o.number, it.body FROM outbox o JOIN {kind}s it ON it.id = o.id"  # noqa: S608
            " WHERE o.incident = ? AND o.kind = ? ORDER BY o.number LIMIT ?",
            (incident, kind, most),
        ).fetchall()

    def _sent(self, incident: str) -> list[Sent]:
        rows = self._db.execute(
            "SELECT call, contact, number, level, confirmed FROM notices WHERE incident = ?"
            " ORDER BY number DESC, contact LIMIT ?",
            (incident, MOST_PARTS),
        )
        return [
            Sent(call=call, contact=contact, number=number, level=level, confirmed=confirmed)
            for call, contact, number, level, confirmed in rows
        ]

    def restore(self, sent: Sent, incident: str) -> None:
        """Keep a notice that was confirmed while another node had its incident."""
        row = (sent.call, sent.contact, incident, sent.number, sent.level, sent.confirmed)
        self._db.execute("INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?, ?, 0, 0, ?)", row)

    def carried(self, numbers: Iterable[int]) -> None:
        """Have these no more in the outbox; what has changed since stands there by another."""
        self._db.executemany("DELETE FROM outbox WHERE number = ?", [(one,) for one in numbers])

    def is_carried(self, incident: str) -> bool:
        """Tell whether nothing of an incident is in the outbox."""
        query = "SELECT 1 FROM outbox WHERE incident = ?"
        return self._db.execute(query, (incident,)).fetchone() is None

    def keep_others(self, others: Iterable[Other], *, whole: bool) -> None:
        """Know of incidents that others look after."""
        if whole:
            self._db.execute("DELETE FROM others")
        for one in others:
            if one.is_open:
                row = (one.id, one.person, one.level)
                self._db.execute("INSERT OR REPLACE INTO others VALUES (?, ?, ?)", row)
            else:
                self._db.execute("DELETE FROM others WHERE id = ?", (one.id,))

    def other_of(self, person: str) -> Other | None:
        """Return the incident of a person that another node looks after, as far as is known."""
        query = "SELECT id, level FROM others WHERE person = ?"
        row = self._db.execute(query, (person,)).fetchone()
        if row is None:
            return None
        return Other(id=row[0], person=person, level=row[1], is_open=True)

    def part_of(self, id: str) -> Incident | None:
        """Return the incident at this node that belongs to one of another's."""
        query = "SELECT person FROM others WHERE id = ?"
        row = self._db.execute(query, (id,)).fetchone()
        return None if row is None else self.open_of(row[0], drill=False)


def _rows(database: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    """Yield rows up to where something is damaged."""
    with contextlib.suppress(sqlite3.Error):
        yield from database.execute(f"SELECT * FROM {table}")  # noqa: S608 - ours


def is_damage(error: Exception) -> TypeGuard[sqlite3.Error]:
    """Tell whether an error says that a file makes no sense (any more)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the kind, without what is special to it
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
