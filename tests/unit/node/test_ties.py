"""Who cares for whom, as a worker goes by it: only what has changed is read."""

from typing import Any, cast

import msgspec
import pytest

from tests.helpers.house import Events
from tta_gateway.features.access.bound import GLASS, Held, section_of
from tta_gateway.node.sections import Sections
from tta_gateway.node.ties import LiveTies


def raw(**until: dict[str, float]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(Held(until=until)))


class House:
    """A worker's ties."""

    def __init__(self) -> None:
        self.events = Events()
        self.live = LiveTies(Sections(cast("Any", self.events)), {})

    def follow(self, **sections: msgspec.Raw) -> list[str]:
        """Take up what there is now; return which sections were read."""
        found = {name.replace("_", "/"): one for name, one in sections.items()}
        names = self.live.changed(found)
        self.live.adopt(names, found)
        return names

    def cares(self, carer: str = "t1", person: str = "p1") -> bool:
        return self.live.ties.is_cared_for(person, carer, 1.0)


@pytest.fixture
def house() -> House:
    return House()


T1 = section_of("t1").replace("/", "_")
OTHER = next(name for name in (f"t{n}" for n in range(99)) if section_of(name) != section_of("t1"))
T2 = section_of(OTHER).replace("/", "_")


def test_who_is_told_of_is_tied_until_no_more_is_said_of_them(house: House) -> None:
    assert house.follow() == []
    assert house.follow(**{T1: raw(t1={"p1": 2.0})}) == [section_of("t1")]
    assert house.cares()
    assert house.follow() == [section_of("t1")]
    assert not house.cares()


def test_what_is_told_of_before_is_gone_by_from_the_beginning() -> None:
    sections = Sections(cast("Any", Events()))
    begun = LiveTies(sections, {section_of("t1"): raw(t1={"p1": 2.0})})
    assert begun.ties.is_cared_for("p1", "t1", 1.0)


def test_what_says_the_same_is_not_read_again(house: House) -> None:
    house.follow(**{T1: raw(t1={"p1": 2.0})})
    assert house.follow(**{T1: raw(t1={"p1": 2.0})}) == []
    both = {T1: raw(t1={"p1": 2.0}), T2: raw(**{OTHER: {"p1": 2.0}})}
    assert house.follow(**both) == [section_of(OTHER)]
    assert house.cares()
    assert house.cares(OTHER)


def test_who_has_gone_from_a_section_cares_for_nobody(house: House) -> None:
    house.follow(**{T1: raw(t1={"p1": 2.0})})
    house.follow(**{T1: raw()})
    assert not house.cares()


def test_a_section_that_cannot_be_read_ties_nobody(house: House) -> None:
    """Red with what was known kept: nobody would know until when."""
    house.follow(**{T1: raw(t1={"p1": 2.0})})
    house.follow(**{T1: msgspec.Raw(msgspec.msgpack.encode([1]))})
    assert not house.cares()
    assert [name for name, _ in house.events.told] == ["finding_not_read"]


def test_glass_is_a_section_of_its_own(house: House) -> None:
    assert house.follow(access_glass=raw(t1={"p1": 2.0})) == [GLASS]
    assert house.live.ties.is_behind_glass("p1", "t1", 1.0)
    assert not house.cares()
    house.follow()
    assert not house.live.ties.is_behind_glass("p1", "t1", 1.0)
