"""What a node answers at the socket in its state folder; the test turns the loop."""

import json
import selectors
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.commands import SOCKET, Commands, ask
from tta_gateway.node.near import connected, listening
from tta_gateway.node.probe import Health

T = TypeVar("T")
PATIENCE = 2.0  # seconds for a command
MOST = 16  # connections at a time
MUCH = 8 << 20  # more bytes than a socket takes at once


class Desk:
    """Commands, and who asks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.done: list[str] = []
        self.selector = selectors.DefaultSelector()
        self.commands = Commands(
            listening(folder / SOCKET),
            self.selector,
            clock=self.clock.monotonic,
            table={"status": self._status, "restart": self._restart, "all": self._all},
        )
        self.clients: list[socket.socket] = []

    def _status(self) -> Health:
        return {"ready": True}

    def _all(self) -> Health:
        return {"all": "x" * MUCH}

    def _restart(self) -> Health:
        self.done.append("restart")
        return {"asked": "restart"}

    def comes(self, said: bytes = b"") -> socket.socket:
        client = connected(self.folder / SOCKET, 5.0)
        self.clients.append(client)
        client.sendall(said)
        return client

    def turn(self, wait: float = 0.0) -> None:
        for key, _ in self.selector.select(wait):
            key.data()
        self.commands.tick()

    def answers(self, said: bytes) -> Health:
        """What is answered to these bytes, in the end."""
        client = self.comes(said)
        self.turn()
        self.turn()
        found: Health = json.loads(client.recv(4096))
        assert client.recv(1) == b""  # nothing follows
        return found

    def meanwhile(self, call: Callable[[], T]) -> T:
        """Turn until another thread has done something."""
        with ThreadPoolExecutor(1) as pool:
            doing = pool.submit(call)
            while not doing.done():
                self.turn(0.01)
            return doing.result()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        if self.commands._desk.socket.fileno() >= 0:
            self.commands.close()
        self.selector.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def test_a_command_is_done_and_answered(desk: Desk) -> None:
    assert (desk.answers(b'{"do": "restart"}\n'), desk.done) == ({"asked": "restart"}, ["restart"])


def test_a_command_may_come_in_pieces(desk: Desk) -> None:
    client = desk.comes(b'{"do": ')
    desk.turn()
    desk.turn()
    client.sendall(b'"status"}\n')
    desk.turn()
    assert client.recv(4096) == b'{"ready": true}\n'


def test_a_command_that_there_is_not_is_answered_with_those_there_are(desk: Desk) -> None:
    assert desk.answers(b'{"do": "stop"}\n') == {
        "error": "there is no command `stop`: all, restart, status"
    }


@pytest.mark.parametrize(
    "said",
    [b"\n", b"status\n", b"[]\n", b"7\n", b"{}\n", b"\xff\n", b"null\n", b"[" * 4000 + b"\n"],
)
def test_what_is_no_command_is_answered_with_one_that_is(desk: Desk, said: bytes) -> None:
    assert desk.answers(said) == {"error": 'say one line: {"do": "status"}'}


@pytest.mark.parametrize("said", [b'{"do": 7}\n', b'{"do": ["status"]}\n', b'{"do": null}\n'])
def test_a_word_has_to_be_a_text(desk: Desk, said: bytes) -> None:
    assert str(desk.answers(said)["error"]).startswith("there is no command `")


def test_who_says_too_much_is_cut_off(desk: Desk) -> None:
    client = desk.comes(b"x" * 5000)
    desk.turn()
    desk.turn()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_who_says_nothing_is_cut_off_in_the_end(desk: Desk) -> None:
    client = desk.comes()
    desk.turn()
    desk.clock.advance(PATIENCE)
    desk.turn()
    assert client.recv(1) == b""


def test_who_goes_without_a_word_is_no_harm(desk: Desk) -> None:
    desk.comes().close()
    desk.turn()
    desk.turn()
    assert desk.answers(b'{"do": "status"}\n') == {"ready": True}


def test_who_does_not_wait_for_the_answer_is_no_harm(desk: Desk) -> None:
    desk.comes(b'{"do": "restart"}\n').close()
    desk.turn()
    desk.turn()
    assert (desk.done, desk.answers(b'{"do": "status"}\n')) == (["restart"], {"ready": True})


def test_more_than_a_few_at_a_time_wait_until_there_is_room(desk: Desk) -> None:
    for _ in range(MOST):
        desk.comes()
        desk.turn()
    late = desk.comes(b'{"do": "restart"}\n')
    for _ in range(3):
        desk.turn()
    assert desk.done == []
    desk.clock.advance(PATIENCE)
    for _ in range(3):
        desk.turn()
    assert late.recv(4096) == b'{"asked": "restart"}\n'


def test_who_was_cut_off_makes_room(desk: Desk) -> None:
    for _ in range(MOST):
        desk.comes()
        desk.turn()
    desk.clock.advance(PATIENCE)
    desk.turn()
    assert desk.answers(b'{"do": "status"}\n') == {"ready": True}


def test_behind_its_end_nobody_is_answered(desk: Desk) -> None:
    waiting = desk.comes()
    desk.turn()
    desk.commands.close()
    assert waiting.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        desk.comes()


def test_an_answer_that_does_not_fit_at_once_comes_whole(desk: Desk) -> None:
    assert desk.meanwhile(lambda: ask(desk.folder, "all")) == {"all": "x" * MUCH}
    assert desk.answers(b'{"do": "status"}\n') == {"ready": True}


def test_who_does_not_take_its_answer_is_cut_off_in_the_end(desk: Desk) -> None:
    client = desk.comes(b'{"do": "all"}\n')
    for _ in range(4):
        desk.turn()
    desk.clock.advance(PATIENCE)
    desk.turn()
    client.settimeout(5.0)
    with client.makefile("rb") as file:
        assert 0 < len(file.read()) < MUCH


def test_who_goes_before_the_end_of_its_answer_is_no_harm(desk: Desk) -> None:
    client = desk.comes(b'{"do": "all"}\n')
    desk.turn()
    desk.turn()
    client.close()
    desk.turn()
    assert desk.answers(b'{"do": "status"}\n') == {"ready": True}


def test_behind_its_end_no_answer_goes_on(desk: Desk) -> None:
    client = desk.comes(b'{"do": "all"}\n')
    desk.turn()
    desk.turn()
    client.recv(MUCH)
    due = [key.data for key, _ in desk.selector.select(5.0)]
    desk.commands.close()
    for act in due:
        act()
    client.settimeout(5.0)
    with client.makefile("rb") as file:
        assert len(file.read()) < MUCH


# Whoever asks


def test_who_asks_gets_what_was_done(desk: Desk) -> None:
    assert desk.meanwhile(lambda: ask(desk.folder, "status")) == {"ready": True}


def test_who_asks_for_something_else_gets_the_reason(desk: Desk) -> None:
    assert "error" in desk.meanwhile(lambda: ask(desk.folder, "dance"))


def test_where_none_runs_asking_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(tmp_path, "status")


def test_where_one_has_died_asking_is_an_error(tmp_path: Path) -> None:
    listening(tmp_path / SOCKET).close()
    with pytest.raises(ConnectionRefusedError):
        ask(tmp_path, "status")


def test_one_that_ends_meanwhile_has_said_nothing(tmp_path: Path) -> None:
    def ends() -> None:
        client, _ = server.accept()
        with client:
            client.recv(4096)

    with listening(tmp_path / SOCKET) as server, ThreadPoolExecutor(1) as pool:
        ending = pool.submit(ends)
        with pytest.raises(OSError, match="the gateway said nothing: it is ending"):
            ask(tmp_path, "status")
        ending.result()


def test_an_answer_that_breaks_off_is_none(tmp_path: Path) -> None:
    def ends() -> None:
        client, _ = server.accept()
        with client:
            client.recv(4096)
            client.sendall(b'{"ready": tr')

    with listening(tmp_path / SOCKET) as server, ThreadPoolExecutor(1) as pool:
        ending = pool.submit(ends)
        with pytest.raises(OSError, match="the gateway's answer broke off: it is ending"):
            ask(tmp_path, "status")
        ending.result()


def test_one_that_hangs_is_waited_for_only_so_long(tmp_path: Path) -> None:
    with listening(tmp_path / SOCKET), pytest.raises(TimeoutError):
        ask(tmp_path, "status", 0.001)


def test_who_speaks_in_the_turn_in_which_all_is_closed_is_not_heard(desk: Desk) -> None:
    desk.comes(b'{"do": "status"}\n')
    desk.turn()
    events = desk.selector.select(0)
    desk.commands.close()
    for key, _ in events:
        key.data()
    assert desk.commands._desk.socket.fileno() == -1
