"""Signals that reach the wrong process, or at the wrong time, take nobody down."""

import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from tests.e2e.edge.stage import Stage, routes, scripted, stage
from tests.helpers.clients import PATIENCE
from tests.helpers.probe import all_serve_again, asked
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import companion_of, is_alive, wait_until, workers_of
from tta_gateway.node.commands import ask

pytestmark = pytest.mark.e2e


def everybody_is_answered(one: Stage, count: int = 40) -> bool:
    for _ in range(count):
        with one.client() as client:
            if client.get(b"/").status != 200:
                return False
    return True


def test_a_worker_that_somebody_else_ends_is_followed_at_once(whole: Stage, probe: int) -> None:
    """Red where any SIGTERM makes the slot's socket deaf: half of all connections hung."""
    pid = whole.gateway.process.pid
    victim = workers_of(pid)[0]
    os.kill(victim, signal.SIGTERM)
    assert wait_until(lambda: "worker_leaves" in whole.gateway.log.read_text())
    assert wait_until(lambda: asked(probe)[1]["workers"] == ["serving"] * 2)
    assert everybody_is_answered(whole)
    assert wait_until(lambda: victim not in workers_of(pid))
    assert everybody_is_answered(whole)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGINT])
def test_what_reaches_the_whole_group_is_for_the_supervisor_alone(
    whole: Stage, probe: int, number: signal.Signals
) -> None:
    pid = whole.gateway.process.pid
    before = [*workers_of(pid), companion_of(pid, "control"), companion_of(pid, "guard")]
    for child in before:
        assert child
        os.kill(child, number)
    time.sleep(0.3)
    assert [*workers_of(pid), companion_of(pid, "control"), companion_of(pid, "guard")] == before
    assert asked(probe)[1]["deaths"] == 0


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_whoever_is_being_started_does_not_outlive_the_supervisor(
    whole: Stage, pause: float
) -> None:
    """Red where the parent is asked for after the imports: the process kept the port for ever."""
    pid = whole.gateway.process.pid
    for name in ("worker", "control", "guard"):
        child = workers_of(pid)[0] if name == "worker" else companion_of(pid, name)
        assert child
        os.kill(child, signal.SIGKILL)
    time.sleep(pause)
    group = os.getpgid(pid)
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not _members(group), 5.0)


def _members(group: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and is_alive(int(entry.name)):
            try:
                if os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def test_a_drain_does_not_outlive_the_supervisor(whole: Stage) -> None:
    pid = whole.gateway.process.pid
    target = whole.on(_never)
    with whole.client() as client:
        client.ask(target)
        assert wait_until(lambda: whole.upstream.calls(target) == 1)
        before = workers_of(pid)
        whole.gateway.process.terminate()
        time.sleep(0.5)
        whole.gateway.process.kill()
        assert wait_until(lambda: not any(is_alive(one) for one in before), 1.6)


def _never(call: Call) -> None:
    call.is_over = True
    time.sleep(2.5)
    call.gone()


def test_a_worker_that_hangs_is_replaced(whole: Stage, probe: int) -> None:
    """Red where only the start is watched: half of all requests were lost while all `serve`."""
    victim = workers_of(whole.gateway.process.pid)[0]
    os.kill(victim, signal.SIGSTOP)
    assert wait_until(lambda: "worker_hangs" in whole.gateway.log.read_text(), 14.0)
    assert wait_until(lambda: victim not in workers_of(whole.gateway.process.pid))
    assert wait_until(lambda: asked(probe)[1]["workers"] == ["serving"] * 2)
    assert everybody_is_answered(whole)


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.003, 0.006])
def test_an_upgrade_is_no_way_round_a_stop(whole: Stage, tmp_path: Path, pause: float) -> None:
    """Sent just as it becomes another.  Red where a thread of the supervisor may take it."""
    before = len(whole.gateway.log.read_text())
    ask(tmp_path / "state", "upgrade")
    assert wait_until(lambda: _is_becoming(whole.gateway.process.pid, before, whole))
    time.sleep(pause)
    whole.gateway.process.terminate()
    assert whole.gateway.process.wait(PATIENCE) == 0


def _is_becoming(pid: int, before: int, one: Stage) -> bool:
    """Whether the check has ended: its process has gone, or the node is another already."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    words = [Path(f"/proc/{child}/cmdline") for child in children]
    checking = any(b"preflight" in word.read_bytes() for word in words if word.exists())
    return not checking or "upgraded" in one.gateway.log.read_text()[before:]


def test_a_gateway_that_drains_becomes_nothing_else(whole: Stage) -> None:
    pid = whole.gateway.process.pid
    target = whole.on(_late)
    with whole.client() as client:
        client.ask(target)
        assert wait_until(lambda: whole.upstream.calls(target) == 1)
        whole.gateway.process.terminate()
        time.sleep(0.2)
        os.kill(pid, signal.SIGUSR2)
        os.kill(pid, signal.SIGHUP)
        assert client.answer().body == b"late but whole"
    assert whole.gateway.process.wait(PATIENCE) == 0
    assert "upgraded" not in whole.gateway.log.read_text()


def _late(call: Call) -> None:
    time.sleep(1.5)
    call.answer(b"late but whole")


def test_a_compiler_that_hangs_is_ended(whole: Stage, tmp_path: Path) -> None:
    """What it is about to read never ends; the next reload is as good as ever."""
    fifo = tmp_path / "pipe.yaml"
    os.mkfifo(fifo)
    file = tmp_path / "gateway.yaml"
    good = file.read_text()
    file.unlink()
    file.symlink_to(fifo)
    whole.gateway.process.send_signal(signal.SIGHUP)
    held: list[int] = []
    assert wait_until(lambda: _opened(fifo, held), 20.0)  # it reads, and there is nothing to read
    file.unlink()
    respond = {"path": "/after", "auth": "none", "respond": {"body": "after"}}
    file.write_text(yaml.safe_dump(yaml.safe_load(good) | {"routes": [*routes(), respond]}))
    assert wait_until(lambda: "longer than 30 s" in whole.gateway.log.read_text(), 60.0)
    with whole.client() as client:
        assert wait_until(lambda: client.get(b"/after").body == b"after")
    os.close(held.pop())


def _opened(fifo: Path, held: list[int]) -> bool:
    """Open the pipe for writing, if somebody reads it by now (fifo(7))."""
    try:
        held.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_a_state_folder_that_hangs_holds_nobody(tmp_path: Path, probe: int) -> None:
    """The kept configuration goes into a pipe that nobody reads.  Red with a write in the loop."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.mkfifo(state / "snapshot.kept.new")
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, workers=2, probe=f"127.0.0.1:{probe}") as one,
    ):
        os.kill(workers_of(one.gateway.process.pid)[0], signal.SIGKILL)
        assert wait_until(lambda: all_serve_again(probe, deaths=1))
        assert everybody_is_answered(one)
