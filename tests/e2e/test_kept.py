"""The last accepted configuration: workers and nodes start from it when all else is down."""

import os
import signal
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.e2e.edge.stage import Stage, routes, scripted, stage
from tests.helpers.clients import PATIENCE, Client
from tests.helpers.gateway import free_port
from tests.helpers.probe import all_serve_again, asked
from tests.helpers.slow import companion_of, frozen, running, wait_until, workers_of

pytestmark = pytest.mark.e2e


def test_a_worker_starts_while_control_and_valkey_are_down(whole: Stage, probe: int) -> None:
    """All of them hang, so that nobody replaces them: a worker needs its supervisor alone."""
    pid = whole.gateway.process.pid
    others = [companion_of(pid, name) for name in ("control", "guard")]
    others += [*running(pid, "state.sock"), *running(pid, "cache.sock")]
    assert len(others) == 4
    with ExitStack() as stack:
        for other in others:
            assert other
            stack.enter_context(frozen(other))
        before = workers_of(pid)
        for victim in before:
            os.kill(victim, signal.SIGKILL)
        assert wait_until(lambda: all_serve_again(probe, deaths=2))
        assert set(workers_of(pid)).isdisjoint(before)
        for _ in range(20):
            with whole.client() as client:
                assert client.get(b"/").status == 200


def accepted(one: Stage, probe: int, tmp_path: Path) -> None:
    """Have the gateway accept a second configuration."""
    file = tmp_path / "gateway.yaml"
    respond = {"path": "/kept", "auth": "none", "respond": {"body": "kept"}}
    config = yaml.safe_load(file.read_text()) | {"routes": [*routes(), respond]}
    file.write_text(yaml.safe_dump(config))
    one.gateway.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: asked(probe)[1]["versions"] == [2])


def test_a_node_starts_from_what_was_accepted_last_when_its_file_is_broken(
    tmp_path: Path,
) -> None:
    """Red without `keep_for_later` in node/in_force.py, adopt."""
    port, probe, state = free_port(), free_port(), tmp_path / "state"
    with (
        scripted() as upstream,
        stage(
            tmp_path, upstream=upstream, probe=f"127.0.0.1:{probe}", listen=f"127.0.0.1:{port}"
        ) as one,
    ):
        accepted(one, probe, tmp_path)
    file = tmp_path / "gateway.yaml"
    file.write_text("routes: [")
    command = [sys.executable, "-m", "tta_gateway", "run", "-c", str(file)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert refused.returncode == 2
    process = subprocess.Popen([*command, "--kept", str(state)], stdout=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: _answers(port), 20.0)
        with Client(port) as client:
            assert client.get(b"/kept").body == b"kept"
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_what_was_kept_goes_on_in_its_folder_wherever_the_command_is_run(tmp_path: Path) -> None:
    """Red without `in_folder` in snapshot/sealed.py: `./state` was another folder then."""
    port, home, other = free_port(), tmp_path / "home", tmp_path / "other"
    file = home / "gateway.yaml"
    for folder in (home, other):
        folder.mkdir()
    config = {"listen": f"127.0.0.1:{port}", "admin": "off", "probe": "off", "workers": 1}
    route = {"path": "/", "auth": "none", "respond": {"body": "kept"}}
    file.write_text(yaml.safe_dump({**config, "state_dir": "./state", "routes": [route]}))
    command = [sys.executable, "-m", "tta_gateway", "run", "-c", str(file)]
    for folder, more in ((home, ()), (other, ("--kept", "../home/state"))):
        process = subprocess.Popen([*command, *more], cwd=folder, stdout=subprocess.DEVNULL)
        try:
            assert wait_until(lambda: _answers(port), 20.0)
            with Client(port) as client:
                assert client.get(b"/").body == b"kept"
            assert int((home / "state" / "gateway.lock").read_text()) == process.pid
            assert wait_until(lambda: (home / "state" / "valkey" / "state.sock").is_socket())
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0
        file.write_text("routes: [")
    assert list(other.iterdir()) == []


def _answers(port: int) -> bool:
    try:
        with Client(port):
            return True
    except ConnectionRefusedError:
        return False


def test_what_is_kept_is_its_owners_alone_and_tells_nobody_anything(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream):
        state = tmp_path / "state"
        assert wait_until(lambda: (state / "snapshot.kept").exists())
        kept, key = state / "snapshot.kept", state / "snapshot.key"
        assert [stat.S_IMODE(one.stat().st_mode) for one in (kept, key)] == [0o600] * 2
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert str(upstream.url.rpartition(":")[2]).encode() not in kept.read_bytes()
        assert b"rest:path" not in kept.read_bytes()
    key.write_bytes(bytes(32))
    command = [sys.executable, "-m", "tta_gateway", "run", "--kept", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, "does not fit" in done.stderr) == (1, True)


def test_a_state_folder_that_stands_open_is_shut(tmp_path: Path) -> None:
    """With all that a gateway leaves in it.  Red without `_shut` in node/lock.py."""
    probe, admin, state = free_port(), free_port(), tmp_path / "state"
    state.mkdir()
    at = {"probe": f"127.0.0.1:{probe}", "admin": f"127.0.0.1:{admin}"}
    for _ in range(2):
        state.chmod(0o755)
        with scripted() as upstream, stage(tmp_path, upstream=upstream, **at):
            assert stat.S_IMODE(state.stat().st_mode) == 0o700
            assert wait_until(lambda: "degraded" not in asked(probe)[1])
            assert (state / "valkey" / "state").is_dir()
            modes = {one: stat.S_IMODE(one.lstat().st_mode) & 0o077 for one in state.rglob("*")}
            assert [one for one, mode in modes.items() if mode] == []
