"""The guard as a process: it says that it is there, and stays until it is asked to end."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import tta_gateway
from tta_gateway.node.child import Child, start
from tta_gateway.node.guard_socket import ask
from tta_gateway.node.segments import Segments
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import encoded, parted
from tta_gateway.support import bus, log_socket

PATIENCE = 20.0  # seconds, for an interpreter on a busy machine


def snapshot(folder: Path) -> Snapshot:
    return Snapshot(version=3, state_dir=str(folder), listeners=(), services=(), routes=())


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Child]:
    monkeypatch.setenv("PYTHONPATH", str(Path(tta_gateway.__file__).parents[1]))
    segments = Segments()
    segment = segments.take()
    sockets: list[socket.socket] = [*log_socket.pair(), *bus.pair()]
    fds = [segments.fd, sockets[1].fileno(), sockets[3].fileno()]
    data = encoded(parted(snapshot(tmp_path)))
    made = start("tta_gateway.node.guard_main", data=data, fds=fds, words=[str(segment)])
    made.channel.settimeout(PATIENCE)
    yield made
    made.process.kill()
    cast("Any", made.process).wait(PATIENCE)
    made.channel.close()
    for one in sockets:
        one.close()


def test_it_ends_when_nobody_is_at_the_other_end_any_more(guard: Child) -> None:
    assert guard.channel.recv(64) == b"ready 3"
    guard.channel.close()
    assert cast("Any", guard.process).wait(PATIENCE) == 0


def test_it_is_ready_survives_ctrl_c_and_ends_when_it_is_asked_to(
    guard: Child, tmp_path: Path
) -> None:
    assert guard.channel.recv(64) == b"ready 3"
    guard.process.send_signal(signal.SIGINT)
    assert ask(tmp_path, {"do": "list"}) == {"incidents": []}
    guard.process.send_signal(signal.SIGTERM)
    assert cast("Any", guard.process).wait(PATIENCE) == 0
