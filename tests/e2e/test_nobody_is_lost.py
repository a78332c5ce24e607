"""Reloads, rolling restarts and an upgrade under load: nobody is lost.

Three of the first two in `make test`, ten in `make soak`.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.helpers.busy_service import BODY
from tests.helpers.crowd import KINDS, Crowd
from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.slow import wait_until
from tests.helpers.soak import often
from tta_gateway.node.commands import ask

pytestmark = pytest.mark.e2e

TIMES: Final = often(3, soak=10)
ROOT: Final = Path(__file__).parents[2]


@contextlib.contextmanager
def busy_service() -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "tests.helpers.busy_service", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        assert wait_until(lambda: _listens(port))
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with busy_service() as port:
        config: dict[str, object] = {
            "listen": f"127.0.0.1:{free_port()}",
            "state_dir": str(tmp_path / "state"),
            "access_log": {"path": str(tmp_path / "access.log"), "paths": "whole"},
            "workers": 2,
            "services": {"up": {"endpoints": [f"http://127.0.0.1:{port}"]}},
            "routes": [{"path": "/{rest:path}", "service": "up", "auth": "none"}],
        }
        gateway = start_gateway(config, tmp_path)
        try:
            yield gateway
        finally:
            gateway.stop()


def told(tmp_path: Path, word: str = "status") -> dict[str, Any]:
    return ask(tmp_path / "state", word, 30.0)


def until(is_true: Callable[[], bool]) -> None:
    assert wait_until(is_true, 60.0)


def reload(gateway: Gateway, tmp_path: Path, number: int) -> None:
    file = tmp_path / "gateway.yaml"
    config = yaml.safe_load(file.read_text())
    config["routes"][1:] = [{"path": "/n", "auth": "none", "respond": {"body": str(number)}}]
    beside = file.with_suffix(".new")
    beside.write_text(yaml.safe_dump(config))
    beside.replace(file)
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: told(tmp_path)["versions"] == [number + 2] * 2)


def restart(tmp_path: Path) -> None:
    assert "error" not in told(tmp_path, "restart")
    until(lambda: told(tmp_path)["renewing"] == 0)


def upgrade(tmp_path: Path) -> None:
    before = told(tmp_path)["generation"]
    assert "error" not in told(tmp_path, "upgrade")
    until(lambda: _upgraded(tmp_path, before))


def _upgraded(tmp_path: Path, before: int) -> bool:
    try:
        now = told(tmp_path)
    except ConnectionError:
        return False  # it was asked in the moment in which it became the next one
    assert now["upgrade"]["refused"] == []
    return bool(now["generation"] > before and now["renewing"] == 0)


def test_nobody_is_lost(gateway: Gateway, tmp_path: Path) -> None:
    """200 kept and 200 new connections, 100 tunnels, 10 slow requests.

    Red where a worker that leaves closes idle connections at once, or tunnels without a word.
    """
    with Crowd(gateway.port, b"/fast", returns=True, body=BODY.encode()) as crowd:
        crowd.keep_alive(200, pause=0.25)
        crowd.newcomers(200, pause=0.5)
        crowd.web_sockets(100, "/ws", pause=1.0)
        crowd.patient(10, b"/slow")
        for number in range(TIMES):
            reload(gateway, tmp_path, number)
        for _ in range(TIMES):
            restart(tmp_path)
        upgrade(tmp_path)
        time.sleep(1)
        tally = crowd.stop()
    assert tally.lost == []
    assert set(tally.codes) <= {1001, 1012}
    assert tally.codes[1012] >= 100
    assert min(tally.answered[kind] for kind in KINDS) > 10
