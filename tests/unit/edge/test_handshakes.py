"""Handshakes: their places, their turns, and who gives way."""

from collections.abc import Iterator

import pytest

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.edge.handshakes import PATIENCE, Handshakes

ONE, OTHER, MANY = "192.0.2.1", "192.0.2.2", ""


class Peer:
    """A connection that counts its steps and ends when it is told to."""

    def __init__(self, queue: Handshakes, address: str) -> None:
        self._queue = queue
        self.address = address
        self.steps = 0
        self.aborted = False
        self.admitted = queue.ask(self, address)

    def step(self) -> None:
        self.steps += 1

    def make_room(self) -> None:
        self.aborted = True
        self.leave()

    def leave(self) -> None:
        self._queue.leave(self, self.address)


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    with FakeLoop() as loop:
        yield loop


def crowd(queue: Handshakes, count: int, address: str = MANY) -> list[Peer]:
    return [Peer(queue, address) for _ in range(count)]


def test_each_step_has_a_turn_of_its_own(loop: FakeLoop) -> None:
    peers = crowd(Handshakes(loop.real, 8, now=0.0), 3)
    steps = []
    for _ in range(4):
        steps.append([peer.steps for peer in peers])
        loop.turn()
    assert steps == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_so_many_are_under_way_and_the_others_wait(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 2, now=0.0)
    peers = crowd(queue, 3)
    loop.run_ready()
    assert [peer.admitted for peer in peers] == [True, True, False]
    assert [peer.steps for peer in peers] == [1, 1, 0]
    assert repr(queue) == "<handshakes: 2 of 2 under way, 1 waiting>"
    peers[0].leave()
    loop.run_ready()
    assert [peer.steps for peer in peers] == [1, 1, 1]


def test_what_has_come_is_a_step_for_those_under_way_alone(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 1, now=0.0)
    peers = crowd(queue, 2)
    loop.run_ready()
    for peer in peers:
        queue.heard(peer)
    loop.run_ready()
    assert [peer.steps for peer in peers] == [2, 0]


def test_what_comes_in_many_pieces_is_one_step(loop: FakeLoop) -> None:
    """Who dribbles makes nobody wait for more than one turn."""
    queue = Handshakes(loop.real, 8, now=0.0)
    dribbling, other = crowd(queue, 2)
    loop.run_ready()
    for _ in range(2):
        for _ in range(100):
            queue.heard(dribbling)
        queue.heard(other)
        loop.turn()
        loop.turn()
    loop.run_ready()
    assert [peer.steps for peer in (dribbling, other)] == [3, 3]


def test_who_has_left_has_no_turn(loop: FakeLoop) -> None:
    (peer,) = crowd(Handshakes(loop.real, 1, now=0.0), 1)
    peer.leave()
    loop.run_ready()
    assert peer.steps == 0


def test_no_network_has_more_than_a_quarter(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 8, now=0.0)
    first = crowd(queue, 3, ONE)
    other = crowd(queue, 1, OTHER)
    assert [peer.admitted for peer in first + other] == [True, True, False, True]
    first[0].leave()
    loop.run_ready()
    assert first[2].steps == 1


def test_networks_take_turns(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 1, now=0.0)
    (holder,) = crowd(queue, 1)
    first, other = crowd(queue, 2, ONE), crowd(queue, 1, OTHER)
    order = []
    for _ in range(3):
        holder.leave()
        loop.run_ready()
        (holder,) = [peer for peer in first + other if peer.steps and peer not in order]
        order.append(holder)
    assert [peer.address for peer in order] == [ONE, OTHER, ONE]


def test_a_wait_can_be_given_up(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 1, now=0.0)
    peers = crowd(queue, 3)
    peers[1].leave()
    peers[0].leave()
    loop.run_ready()
    assert [peer.steps for peer in peers] == [0, 0, 1]
    peers[2].leave()
    assert repr(queue) == "<handshakes: 0 of 1 under way, 0 waiting>"


def test_the_silent_give_way_to_those_who_wait_and_no_more_of_them(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 3, now=0.0)
    peers = crowd(queue, 4)
    queue.tick(PATIENCE - 0.1)
    assert not any(peer.aborted for peer in peers)
    queue.heard(peers[0])
    queue.tick(PATIENCE)
    assert [peer.aborted for peer in peers] == [False, True, False, False]
    loop.run_ready()
    assert peers[3].steps == 1


def test_the_silent_stay_while_nobody_waits(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 3, now=0.0)
    peers = crowd(queue, 3)
    queue.tick(100 * PATIENCE)
    assert not any(peer.aborted for peer in peers)


def test_a_network_that_waits_for_itself_drives_nobody_else_away(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 8, now=0.0)
    other = crowd(queue, 1, OTHER)
    own = crowd(queue, 3, ONE)
    queue.tick(PATIENCE)
    assert [peer.aborted for peer in other + own] == [False, True, False, False]


def test_more_places_are_taken_at_the_next_look(loop: FakeLoop) -> None:
    queue = Handshakes(loop.real, 1, now=0.0)
    peers = crowd(queue, 2)
    queue.most = 2
    queue.tick(0.1)
    loop.run_ready()
    assert [peer.steps for peer in peers] == [1, 1]
