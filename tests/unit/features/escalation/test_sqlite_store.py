"""The guard's file: what is in it survives, and half of a step never does."""

import stat
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.helpers.incidents import NOW, a_report, a_seal
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Act, Other, Owed, Sent
from tta_gateway.features.escalation.sqlite_store import NAME, SqliteStore


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
        "INSERT INTO incidents SELECT 'unreadable', person, drill, open, due, opened, x'c1'"
        " FROM incidents"
    )
    assert [one.incident for one in store.bundles(2)] == [incident]


def test_a_file_of_the_first_version_is_taken_on_and_all_of_it_is_to_be_carried(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / NAME, a_seal())
    incident = opened(a_report(), NOW)
    store.put(incident)
    store.add(a_report(), incident.id)
    store.add_act(Act(id="a", incident=incident.id, does="note", by="ben", at=NOW))
    for table in ("outbox", "others", "node"):
        store._db.execute(f"DROP TABLE {table}")
    store._db.execute("PRAGMA user_version = 1")
    store.close()
    again = SqliteStore(tmp_path / NAME, a_seal())
    (bundle,) = again.bundles(9)
    assert (bundle.incident, len(bundle.reports), len(bundle.acts)) == (incident, 1, 1)
    assert len(again.node()) == 32
    assert SqliteStore(None, a_seal()).node() != again.node()
    again.close()


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
