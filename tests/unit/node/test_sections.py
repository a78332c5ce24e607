"""Live sections: what cannot be read is told once, and as if it were not there."""

from typing import Any, cast

import msgspec

from tests.helpers.house import Events
from tta_gateway.node.sections import Sections

_decode = msgspec.msgpack.Decoder(int).decode


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(value))


class House:
    """Somebody who reads, and what he tells."""

    def __init__(self) -> None:
        self.events = Events()
        self._sections = Sections(cast("Any", self.events))

    def reads(self, *raws: msgspec.Raw | None) -> list[int | None]:
        return [self._sections.read("a", one, _decode) for one in raws]

    def told(self) -> int:
        assert {name for name, _ in self.events.told} <= {"finding_not_read"}
        return len(self.events.told)


def test_what_can_be_read_is_read() -> None:
    house = House()
    assert (house.reads(raw(1), None, raw(2)), house.told()) == ([1, None, 2], 0)


def test_what_cannot_be_is_absent_and_told_once_as_long_as_it_is_the_same() -> None:
    house = House()
    assert (house.reads(*[raw("a")] * 3), house.told()) == ([None] * 3, 1)
    assert (house.reads(raw("b"), raw("b")), house.told()) == ([None] * 2, 2)
    expected = {"section": "a", "error": "Expected `int`, got `str`"}
    assert house.events.told[0] == ("finding_not_read", expected)


def test_what_comes_again_after_something_better_is_told_again() -> None:
    house = House()
    house.reads(raw("a"), raw(1), raw("a"), None, raw("a"))
    assert house.told() == 3
