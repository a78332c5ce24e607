"""Departures: everybody is seen out, in order, and a few in a turn."""

import pytest

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.paper_gateway import PaperGateway
from tta_gateway.edge.departures import Departures

IN_A_TURN = 100


class Guest:
    """A connection with a number, that keeps when it was ended."""

    def __init__(self, number: int, ended: list[int]) -> None:
        self.number = number
        self.ended = ended

    def give_way(self) -> None:
        self.ended.append(self.number)


@pytest.mark.parametrize("count", [0, 1, IN_A_TURN, IN_A_TURN + 1, 10 * IN_A_TURN])
def test_a_turn_ends_a_few_and_all_are_ended_in_order(count: int) -> None:
    loop, ended = FakeLoop(), list[int]()
    departures = Departures(loop.real)
    for number in range(count):
        departures.see_out(Guest(number, ended))
    most = 0
    while len(ended) < count:
        before = len(ended)
        loop.turn()
        most = max(most, len(ended) - before)
    assert (most, ended) == (min(count, IN_A_TURN), list(range(count)))


def test_who_goes_while_others_are_seen_out_is_not_forgotten() -> None:
    loop, ended = FakeLoop(), list[int]()
    departures = Departures(loop.real)
    departures.see_out(Guest(1, ended))
    loop.run_ready()
    departures.see_out(Guest(2, ended))
    loop.run_ready()
    assert ended == [1, 2]


def test_an_idle_client_that_ends_its_half_is_ended_in_a_later_turn(gateway: PaperGateway) -> None:
    client = gateway.client()
    client.end()
    assert (client.lost, gateway.connected) == (False, 1)
    gateway.loop.run_ready()
    assert (client.lost, gateway.connected) == (True, 0)


def test_one_that_fails_keeps_nobody_else(gateway: PaperGateway) -> None:
    """Red without `finally` in departures.py."""
    loop, ended = gateway.loop, list[int]()
    departures = Departures(loop.real)

    class Failing(Guest):
        def give_way(self) -> None:
            raise OSError("of a socket")

    for guest in (Guest(1, ended), Failing(2, ended), Guest(3, ended)):
        departures.see_out(guest)
    with pytest.raises(OSError, match="of a socket"):
        loop.run_ready()
    loop.run_ready()
    departures.see_out(Guest(4, ended))
    loop.run_ready()
    assert ended == [1, 3, 4]
