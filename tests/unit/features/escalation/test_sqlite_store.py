"""The guard's file: what is in it survives, and half of a step never does."""

import contextlib
import sqlite3
import stat
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest

from tests.helpers.incidents import NOW, RING, a_report, a_seal
from tta_gateway.features.escalation import sqlite_schema as schema
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Act, Incident, Other, Owed, Sent, State
from tta_gateway.features.escalation.sealing import ERASED, LOCKED, Seal
from tta_gateway.features.escalation.sqlite_store import NAME, SqliteStore
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring


def test_the_file_is_its_owner_s_alone_and_waits_for_the_disk(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    (synchronous,) = store._db.execute("PRAGMA synchronous").fetchone()
    (mode,) = store._db.execute("PRAGMA journal_mode").fetchone()
    assert (synchronous, mode) == (2, "wal")
    store.close()


def put_and_fail(store: SqliteStore, within: AbstractContextManager[None]) -> None:
    with within:
        store.put(opened(a_report(), NOW))
        raise KeyError


def test_half_a_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    with pytest.raises(KeyError):
        put_and_fail(store, store.transaction())
    assert store.incidents(10, all=True) == []
    with store.transaction():
        store.mark("a", 1)
        with pytest.raises(KeyError):
            put_and_fail(store, store.savepoint())
    assert store.incidents(10, all=True) == []
    assert store.marks() == {"a": 1}


def test_what_was_kept_is_there_for_the_next_guard(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / NAME, a_seal())
    incident = opened(a_report(), NOW)
    act = Act(id="a", incident=incident.id, does="note", by="ben", at=NOW, text="x")
    with first.transaction():
        first.put(incident)
        first.add(a_report(), incident.id)
        first.owe(Owed(call="c", contact="k", incident=incident.id, number=1))
        first.add_act(act)
    first.close()
    store = SqliteStore(tmp_path / NAME, a_seal())
    assert store.incident(incident.id) == incident
    assert store.open_of("ada", drill=False) == incident
    assert store.open_of("ada", drill=True) is None
    assert store.incident_of("r1") == incident.id
    assert store.incident_of("r2") == ""
    assert store.reports(incident.id) == [a_report()]
    assert store.owed_of(incident.id) == store.owed("k", NOW, 9)
    assert store.act("a") == act
    assert store.act("b") is None
    assert store.all_acts() == [act]


def test_a_call_is_in_vain_only_when_each_contact_has_been_tried(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    assert not store.is_unreached("c")
    store.owe(Owed(call="c", contact="a", incident="i", number=1, tries=1))
    store.owe(Owed(call="c", contact="b", incident="i", number=1))
    assert not store.is_unreached("c")
    store.owe(Owed(call="c", contact="b", incident="i", number=1, tries=1))
    assert store.is_unreached("c")
    (one,) = store.owed("a", NOW, 9)
    assert store.confirm(one, NOW)
    assert not store.confirm(one, NOW)
    assert not store.is_unreached("c")


def test_what_is_due_later_is_not_given_and_said_to_be(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    assert store.next_due(NOW) == float("inf")
    store.owe(Owed(call="c", contact="a", incident="i", number=1, due=NOW + 5.0))
    assert store.owed("a", NOW, 9) == []
    assert store.next_due(NOW) == NOW + 5.0


def test_a_file_of_another_version_is_left_as_it_is(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(OSError, match="another version"):
        SqliteStore(tmp_path / NAME, a_seal())


def test_a_copy_in_memory_holds_what_the_file_does_and_is_another(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    store.put(opened(a_report(), NOW))
    copy = store.copied()
    assert copy.incidents(10, all=True) == store.incidents(10, all=True)
    copy.mark("0/1", 5)
    assert store.marks() == {}
    store.prove()
    store.close()
    assert store.copied().marks() == {}  # what cannot be read is left out


def test_a_file_that_is_read_alone_keeps_its_name_and_what_replaces_it_has_another(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    store.put(opened(a_report(), NOW))
    name = store.node()
    store.close()
    read, renewed = SqliteStore(None, a_seal()), SqliteStore(None, a_seal())
    read.salvage(tmp_path / NAME, as_itself=True)
    renewed.salvage(tmp_path / NAME)
    assert read.node() == name
    assert renewed.node() != name
    assert read.incidents(9, all=True) == renewed.incidents(9, all=True) != []


def test_what_is_lost_of_a_damaged_file_is_not_to_be_carried(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    incident = opened(a_report(), NOW)
    store.put(incident)
    store.add(a_report(), incident.id)
    store.add(a_report("r2"), incident.id)
    store.add(a_report("r3"), "lost")
    store.add_act(Act(id="a", incident=incident.id, does="note", by="ben", at=NOW))
    store._db.execute("DELETE FROM reports WHERE id = 'r2'")
    store._db.execute("DELETE FROM acts")
    store.close()
    made = SqliteStore(None, a_seal())
    made.salvage(tmp_path / NAME)
    (bundle,) = made.bundles(9)
    assert [one.id for one in bundle.reports] == ["r1"]
    made.carried(bundle.numbers)
    assert made.is_carried(incident.id)
    assert made.uncarried() == 0


def test_much_of_one_incident_does_not_hide_what_is_to_be_carried_of_others() -> None:
    store = SqliteStore(None, a_seal())
    incident = opened(a_report("r9", person="bob"), NOW)
    for number in range(3):
        store.add(a_report(f"r{number}"), "unreadable")
    store.put(incident)
    store._db.execute(
        "INSERT INTO incidents (id, person, drill, open, due, opened, body)"
        " SELECT 'unreadable', person, drill, open, due, opened, x'c1' FROM incidents"
    )
    assert [one.incident for one in store.bundles(2)] == [incident]
    # It is set aside, told of once, and holds up nobody.
    assert store.take_aside() == [("incident unreadable", "DecodeError")]
    assert [one.incident for one in store.bundles(1)] == [incident]
    assert (store.take_aside(), store.is_carried("unreadable")) == ([], True)


def older(path: Path, version: int) -> Incident:
    """Write a file as an older version did, in clear."""
    report, incident = a_report(person="canary-ada"), opened(a_report(person="canary-ada"), NOW)
    over = msgspec.structs.replace(incident, id="over", state=State.RESOLVED, resolved=NOW)
    act = Act(id="a", incident=incident.id, does="note", by="ben", at=NOW, text="canary-note")
    encode = msgspec.msgpack.encode
    with contextlib.closing(sqlite3.connect(path)) as database:
        for steps in schema.STEPS[:version]:
            database.executescript(steps)
        for one, is_open in ((incident, 1), (over, 0)):
            row = (one.id, one.person, 0, is_open, one.due * is_open, NOW, encode(one))
            database.execute("INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        reported = (report.id, incident.id, report.at, encode(report))
        database.execute("INSERT INTO reports VALUES (?, ?, ?, ?)", reported)
        done = (act.id, act.incident, encode(act))
        database.execute("INSERT INTO acts (id, incident, body) VALUES (?, ?, ?)", done)
        parked = ("0/1", 7, NOW, "KeyError", b"canary-record")
        database.execute("INSERT INTO parked VALUES (?, ?, ?, ?, ?)", parked)
        if version > 1:
            database.execute("INSERT INTO others VALUES ('w', 'canary-bob', 2)")
            for kind, id in (("incident", incident.id), ("report", report.id), ("act", "a")):
                values = (kind, id, incident.id)
                database.execute("INSERT INTO outbox (kind, id, incident) VALUES (?, ?, ?)", values)
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
    return incident


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_older_version_is_taken_on_sealed_and_to_be_carried(
    tmp_path: Path, version: int
) -> None:
    incident = older(tmp_path / NAME, version)
    keys = KeyStore(tmp_path, RING)
    store = SqliteStore(tmp_path / NAME, a_seal(keys))
    (bundle,) = [one for one in store.bundles(9) if one.incident.id == incident.id]
    assert (bundle.incident, len(bundle.reports)) == (incident, 1)
    assert [one.text for one in bundle.acts] == ["canary-note"]
    assert store.open_of("canary-ada", drill=False) == incident
    assert len(store.node()) == 32
    assert store.forget(NOW - 1.0)["incidents"] == 0
    assert (store.other_of("canary-bob") is not None) == (version > 1)
    store.close()
    assert b"canary" not in b"".join(one.read_bytes() for one in tmp_path.glob(f"{NAME}*"))


def test_what_is_carried_leaves_the_outbox_unless_it_has_changed_since(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    incident = opened(a_report(), NOW)
    store.put(incident)
    store.add(a_report(), incident.id)
    (bundle,) = store.bundles(9)
    store.put(incident)
    store.carried(bundle.numbers)
    assert not store.is_carried(incident.id)
    assert store.uncarried() == 1
    (bundle,) = store.bundles(9)
    assert bundle.reports == ()
    store.carried(bundle.numbers)
    assert store.is_carried(incident.id)
    store.put(incident, is_carried=True)
    assert store.bundles(9) == []


def test_many_reports_are_carried_in_parts_and_much_text_by_itself() -> None:
    store = SqliteStore(None, a_seal())
    incident = opened(a_report(), NOW)
    other = opened(a_report("r9", person="bob"), NOW)
    store.put(other)
    store.put(incident)
    for number in range(3):
        store.add(a_report(f"r{number}", evidence=b"x" * (3 * 2**20)), incident.id)
    (first,) = (one for one in store.bundles(9, parts=2) if one.incident == incident)
    assert [one.id for one in first.reports] == ["r0", "r1"]
    store.carried(first.numbers)
    (second,) = (one for one in store.bundles(9, parts=2) if one.incident == incident)
    assert [one.id for one in second.reports] == ["r2"]
    store.carried(second.numbers)
    assert store.is_carried(incident.id)


def test_incidents_of_others_are_known_by_their_person() -> None:
    store = SqliteStore(None, a_seal())
    other = Other(id="w", person="ada", level=2, is_open=True)
    store.keep_others([other], whole=False)
    assert store.other_of("ada") == other
    assert store.part_of("w") is None
    part = opened(a_report(), NOW, other)
    store.put(part)
    assert store.part_of("w") == part
    assert store.whole_of("ada", part.id) is None
    whole = opened(a_report("r2"), NOW)
    store.put(whole)
    assert store.whole_of("ada", part.id) == whole
    store.keep_others([Other(id="w", person="ada", level=2, is_open=False)], whole=False)
    assert store.other_of("ada") is None
    store.keep_others([other], whole=False)
    store.keep_others([], whole=True)
    assert store.other_of("ada") is None


def test_a_notice_that_was_confirmed_elsewhere_is_restored() -> None:
    store = SqliteStore(None, a_seal())
    store.restore(Sent(call="c", contact="first", number=3, level=2, confirmed=NOW), "i")
    assert store.confirmations("i") == [("c", "first", 3, NOW)]


def test_nobody_who_has_the_file_reads_who_is_in_need_or_what_was_written(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal(KeyStore(tmp_path, RING)))
    report = a_report(person="network/canary-net", evidence=b"canary-words")
    whose = msgspec.structs.replace(report, person="network/canary-net/canary-line")
    incident = opened(whose, NOW)
    store.put(incident)
    store.add(report, incident.id)
    store.add_act(
        Act(id="a", incident=incident.id, does="note", by="ben", at=NOW, text="canary-note")
    )
    store.add_act(
        Act(id="b", incident=incident.id, does="hand_over", by="ben", at=NOW, to="canary-ward")
    )
    store.keep_others([Other(id="w", person="canary-bob", level=2, is_open=True)], whole=True)
    store.park("0/1", 7, b"canary-record", at=NOW, cause="KeyError")
    store.put(msgspec.structs.replace(incident, state=State.RESOLVED, resolved=NOW))
    assert [one.text or one.to for one in store.acts(incident.id)] == ["canary-note", "canary-ward"]
    store.close()
    assert b"canary" not in b"".join(one.read_bytes() for one in tmp_path.glob(f"{NAME}*"))


def test_of_a_person_who_is_erased_nothing_is_read_and_what_is_open_still_calls(
    tmp_path: Path,
) -> None:
    keys = KeyStore(tmp_path, RING)
    store = SqliteStore(tmp_path / NAME, a_seal(keys))
    incident = opened(a_report(), NOW)
    over = msgspec.structs.replace(incident, id="over", state=State.RESOLVED, resolved=NOW)
    given = msgspec.structs.replace(incident, id="given", holder="two")
    for one in (incident, over, given):
        store.put(one)
    store.add(a_report(), incident.id)
    store.add_act(Act(id="a", incident=incident.id, does="note", by="ben", at=NOW, text="about"))
    assert keys.erase("ada")
    assert store.reports(incident.id) == []
    assert [(one.by, one.text) for one in store.acts(incident.id)] == [("ben", "")]
    left, elsewhere = store.incident("over"), store.incident("given")
    assert left is not None
    assert (left.person, left.categories, left.level, left.holder) == (ERASED, (), 2, "")
    assert elsewhere is not None
    assert (elsewhere.person, elsewhere.holder) == (ERASED, "two")
    assert store.alarming() == [incident]
    assert store.take_damaged() == {}
    # What is in the outbox of theirs is given up, and nothing waits for it.
    for bundle in store.bundles(9):
        assert bundle.reports == ()
        store.carried(bundle.numbers)
    assert store.uncarried() == 0
    # They write again, and have a new key: what is over by then keeps nothing of them all the same.
    store.add(a_report("r2"), incident.id)
    store.put(msgspec.structs.replace(incident, state=State.RESOLVED, resolved=NOW))
    made = store.incident(incident.id)
    assert made is not None
    assert (made.person, made.state) == (ERASED, State.RESOLVED)
    assert [one.id for one in store.reports(incident.id)] == ["r2"]
    assert store.latest_of("ada", 0.0, NOW) is None


def test_what_is_open_is_found_and_read_by_newer_keys_once_it_is_sealed_anew(
    tmp_path: Path,
) -> None:
    newer = Ring([bytes(range(1, 33)), bytes(range(32))])
    store = SqliteStore(tmp_path / NAME, a_seal())
    incident = opened(a_report(), NOW)
    store.put(incident)
    store.renew(a_seal(ring=newer))
    assert store.open_of("ada", drill=False) == incident
    store.close()
    store = SqliteStore(tmp_path / NAME, a_seal(ring=Ring([bytes(range(1, 33))])))
    assert store.open_of("ada", drill=False) == incident
    store.close()
    store = SqliteStore(tmp_path / NAME, a_seal())
    assert store.alarming() == []
    assert store.take_damaged() == {incident.id: 2}  # people are called about it
    assert store.take_damaged() == {}


@pytest.mark.parametrize("is_reloaded", [True, False])
def test_a_key_is_changed_while_the_guard_is_away_or_at_once_and_nobody_is_lost(
    tmp_path: Path, *, is_reloaded: bool
) -> None:
    newer, both = Ring([bytes(range(1, 33))]), Ring([bytes(range(1, 33)), bytes(range(32))])
    store = SqliteStore(tmp_path / NAME, a_seal())
    incident = opened(a_report(), NOW)
    erased = msgspec.structs.replace(incident, id="over", person=ERASED, state=State.RESOLVED)
    for one in (incident, erased):
        store.put(one)
    if is_reloaded:
        store.renew(a_seal(ring=newer))
    else:
        store.close()
        store = SqliteStore(tmp_path / NAME, a_seal(ring=both))
    store.close()
    store = SqliteStore(tmp_path / NAME, a_seal(ring=newer))
    assert store.alarming() == [incident]
    left = store.incident("over")
    assert left is not None
    assert left.person == ERASED
    assert store.take_damaged() == {}


@pytest.mark.parametrize("is_reloaded", [True, False])
def test_what_is_parked_is_sealed_anew_with_the_key(tmp_path: Path, *, is_reloaded: bool) -> None:
    newer, both = Ring([bytes(range(1, 33))]), Ring([bytes(range(1, 33)), bytes(range(32))])
    store = SqliteStore(tmp_path / NAME, a_seal())
    store.park("0/1", 7, b"canary-record", at=NOW, cause="KeyError")
    if is_reloaded:
        store.renew(a_seal(ring=newer))
    else:
        store.close()
        store = SqliteStore(tmp_path / NAME, a_seal(ring=both))
    ((data,),) = store._db.execute("SELECT data FROM parked").fetchall()
    assert a_seal(ring=newer).read_record(data) == b"canary-record"
    store.close()


def test_what_was_parked_in_clear_is_sealed_with_the_first_key(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, Seal(None))
    store.park("0/1", 7, b"canary-record", at=NOW, cause="KeyError")
    store.renew(a_seal())
    ((data,),) = store._db.execute("SELECT data FROM parked").fetchall()
    assert b"canary" not in data
    assert a_seal().read_record(data) == b"canary-record"
    assert Seal(None).read_record(b"clear") == b"clear"
    store.close()


def test_what_nobody_can_open_stays_parked_as_it_is(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    store.park("0/1", 7, b"canary-record", at=NOW, cause="KeyError")
    ((before,),) = store._db.execute("SELECT data FROM parked").fetchall()
    store.close()
    store = SqliteStore(tmp_path / NAME, a_seal(ring=Ring([bytes(range(1, 33))])))
    assert store._db.execute("SELECT data FROM parked").fetchall() == [(before,)]
    store.close()


def test_what_cannot_be_sealed_anew_stays_as_it_is_and_a_key_that_comes_back_opens_it(
    tmp_path: Path,
) -> None:
    newer, both = Ring([bytes(range(1, 33))]), Ring([bytes(range(1, 33)), bytes(range(32))])
    store = SqliteStore(tmp_path / NAME, a_seal())
    incident = opened(a_report(), NOW)
    store.put(incident)
    store._db.execute("PRAGMA query_only = 1")
    with pytest.raises(sqlite3.OperationalError):
        store.renew(a_seal(ring=newer))
    assert store.alarming() == [incident]
    store.close()
    store = SqliteStore(tmp_path / NAME, a_seal(ring=newer))
    assert store.alarming() == []
    assert store.take_damaged() == {incident.id: 2}
    store.renew(a_seal(ring=both))
    assert store.alarming() == [incident]


def test_what_cannot_be_read_now_is_neither_overwritten_nor_carried_as_erased(
    tmp_path: Path,
) -> None:
    newer = Ring([bytes(range(1, 33))])
    keys = KeyStore(tmp_path, RING)
    store = SqliteStore(tmp_path / NAME, a_seal(keys))
    over = msgspec.structs.replace(opened(a_report(), NOW), state=State.RESOLVED, resolved=NOW)
    store.put(over)
    store.seal = a_seal(KeyStore(tmp_path, newer), ring=newer)  # for a while, by mistake
    shown = store.incident(over.id)
    assert shown is not None
    assert (shown.person, shown.state) == (LOCKED, State.RESOLVED)
    store.put(shown)
    assert store.bundles(9) == []
    assert store.take_aside() == [(f"incident {over.id}", "NotSealed")]
    store.close()
    store = SqliteStore(tmp_path / NAME, a_seal(keys))
    assert store.incident(over.id) == over
    assert [one.incident for one in store.bundles(9)] == [over]
    keys.close()
    (tmp_path / "keys.db").rename(tmp_path / "elsewhere")
    (tmp_path / "keys.db").mkdir()
    assert (store.bundles(9), store.take_aside()) == ([], [])  # it waits


def test_a_file_that_is_taken_on_leaves_nothing_in_clear_in_what_is_free(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as database:
        database.execute("PRAGMA secure_delete = OFF")  # as SQLite is built by many
        for steps in schema.STEPS[:2]:
            database.executescript(steps)
        rows = [(f"o{number}", f"canary-{number}", 2) for number in range(500)]
        database.executemany("INSERT INTO others VALUES (?, ?, ?)", rows)
        database.commit()
        database.execute("DELETE FROM others")
        database.execute("PRAGMA user_version = 2")
        database.commit()
    assert b"canary" in (tmp_path / NAME).read_bytes()
    store = SqliteStore(tmp_path / NAME, a_seal(KeyStore(tmp_path, RING)))
    assert store.is_clean
    store.close()
    assert b"canary" not in b"".join(one.read_bytes() for one in tmp_path.glob(f"{NAME}*"))


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_sealing_that_is_broken_off_leaves_the_older_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    incident = older(tmp_path / NAME, 2)
    before = (tmp_path / NAME).read_bytes()[100:]  # behind the header, which names the journal
    put, calls = SqliteStore.put, list[str]()

    def refuses(store: SqliteStore, one: Incident, *, is_carried: bool = False) -> None:
        calls.append(one.id)
        put(store, one, is_carried=is_carried)
        if len(calls) == fails_at:
            raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(SqliteStore, "put", refuses)
        with pytest.raises(sqlite3.OperationalError):
            SqliteStore(tmp_path / NAME, a_seal(KeyStore(tmp_path, RING)))
    assert before == (tmp_path / NAME).read_bytes()[100:]
    store = SqliteStore(tmp_path / NAME, a_seal(KeyStore(tmp_path, RING)))
    assert store.alarming() == [incident]


def test_what_is_over_for_long_is_deleted_and_nothing_that_is_open() -> None:
    store = SqliteStore(None, a_seal())
    for id, state, resolved in (
        ("open", State.NOTIFIED, 0.0),
        ("long", State.RESOLVED, 5.0),
        ("late", State.RESOLVED, 50.0),
        ("owed", State.RESOLVED, 5.0),
    ):
        made = msgspec.structs.replace(opened(a_report(), 1.0), id=id)
        store.put(msgspec.structs.replace(made, state=state, resolved=resolved), is_carried=True)
        store.add(a_report(f"r-{id}"), id)
        store.add_act(Act(id=f"a-{id}", incident=id, does="note", by="ben", at=1.0))
    store.park("0/1", 7, b"x", at=5.0, cause="KeyError")
    for bundle in store.bundles(9):
        if bundle.incident.id != "owed":
            store.carried(bundle.numbers)
    gone = store.forget(10.0)
    assert gone == {"incidents": 1, "reports": 1, "acts": 1, "notices": 0, "records": 1}
    assert {one.id for one in store.incidents(9, all=True)} == {"open", "late", "owed"}
    assert not any(store.forget(10.0).values())


def test_what_nobody_can_keep_is_set_aside_until_it_changes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    incident = opened(a_report(), NOW)
    store.put(incident)
    store.add(a_report(), incident.id)
    store._db.execute("UPDATE reports SET body = x'c1'")
    store.add_act(Act(id="a", incident=incident.id, does="note", by="ben", at=NOW))
    store._db.execute("UPDATE acts SET body = x'c1'")
    (bundle,) = store.bundles(9)
    assert (bundle.incident, bundle.reports, bundle.acts) == (incident, (), ())
    assert [why for _, why in store.take_aside()] == ["DecodeError", "DecodeError"]
    store.refuse(bundle.numbers, "ValueError")
    assert (store.bundles(9), store.uncarried()) == ([], 0)
    assert store.take_aside()[0][1] == "ValueError"
    store.put(incident)
    assert [one.incident for one in store.bundles(9)] == [incident]
    store.close()
    again = SqliteStore(tmp_path / NAME, a_seal())
    assert again.uncarried() == 3  # the next guard may make something of it


def test_what_cannot_be_read_now_stays_in_the_outbox(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path, RING)
    store = SqliteStore(tmp_path / NAME, a_seal(keys))
    incident = opened(a_report(), NOW)
    store.put(incident)
    store.add(a_report(), incident.id)
    keys.close()
    (tmp_path / "keys.db").rename(tmp_path / "elsewhere")
    (tmp_path / "keys.db").mkdir()
    (bundle,) = store.bundles(9)
    assert (bundle.reports, bundle.numbers) == ((), ())
    (tmp_path / "keys.db").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "keys.db")
    (bundle,) = store.bundles(9)
    assert (len(bundle.reports), len(bundle.numbers)) == (1, 2)
