"""The processes: light workers, and nobody left behind when one dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import scripted, stage
from tests.helpers.clients import Client
from tests.helpers.slow import is_alive, wait_until

pytestmark = pytest.mark.e2e

HEAVY: Final = ("pydantic", "sqlalchemy", "fastapi", "starlette", "redis", "yaml")
_NAMES: Final = "import sys, tta_gateway.node.worker_main; print(*sys.modules)"


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        killed = one.worker
        os.kill(killed, signal.SIGKILL)
        with one.client() as client:
            assert client.get(b"/").status == 200
        assert one.worker != killed


def test_a_worker_does_not_outlive_a_command_that_is_killed(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        worker = one.worker
        one.gateway.process.kill()
        assert wait_until(lambda: not is_alive(worker))
        with pytest.raises(ConnectionRefusedError):
            Client(one.port)


def test_a_running_supervisor_has_mapped_no_heavy_library(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        maps = Path(f"/proc/{one.gateway.process.pid}/maps").read_text()
    assert "msgspec" in maps
    assert [name for name in (*HEAVY, "uvloop") if f"/{name}" in maps] == []


def test_a_running_worker_has_mapped_no_heavy_library(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        with one.client() as client:
            assert client.get(b"/").status == 200
        maps = Path(f"/proc/{one.worker}/maps").read_text()
    assert "httptools" in maps
    assert [name for name in HEAVY if f"/{name}" in maps] == []


def test_a_worker_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NAMES],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert "tta_gateway" in packages
    assert packages.isdisjoint(HEAVY)


def test_an_address_that_is_taken_ends_the_command_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with scripted() as upstream, stage(tmp_path / "first", upstream=upstream) as one:
        taken = f"127.0.0.1:{one.port}"
        with (
            pytest.raises(RuntimeError, match="did not become ready"),
            stage(tmp_path / "second", upstream=upstream, listen=taken),
        ):
            pass
        with one.client() as client:
            assert client.get(b"/").status == 200
