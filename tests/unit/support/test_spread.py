"""Deeds are spread over time, few sooner than many, and all are done in time."""

from collections.abc import Callable
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.support.spread import Spread


def deeds(count: int, done: list[int]) -> list[Callable[[], None]]:
    return [partial(done.append, number) for number in range(count)]


@given(count=st.integers(1, 3000), seconds=st.floats(0.0, 20.0), seed=st.integers(0, 9))
def test_all_is_done_in_time_and_evenly(count: int, seconds: float, seed: int) -> None:
    done: list[int] = []
    loop = FakeLoop()
    with loop:
        spread = Spread(loop.real, Random(seed).random)
        spread.add(deeds(count, done), seconds=seconds)
        rate = max(500.0, count / max(seconds, 0.02))
        reached = 0
        for _ in range(2000):
            loop.advance(0.02)
            assert len(done) - reached <= 2 * (rate * 0.02 + 1) + 100, "no more than its share"
            reached = len(done)
            if reached == count:
                break
        assert loop.time() - 1000.0 <= max(seconds, 0.02) + 0.1
    assert sorted(done) == list(range(count))
    assert len(spread) == 0


def test_they_are_done_in_an_order_by_chance() -> None:
    done: list[int] = []
    with FakeLoop() as loop:
        Spread(loop.real, Random(1).random).add(deeds(10, done), seconds=5.0)
    assert done != sorted(done)


def test_what_is_hurried_is_done_in_the_next_turns() -> None:
    done: list[int] = []
    with FakeLoop() as loop:
        spread = Spread(loop.real, Random(1).random)
        spread.hurry()
        spread = Spread(loop.real, Random(1).random)
        spread.add(deeds(1000, done), seconds=30.0)
        assert len(done) == 10
        spread.hurry()
        loop.turn()
        assert len(done) == 110
        loop.run_ready()
        assert len(done) == 1000
        spread.add(deeds(150, done), seconds=30.0)
        loop.run_ready()
        loop.advance(60.0)
    assert len(done) == 1150


def test_what_is_added_meanwhile_is_done_too() -> None:
    done: list[int] = []
    with FakeLoop() as loop:
        spread = Spread(loop.real, Random(1).random)
        spread.add(deeds(100, done), seconds=30.0)
        spread.add(deeds(100, done), seconds=30.0)
        loop.advance(1.0)
    assert len(done) == 200


def test_a_deed_that_fails_leaves_the_others_to_be_done() -> None:
    done: list[int] = []

    def fail() -> None:
        raise KeyError

    with FakeLoop() as loop:
        spread = Spread(loop.real, lambda: 1.0)
        with pytest.raises(KeyError):
            spread.add([*deeds(30, done), fail], seconds=1.0)
        loop.advance(1.0)
    assert sorted(done) == list(range(30))


@given(first=st.integers(0, 400), last=st.integers(1, 50), seed=st.integers(0, 9))
def test_what_is_last_comes_behind_all_others(first: int, last: int, seed: int) -> None:
    done: list[int] = []
    with FakeLoop() as loop:
        spread = Spread(loop.real, Random(seed).random)
        behind = [partial(done.append, 1000 + number) for number in range(last)]
        spread.add(deeds(first, done), seconds=1.0, last=behind)
        for _ in range(200):
            loop.advance(0.02)
    assert sorted(done[:first]) == list(range(first))
    assert sorted(done[first:]) == list(range(1000, 1000 + last))
