"""Sealing error records: with the key of the person, where one asked, else with the node's own.

Whoever erases a person's key leaves the records of their exchanges unreadable.
"""

from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tta_gateway.features.error_records.record import (
    PURPOSE,
    Reading,
    Record,
    Row,
    row_of,
)
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.crypto.vault import Vault, is_sealed

T = TypeVar("T")
_OWNER: Final = "error records"
_READINGS: Final = "readings of error records"
_encode = msgspec.msgpack.Encoder().encode
_record = msgspec.msgpack.Decoder(Record).decode
_reading = msgspec.msgpack.Decoder(Reading).decode


class Seal:
    """Seals and opens with the keys of a state folder.  One thread at a time uses it."""

    def __init__(self, state: Path, keys: Ring) -> None:
        """Use these keys."""
        self._envelope = Envelope(KeyStore(state, keys, gathers=True))
        self._vault = Vault(keys)

    def adopt(self, keys: Ring) -> None:
        """Seal with these from now on."""
        self._envelope.store.keys = keys
        self._vault = Vault(keys)

    def rows(self, records: list[Record]) -> list[Row]:
        """Return them as they are kept; once more where keys could not be: then these travel."""
        made = [self._row(one) for one in records]
        if self._envelope.store.commit():
            return made
        return [self._row(one) for one in records]

    def _row(self, record: Record) -> Row:
        data = _encode(record)
        if record.person:
            sealed = self._envelope.seal(
                data, person=record.person, purpose=PURPOSE, about=record.id
            )
        else:
            sealed = self._vault.seal(data, owner=_OWNER)
        return row_of(record, sealed)

    def opened(self, row: Row) -> Record:
        """Return what a row holds; Erased or NotSealed if nobody can read it (any more).

        OSError if the keys cannot be read.
        """
        if is_sealed(row.sealed):
            found = _record(self._vault.open(row.sealed, owner=_OWNER))
            return _own(found, found.id == row.id)
        return _record(self._envelope.open(row.sealed, purpose=PURPOSE, about=row.id))

    def note(self, reading: Reading) -> bytes:
        """Return who has read a record, and why, sealed."""
        return self._vault.seal(_encode(reading), owner=_READINGS)

    def noted(self, record: str, sealed: bytes) -> Reading:
        """Return who has read a record; NotSealed if nobody can read it any more."""
        if not is_sealed(sealed):
            raise NotSealed("not sealed as a reading")
        found = _reading(self._vault.open(sealed, owner=_READINGS))
        return _own(found, found.record == record)

    def close(self) -> None:
        """Let go of the keys."""
        self._envelope.store.close()


def _own(found: T, is_own: bool) -> T:
    """Return what stands in its own place; NotSealed if it was moved there."""
    if not is_own:
        raise NotSealed("sealed for another place")
    return found
