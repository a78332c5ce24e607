"""The tables of the guard's file, and how a file of an older version comes to have them."""

import sqlite3
from collections.abc import Iterator
from typing import Final

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
_SEALED: Final = """
ALTER TABLE incidents ADD COLUMN level INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN over REAL NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE incidents ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE incidents ADD COLUMN key BLOB NOT NULL DEFAULT x'';
ALTER TABLE acts ADD COLUMN sealed BLOB NOT NULL DEFAULT x'';
ALTER TABLE outbox ADD COLUMN aside TEXT NOT NULL DEFAULT '';
CREATE INDEX over_at ON incidents (over) WHERE over > 0;
CREATE INDEX network_of ON incidents (network) WHERE open
"""
"""Version 3: people are marks, bodies are sealed.  `over` is since when there is nothing more to do
here, `key` that of the person when it was opened, and what is `aside` is not carried: why not."""
STEPS: Final = (_SCHEMA, _SHARED, _SEALED)
"""what each version has added"""
VERSION: Final = len(STEPS)
TABLES: Final = {
    "marks": "segment",
    "incidents": "id",
    "reports": "id",
    "notices": "call, contact",
    "acts": "number",
    "parked": "segment, end",
    "outbox": "number",
}
"""what is taken over of a file that is damaged, from both ends"""


def prepare(database: sqlite3.Connection, path: object) -> bool:
    """Make the tables, within a transaction; tell whether older rows may stand there.  OSError."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION or version < 0:
        raise OSError(f"{path} is of another version ({version}): it is kept as it is")
    if version == VERSION:
        return False
    for steps in STEPS[version:]:
        for statement in steps.split(";"):
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")
    if not version:
        database.execute(f"PRAGMA application_id = {VERSION}")  # see `clean`
    return bool(version)


def clean(database: sqlite3.Connection) -> bool:
    """Leave nothing of what an older version wrote in clear, in pages that are free among others.

    It is done once, for it writes the whole file anew; tell whether it is.
    """
    (version,) = database.execute("PRAGMA application_id").fetchone()
    if version == VERSION:
        return True
    try:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # whatever becomes of it
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        database.execute(f"PRAGMA application_id = {VERSION}")
    except sqlite3.Error:  # no room, or somebody reads it: the next guard tries again
        return False
    return True


def copy(table: str, key: str, *, of: sqlite3.Connection, to: sqlite3.Connection) -> None:
    """Copy the rows of a table that can be read and are not there, up to the damage."""
    try:
        names = [row[1] for row in of.execute(f"PRAGMA table_info({table})")]
    except sqlite3.Error:
        return
    marks = ", ".join("?" * len(names))
    statement = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    for direction in ("ASC", "DESC"):
        for row in rows(of, f"{table} ORDER BY {key} {direction}"):
            to.execute(statement, row)


def rows(database: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    """Yield rows up to where something is damaged."""
    try:
        yield from database.execute(f"SELECT * FROM {table}")  # noqa: S608 - ours
    except sqlite3.Error:
        return
