"""The guard's file: what is in it survives, and half of a step never does."""

import stat
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Act, Owed
from tta_gateway.features.escalation.sqlite_store import NAME, SqliteStore


def test_the_file_is_its_owner_s_alone_and_waits_for_the_disk(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME)
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
    store = SqliteStore(tmp_path / NAME)
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
    first = SqliteStore(tmp_path / NAME)
    incident = opened(a_report(), NOW)
    act = Act(id="a", incident=incident.id, does="note", by="ben", at=NOW, text="x")
    with first.transaction():
        first.put(incident)
        first.add(a_report(), incident.id)
        first.owe(Owed(call="c", contact="k", incident=incident.id, number=1))
        first.add_act(act)
    first.close()
    store = SqliteStore(tmp_path / NAME)
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
    store = SqliteStore(tmp_path / NAME)
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
    store = SqliteStore(tmp_path / NAME)
    assert store.next_due(NOW) == float("inf")
    store.owe(Owed(call="c", contact="a", incident="i", number=1, due=NOW + 5.0))
    assert store.owed("a", NOW, 9) == []
    assert store.next_due(NOW) == NOW + 5.0


def test_a_file_of_another_version_is_left_as_it_is(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME)
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(OSError, match="another version"):
        SqliteStore(tmp_path / NAME)


def test_a_copy_in_memory_holds_what_the_file_does_and_is_another(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / NAME)
    store.put(opened(a_report(), NOW))
    copy = store.copied()
    assert copy.incidents(10, all=True) == store.incidents(10, all=True)
    copy.mark("0/1", 5)
    assert store.marks() == {}
    store.prove()
    store.close()
    assert store.copied().marks() == {}  # what cannot be read is left out
