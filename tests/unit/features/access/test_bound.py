"""What control tells workers of care."""

import msgspec
import pytest

from tta_gateway.features.access.bound import (
    GLASS,
    SECTIONS,
    SHARDS,
    Held,
    held_of,
    section_of,
)


def test_a_section_comes_back_as_it_went() -> None:
    held = Held(until={"t1": {"p1": 10.0, "p2": 20.5}})
    assert held_of(msgspec.Raw(msgspec.msgpack.encode(held))) == held


def test_what_is_no_section_is_not_read() -> None:
    with pytest.raises(msgspec.DecodeError):
        held_of(msgspec.Raw(msgspec.msgpack.encode({"until": {"t1": ["p1"]}})))


def test_whoever_cares_has_one_section_and_all_of_them_have_somebody() -> None:
    found = {section_of(f"t{number}") for number in range(1000)}
    assert len(found) == SHARDS
    assert {*SECTIONS} == found | {GLASS}
    assert section_of("t1") == section_of("t1")
