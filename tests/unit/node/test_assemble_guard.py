"""The guard's parts together: it goes on whatever its file and its policy are like."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.incidents import NOW, Written, a_report, written
from tta_gateway.features.escalation.bound import (
    Act,
    Contact,
    EscalationBound,
    Hook,
    Ladder,
    Letters,
    Mailbox,
    Rung,
    ServiceHook,
    State,
)
from tta_gateway.features.escalation.sealing import Seal
from tta_gateway.features.escalation.sqlite_store import NAME, SqliteStore
from tta_gateway.kernel.events import EscalationTroubled
from tta_gateway.node import assemble_guard, guard_socket
from tta_gateway.node.assemble_guard import Guard
from tta_gateway.node.guard_journals import Journals
from tta_gateway.node.reporting import Reporting
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, parted
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def put(self, line: bytes) -> None:
        self.lines.append(line.decode())

    def flush(self) -> None:
        """Nothing waits."""

    def take_dropped(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing waits."""


class Notes:
    """A way to control that keeps what goes there."""

    def __init__(self) -> None:
        self.told: list[EscalationTroubled] = []

    def put(self, event: EscalationTroubled) -> None:
        self.told.append(event)

    def flush(self) -> None:
        """Nothing waits."""


def parts(
    folder: Path, bound: EscalationBound, version: int = 1, *, keys: tuple[bytes, ...] = ()
) -> Parts:
    features = {"escalation": msgspec.Raw(msgspec.msgpack.encode(bound))}
    return parted(
        Snapshot(
            version=version,
            state_dir=str(folder),
            listeners=(),
            services=(),
            routes=(),
            features=features,
            encryption_keys=keys,
        )
    )


def policy(*contacts: Contact) -> EscalationBound:
    ladder = Ladder((Rung(tuple(one.name for one in contacts), 60.0),), 60.0)
    return EscalationBound(contacts=contacts, ladders=(ladder, ladder, ladder))


class House:
    """A guard in a folder."""

    def __init__(
        self, folder: Path, bound: EscalationBound, *, keys: tuple[bytes, ...] = ()
    ) -> None:
        self.folder = folder
        self.lines, self.notes = Lines(), Notes()
        self.guard = Guard(
            parts(folder, bound, keys=keys),
            clock=FakeClock(wall=NOW),
            lines=self.lines,
            notes=cast("Any", self.notes),
            counts=Registry(),
        )


