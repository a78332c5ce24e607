"""Who may read records, and what is kept of their having done so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from fastapi import HTTPException

from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tests.unit.node.test_error_keeping import MARK, a_record
from tests.unit.node.test_incidents import House as IncidentsHouse
from tta_gateway.features.access.bound import AccessBound
from tta_gateway.features.access.policy import book_of
from tta_gateway.features.error_records.sqlite_store import NAME, SqliteStore
from tta_gateway.node.error_reading import ErrorReading
from tta_gateway.node.error_sealing import Seal
from tta_gateway.node.key_ring import ring_of
from tta_gateway.snapshot.parts import base_of
from tta_gateway.support.crypto.key_store import KeyStore

ROLES: dict[str, tuple[str, ...]] = {
    "looker": ("errors:read",),
    "carer": ("errors:read:care",),
    "player": ("profile:read",),
}
REASON = "ticket 4711: chat fails"


class House:
    """Records of two people and of nobody."""

    def __init__(self, folder: Path) -> None:
        inner = IncidentsHouse(folder)
        access = msgspec.Raw(msgspec.msgpack.encode(AccessBound(roles=ROLES)))
        snapshot = msgspec.structs.replace(base_of(inner.parts), features={"access": access})
        inner.incidents._book = book_of(AccessBound(roles=ROLES))
        self.folder, self.events, self.incidents = folder, Events(), inner
        self.snapshot = snapshot
        self.reading = ErrorReading(
            inner.incidents, cast("Any", self.events), FakeClock(), snapshot=lambda: snapshot
        )

    def keep(self) -> None:
        seal, store = Seal(self.folder, ring_of(self.snapshot)), SqliteStore(self.folder)
        store.add(seal.rows([a_record(1, person="gateway/ada"), a_record(2)]))
        seal.close()
        store.close()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def refused(call: Callable[..., object], *args: object) -> int:
    with pytest.raises(HTTPException) as error:
        call(*args)
    return error.value.status_code


def test_the_administration_sees_which_records_there_are_and_reads_none(house: House) -> None:
    assert house.reading.reader("admin").name == "administration"
    assert refused(house.reading.person, "admin") == 403
    assert refused(house.reading.person, "kim player") == 403
    assert refused(house.reading.reader, None) == 401
    assert house.reading.person("kim looker").name == "kim"


def test_a_program_reads_none(house: House) -> None:
    house.incidents.logged_in = False
    assert refused(house.reading.person, "kim looker") == 403


def test_records_are_listed_without_what_they_hold(house: House) -> None:
    assert house.reading.rows("", 0) == []
    house.keep()
    assert {one["id"] for one in house.reading.rows("c-1", 0)} == {"r1", "r2"}
    assert house.reading.rows("c-2", 0) == []
    assert MARK not in str(house.reading.rows("", 0))


def test_who_reads_one_and_why_is_kept_and_told(house: House) -> None:
    house.keep()
    kim, lou = (house.reading.person(f"{one} looker") for one in ("kim", "lou"))
    first = house.reading.opened("r1", kim, REASON)
    assert first is not None
    assert (first["record"]["body"], first["read"]) == (MARK, [])
    second = house.reading.opened("r1", lou, "to see whether that is so")
    assert second is not None
    assert [(one["by"], one["reason"]) for one in second["read"]] == [("kim", REASON)]
    assert b"ticket" not in (house.folder / NAME).read_bytes()
    assert [name for name, _ in house.events.told] == ["error_record_read"] * 2


def test_there_is_none_of_somebody_whom_one_does_not_care_for(house: House) -> None:
    house.keep()
    carer = house.reading.person("eva carer")
    assert house.reading.opened("r1", carer, REASON) is None
    assert house.reading.opened("r9", carer, REASON) is None


def test_what_has_been_erased_is_gone(house: House) -> None:
    house.keep()
    keys = KeyStore(house.folder, ring_of(house.snapshot))
    keys.erase("gateway/ada")
    keys.close()
    assert refused(house.reading.opened, "r1", house.reading.person("kim looker"), REASON) == 410


def test_a_broken_file_is_told(house: House) -> None:
    (house.folder / NAME).write_bytes(b"no database" * 1000)
    assert refused(house.reading.rows, "", 0) == 503
    assert refused(house.reading.opened, "r1", house.reading.person("kim looker"), REASON) == 503
