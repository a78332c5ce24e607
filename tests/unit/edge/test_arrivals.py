"""Arrivals: a turn takes up so many, and the others come next, in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.edge.arrivals import Arrivals, shares
from tta_gateway.kernel.traffic import BACKGROUND, CRISIS, STANDARD, THERAPEUTIC

IN_A_TURN = 64


class Caller:
    """A connection with a number, that keeps when it was taken up."""

    def __init__(self, number: int, taken: list[int]) -> None:
        self.number = number
        self.taken = taken

    def take_up(self) -> None:
        self.taken.append(self.number)


class Failing(Caller):
    def take_up(self) -> None:
        raise OSError("of a socket")


def come(arrivals: Arrivals, caller: Caller) -> None:
    if arrivals.is_full():
        arrivals.wait(caller, STANDARD)
    else:
        caller.take_up()


@pytest.mark.parametrize("count", [0, 1, IN_A_TURN, IN_A_TURN + 1, 10 * IN_A_TURN])
def test_a_turn_takes_up_so_many_and_all_are_taken_up_in_order(count: int) -> None:
    loop, taken = FakeLoop(), list[int]()
    arrivals = Arrivals(loop.real)
    for number in range(count):
        come(arrivals, Caller(number, taken))
    assert len(taken) == min(count, IN_A_TURN)
    while len(taken) < count:
        before = len(taken)
        loop.turn()
        assert len(taken) - before <= IN_A_TURN
    assert taken == list(range(count))


def test_who_comes_in_another_turn_waits_only_behind_others() -> None:
    loop, taken = FakeLoop(), list[int]()
    arrivals = Arrivals(loop.real)
    for number in range(IN_A_TURN):
        come(arrivals, Caller(number, taken))
    loop.advance(0.001)
    come(arrivals, Caller(IN_A_TURN, taken))
    assert taken == list(range(IN_A_TURN + 1))


def test_it_says_for_how_long_the_first_has_waited() -> None:
    loop, taken = FakeLoop(), list[int]()
    arrivals = Arrivals(loop.real)
    assert arrivals.behind() == 0.0
    for number in range(IN_A_TURN + 1):
        come(arrivals, Caller(number, taken))
    loop.delay(0.25)
    assert arrivals.behind() == pytest.approx(0.25)
    loop.turn()
    assert arrivals.behind() == 0.0


def test_one_that_fails_keeps_nobody_else() -> None:
    """Red without `finally` in arrivals.py."""
    loop, taken = FakeLoop(), list[int]()
    arrivals = Arrivals(loop.real)
    for caller in (Caller(1, taken), Failing(2, taken), Caller(3, taken)):
        arrivals.wait(caller, STANDARD)
    with pytest.raises(OSError, match="of a socket"):
        loop.turn()
    loop.turn()
    assert taken == [1, 3]


LEAST = 8


@given(waiting=st.lists(st.integers(0, 200), min_size=4, max_size=4))
def test_a_turn_takes_up_all_it_may_the_highest_first_and_some_of_each(waiting: list[int]) -> None:
    taken = shares(waiting)
    assert sum(taken) == min(sum(waiting), IN_A_TURN)
    for traffic, (one, count) in enumerate(zip(taken, waiting, strict=True)):
        assert min(count, LEAST) <= one <= count
        lower = zip(taken[traffic + 1 :], waiting[traffic + 1 :], strict=True)
        assert one == count or all(other == min(more, LEAST) for other, more in lower)


def test_who_is_in_need_is_taken_up_before_all_who_came_earlier() -> None:
    loop, taken = FakeLoop(), list[int]()
    arrivals = Arrivals(loop.real)
    for number in range(1000):
        arrivals.wait(Caller(number, taken), BACKGROUND if number % 2 else STANDARD)
    arrivals.wait(Caller(1001, taken), THERAPEUTIC)
    arrivals.wait(Caller(1000, taken), CRISIS)
    loop.turn()
    assert taken[:2] == [1000, 1001]
    assert len(taken) == IN_A_TURN
    loop.run_ready()
    assert [one for one in taken if one % 2 == 0] == [1000, *range(0, 1000, 2)]
    assert sorted(taken) == list(range(1002))


def test_it_is_as_far_behind_as_the_one_who_has_waited_longest() -> None:
    loop, taken = FakeLoop(), list[int]()
    arrivals = Arrivals(loop.real)
    arrivals.wait(Caller(0, taken), BACKGROUND)
    loop.delay(0.5)
    arrivals.wait(Caller(1, taken), CRISIS)
    loop.delay(0.25)
    assert arrivals.behind() == pytest.approx(0.75)
