"""A desk, turned by hand; what is asked at one is in test_commands.py and test_probe.py."""

import selectors
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.desk import PATIENCE, Desk
from tta_gateway.node.near import connected, listening

MOST = 16


class House:
    """A desk that answers `so` and the question, and who comes to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "desk"
        self.clock = FakeClock()
        self.selector = selectors.DefaultSelector()
        self.sock = listening(self.path)
        self.asked: list[bytes] = []
        self.desk = Desk(
            self.sock, self.selector, clock=self.clock.monotonic, end=b"?", answer=self._answer
        )
        self.clients: list[socket.socket] = []

    def _answer(self, question: bytes) -> bytes:
        self.asked.append(question)
        return b"so " + question

    def comes(self, said: bytes = b"") -> socket.socket:
        client = connected(self.path, 5.0)
        self.clients.append(client)
        client.sendall(said)
        return client

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            for key, _ in self.selector.select(0):
                key.data()
            self.desk.tick()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.desk.close()
        self.sock.close()
        self.selector.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def test_a_question_is_answered_and_the_conversation_over(house: House) -> None:
    client = house.comes(b"who?")
    house.turn()
    assert (client.recv(64), client.recv(64)) == (b"so who?", b"")


def test_nothing_is_answered_before_the_end_of_the_question(house: House) -> None:
    house.comes(b"who")
    house.turn()
    assert house.asked == []


def test_who_says_nothing_is_cut_off_in_the_end(house: House) -> None:
    client = house.comes()
    house.turn()
    house.clock.advance(PATIENCE)
    house.turn()
    assert client.recv(1) == b""


def test_more_than_a_few_wait_and_are_answered_when_there_is_room(house: House) -> None:
    for _ in range(MOST):
        house.comes()
    late = house.comes(b"now?")
    house.turn(MOST + 3)
    assert house.asked == []
    house.clock.advance(PATIENCE)
    house.turn()
    assert late.recv(64) == b"so now?"


def test_behind_its_end_nobody_is_heard_and_the_socket_stays(house: House) -> None:
    house.comes(b"who?")
    house.turn(1)
    events = house.selector.select(0)
    house.desk.close()
    for key, _ in events:
        key.data()
    assert (house.asked, house.sock.fileno() >= 0) == ([], True)
