"""Data keys: a random key for each person, wrapped, in one file that all processes of a node share.

An SQLite file in the state folder, for it is there whatever has become of SQL and Valkey, and takes
many small keys durably; whoever erases a person's key leaves what it had sealed unreadable, copies
included.  The file knows people by a salted digest.  What SQLite or the disk still hold of a key
that was erased is wrapped: change the key-encryption key to be sure of it.

Where a new key cannot be kept (a full or broken disk), one is made for this once, and travels with
what it seals: nothing that somebody in need has written waits for room.  One thread at a time
uses a store.  Who needs keys for many people at once has them kept together, with one sync: then
what they seal must not be used before `commit` has said that they are.
"""

import contextlib
import hashlib
import os
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tta_gateway.support.crypto.forest import rewrapped
from tta_gateway.support.crypto.ring import ID_BYTES as WRAPPED_BY
from tta_gateway.support.crypto.ring import Wrapping
from tta_gateway.support.crypto.sealing import KEY_BYTES, Erased, NotSealed

NAME: Final = "keys.db"
"""The file, in the state folder."""
ID_BYTES: Final = 16
_MOST: Final = 10_000  # keys in memory
_TOGETHER: Final = 100  # keys that are wrapped anew in one step, for others want to write too
_PATIENCE: Final = 1.0  # seconds, for another process that writes
_PURPOSE: Final = b"tta-gateway data key 1 "
_SALT: Final = b"salt"
_SCHEMA: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "CREATE TABLE IF NOT EXISTS meta (name BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS keys (id BLOB PRIMARY KEY, person BLOB NOT NULL UNIQUE, "
    "wrapped BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS erasures (id TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS forest (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, "
    "wrapped BLOB NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class DataKey:
    """A person's key; `is_kept` is False of one that is in no file and must travel."""

    id: bytes
    key: bytes
    wrapped: bytes
    is_kept: bool


