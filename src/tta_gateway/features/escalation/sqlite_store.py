"""What the guard keeps: a file of SQLite of its own, in which every transaction waits for the disk.

One transaction holds the reader's mark in a journal and what has come of the records before it, so
that a guard that is killed reads nothing twice and misses nothing (WAL, synchronous=FULL).  Who
it is about, and what was written, stand there sealed (sealing.py).
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeGuard

import msgspec

from tta_gateway.features.escalation import sqlite_schema as schema
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
from tta_gateway.features.escalation.sealing import (
    ERASED,
    LOCKED,
    UNREADABLE,
    Seal,
    is_clear,
    left_of,
    unread,
)
from tta_gateway.kernel.incident import Report, whose_key
from tta_gateway.support.crypto.sealing import Erased, NotSealed
from tta_gateway.support.crypto.vault import is_sealed

NAME: Final = "guard.sqlite"
"""The file, in the state folder."""
MOST_PARTS: Final = 50
"""reports, acts and notices of an incident that are carried at once"""
MOST_BYTES: Final = 4 * 2**20
"""of what people have written, after which no further incident is carried at once"""
_PATIENCE: Final = 5.0  # seconds, for whoever else looks into the file
_encode = msgspec.msgpack.Encoder().encode
_act = msgspec.msgpack.Decoder(Act).decode
_PARKED: Final = "SELECT segment, end, data FROM parked"
_SEAL_PARKED: Final = "UPDATE parked SET data = ? WHERE segment = ? AND end = ?"
_INCIDENTS: Final = "SELECT id, body, level, drill, opened, over, holder FROM incidents"
_Row: TypeAlias = tuple[str, bytes, int, int, float, float, str]
_MARKS: Final = ", ".join("?" * 12)  # of columns of incidents
_OWED: Final = "SELECT call, contact, incident, number, level, tries, due FROM notices"


class SqliteStore:
    """The file; sqlite3.Error says that it cannot be used at the moment."""

    def __init__(self, path: Path | None, seal: Seal) -> None:
        """Open it, or make it for its owner alone; None: in memory, for a while."""
        self.seal = seal
        if path is not None:
            path.touch(0o600)
        self._db = sqlite3.connect(path or ":memory:", timeout=_PATIENCE, isolation_level=None)
        self._damaged: dict[str, tuple[int, bool]] = {}  # level, and whether somebody has heard
        self._aside: list[tuple[str, str]] = []  # what cannot be carried, and why
        try:
            self._prepare(path)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path | None) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        with self.transaction():
            if schema.prepare(self._db, path):
                self._seal_all(is_older=True)
            self._renew(self.seal)
        self.is_clean = path is None or schema.clean(self._db)
        """whether nothing is left in clear of what an older version wrote"""

    def _seal_all(self, *, is_older: bool) -> None:
        """Seal what an older version wrote; what makes no sense stays as it is."""
        for id, body in self._db.execute("SELECT id, body FROM incidents").fetchall():
            with contextlib.suppress(msgspec.DecodeError, *UNREADABLE):
                self.put(self.seal.read_incident(id, body), is_carried=True)
        for id, body in self._db.execute("SELECT id, body FROM reports").fetchall():
            with contextlib.suppress(msgspec.DecodeError):
                if is_clear(body):
                    sealed = self.seal.report(self.seal.read_report(id, body))
                    self._db.execute("UPDATE reports SET body = ? WHERE id = ?", (sealed, id))
        for id, body in self._db.execute("SELECT id, body FROM acts").fetchall():
            with contextlib.suppress(msgspec.DecodeError):
                self._seal_act(id, _act(body))
        if is_older:
            self._seal_rest()

    def _seal_rest(self) -> None:
        """Seal what does not show whether it is."""
        for id, person in self._db.execute("SELECT id, person FROM others").fetchall():
            mark = self.seal.mark(person)
            self._db.execute("UPDATE others SET person = ? WHERE id = ?", (mark, id))
        for segment, end, data in self._db.execute(_PARKED).fetchall():
            self._db.execute(_SEAL_PARKED, (self.seal.record(data), segment, end))

    def _seal_act(self, id: str, act: Act) -> None:
        if act.to or act.text:
            row = (*self._act_row(act), id)
            self._db.execute("UPDATE acts SET body = ?, sealed = ? WHERE id = ?", row)

    def renew(self, seal: Seal) -> None:
        """Seal by other keys from now on; what is open or parked at once: older ones may be gone.

        Where that fails all stays as it is, and is to be done again.
        """
        before = self.seal
        try:
            with self.transaction():
                self._renew(seal)
        except BaseException:
            self.seal = before
            raise

    def _renew(self, seal: Seal) -> None:
        """Seal anew what is open or parked and sealed by another key, if one can open it."""
        before, self.seal = self.seal, seal
        rows = self._db.execute(f"{_INCIDENTS} WHERE open").fetchall()
        for id, body, *_ in rows:
            found = None if seal.is_newest(body) else _read(id, body, by=(seal, before))
            if found is not None:
                self._damaged.pop(id, None)
                self.put(found, is_carried=True)
        for segment, end, data in self._db.execute(_PARKED).fetchall():
            record = None if seal.is_newest(data) else _record(data, by=(seal, before))
            if record is not None:
                self._db.execute(_SEAL_PARKED, (seal.record(record), segment, end))
        self._db.execute("UPDATE outbox SET aside = '' WHERE aside <> ''")  # tried once more

    def copied(self) -> "SqliteStore":
        """Return a copy in memory, with as much as can be read."""
        made = SqliteStore(None, self.seal)
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
                    if other.execute("PRAGMA user_version").fetchone()[0] in range(
                        1, schema.VERSION + 1
                    ):
                        self._take_over(other)
                        if as_itself:
                            self._db.executemany(
                                "UPDATE node SET id = ?", schema.rows(other, "node")
                            )
                        return

    def _take_over(self, other: sqlite3.Connection) -> None:
        with self.transaction():
            for table, key in schema.TABLES.items():
                schema.copy(table, key, of=other, to=self._db)
            (version,) = other.execute("PRAGMA user_version").fetchone()
            self._seal_all(is_older=version < schema.VERSION)
            self._tidy_outbox()

    def _tidy_outbox(self) -> None:
        """Have nothing carried that is lost: it would never be done."""
        for kind in ("report", "act", "incident"):
            lost = f"kind = ? AND id NOT IN (SELECT id FROM {kind}s)"  # noqa: S608 - ours
            self._db.execute(f"DELETE FROM outbox WHERE {lost}", (kind,))  # noqa: S608 - ours
        self._db.execute("DELETE FROM outbox WHERE incident NOT IN (SELECT id FROM incidents)")

    def take_damaged(self) -> dict[str, int]:
        """Return incidents of which nothing can be made, each once, and how grave they were."""
        found = {id: level for id, (level, is_told) in self._damaged.items() if not is_told}
        self._damaged = {id: (level, True) for id, (level, _) in self._damaged.items()}
        return found

    def _readable(self, rows: Iterable[_Row]) -> list[Incident]:
        """Return the incidents of rows; what makes no sense is put down as damaged."""
        found = []
        for row in rows:
            try:
                found.append(self.seal.read_incident(row[0], row[1]))
            except (msgspec.DecodeError, *UNREADABLE) as error:
                id, _, level, drill, opened, over, holder = row
                if isinstance(error, msgspec.DecodeError) or not over:
                    self._damaged.setdefault(id, (level, False))
                else:
                    # What is over is the operator's only where nothing is kept of the person.
                    is_gone = isinstance(error, Erased) or is_sealed(row[1])
                    person = ERASED if is_gone else LOCKED
                    made = unread(
                        id,
                        level=level,
                        drill=bool(drill),
                        opened=opened,
                        over=over,
                        person=person,
                    )
                    found.append(msgspec.structs.replace(made, holder=holder))
        return found

    def take_aside(self) -> list[tuple[str, str]]:
        """Return what cannot be carried, and why, each once."""
        found, self._aside = self._aside, []
        return found

    def prove(self) -> None:
        """Write something that changes nothing; sqlite3.Error if that is not possible."""
        with self.transaction():
            self._db.execute(f"PRAGMA user_version = {schema.VERSION}")

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
        row = (segment, end, at, cause, self.seal.record(data))
        self._db.execute("INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?)", row)

    def parked(self) -> int:
        """Return how many records are parked."""
        (count,) = self._db.execute("SELECT count(*) FROM parked").fetchone()
        return int(count)

    # Incidents

    def put(self, incident: Incident, *, is_carried: bool = False) -> None:
        """Keep an incident as it is now, and have it carried if that is not done yet.

        Nothing in the place of one that cannot be read now.
        """
        if incident.person == LOCKED:
            return
        if not is_carried:
            self.carry("incident", incident.id, incident.id)
        stays, key = is_open(incident), self._key_of(incident)
        if not stays and (incident.is_erased or self.seal.is_erased(key)):
            incident = left_of(incident)
        person, network = incident.person, whose_key(incident.person)
        row = (
            incident.id,
            self.seal.mark(person),
            incident.drill,
            stays,
            incident.due if is_alarming(incident) else 0.0,
            incident.opened,
            self.seal.incident(incident, is_open=stays),
            incident.level,
            0.0 if stays else incident.resolved or incident.last,
            incident.holder,
            "" if network == person else self.seal.mark(network),
            key,
        )
        self._db.execute(f"INSERT OR REPLACE INTO incidents VALUES ({_MARKS})", row)  # noqa: S608

    def _key_of(self, incident: Incident) -> bytes:
        """Return the id of the key of its person when it was opened: that may be erased since."""
        query = "SELECT key FROM incidents WHERE id = ?"
        row = self._db.execute(query, (incident.id,)).fetchone()
        if row is not None and row[0]:
            return bytes(row[0])
        return b"" if incident.person == ERASED else self.seal.key_of(incident.person)

    def _of(self, person: str, where: str, values: Sequence[object]) -> list[Incident]:
        """Return incidents of a person, of whom there may be several marks."""
        marks = self.seal.marks(person)
        query = f"{_INCIDENTS} WHERE person IN ({', '.join('?' * len(marks))}) AND {where}"
        return self._readable(self._db.execute(query, (*marks, *values)))

    def incident(self, id: str) -> Incident | None:
        """Return an incident; None if there is none."""
        rows = self._db.execute(f"{_INCIDENTS} WHERE id = ?", (id,))
        return next(iter(self._readable(rows)), None)

    def open_of(self, person: str, *, drill: bool) -> Incident | None:
        """Return the incident of a person that is not over."""
        return next(iter(self._of(person, "drill = ? AND open", (drill,))), None)

    def whole_of(self, person: str, part: str) -> Incident | None:
        """Return another incident of a person that is not over, and is no part."""
        found = self._of(person, "drill = 0 AND open AND id <> ?", (part,))
        return next((one for one in found if not one.part_of), None)

    def open_among(self, network: str) -> int:
        """Return how many incidents are not over of people who are told apart in a network."""
        marks = self.seal.marks(network)
        among = f"network IN ({', '.join('?' * len(marks))})"
        query = f"SELECT count(*) FROM incidents WHERE {among} AND open"  # noqa: S608 - ours
        (count,) = self._db.execute(query, marks).fetchone()
        return int(count)

    def latest_of(self, person: str, since: float, until: float) -> Incident | None:
        """Return the newest incident of a person that was opened then, be it over or not.

        None if another node goes on with it: it would call nobody here; or if it cannot be read.
        """
        where = "opened > ? AND opened <= ? AND drill = 0 ORDER BY opened DESC LIMIT 1"
        found = self._of(person, where, (since, until))
        unknown = (ERASED, LOCKED)
        return next((one for one in found if not one.holder and one.person not in unknown), None)

    def alarming(self) -> list[Incident]:
        """Return every incident of which people are still to be called, the next one first."""
        return self._readable(self._db.execute(f"{_INCIDENTS} WHERE due > 0 ORDER BY due"))

    def incidents(self, most: int, *, all: bool, skip: int = 0) -> list[Incident]:
        """Return the newest behind so many, those that are over only with `all`.

        Those of which people are still to be called come first, the most urgent before others;
        those that are over come last.
        """
        first = sorted(self.alarming(), key=lambda one: (-one.level, one.opened))
        found = first[skip : skip + most]
        where = "due <= 0" if all else "due <= 0 AND open"
        rows = self._db.execute(
            f"{_INCIDENTS} WHERE {where} ORDER BY open DESC, opened DESC LIMIT ? OFFSET ?",
            (most - len(found), max(0, skip - len(first))),
        )
        return found + self._readable(rows)

    def open_levels(self) -> dict[tuple[int, bool], int]:
        """Return how many are not over, by level and whether nobody has acknowledged."""
        query = (
            "SELECT level, due > 0, count(*) FROM incidents WHERE open AND drill = 0 GROUP BY 1, 2"
        )
        return {(level, bool(due)): number for level, due, number in self._db.execute(query)}

    def forget(self, before: float, most: int = 100) -> dict[str, int]:
        """Delete what has been over since before then, so much at once; return how many of what.

        Nothing that is open; nor what is still to be carried.
        """
        done = {"incidents": 0, "reports": 0, "acts": 0, "records": 0}
        where = "over > 0 AND over < ? AND NOT open AND id NOT IN (SELECT incident FROM outbox)"
        query = f"SELECT id FROM incidents WHERE {where} LIMIT ?"  # noqa: S608 - ours
        gone = self._db.execute(query, (before, most)).fetchall()
        for (id,) in gone:
            for table in ("reports", "acts", "notices"):
                statement = f"DELETE FROM {table} WHERE incident = ?"  # noqa: S608 - ours
                done[table] = done.get(table, 0) + self._db.execute(statement, (id,)).rowcount
            self._db.execute("DELETE FROM incidents WHERE id = ?", (id,))
        done["incidents"] = len(gone)
        parked = self._db.execute("DELETE FROM parked WHERE at < ?", (before,))
        return {**done, "records": parked.rowcount}

    # Reports

    def incident_of(self, report: str) -> str:
        """Return the incident that a report has been taken into; empty: it has not."""
        query = "SELECT incident FROM reports WHERE id = ?"
        row = self._db.execute(query, (report,)).fetchone()
        return "" if row is None else str(row[0])

    def add(self, report: Report, incident: str) -> None:
        """Keep a report with its incident."""
        row = (report.id, incident, report.at, self.seal.report(report))
        self._db.execute("INSERT INTO reports VALUES (?, ?, ?, ?)", row)
        self.carry("report", report.id, incident)

    def move(self, report: str, incident: str) -> None:
        """Have a report belong to another incident: of the same person, at another node before."""
        self._db.execute("UPDATE reports SET incident = ? WHERE id = ?", (incident, report))
        self.carry("report", report, incident)

    def reports(self, incident: str, most: int = -1) -> list[Report]:
        """Return the newest reports of an incident, all with -1, in the order of their writing.

        Those that nobody can read any more are left out.
        """
        rows = self._db.execute(
            "SELECT id, body FROM reports WHERE incident = ? ORDER BY at DESC, id DESC LIMIT ?",
            (incident, most),
        )
        found = []
        for id, body in reversed(rows.fetchall()):
            with contextlib.suppress(msgspec.DecodeError, *UNREADABLE):
                found.append(self.seal.read_report(id, body))
        return found

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
        rows = self._db.execute("SELECT body, sealed FROM acts WHERE id = ?", (id,))
        return next(iter(self._acts(rows)), None)

    def add_act(self, act: Act) -> None:
        """Keep what somebody has done."""
        row = (act.id, act.incident, *self._act_row(act))
        statement = "INSERT INTO acts (id, incident, body, sealed) VALUES (?, ?, ?, ?)"
        self._db.execute(statement, row)
        self.carry("act", act.id, act.incident)

    def _act_row(self, act: Act) -> tuple[bytes, bytes]:
        """Return what was done, and what was written, sealed with the key of whom it is about."""
        incident = self.incident(act.incident)
        sealed = self.seal.words(act, "" if incident is None else incident.person)
        return _encode(msgspec.structs.replace(act, to="", text="")), sealed

    def acts(self, incident: str) -> list[Act]:
        """Return what has been done about an incident, in order."""
        query = "SELECT body, sealed FROM acts WHERE incident = ? ORDER BY number"
        return self._acts(self._db.execute(query, (incident,)))

    def all_acts(self) -> list[Act]:
        """Return all that has been done, in order."""
        return self._acts(self._db.execute("SELECT body, sealed FROM acts ORDER BY number"))

    def _acts(self, rows: Iterable[tuple[bytes, bytes]]) -> list[Act]:
        return [self.seal.with_words(_act(body), sealed) for body, sealed in rows]

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
        """Return what is to be carried of up to so many incidents, those that wait longest.

        What makes no sense is put aside, and holds up nothing else.
        """
        oldest = (
            "SELECT incident FROM outbox WHERE aside = '' GROUP BY incident ORDER BY min(number)"
        )
        query = f"{_INCIDENTS} WHERE id IN ({oldest} LIMIT ?)"
        rows = self._db.execute(query, (most,)).fetchall()
        found, size = [], 0
        for row in rows:
            incident = self._to_carry(row)
            if incident is None:
                continue
            found.append(self._bundle(incident, parts))
            size += sum(len(report.evidence) for report in found[-1].reports)
            if size > MOST_BYTES:
                break
        return found

    def _to_carry(self, row: _Row) -> Incident | None:
        """Return an incident; None if it has to wait, or is put aside."""
        (found,) = self._readable([row]) or (None,)
        if found is not None and found.person != LOCKED:
            return found
        try:
            self.seal.read_incident(row[0], row[1])
        except OSError:
            return None
        except (msgspec.DecodeError, NotSealed) as error:
            self._put_aside("incident = ?", row[0], f"incident {row[0]}", type(error).__name__)
        return None

    def uncarried(self) -> int:
        """Return how much is in the outbox, and not put aside."""
        (count,) = self._db.execute("SELECT count(*) FROM outbox WHERE aside = ''").fetchone()
        return int(count)

    def refuse(self, numbers: Iterable[int], why: str) -> None:
        """Put aside what nobody can keep, until it changes or the next guard begins."""
        for number in numbers:
            self._put_aside("number = ?", number, f"outbox {number}", why)

    def _put_aside(self, where: str, which: object, what: str, why: str) -> None:
        statement = f"UPDATE outbox SET aside = ? WHERE {where} AND aside = ''"  # noqa: S608 - ours
        if self._db.execute(statement, (why, which)).rowcount:
            self._aside.append((what, why))

    def _bundle(self, incident: Incident, parts: int) -> Bundle:
        """Return one: with not all of many reports, the incident itself stays in the outbox."""
        id = incident.id
        reports, is_whole = self._waiting_reports(id, parts)
        acts = self._waiting_acts(id, parts)
        numbers = [number for number, _ in (*reports, *acts)]
        if is_whole and len(reports) < parts and len(acts) < parts:
            numbers += [number for number, _, _, _ in self._waiting("incident", id, 1, "x''")]
        return Bundle(
            incident=incident,
            reports=tuple(report for _, report in reports if report is not None),
            acts=tuple(act for _, act in acts),
            notices=tuple(self._sent(id)),
            numbers=tuple(numbers),
        )

    def _waiting_reports(
        self, incident: str, most: int
    ) -> tuple[list[tuple[int, Report | None]], bool]:
        """Return reports by their numbers; none for one that was erased meanwhile.

        And whether these are all: those whose keys cannot be read now have to wait.
        """
        found, is_whole = list[tuple[int, Report | None]](), True
        for number, id, body, _ in self._waiting("report", incident, most, "x''"):
            try:
                found.append((number, self.seal.read_report(id, body)))
            except Erased:
                found.append((number, None))
            except OSError:
                is_whole = False
            except (msgspec.DecodeError, NotSealed) as error:
                self._put_aside("number = ?", number, f"report {id}", type(error).__name__)
        return found, is_whole

    def _waiting_acts(self, incident: str, most: int) -> list[tuple[int, Act]]:
        found = []
        for number, id, body, sealed in self._waiting("act", incident, most, "it.sealed"):
            try:
                found.append((number, self.seal.with_words(_act(body), sealed)))
            except msgspec.DecodeError as error:
                self._put_aside("number = ?", number, f"act {id}", type(error).__name__)
        return found

    def _waiting(
        self, kind: str, incident: str, most: int, more: str
    ) -> list[tuple[int, str, bytes, bytes]]:
        return self._db.execute(
            f"SELECT o.number, it.id, it.body, {more} FROM outbox o JOIN {kind}s it"  # noqa: S608
            " ON it.id = o.id WHERE o.incident = ? AND o.kind = ? AND o.aside = ''"
            " ORDER BY o.number LIMIT ?",
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
        """Tell whether nothing of an incident is in the outbox, but what is put aside."""
        query = "SELECT 1 FROM outbox WHERE incident = ? AND aside = ''"
        return self._db.execute(query, (incident,)).fetchone() is None

    def keep_others(self, others: Iterable[Other], *, whole: bool) -> None:
        """Know of incidents that others look after."""
        if whole:
            self._db.execute("DELETE FROM others")
        for one in others:
            if one.is_open:
                row = (one.id, self.seal.mark(one.person), one.level)
                self._db.execute("INSERT OR REPLACE INTO others VALUES (?, ?, ?)", row)
            else:
                self._db.execute("DELETE FROM others WHERE id = ?", (one.id,))

    def other_of(self, person: str) -> Other | None:
        """Return the incident of a person that another node looks after, as far as is known."""
        marks = self.seal.marks(person)
        among = f"person IN ({', '.join('?' * len(marks))})"
        query = f"SELECT id, level FROM others WHERE {among}"  # noqa: S608 - ours
        row = self._db.execute(query, marks).fetchone()
        if row is None:
            return None
        return Other(id=row[0], person=person, level=row[1], is_open=True)

    def part_of(self, id: str) -> Incident | None:
        """Return the incident at this node that belongs to one of another's."""
        where = "person = (SELECT person FROM others WHERE id = ?) AND drill = 0 AND open"
        rows = self._db.execute(f"{_INCIDENTS} WHERE {where}", (id,))
        return next(iter(self._readable(rows)), None)


def _read(id: str, body: bytes, *, by: Sequence[Seal]) -> Incident | None:
    """Return an incident as one of several can read it."""
    for seal in by:
        with contextlib.suppress(msgspec.DecodeError, *UNREADABLE):
            return seal.read_incident(id, body)
    return None


def _record(body: bytes, *, by: Sequence[Seal]) -> bytes | None:
    """Return a record that is parked, likewise."""
    for seal in by:
        with contextlib.suppress(*UNREADABLE):
            return seal.read_record(body)
    return None


def is_damage(error: Exception) -> TypeGuard[sqlite3.Error]:
    """Tell whether an error says that a file makes no sense (any more)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the kind, without what is special to it
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_fault(error: Exception) -> bool:
    """Tell whether an error says that the file cannot be used; not that a row is there already."""
    return isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError)
