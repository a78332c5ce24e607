"""Data keys: one a person, kept by all processes together, and gone when it is erased."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from tta_gateway.support.crypto.forest import kept, opened
from tta_gateway.support.crypto.forest_file import ForestFile
from tta_gateway.support.crypto.key_store import NAME, KeyStore
from tta_gateway.support.crypto.ring import Ring, id_of
from tta_gateway.support.crypto.sealing import Erased, NotSealed

OLD, NEW = b"o" * 32, b"n" * 32
RING = Ring([OLD])


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path, RING)


def other(store: KeyStore, keys: Ring = RING) -> KeyStore:
    """The store of another process."""
    return KeyStore(store._file.parent, keys)


def test_a_person_has_one_key_in_every_process(store: KeyStore) -> None:
    ana = store.of("ana")
    assert ana.is_kept
    assert store.of("ana") == ana
    assert other(store).of("ana") == ana
    assert store.of("ben").id != ana.id
    assert store.by_id(ana.id) == ana.key


def test_a_key_outlives_the_process(store: KeyStore) -> None:
    ana = store.of("ana")
    store.close()
    assert other(store).by_id(ana.id) == ana.key
    assert store.of("ana") == ana  # opened again


def test_nothing_of_a_person_or_key_stands_in_clear(store: KeyStore) -> None:
    ana = store.of("ana-kanarie")
    store.close()
    files = [one.read_bytes() for one in store._file.parent.iterdir()]
    assert not any(b"ana-kanarie" in one or ana.key in one for one in files)
    assert store._file.stat().st_mode & 0o777 == 0o600


def test_an_erased_key_is_gone_for_every_process(store: KeyStore) -> None:
    second = other(store)
    ana = second.of("ana")
    assert store.erase("ana")
    with pytest.raises(Erased):
        second.by_id(ana.id)
    with pytest.raises(Erased):
        store.by_id(ana.id)
    anew = second.of("ana")  # remembers nothing of the old one
    assert anew.id != ana.id
    assert anew.is_kept


def test_an_erased_key_leaves_no_bytes_in_the_files(store: KeyStore) -> None:
    ana = store.of("ana")
    store.of("ben")
    store.erase("ana")
    files = [one.read_bytes() for one in store._file.parent.iterdir()]
    assert not any(ana.wrapped in one or ana.id in one for one in files)


def test_nobody_has_a_key_erased_that_is_not_there(store: KeyStore) -> None:
    assert not store.erase("ana")


def test_what_an_older_key_wrapped_is_wrapped_anew_and_stays_what_it_is(store: KeyStore) -> None:
    ana, ben = store.of("ana"), store.of("ben")
    both = other(store, Ring([NEW, OLD]))
    assert both.of("ana") == ana
    assert both.rewrap() == 2
    assert both.rewrap() == 0
    alone = other(store, Ring([NEW]))
    assert alone.of("ana").key == ana.key
    assert alone.by_id(ben.id) == ben.key


def test_what_nobody_at_hand_has_wrapped_is_left_alone(store: KeyStore) -> None:
    ana = store.of("ana")
    stranger = other(store, Ring([NEW]))
    assert stranger.rewrap() == 0
    with pytest.raises(NotSealed):
        stranger.by_id(ana.id)
    assert not stranger.of("ana").is_kept  # and never in place of the one that is there
    assert store.of("ana") == ana


def test_a_key_that_cannot_be_kept_travels(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "nowhere", RING)
    ana = store.of("ana")
    assert not ana.is_kept
    assert store.of("ana") != ana
    assert store.unwrapped(ana.id, ana.wrapped) == ana.key
    with pytest.raises(NotSealed):
        store.unwrapped(b"x" * 16, ana.wrapped)


def test_a_file_that_is_none_costs_nobody_their_text(store: KeyStore) -> None:
    store._file.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    assert not store.of("ana").is_kept
    for act in (lambda: store.by_id(b"x" * 16), lambda: store.erase("ana"), store.rewrap):
        with pytest.raises(OSError, match=NAME):
            act()


def test_a_file_that_another_holds_is_not_waited_for_long(tmp_path: Path) -> None:
    store = KeyStore(tmp_path, RING, patience=0.0)
    ana = store.of("ana")
    writing = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    assert not store.of("ben").is_kept
    assert store.of("ana") == ana
    writing.execute("ROLLBACK")
    writing.close()
    assert store.of("ben").is_kept


def test_only_so_many_keys_are_remembered(store: KeyStore) -> None:
    store.of("ana")
    store._known = {str(n): store._known["ana"] for n in range(10_000)}
    store.of("ben")
    assert len(store._known) == 10_000
    assert "0" not in store._known


def test_keys_that_are_gathered_are_kept_together(tmp_path: Path) -> None:
    store = KeyStore(tmp_path, RING, gathers=True)
    made = [store.of(name) for name in ("ana", "ben", "ana")]
    assert made[0] == made[2]
    with pytest.raises(Erased):
        other(store).by_id(made[0].id)
    assert store.commit()
    assert store.commit()  # nothing is left to be kept
    assert other(store).by_id(made[0].id) == made[0].key
    assert other(store).of("ben") == made[1]


def test_keys_that_cannot_be_kept_together_travel_when_they_are_asked_for_again(
    tmp_path: Path,
) -> None:
    store = KeyStore(tmp_path, RING, patience=0.0, gathers=True)
    assert store.of("ana").is_kept
    assert store.commit()
    assert store.of("ben").is_kept
    store._database = Refusing(store._database)  # type: ignore[assignment]
    assert not store.commit()
    assert not store.of("ben").is_kept
    assert store.of("ana").is_kept
    assert store.commit()
    ben = store.of("ben")
    assert ben.is_kept
    assert store.commit()
    assert other(store).of("ben") == ben


def test_keys_that_may_be_lost_with_another_are_not_said_to_be_kept(tmp_path: Path) -> None:
    """A full disk may have SQLite undo what it had taken of others."""
    store = KeyStore(tmp_path, RING, gathers=True)
    assert store.of("ana").is_kept
    database = store._database
    store._database = Refusing(database)  # type: ignore[assignment]
    assert not store.of("ben").is_kept
    store._database = database
    assert not store.commit()
    assert not store.of("ana").is_kept
    assert store.commit()
    assert store.of("ana").is_kept
    assert store.commit()
    store.close()


class Refusing:
    """A database that nothing can be written into any more."""

    def __init__(self, database: sqlite3.Connection | None) -> None:
        assert database is not None
        self.close = database.close

    def commit(self) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def execute(self, *_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")


def test_the_forest_of_a_store_is_counted_and_wrapped_anew_with_them(tmp_path: Path) -> None:
    old, new = b"o" * 32, b"n" * 32
    before = KeyStore(tmp_path, Ring([old]))
    assert before.counts() == {}
    _, wrapped = asyncio.run(ForestFile(tmp_path).changed(partial(kept, Ring([old]), now=0.0)))
    assert before.counts() == {id_of(old).hex(): 1}
    before.close()
    both = KeyStore(tmp_path, Ring([new, old]))
    assert KeyStore(tmp_path, Ring([new])).rewrap() == 0
    assert both.rewrap() == 1
    assert both.rewrap() == 0
    assert both.counts() == {id_of(new).hex(): 1}
    both.close()
    _, anew = asyncio.run(ForestFile(tmp_path).changed(partial(kept, Ring([new]), now=1.0)))
    assert opened(Ring([new]), anew) == opened(Ring([old]), wrapped)
