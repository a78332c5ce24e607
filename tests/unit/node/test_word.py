"""The word of control, as a worker goes by it."""

from math import inf
from typing import Any, cast

import msgspec

from tta_gateway.features.nodes.bound import WORD, Word
from tta_gateway.features.nodes.policy import Hearing
from tta_gateway.node.sections import Sections
from tta_gateway.node.word import LiveWord


def live(word: msgspec.Struct) -> dict[str, msgspec.Raw]:
    return {WORD: msgspec.Raw(msgspec.msgpack.encode(word))}


class House:
    """A worker, and a control that may not be there yet."""

    def __init__(self) -> None:
        self.hearing = Hearing(lambda: 5.0, until=0.0)
        self.turns: list[int] = []
        self.hears = True
        self.events: list[str] = []
        self.word = LiveWord(Sections(cast("Any", self)), self.hearing, self.confirm)

    def confirm(self, turn: int) -> bool:
        if self.hears:
            self.turns.append(turn)
        return self.hears

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)


def test_it_says_until_when_and_each_turn_is_confirmed_once() -> None:
    house = House()
    house.word.follow({})
    house.word.tick()
    assert (house.hearing.until, house.turns) == (0.0, [])
    for word in (Word(turn=3, until=7.0), Word(turn=3, until=8.0), Word(turn=4, until=inf)):
        house.word.follow(live(word))
        house.word.follow(live(word))
        assert house.hearing.until == word.until
    house.word.tick()
    assert house.turns == [3, 4]


def test_it_is_confirmed_when_somebody_hears() -> None:
    house = House()
    house.hears = False
    house.word.follow(live(Word(turn=0)))
    house.hears = True
    house.word.tick()
    assert house.turns == [0]


def test_one_that_cannot_be_read_says_nothing() -> None:
    house = House()
    house.word.follow(live(Word(turn=1, until=9.0)))
    house.word.follow({WORD: msgspec.Raw(b"\xc1")})
    assert (house.hearing.until, house.turns, len(house.events)) == (9.0, [1], 1)
