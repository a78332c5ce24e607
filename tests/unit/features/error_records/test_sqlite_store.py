"""The file of records: what is found, what is forgotten, and what is refused."""

from pathlib import Path

import pytest

from tta_gateway.features.error_records.record import Row
from tta_gateway.features.error_records.sqlite_store import NAME, SqliteStore


def a_row(number: int, *, correlation: str = "c", sealed: bytes = b"x") -> Row:
    return Row(
        id=f"r{number}",
        at=float(number),
        correlation=correlation,
        kind="error",
        status=500,
        code="internal",
        sealed=sealed,
    )


def test_what_is_added_is_found_the_newest_first_and_once(tmp_path: Path) -> None:
    store, other = SqliteStore(tmp_path), SqliteStore(tmp_path)
    assert not store.is_there
    store.add([a_row(1), a_row(2, correlation="d"), a_row(2, correlation="e")])
    assert [one.id for one in other.rows()] == ["r2", "r1"]
    assert [one.id for one in other.rows("c")] == ["r1"]
    assert [one.id for one in other.rows(skip=1)] == ["r1"]
    assert other.rows()[0].sealed == b""
    assert other.row("r2") == a_row(2, correlation="d")
    assert other.row("r3") is None
    store.close()
    other.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.add([a_row(1)])
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    store.close()


def test_what_is_too_old_is_forgotten(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.add([a_row(one) for one in range(10)])
    assert store.tidy(7.0, 1 << 30) == 7
    assert [one.id for one in store.rows()] == ["r9", "r8", "r7"]
    store.close()


def test_beyond_its_size_the_oldest_go(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.add([a_row(one, sealed=bytes(20_000)) for one in range(100)])
    assert store.tidy(0.0, 1_000_000) > 40
    left = store.rows()
    assert 30 < len(left) < 60
    assert left[0].id == "r99"
    assert store.tidy(0.0, 1) == len(left)  # and it ends where nothing is left to go
    store.close()


def test_who_has_read_it_stays_when_the_record_has_gone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.add([a_row(1)])
    store.note("r1", 5.0, b"why")
    store.tidy(100.0, 1 << 30)
    assert store.notes("r1") == [(5.0, b"why")]
    assert store.notes("r2") == []
    store.close()


def test_a_file_that_is_none_is_an_oserror_until_it_is_gone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    (tmp_path / NAME).write_bytes(b"no database at all, but long enough" * 100)
    with pytest.raises(OSError, match=NAME):
        store.add([a_row(1)])
    (tmp_path / NAME).unlink()
    store.add([a_row(1)])
    assert len(store.rows()) == 1
    store.close()
