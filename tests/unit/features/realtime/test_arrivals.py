"""Storms of arrivals: a few at once, the others at a rate, the urgent first, none for ever."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.features.realtime.arrivals import PATIENCE, RATE, Arrivals
from tta_gateway.kernel.traffic import BACKGROUND, CRISIS, STANDARD, THERAPEUTIC


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    with FakeLoop() as loop:
        yield loop


class Door:
    """Arrivals, and what has become of them: in, away, or nothing yet."""

    def __init__(self, loop: FakeLoop, *, rate: float = RATE) -> None:
        self.arrivals = Arrivals(loop.time, rate=rate)
        self.came: list[tuple[int, asyncio.Future[bool] | None]] = []

    def come(self, count: int, traffic: int = STANDARD) -> None:
        for _ in range(count):
            self.came.append((traffic, self.arrivals.enter(traffic)))

    def of(self, traffic: int = STANDARD) -> tuple[int, int, int]:
        """Return how many are in, have been turned away, and wait."""
        mine = [answer for each, answer in self.came if each == traffic]
        told = [answer is None or answer.result() for answer in mine if not _waits(answer)]
        return sum(told), len(told) - sum(told), len(mine) - len(told)


def _waits(answer: asyncio.Future[bool] | None) -> bool:
    return answer is not None and not answer.done()


def test_a_few_are_let_in_at_once_and_the_others_at_a_rate(loop: FakeLoop) -> None:
    door = Door(loop)
    door.come(550)
    assert (door.of(), len(door.arrivals)) == ((50, 0, 500), 500)
    loop.advance(0.25)
    assert 250 <= door.of()[0] <= 320
    loop.advance(0.3)
    assert (door.of(), len(door.arrivals)) == ((550, 0, 0), 0)
    loop.advance(1.0)
    door.come(51)
    assert door.of() == (600, 0, 1)


def test_the_urgent_are_let_in_first_and_a_crisis_at_once(loop: FakeLoop) -> None:
    door = Door(loop)
    for traffic in (BACKGROUND, STANDARD, THERAPEUTIC, CRISIS):
        door.come(200, traffic)
    assert door.of(CRISIS) == (200, 0, 0)
    loop.advance(0.29)
    assert 60 <= door.of(THERAPEUTIC)[0] <= 120
    assert door.of(STANDARD)[0] == 0
    loop.advance(0.2)
    assert door.of(THERAPEUTIC) == (200, 0, 0)
    assert 20 <= door.of(STANDARD)[0] <= 100
    assert door.of(BACKGROUND) == (50, 0, 150)  # they came before all others
    loop.advance(0.4)
    assert door.of(STANDARD) == (200, 0, 0)


def test_who_has_waited_enough_is_told_to_come_back(loop: FakeLoop) -> None:
    door = Door(loop, rate=100.0)
    door.come(500)
    loop.advance(PATIENCE + 0.1)
    let_in, away, waits = door.of()
    assert (away + let_in, waits) == (500, 0)
    assert 295 <= let_in <= 315


def test_where_too_many_wait_the_least_urgent_come_back_later(loop: FakeLoop) -> None:
    door = Door(loop)
    door.come(60, BACKGROUND)
    door.come(3000, THERAPEUTIC)
    assert door.of(BACKGROUND) == (50, 10, 0)
    door.come(5, THERAPEUTIC)
    assert door.of(THERAPEUTIC) == (0, 5, 3000)


def test_who_has_gone_takes_nobodys_place(loop: FakeLoop) -> None:
    door = Door(loop)
    door.come(70)
    for _, answer in door.came[50:60]:
        assert answer is not None
        answer.cancel()
    loop.advance(0.011)
    assert sum(answer is not None and answer.done() for _, answer in door.came) == 10
    loop.advance(0.01)
    assert all(answer is None or answer.done() for _, answer in door.came)


@given(seed=st.integers(0, 2**32))
def test_no_more_are_let_in_than_the_rate_and_all_are_answered(seed: int) -> None:
    chance = Random(seed)
    with FakeLoop() as loop:
        door = Door(loop, rate=200.0)
        for _ in range(100):
            door.come(chance.choice([0, 0, 1, 3, 60]), chance.choice([THERAPEUTIC, STANDARD]))
            loop.advance(chance.choice([0.01, 0.05, 0.3]))
            let_in = door.of()[0] + door.of(THERAPEUTIC)[0]
            assert let_in <= 10 + 200.0 * (loop.time() - 1000.0) + 1
        loop.advance(PATIENCE + 0.1)
        assert (door.of()[2], door.of(THERAPEUTIC)[2], len(door.arrivals)) == (0, 0, 0)