class KeyStore:
    """The data keys of a state folder."""

    def __init__(
        self, state: Path, keys: Wrapping, *, patience: float = _PATIENCE, gathers: bool = False
    ) -> None:
        """Look for them there, wrapped by these; nothing is opened before it is needed.

        Another process that writes is waited for that long, in seconds.  One that `gathers` keeps
        new keys when it is told to `commit`, not one by one.
        """
        self._gathers = gathers
        self._pending = False  # whether there are keys that are not kept yet
        self._spoilt = False  # whether these may be lost
        self._refused = False  # whether keys could not be kept: the next ones travel
        self._patience = patience
        self.keys = keys
        self.state = state
        self._file = state / NAME
        self._database: sqlite3.Connection | None = None
        self._salt = b""
        self._seen = -1  # what the file's number of changes was
        self._known: dict[str, DataKey] = {}

    def of(self, person: str) -> DataKey:
        """Return the key of a person, a new one where there is none; it never fails."""
        try:
            database = self._opened()
            if not self._pending:
                self._look_for_changes(database)
            known = self._known.get(person)
            if known is not None:
                return known
            key = self._had_or_made(database, person)
            return self._learn(person, key) if key.is_kept else key
        except (sqlite3.Error, OSError, NotSealed):
            self._spoilt = self._pending  # SQLite may have undone all that was begun
            return self._made(is_kept=False)

    def commit(self) -> bool:
        """Have new keys kept; False if they cannot be: then seal anew what they have sealed.

        The keys of those people travel that time.
        """
        self._refused = False
        if not self._pending:
            return True
        self._pending = False
        try:
            assert self._database is not None  # it has given keys
            if not self._spoilt:
                self._database.commit()
                return True
        except sqlite3.Error:
            pass
        self._refused, self._spoilt = True, False
        self.close()  # and with it what it has begun
        return False

    def by_id(self, id: bytes) -> bytes:
        """Return a key; Erased if it is gone, NotSealed if what wrapped it is not at hand.

        OSError if the file cannot be read.
        """
        return self.unwrapped(id, self.wrapped(id))

    def wrapped(self, id: bytes) -> bytes:
        """Return a key as it is kept; Erased if it is gone, OSError if the file cannot be read."""
        try:
            row = self._opened().execute("SELECT wrapped FROM keys WHERE id = ?", (id,)).fetchone()
        except sqlite3.Error as error:
            raise OSError(f"{self._file}: {error}") from error
        if row is None:
            raise Erased("its key has been erased")
        return bytes(row[0])

    def unwrapped(self, id: bytes, wrapped: bytes) -> bytes:
        """Return a key that has travelled; NotSealed if what wrapped it is not at hand."""
        return unwrapped(self.keys, id, wrapped)

    def erase(self, person: str, *, once: str = "") -> bool:
        """Erase the key of a person for good; False if there is none.  OSError if it cannot be.

        What bears the id `once` is done a single time: a key that they get later stays.
        """
        try:
            database = self._opened()
            with database:
                database.execute("BEGIN IMMEDIATE")
                statement = "INSERT OR IGNORE INTO erasures VALUES (?)"
                if once and not database.execute(statement, (once,)).rowcount:
                    return False
                erased = database.execute(
                    "DELETE FROM keys WHERE person = ?", (self._digest(person),)
                ).rowcount
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise OSError(f"{self._file}: {error}") from error
        self._known.pop(person, None)
        return bool(erased)

    def counts(self) -> dict[str, int]:
        """Return how many data keys each key-encryption key has wrapped, by its id in digits.

        OSError if the file cannot be read.
        """
        found: dict[str, int] = {}
        for wrapped in [*(one for _, one in self._all()), *self._forests()]:
            id = wrapped[:WRAPPED_BY].hex()
            found[id] = found.get(id, 0) + 1
        return found

    def rewrap(self) -> int:
        """Wrap anew what an older key has wrapped; return how many data keys that were.

        They stay what they are, and so does all that they have sealed.  Those of a key that is not
        at hand are left alone.  OSError if the file cannot be written.
        """
        count = 0
        old = [(id, one) for id, one in self._all() if not self.keys.is_newest(one)]
        try:
            database = self._opened()
            for at in range(0, len(old), _TOGETHER):
                with database:
                    for id, wrapped in old[at : at + _TOGETHER]:
                        count += self._wrap_anew(database, id, wrapped)
            with database:
                count += self._wrap_forest_anew(database)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise OSError(f"{self._file}: {error}") from error
        self._known.clear()
        return count

    def _forests(self) -> list[bytes]:
        """Return the forest (forest_file.py), which those keys have wrapped too, if it is here."""
        try:
            rows = self._opened().execute("SELECT wrapped FROM forest").fetchall()
        except sqlite3.Error as error:
            raise OSError(f"{self._file}: {error}") from error
        return [bytes(row[0]) for row in rows]

    def _wrap_forest_anew(self, database: sqlite3.Connection) -> int:
        database.execute("BEGIN IMMEDIATE")
        for wrapped in self._forests():
            try:
                anew = rewrapped(self.keys, wrapped)
            except NotSealed:
                return 0
            if anew != wrapped:
                said = "UPDATE forest SET revision = revision + 1, wrapped = ?"
                return database.execute(said, (anew,)).rowcount
        return 0

    def _all(self) -> list[tuple[bytes, bytes]]:
        try:
            return self._opened().execute("SELECT id, wrapped FROM keys").fetchall()
        except sqlite3.Error as error:
            raise OSError(f"{self._file}: {error}") from error

    def _wrap_anew(self, database: sqlite3.Connection, id: bytes, wrapped: bytes) -> int:
        try:
            key = self.unwrapped(id, wrapped)
        except NotSealed:
            return 0
        anew = wrapped_by(self.keys, id, key)
        return database.execute(  # one that was erased meanwhile stays so
            "UPDATE keys SET wrapped = ? WHERE id = ? AND wrapped = ?", (anew, id, wrapped)
        ).rowcount

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
        self._known.clear()

    def _opened(self) -> sqlite3.Connection:
        if self._database is not None:
            return self._database
        database = opened(self._file, patience=self._patience)
        try:
            self._salt = _salt_of(database)
        except BaseException:
            database.close()
            raise
        self._database = database
        return database

    def _look_for_changes(self, database: sqlite3.Connection) -> None:
        """Forget what is known when another process has changed the file: it may have erased."""
        version = int(database.execute("PRAGMA data_version").fetchone()[0])
        if version != self._seen:
            self._seen = version
            self._known.clear()

    def _had_or_made(self, database: sqlite3.Connection, person: str) -> DataKey:
        digest = self._digest(person)
        query = "SELECT id, wrapped FROM keys WHERE person = ?"
        row = database.execute(query, (digest,)).fetchone()
        if row is None:
            if self._refused:
                return self._made(is_kept=False)
            self._insert(database, digest, self._made(is_kept=True))
            row = database.execute(query, (digest,)).fetchone()
        id, wrapped = bytes(row[0]), bytes(row[1])
        return DataKey(id, self.unwrapped(id, wrapped), wrapped, True)

    def _insert(self, database: sqlite3.Connection, digest: bytes, made: DataKey) -> None:
        """Keep a key, or that of another process which was faster."""
        statement = "INSERT OR IGNORE INTO keys VALUES (?, ?, ?)"
        database.execute(statement, (made.id, digest, made.wrapped))
        if self._gathers:
            self._pending = True
        else:
            database.commit()

    def _made(self, *, is_kept: bool) -> DataKey:
        return made(self.keys, is_kept=is_kept)

    def _learn(self, person: str, key: DataKey) -> DataKey:
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[person] = key
        return key

    def _digest(self, person: str) -> bytes:
        return hashlib.sha256(self._salt + person.encode()).digest()


def opened(file: Path, *, patience: float = _PATIENCE) -> sqlite3.Connection:
    """Return a connection to a file of keys, made where there is none; OSError or sqlite3.Error."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(file, timeout=patience, check_same_thread=False)
    try:
        for statement in _SCHEMA:
            database.execute(statement)
    except BaseException:
        database.close()
        raise
    return database


def made(keys: Wrapping, *, is_kept: bool = True) -> DataKey:
    """Return a new key."""
    id, key = secrets.token_bytes(ID_BYTES), secrets.token_bytes(KEY_BYTES)
    return DataKey(id, key, wrapped_by(keys, id, key), is_kept)


def wrapped_by(keys: Wrapping, id: bytes, key: bytes) -> bytes:
    """Return a data key as it is kept."""
    return keys.wrap(key, purpose=_PURPOSE + id)


def unwrapped(keys: Wrapping, id: bytes, wrapped: bytes) -> bytes:
    """Return a data key; NotSealed if what wrapped it is not at hand."""
    return keys.unwrap(wrapped, purpose=_PURPOSE + id)


def _salt_of(database: sqlite3.Connection) -> bytes:
    """Return the salt, made where there is none: to read, nothing is written."""
    query = "SELECT value FROM meta WHERE name = ?"
    row = database.execute(query, (_SALT,)).fetchone()
    if row is None:
        with database:
            statement = "INSERT OR IGNORE INTO meta VALUES (?, ?)"
            database.execute(statement, (_SALT, secrets.token_bytes(16)))
        row = database.execute(query, (_SALT,)).fetchone()
    return bytes(row[0])
