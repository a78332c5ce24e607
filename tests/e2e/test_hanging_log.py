"""The disk of the access log hangs: whoever opens a file of it waits for ever.

It is played by a pipe that nobody reads: the kernel holds whoever opens it for writing.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.edge.stage import Stage, routes
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.slow import wait_until, workers_of
from tta_gateway.node.commands import ask

pytestmark = pytest.mark.e2e

READY: Final = ["serving"] * 2


def hang(node: Stage) -> None:
    """Put a pipe in the log's place, and have the thread that writes it open it."""
    node.access_log.unlink()
    os.mkfifo(node.access_log)
    node.gateway.process.send_signal(signal.SIGUSR1)
    time.sleep(0.3)


def let_go(node: Stage) -> int:
    """Have the disk answer again; return a descriptor of what is written."""
    return os.open(node.access_log, os.O_RDONLY | os.O_NONBLOCK)


def everybody_is_answered(node: Stage, path: bytes = b"/") -> bool:
    for _ in range(20):
        with node.client() as client:
            if client.get(path).status != 200:
                return False
    return True


def test_workers_start_while_it_hangs(node: Stage, probe: int, tmp_path: Path) -> None:
    """Red where a worker tries the file before it serves: no slot ever served again."""
    pid = node.gateway.process.pid
    assert everybody_is_answered(node)
    hang(node)
    before = workers_of(pid)
    for victim in before:
        os.kill(victim, signal.SIGKILL)
    begun = time.monotonic()
    assert wait_until(lambda: set(workers_of(pid)).isdisjoint(before))
    assert wait_until(lambda: asked(probe)[1]["workers"] == READY, 6.0)
    assert time.monotonic() - begun < 6.0
    assert everybody_is_answered(node)
    killed = workers_of(pid)
    ask(tmp_path / "state", "restart")
    assert wait_until(lambda: set(workers_of(pid)).isdisjoint(killed))
    assert everybody_is_answered(node)
    assert asked(probe)[1]["deaths"] == 2


def test_something_else_is_mended_while_it_hangs(node: Stage, probe: int, tmp_path: Path) -> None:
    """The log in force is not tried again; and lines are written once the disk answers."""
    hang(node)
    reload(node, tmp_path, routes=[*routes(), _answer("/mended")])
    assert wait_until(lambda: asked(probe)[1]["versions"] == [2, 2])
    assert everybody_is_answered(node, b"/mended")
    fd = let_go(node)
    try:
        found = bytearray()
        assert wait_until(lambda: b'"/mended"' in _read(fd, found))
    finally:
        os.close(fd)


def _answer(path: str) -> dict[str, object]:
    return {"path": path, "auth": "none", "respond": {"body": "mended"}}


def _read(fd: int, into: bytearray) -> bytearray:
    with contextlib.suppress(BlockingIOError):
        into += os.read(fd, 1 << 20)
    return into


def reload(node: Stage, folder: Path, **changes: object) -> None:
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))
    node.gateway.process.send_signal(signal.SIGHUP)


def refusal(probe: int) -> str:
    """The only reason why the last configuration was refused."""
    complaints = asked(probe)[1]["refused"]
    assert isinstance(complaints, list)
    (complaint,) = complaints
    return str(complaint)


def test_another_log_that_hangs_is_refused_and_the_old_one_stays(
    node: Stage, probe: int, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reload(node, tmp_path, access_log={"path": str(pipe)})
    assert wait_until(lambda: "refused" in asked(probe)[1], 15.0)
    complaint = refusal(probe)
    assert f"access_log.path: `{pipe}` has not opened within 5 s: it is on a disk" in complaint
    assert complaint.startswith(f"{tmp_path}/gateway.yaml:")
    assert asked(probe)[1]["versions"] == [1, 1]
    with node.client() as client:
        assert client.get(b"/old").status == 200
    assert node.lines(b"/old")


def test_another_log_that_cannot_be_written_is_refused_and_the_old_one_stays(
    node: Stage, probe: int, tmp_path: Path
) -> None:
    reload(node, tmp_path, access_log={"path": str(tmp_path / "gateway.yaml" / "log")})
    assert wait_until(lambda: "refused" in asked(probe)[1])
    complaint = refusal(probe)
    assert "access_log.path: " in complaint
    assert "cannot be written: File exists; let the gateway's user write there" in complaint
    with node.client() as client:
        assert client.get(b"/old").status == 200
    assert node.lines(b"/old")


def test_a_gateway_does_not_start_with_one_that_hangs_and_says_why(tmp_path: Path) -> None:
    pipe, file = tmp_path / "pipe", tmp_path / "gateway.yaml"
    os.mkfifo(pipe)
    config = {
        "listen": f"127.0.0.1:{free_port()}",
        "probe": "off",
        "admin": "off",
        "state_dir": str(tmp_path / "state"),
        "access_log": {"path": str(pipe), "paths": "whole"},
        "routes": [_answer("/")],
    }
    file.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "tta_gateway", "run", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert f"cannot start: access_log.path: `{pipe}` has not opened within" in done.stderr