def test_a_policy_that_is_replaced_holds_and_one_that_is_the_same_changes_nothing(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        house = House(tmp_path, policy())
        guard = house.guard
        mail = Mailbox(name="m", host="h", port=25, security="none", sender="a@b", to=("c@d",))
        hook, letters = Hook(name="h", url="http://h/"), Letters(name="l", users=("ben",))
        told = ServiceHook(name="s", service="care", path="/crisis")
        await guard.apply(parts(tmp_path, policy(mail, hook, letters, told), 2))
        assert guard.version == 2
        channels = guard._deliveries.channels
        assert sorted(channels) == ["h", "l", "m", "s"]
        await guard.apply(parts(tmp_path, policy(mail, hook, letters, told), 3))
        assert guard._deliveries.channels is channels

    asyncio.run(run())


def test_a_contact_whose_authorities_are_none_is_told_of_and_others_are_called(
    tmp_path: Path,
) -> None:
    bad = Hook(name="bad", url="https://h/", ca="no certificate")
    house = House(tmp_path, policy(bad, Hook(name="good", url="http://h/")))
    assert sorted(house.guard._deliveries.channels) == ["good"]
    assert '"contact":"bad"' in house.lines.lines[0]


def test_a_file_that_makes_no_sense_is_put_aside_and_that_is_an_alert(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"this is no file of SQLite " * 100)
    house = House(tmp_path, policy())
    assert (tmp_path / f"{NAME}.broken-{int(NOW)}").exists()
    assert house.guard.escalation.report(a_report()).person == "ada"
    assert [(one.kind, one.over) for one in house.notes.told][:1] == [("parked", False)]


def write(guard: Guard, id: str) -> None:
    """Have the journal hold a report that nobody has taken."""
    guard._journals = cast("Any", Journal(written(a_report(id))))


class Journal:
    """One record, which is there until it is marked."""

    def __init__(self, record: Written) -> None:
        self.record = record

    def read(self, marks: dict[str, int], most: int) -> list[Written]:
        assert most > 0
        return [] if marks.get(self.record.segment) == self.record.end else [self.record]

    is_read = True

    def adopt(self, _: Snapshot) -> None:
        """Keys are nothing to it."""


def test_while_the_disk_fails_people_are_called_from_memory_and_then_from_the_file(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        guard = (house := House(tmp_path, policy())).guard
        disk = guard.escalation.store
        disk._db.execute("PRAGMA query_only = 1")
        write(guard, "r1")
        assert [guard._turn(), guard._turn()] == [0.0, NOW + 60.0]
        (incident,) = guard.escalation.store.incidents(10, all=True)
        assert guard.escalation.store is not disk
        guard.escalation.act(
            Act(id="a1", incident=incident.id, does="acknowledge", by="ben", at=NOW)
        )
        guard._turn()
        assert guard.escalation.store is not disk
        disk._db.execute("PRAGMA query_only = 0")
        assert guard._turn() == float("inf")
        assert guard.escalation.store is disk
        (kept,) = disk.incidents(10, all=True)
        assert (kept.id, kept.state) == (incident.id, State.ACKNOWLEDGED)
        stores = [one.over for one in house.notes.told if one.kind == "store"]
        assert stores == [False, True]

    asyncio.run(run())


def test_a_file_that_cannot_be_opened_is_opened_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path | None) -> SqliteStore:
        raise sqlite3.OperationalError("disk is full")

    async def run() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(assemble_guard, "SqliteStore", Once(full))
            guard = House(tmp_path, policy()).guard
        write(guard, "r1")
        assert guard._turn() == NOW + 60.0
        assert (tmp_path / NAME).exists()
        assert guard._fails == ""

    asyncio.run(run())


class Once:
    """Fails the first time, and is the store then."""

    def __init__(self, fail: Callable[[Path | None], SqliteStore]) -> None:
        self.fail = fail

    def __call__(self, path: Path | None, seal: Seal) -> SqliteStore:
        return self.fail(path) if path is not None else SqliteStore(None, seal)


def test_the_death_of_a_task_is_told(tmp_path: Path) -> None:
    house = House(tmp_path, policy())
    house.guard.died("notice", KeyError("kanarie"))
    assert '"task_died"' in house.lines.lines[-1]
    assert "kanarie" not in house.lines.lines[-1]


class Unreadable:
    """Journals that the disk does not give."""

    def read(self, *_: object) -> list[Written]:
        raise PermissionError(13, "not yours", "journal")

    count = forget = read


def test_people_are_called_whatever_the_journals_are_like(tmp_path: Path) -> None:
    async def run() -> None:
        guard = (house := House(tmp_path, policy(Hook(name="h", url="http://h/")))).guard
        guard.escalation.report(a_report())
        guard._journals = cast("Any", Unreadable())
        assert guard._turn() == NOW + 60.0
        cast("FakeClock", guard._clock).advance(60.0)
        guard._is_rung = True
        assert guard._turn() == NOW + 120.0
        assert guard._fails == ""
        assert [line for line in house.lines.lines if '"journal_not_read"' in line] != []
        assert [one.of for one in house.notes.told if one.kind == "parked"] == ["journal"]

    asyncio.run(run())


def test_a_fault_in_counting_is_told_of_and_stops_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path, policy())
        guard, done = house.guard, list[str]()

        def breaks() -> None:
            raise KeyError("kanarie")

        guard.each_second += [breaks, lambda: done.append("next")]
        guard._server = cast("Any", object())
        for _ in range(2):
            cast("FakeClock", guard._clock).advance(1.0)
            guard._each_second()
        assert done == ["next", "next"]
        told = [line for line in house.lines.lines if '"guard_upkeep_fails"' in line]
        assert len(told) == 1
        assert "kanarie" not in told[0]

    asyncio.run(run())


def test_a_fault_of_a_turn_is_told_of_and_another_turn_follows(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path, policy())
        house.guard._deliveries = cast("Any", None)
        assert house.guard._turn() == NOW + 1.0
        assert '"task_died"' in house.lines.lines[-1]

    asyncio.run(run())


def damaged_page(path: Path, page: int) -> None:
    data = bytearray(path.read_bytes())
    data[page * 4096 : (page + 1) * 4096] = bytes(4096)
    path.write_bytes(data)


