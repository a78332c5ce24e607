"""The tables of the guard's file, and rows of others that are taken over."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tta_gateway.features.escalation.sqlite_schema import STEPS, VERSION, clean, copy, prepare, rows


def database(version: int = 0) -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None)
    for steps in STEPS[:version]:
        made.executescript(steps)
    made.execute(f"PRAGMA user_version = {version}")
    return made


def columns(of: sqlite3.Connection) -> set[str]:
    return {row[1] for row in of.execute("PRAGMA table_info(incidents)")}


@pytest.mark.parametrize("version", range(VERSION + 1))
def test_a_file_of_each_version_comes_to_have_the_same_tables(version: int) -> None:
    made = database(version)
    assert prepare(made, "f") == (0 < version < VERSION)
    assert not prepare(made, "f")
    assert {"level", "over", "key", "holder", "network"} <= columns(made)


@pytest.mark.parametrize("version", [-1, VERSION + 1])
def test_a_file_of_another_version_is_left_alone(version: int) -> None:
    made = database()
    made.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(OSError, match="another version"):
        prepare(made, "f")
    assert columns(made) == set()


def test_rows_of_an_older_file_are_copied_by_their_names_and_none_twice() -> None:
    older, newer = database(2), database(VERSION)
    older.execute("INSERT INTO acts VALUES (7, 'a', 'i', x'80')")
    copy("acts", "number", of=older, to=newer)
    assert list(rows(newer, "acts")) == [(7, "a", "i", b"\x80", b"")]


def test_where_nothing_can_be_read_nothing_is_copied() -> None:
    broken, made = database(VERSION), database(VERSION)
    broken.close()
    assert isinstance(sqlite3.ProgrammingError(), sqlite3.Error)
    copy("acts", "number", of=broken, to=made)
    assert list(rows(broken, "acts")) == list(rows(made, "acts")) == []


def test_what_an_older_version_wrote_is_cleaned_once_and_where_that_fails_it_is_tried_again(
    tmp_path: Path,
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "f", isolation_level=None)) as made:
        for steps in STEPS[:2]:
            made.executescript(steps)
        made.execute("PRAGMA user_version = 2")
        prepare(made, "f")
        made.execute("PRAGMA query_only = 1")
        assert not clean(made)
        made.execute("PRAGMA query_only = 0")
        assert clean(made)
        made.execute("PRAGMA query_only = 1")
        assert clean(made)
    new = database()
    prepare(new, "f")
    new.execute("PRAGMA query_only = 1")
    assert clean(new)
