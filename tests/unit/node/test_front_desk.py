"""The probe and the commands of a node, at unix sockets in a folder of the test."""

import selectors
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.addresses import Addresses
from tta_gateway.node.commands import Do
from tta_gateway.node.front_desk import FrontDesk
from tta_gateway.node.near import connected
from tta_gateway.node.operators import Operators
from tta_gateway.node.probe import Health
from tta_gateway.snapshot.model import Listener, Snapshot

PROBE, COMMANDS = "probe", "supervisor.sock"


class Saying:
    """What a node says, here always the same."""

    def health(self) -> tuple[bool, Health]:
        return True, {"workers": ["serving"]}

    def table(self) -> dict[str, Do]:
        return {"status": lambda: {"said": "status"}}


class Room:
    """A front desk, and whoever comes to it."""

    def __init__(self, folder: Path, *, probe: bool) -> None:
        at = Listener(host="", port=0, unix=str(folder / PROBE)) if probe else None
        snapshot = Snapshot(
            version=1, state_dir=str(folder), probe=at, listeners=(), services=(), routes=()
        )
        self.folder = folder
        self.clock = FakeClock()
        self.selector = selectors.DefaultSelector()
        self.addresses = Addresses(snapshot, 1)
        self.desk = FrontDesk(
            self.addresses,
            self.selector,
            clock=self.clock.monotonic,
            operators=cast("Operators", Saying()),
        )

    def told(self, name: str, said: bytes) -> bytes:
        """What somebody reads who says this."""
        with connected(self.folder / name, 5.0) as client:
            client.sendall(said)
            for _ in range(2):
                for key, _ in self.selector.select(0):
                    key.data()
            self.desk.tick()
            return client.recv(65536)

    def close(self) -> None:
        self.desk.close()
        self.addresses.close()
        self.selector.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path, probe=True)
    yield made
    made.close()


def test_the_probe_says_how_the_node_is(room: Room) -> None:
    told = room.told(PROBE, b"GET /readyz HTTP/1.1\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200 ")
    assert b'"workers": ["serving"]' in told


def test_a_command_is_answered_from_the_table(room: Room) -> None:
    assert room.told(COMMANDS, b'{"do": "status"}\n') == b'{"said": "status"}\n'


def test_commands_need_no_probe(tmp_path: Path) -> None:
    alone = Room(tmp_path, probe=False)
    told = alone.told(COMMANDS, b'{"do": "status"}\n')
    alone.close()
    assert told == b'{"said": "status"}\n'


@pytest.mark.parametrize("name", [PROBE, COMMANDS])
def test_who_is_late_is_cut_off_at_both(room: Room, name: str) -> None:
    with connected(room.folder / name, 5.0) as client:
        for key, _ in room.selector.select(0):
            key.data()
        room.clock.advance(60.0)
        room.desk.tick()
        assert client.recv(1) == b""


@pytest.mark.parametrize("name", [PROBE, COMMANDS])
def test_nobody_answers_at_either_once_it_is_closed(tmp_path: Path, name: str) -> None:
    room = Room(tmp_path, probe=True)
    room.close()
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        connected(tmp_path / name, 5.0)