def test_a_file_with_a_damaged_page_is_put_aside_and_the_rest_of_it_is_taken_over(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, policy())
    for number in range(100):
        house.guard.escalation.report(a_report(f"r{number}", person=f"p{number}"))
    store = house.guard.escalation.store
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    query = "SELECT pageno FROM dbstat WHERE name = 'incidents' AND pagetype = 'leaf'"
    leaves = [page for (page,) in store._db.execute(query)]
    store.close()
    damaged_page(tmp_path / NAME, leaves[len(leaves) // 2] - 1)
    again = House(tmp_path, policy())
    assert (tmp_path / f"{NAME}.broken-{int(NOW)}").exists()
    assert 50 < len(again.guard.escalation.store.incidents(200, all=True)) < 100
    assert [(one.kind, one.over) for one in again.notes.told][:1] == [("parked", False)]


def test_a_file_that_is_damaged_while_it_is_used_is_put_aside(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path, policy())
        guard = house.guard
        guard.escalation.report(a_report())
        error = sqlite3.DatabaseError("malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        guard.escalation.store._db = cast("Any", Broken(guard.escalation.store._db, error))
        write(guard, "r2")
        guard._turn()
        guard._turn()
        assert guard._fails == ""
        assert (tmp_path / f"{NAME}.broken-{int(NOW)}").exists()
        (incident,) = guard.escalation.store.incidents(10, all=True)
        assert incident.reports == 2

    asyncio.run(run())


class Broken:
    """A database that makes no sense once something is begun."""

    def __init__(self, database: sqlite3.Connection, error: sqlite3.Error) -> None:
        self.database = database
        self.error = error

    def __getattr__(self, name: str) -> object:
        return getattr(self.database, name)

    def execute(self, statement: str, *values: object) -> object:
        if statement.startswith("BEGIN"):
            raise self.error
        return self.database.execute(statement, *values)  # type: ignore[arg-type]


def test_an_incident_of_which_nothing_can_be_made_has_people_called(tmp_path: Path) -> None:
    async def run() -> None:
        before = House(tmp_path, policy()).guard.escalation
        ada = before.report(a_report())
        before.report(a_report("r2", person="bob"))
        before.store._db.execute("UPDATE incidents SET body = x'c1' WHERE id = ?", (ada.id,))
        before.store.close()
        house = House(tmp_path, policy(Hook(name="h", url="http://h/")))
        house.guard._turn()
        found = house.guard.escalation.store.incidents(10, all=True)
        assert {one.person for one in found} == {"bob", "unreadable-records"}
        assert [line for line in house.lines.lines if '"incident_damaged"' in line] != []

    asyncio.run(run())


def test_a_folder_that_cannot_be_written_has_people_called_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> SqliteStore:
        raise OSError(30, "Read-only file system")

    async def run() -> None:
        before = House(tmp_path, policy()).guard.escalation
        before.report(a_report())
        name = before.store.node()
        before.store.close()
        with monkeypatch.context() as broken:
            broken.setattr(assemble_guard, "SqliteStore", Once(refuses))
            broken.setattr(guard_socket, "serve", refuses)
            broken.setattr(Journals, "listen", refuses)
            house = House(tmp_path, policy(Hook(name="h", url="http://h/")))
            await house.guard.begin()
            (incident,) = house.guard.escalation.store.incidents(10, all=True)
        assert incident.person == "ada"
        assert house.guard.escalation.store.node() == name  # else it is another's, and silent
        told = " ".join(house.lines.lines)
        assert '"guard_not_woken"' in told
        assert '"guard_not_asked"' in told
        house.guard.close()

    asyncio.run(run())


def test_what_people_did_meanwhile_outlives_a_disk_that_fails_again(tmp_path: Path) -> None:
    async def run() -> None:
        guard = House(tmp_path, policy()).guard
        disk = guard.escalation.store
        disk._db.execute("PRAGMA query_only = 1")
        write(guard, "r1")
        guard._turn()
        (incident,) = guard.escalation.store.incidents(10, all=True)
        guard.escalation.act(
            Act(id="a1", incident=incident.id, does="acknowledge", by="ben", at=NOW)
        )
        memory = guard.escalation.store
        disk._db.execute("PRAGMA query_only = 0")
        add_act = disk.add_act

        def refuses(_: Act) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        disk.add_act = refuses  # type: ignore[assignment, method-assign]
        guard._turn()
        assert guard.escalation.store is memory
        disk.add_act = add_act  # type: ignore[method-assign]
        guard._turn()
        assert guard.escalation.store is disk
        (kept,) = disk.incidents(10, all=True)
        assert kept.state is State.ACKNOWLEDGED

    asyncio.run(run())


def test_people_are_called_about_a_journal_whose_key_is_gone(tmp_path: Path) -> None:
    async def run() -> None:
        loop, clock = asyncio.get_running_loop(), SystemClock()
        house = House(tmp_path, policy(Hook(name="h", url="http://h/")))
        guard = house.guard
        made = Reporting(loop, clock=clock, registry=Registry(), log=guard.log)
        keys = msgspec.structs.replace(
            guard.snapshot, encryption_keys=(b"a" * 32,), volatile_journal=True
        )
        made.open(keys, 1)
        assert await made.put(a_report(), "")
        made.close()
        guard._server = cast("Any", object())
        for _ in range(2):
            guard._is_rung = True
            guard._turn()
            guard._look_after()
        (found,) = guard.escalation.store.incidents(10, all=True)
        assert (found.person, found.reports) == ("unreadable-records", 1)

    asyncio.run(run())


def test_what_people_did_meanwhile_outlives_a_file_that_makes_no_sense_then(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        guard = House(tmp_path, policy()).guard
        disk = guard.escalation.store
        disk._db.execute("PRAGMA query_only = 1")
        write(guard, "r1")
        guard._turn()
        (incident,) = guard.escalation.store.incidents(10, all=True)
        guard.escalation.act(
            Act(id="a1", incident=incident.id, does="acknowledge", by="ben", at=NOW)
        )
        error = sqlite3.DatabaseError("malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        disk._db = cast("Any", Broken(disk._db, error))
        guard._turn()
        guard._turn()
        assert guard._fails == ""
        (kept,) = guard.escalation.store.incidents(10, all=True)
        assert kept.state is State.ACKNOWLEDGED

    asyncio.run(run())


OLD, NEW = b"o" * 32, b"n" * 32
CALLED = policy(Hook(name="h", url="http://h/"))


def people(guard: Guard) -> set[str]:
    return {one.person for one in guard.escalation.store.alarming()}


@pytest.mark.parametrize("keys", [(NEW,), (NEW, OLD)])
def test_keys_are_changed_while_somebody_is_in_need_and_they_are_called_about(
    tmp_path: Path, keys: tuple[bytes, ...]
) -> None:
    async def run() -> None:
        guard = House(tmp_path, CALLED, keys=(OLD,)).guard
        guard.escalation.report(a_report())
        await guard.apply(parts(tmp_path, CALLED, 2, keys=keys))
        guard.escalation.store.close()  # as one that is killed
        again = House(tmp_path, CALLED, keys=(NEW,)).guard
        again._turn()
        assert people(again) == {"ada"}

    asyncio.run(run())


def test_keys_that_a_full_disk_does_not_let_be_renewed_are_renewed_later(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path, CALLED, keys=(OLD,))
        guard = house.guard
        guard._server = cast("Any", object())
        guard.escalation.report(a_report())
        disk = guard.escalation.store
        disk._db.execute("PRAGMA query_only = 1")
        write(guard, "r2")
        guard._turn()
        assert guard.escalation.store is not disk
        await guard.apply(parts(tmp_path, CALLED, 2, keys=(NEW,)))
        guard._each_second()
        disk._db.execute("PRAGMA query_only = 0")
        for _ in range(2):
            cast("FakeClock", guard._clock).advance(1.0)
            guard._turn()
            guard._each_second()
        assert guard.escalation.store is disk
        told = [line for line in house.lines.lines if '"guard_keys_not_renewed"' in line]
        assert len(told) == 1
        disk.close()
        assert people(House(tmp_path, CALLED, keys=(NEW,)).guard) == {"ada"}

    asyncio.run(run())


def test_a_key_that_was_left_out_by_mistake_has_people_called_and_once_it_is_back_by_name(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        before = House(tmp_path, CALLED, keys=(OLD,)).guard
        before.escalation.report(a_report(level=3))
        before.escalation.store.close()
        guard = House(tmp_path, CALLED, keys=(NEW,)).guard
        guard._turn()
        (one,) = guard.escalation.store.alarming()
        assert (one.person, one.level) == ("unreadable-records", 3)
        await guard.apply(parts(tmp_path, CALLED, 2, keys=(NEW, OLD)))
        guard._turn()
        assert people(guard) == {"ada", "unreadable-records"}
        assert {one.person for one in guard.escalation._alarming.values()} == people(guard)

    asyncio.run(run())


def test_a_file_that_there_is_no_room_to_clean_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tta_gateway.features.escalation.sqlite_schema.clean", lambda _: False)
    lines = House(tmp_path, policy()).lines.lines
    assert [line for line in lines if '"guard_file_not_cleaned"' in line] != []
