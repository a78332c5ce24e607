"""A moderator outside: what it may raise, how much waits for it, and when it is left alone."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from tta_gateway.features.safety.bound import ModeratorBound
from tta_gateway.features.safety.metrics import MODERATED
from tta_gateway.features.safety.moderator import (
    AT_ONCE,
    FAILURES,
    PAUSE,
    WAITING,
    Moderator,
    Unanswered,
    graver,
    judged,
    nobody,
)
from tta_gateway.kernel.verdict import Verdict
from tta_gateway.support.metrics import Registry

BOUND = ModeratorBound(url="https://h/v1/moderations", key="kanarie", model="omni")
NOTHING = Verdict()


def flagged(*names: str) -> bytes:
    return json.dumps({"results": [{"categories": dict.fromkeys(names, True)}]}).encode()


class House:
    """A moderator that answers what a test says, and what comes of it."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer
        self.asked: list[dict[str, object]] = []
        self.raised: list[Verdict] = []
        self.work: list[Coroutine[Any, Any, None]] = []
        self.now = 0.0
        self.counts = Registry()
        self.moderator = Moderator(
            self, clock=lambda: self.now, registry=self.counts, spawn=self.work.append
        )
        self.moderator.bound = BOUND

    async def ask(self, bound: ModeratorBound, body: bytes) -> bytes:
        assert bound is BOUND
        self.asked.append(json.loads(body))
        if self.answer is None:
            raise Unanswered("it is down")
        return self.answer

    async def then(self, found: Verdict) -> None:
        self.raised.append(found)

    def moderate(self, text: str = "words", found: Verdict = NOTHING) -> None:
        self.moderator.moderate(found, text, self.then)

    def run(self) -> None:
        work, self.work[:] = list(self.work), []
        for one in work:
            asyncio.run(one)

    def count(self, outcome: str) -> float:
        return self.counts.child(MODERATED, outcome).values()[0]


def test_what_it_finds_that_nobody_else_has_is_raised_behind_the_path() -> None:
    house = House(flagged("self-harm/intent", "self-harm", "hate"))
    house.moderate("some words")
    assert house.asked == []  # nobody has waited
    house.run()
    assert house.asked == [{"input": "some words", "model": "omni"}]
    (found,) = house.raised
    assert (found.level, found.categories) == (2, ("suicide", "self_harm"))
    assert house.count("raised") == 1.0


def test_it_clears_nothing() -> None:
    house = House(flagged())
    house.moderate(found=Verdict(2, ("abuse",)))
    house.run()
    assert house.raised == []
    assert house.count("agreed") == 1.0


def test_what_cannot_be_graver_or_says_nothing_is_not_shown() -> None:
    house = House(flagged("self-harm"))
    house.moderate(found=Verdict(3))
    house.moderate("  ")
    house.moderator.bound = None
    house.moderate()
    nobody(NOTHING, "words", house.then)
    assert house.work == []


def test_a_model_is_asked_for_only_where_one_is_named() -> None:
    bound = ModeratorBound(url="http://localhost/")
    house = House(flagged())
    house.moderator.bound = bound
    house.moderate()
    house.moderator.bound = None  # a reload, while it waited
    house.run()
    assert house.count("left_alone") == 1.0
    assert repr(bound) == "<moderator>"


def test_so_much_waits_and_no_more_and_few_are_asked_at_once() -> None:
    house = House(flagged())
    for _ in range(WAITING + 3):
        house.moderate()
    assert len(house.work) == AT_ONCE
    assert house.count("dropped") == 3.0
    house.run()
    assert len(house.asked) == WAITING
    house.moderate()
    house.run()
    assert len(house.asked) == WAITING + 1


def test_one_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    house = House()
    for _ in range(FAILURES + 2):
        house.moderate()
    house.run()
    assert (house.count("failed"), house.count("left_alone")) == (float(FAILURES), 2.0)
    house.moderate()
    assert (house.work, house.count("left_alone")) == ([], 3.0)
    house.now, house.answer = PAUSE, flagged()
    house.moderate()
    house.run()
    assert house.count("agreed") == 1.0


@pytest.mark.parametrize(
    ("names", "level", "categories"),
    [
        ((), 0, ()),
        (("hate",), 0, ()),
        (("violence",), 1, ("violence",)),
        (("self-harm",), 1, ("self_harm",)),
        (("self-harm/intent", "violence"), 2, ("suicide", "violence")),
    ],
)
def test_its_categories_come_to_levels(
    names: tuple[str, ...], level: int, categories: tuple[str, ...]
) -> None:
    found = judged(flagged(*names))
    assert (found.level, found.categories) == (level, categories)


def test_a_gateway_of_ours_is_understood_as_it_means_it() -> None:
    said = {"categories": {}, "x_person": 9, "x_service": 3, "x_categories": ["abuse", "unheard"]}
    found = judged(json.dumps({"results": [said]}).encode())
    assert found == Verdict(3, ("abuse",), ("moderator",))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"results":[]}', b'{"results":[{"categories":1}]}'])
def test_what_makes_no_sense_is_no_answer(body: bytes) -> None:
    with pytest.raises(Unanswered):
        judged(body)


def test_what_was_found_before_stays_with_what_it_is_raised_to() -> None:
    before = Verdict(1, ("abuse",), ("a1",), "7", 0.3)
    found = graver(before, Verdict(2, ("suicide",), ("moderator:x",)))
    assert found == Verdict(2, ("suicide", "abuse"), ("a1", "moderator:x"), "7", 0.3)
