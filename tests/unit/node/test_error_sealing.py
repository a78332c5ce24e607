"""Sealing: nothing is read in another's place, nor with another's key."""

from pathlib import Path

import msgspec
import pytest

from tests.unit.node.test_error_keeping import a_record
from tta_gateway.features.error_records.record import Reading
from tta_gateway.node.error_sealing import Seal
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import NotSealed

OLD, NEW = b"o" * 32, b"n" * 32
READING = Reading(record="r1", at=5.0, by="ada", reason="because it fails")


@pytest.mark.parametrize("person", ["", "gateway/ada"])
def test_a_record_is_not_read_in_the_place_of_another(tmp_path: Path, person: str) -> None:
    seal = Seal(tmp_path, Ring([OLD]))
    (row,) = seal.rows([a_record(1, person=person)])
    assert seal.opened(row) == a_record(1, person=person)
    with pytest.raises(NotSealed):
        seal.opened(msgspec.structs.replace(row, id="r2"))
    seal.close()


def test_who_has_read_one_is_sealed_too(tmp_path: Path) -> None:
    seal = Seal(tmp_path, Ring([OLD]))
    sealed = seal.note(READING)
    assert b"ada" not in sealed
    assert seal.noted("r1", sealed) == READING
    for record, data in (("r2", sealed), ("r1", b"in clear")):
        with pytest.raises(NotSealed):
            seal.noted(record, data)
    seal.close()


def test_a_new_key_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    seal = Seal(tmp_path, Ring([OLD]))
    rows = seal.rows([a_record(1), a_record(2, person="gateway/ada")])
    seal.adopt(Ring([NEW, OLD]))
    rows += seal.rows([a_record(3)])
    assert [seal.opened(one).id for one in rows] == ["r1", "r2", "r3"]
    seal.close()
    with pytest.raises(NotSealed):
        Seal(tmp_path, Ring([NEW])).opened(rows[0])


def test_a_key_that_cannot_be_kept_travels(tmp_path: Path) -> None:
    (tmp_path / "keys.db").mkdir()
    seal = Seal(tmp_path, Ring([OLD]))
    (row,) = seal.rows([a_record(1, person="gateway/ada")])
    assert seal.opened(row).person == "gateway/ada"
    seal.close()
