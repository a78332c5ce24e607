"""The keeping of embedded servers, with processes that are not there; real ones in tests/faults."""

import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node import embedded
from tta_gateway.node.embedded import Embedded, Keeper, prepare
from tta_gateway.node.embedded_server import HANGS, LONGEST_WAIT
from tta_gateway.node.engine import Engine
from tta_gateway.node.slot import NEVER
from tta_gateway.snapshot.model import EmbeddedServer

VALKEY, REDIS = Engine("valkey", (9, 1, 2), "/v"), Engine("redis", (7, 0, 15), "/r")
STATE = EmbeddedServer(name="state", max_memory=1000)
CACHE = EmbeddedServer(name="cache", max_memory=500)


class Process:
    """A server's process."""

    def __init__(self, command: list[str], **given: object) -> None:
        self.command = command
        self.given = given
        self.pid = 4711
        self.returncode: int | None = None
        self.signals: list[int] = []

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.signals.append(number)

    def kill(self) -> None:
        self.signals.append(signal.SIGKILL)


class House:
    """Embedded servers, and the other ends of everything."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
        self.clock = FakeClock()
        self.told: list[str] = []
        self.processes: list[Process] = []
        self.lines: list[socket.socket] = []
        self.refuses: str = ""
        self.deaf = False
        self.selector = selectors.DefaultSelector()
        monkeypatch.setattr(embedded, "find", lambda: engine)
        monkeypatch.setattr(subprocess, "Popen", self._popen)
        house = self
        monkeypatch.setattr(Keeper, "_call", lambda keeper: house._call(keeper))
        self.servers = Embedded(
            (STATE, CACHE),
            state_dir=folder,
            selector=self.selector,
            clock=self.clock.monotonic,
            log=cast("Any", self),
        )

    def _popen(self, command: list[str], **given: object) -> Process:
        if self.refuses:
            raise OSError(11, self.refuses)
        self.processes.append(Process(command, **given))
        return self.processes[-1]

    def _call(self, keeper: Keeper) -> socket.socket:
        if self.deaf:
            raise ConnectionRefusedError
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.lines.append(theirs)
        self.selector.register(ours, selectors.EVENT_READ, lambda: keeper._hear(ours))
        return ours

    def event(self, name: str, **fields: object) -> None:
        wanted = ("server", "status", "next_in", "error", "process")
        self.told.append(" ".join([name, *(str(fields[one]) for one in wanted if one in fields)]))

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        self.servers.start_due()
        for key, _ in self.selector.select(0):
            key.data()

    def serve(self) -> None:
        self.servers.begin()
        self.turn()
        self.turn(0.1)
        for line in self.lines[-2:]:
            line.send(b"+PONG\r\n")
        self.turn()

    def words(self) -> object:
        return self.servers.health()["valkey"]

    def take(self) -> list[str]:
        told, self.told = self.told, []
        return told

    def close(self) -> None:
        for key in list(self.selector.get_map().values()):
            cast("socket.socket", key.fileobj).close()
        for line in self.lines:
            line.close()
        self.selector.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path, monkeypatch, VALKEY)
    yield made
    made.close()


def test_nothing_is_started_before_the_workers_serve(house: House) -> None:
    house.turn()
    assert house.processes == []
    assert house.servers.patience() == 10.0
    assert house.words() == {"state": "down", "cache": "down", "durable": True}


def test_servers_start_in_the_end_even_if_some_worker_never_serves(house: House) -> None:
    house.turn(10.0)
    assert len(house.processes) == 2


def test_a_server_is_started_in_its_folder_out_of_the_reach_of_ctrl_c(
    house: House, tmp_path: Path
) -> None:
    house.servers.begin()
    house.turn()
    state, cache = house.processes
    assert state.command[1:3] == ["-I", "-S"]
    assert state.command[5] == cache.command[5] == "/v"
    assert "state.sock" in state.command
    assert state.given["cwd"] == tmp_path / "valkey"
    assert state.given["process_group"] == 0
    assert (tmp_path / "valkey" / "engine").read_text() == "valkey 9.1.2\n"
    assert (tmp_path / "valkey" / "state.lock").read_text() == "4711\n"
    assert (tmp_path / "valkey").stat().st_mode & 0o777 == 0o700


def test_what_a_server_leaves_on_the_disk_is_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir(mode=0o755)
    (folder / "engine.new").touch(mode=0o644)
    house = House(tmp_path, monkeypatch, VALKEY)
    house.servers.begin()
    house.turn()
    assert [one.given["umask"] for one in house.processes] == [0o077] * 2
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {one.name: one.stat().st_mode & 0o777 for one in folder.iterdir()} == dict.fromkeys(
        ("engine", "state.lock", "state.log", "cache.lock", "cache.log"), 0o600
    )
    house.close()


def test_servers_that_answer_serve(house: House) -> None:
    house.serve()
    assert house.take() == ["valkey_serves state", "valkey_serves cache"]
    assert house.servers.health() == {
        "valkey": {"state": "serving", "cache": "serving", "durable": True}
    }
    assert 0.0 < house.servers.patience() <= 1.0


def test_one_that_reads_its_data_is_degraded(house: House) -> None:
    house.servers.begin()
    house.turn()
    house.turn(0.1)
    house.lines[0].send(b"-LOADING later\r\n")
    house.lines[1].send(b"+PONG\r\n")
    house.turn()
    assert house.servers.missing() == ["valkey state"]
    assert house.words() == {"state": "loading", "cache": "serving", "durable": True}


def test_one_that_dies_is_started_again_and_more_and_more_slowly(house: House) -> None:
    house.serve()
    house.take()
    for number in range(3):
        house.processes[-1 if number else 1].returncode = -9
        house.servers.reap()
        house.turn(5.0)
    assert [line for line in house.take() if "died" in line] == [
        "valkey_died cache 137 0.0",
        "valkey_died cache 137 0.1",
        "valkey_died cache 137 0.2",
    ]
    assert len(house.processes) == 5


def test_one_that_says_nothing_is_killed(house: House) -> None:
    house.serve()
    house.turn(HANGS + 1.0)
    assert house.processes[0].signals == [signal.SIGKILL]
    assert "valkey_hangs state" in house.told


def test_one_that_does_not_listen_yet_is_asked_again(house: House) -> None:
    house.deaf = True
    house.servers.begin()
    house.turn()
    house.turn(0.1)
    house.deaf = False
    house.turn(0.1)
    assert len(house.lines) == 2


def test_a_line_that_breaks_is_laid_again(house: House) -> None:
    house.serve()
    house.lines[0].close()
    house.turn()
    house.turn(1.1)
    assert len(house.lines) == 3


def test_a_server_that_cannot_be_started_is_as_one_that_died(house: House) -> None:
    house.refuses = "no processes"
    house.servers.begin()
    house.turn()
    assert house.take() == [
        "valkey_not_started state no processes",
        "valkey_not_started cache no processes",
    ]
    house.refuses = ""
    house.turn(1.0)
    assert len(house.processes) == 2


def test_files_that_another_server_holds_are_waited_for(house: House, tmp_path: Path) -> None:
    """A process that lives on holds the inherited lock: here, the descriptor that stays open."""
    folder = tmp_path / "valkey"
    held = house.servers._keepers[0]._take(0.0)
    assert held is not None
    (folder / "state.lock").write_text("99\n")
    house.servers.begin()
    house.turn()
    house.turn(1.0)
    assert house.take() == ["valkey_waits state 99"]
    assert house.words() == {"state": "waiting", "cache": "starting", "durable": True}
    house.turn(LONGEST_WAIT)
    assert "valkey_folder_taken state 99" in house.take()
    os.close(held)
    house.turn(1.0)
    assert "state.sock" in house.processes[-1].command


def test_servers_are_asked_to_end_and_killed_if_they_do_not(house: House) -> None:
    house.serve()
    house.servers.stop()
    house.servers.stop()
    state, cache = house.processes
    assert (state.signals, house.servers.is_over) == ([signal.SIGTERM], False)
    state.returncode = 0
    house.servers.reap()
    assert house.words() == {"state": "down", "cache": "leaving", "durable": True}
    house.turn(5.1)
    assert cache.signals == [signal.SIGTERM, signal.SIGKILL]
    cache.returncode = -9
    house.servers.reap()
    house.turn(10.0)
    assert (house.servers.is_over, len(house.processes)) == (True, 2)
    assert not any("died" in line for line in house.told)


def test_an_end_before_the_beginning_starts_nothing(house: House) -> None:
    house.servers.stop()
    house.servers.begin()
    house.turn(20.0)
    assert (house.servers.is_over, house.processes) == (True, [])


def test_a_long_log_is_put_aside(house: House, tmp_path: Path) -> None:
    log = tmp_path / "valkey" / "state.log"
    log.write_bytes(b"x" * (2 << 20))
    house.servers.begin()
    house.turn()
    assert log.stat().st_size == 0
    assert log.with_suffix(".log.old").stat().st_size == 2 << 20


def test_an_engine_that_cannot_say_what_is_on_the_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, monkeypatch, REDIS)
    assert house.told == ["valkey_not_durable"]
    assert house.words() == {"state": "down", "cache": "down", "durable": False}
    house.close()


def test_where_nothing_is_embedded_nothing_is_looked_for(tmp_path: Path) -> None:
    selector = selectors.DefaultSelector()
    none = Embedded(
        (),
        state_dir=tmp_path,
        selector=selector,
        clock=FakeClock().monotonic,
        log=cast("Any", None),
    )
    none.begin()
    none.start_due()
    none.reap()
    assert (none.health(), none.is_over, none.patience()) == ({}, True, NEVER)
    assert list(tmp_path.iterdir()) == []
    selector.close()


@pytest.mark.parametrize(("servers", "refused"), [((STATE, CACHE), True), ((CACHE,), False)])
def test_data_of_a_newer_engine_is_refused_where_there_is_state(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    servers: tuple[EmbeddedServer, ...],
    refused: bool,
) -> None:
    monkeypatch.setattr(embedded, "find", lambda: REDIS)
    (tmp_path / "engine").write_text("valkey 9.1.2\n")
    if not refused:
        assert prepare(servers, tmp_path) is REDIS
        return
    with pytest.raises(OSError, match="cannot read") as caught:
        prepare(servers, tmp_path)
    assert caught.value.filename == str(tmp_path)
