"""The embedded Valkey dies, hangs, or is not let in: traffic knows nothing of it."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, stage
from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import Gateway, free_port
from tests.helpers.probe import asked
from tests.helpers.scripted_upstream import Late, ScriptedUpstream
from tests.helpers.slow import is_alive, running, wait_until

pytestmark = pytest.mark.e2e
SERVERS = ("state", "cache")


class Node:
    """A gateway with its embedded servers."""

    def __init__(self, stage: Stage, probe: int, folder: Path) -> None:
        self.stage = stage
        self.gateway: Gateway = stage.gateway
        self.probe = probe
        self.folder = folder

    def server(self, name: str) -> int:
        """The process of a server."""
        (pid,) = running(self.gateway.process.pid, f"{name}.sock")
        return pid

    def words(self) -> dict[str, object]:
        """What `/readyz` says of them."""
        status, said = asked(self.probe)
        assert (status, said["status"]) == (200, "ready")
        words = said["valkey"]
        assert isinstance(words, dict)
        return words

    def serves(self, *names: str, patience: float = 5.0) -> bool:
        """Wait until these servers serve."""
        return wait_until(
            lambda: all(self.words()[name] == "serving" for name in names or SERVERS), patience
        )

    def say(self, name: str, *words: str) -> bytes:
        """Ask a server, as a worker will."""
        return say(self.folder / "valkey" / f"{name}.sock", *words)

    def events(self, name: str) -> int:
        """How often the log holds an event."""
        return self.gateway.log.read_text().count(f'"event":"{name}"')

    def has_seen(self, name: str, times: int) -> bool:
        """Whether the log holds an event so often."""
        return self.events(name) == times


def say(path: Path, *words: str) -> bytes:
    folder = os.open(path.parent, os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(f"/proc/self/fd/{folder}/{path.name}")
            sock.sendall(" ".join(words).encode() + b"\r\n")
            return sock.recv(1 << 16)
    finally:
        os.close(folder)


@contextlib.contextmanager
def node(tmp_path: Path, upstream: ScriptedUpstream, **more: object) -> Iterator[Node]:
    probe = free_port()
    tmp_path.mkdir(exist_ok=True)
    with stage(tmp_path, upstream=upstream, probe=f"127.0.0.1:{probe}", **more) as one:
        folder = Path(str(more.get("state_dir", tmp_path / "state")))
        made = Node(one, probe, folder)
        assert made.serves()
        yield made


@pytest.fixture
def one(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[Node]:
    with node(tmp_path, upstream) as made:
        yield made


@contextlib.contextmanager
def traffic(one: Node) -> Iterator[list[int]]:
    """Requests without a pause, on new and on kept connections; the statuses of all of them."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        kept = one.stage.client()
        with kept:
            while not over.is_set():
                statuses.append(kept.get(b"/").status)
                with one.stage.client() as client:
                    statuses.append(client.get(b"/").status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_killed_is_back_within_a_second_and_traffic_is_untouched(
    one: Node, name: str
) -> None:
    """Red without `reap` in node/embedded.py."""
    one.say("state", "SET", "kept", "value")
    with traffic(one) as statuses:
        victim = one.server(name)
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        assert wait_until(lambda: one.events("valkey_died") == 1)
        assert one.serves()
        took = time.monotonic() - killed
        assert one.server(name) != victim
    assert took < 1.0
    assert len(statuses) > 10
    assert set(statuses) == {200}
    assert one.say("state", "GET", "kept") == b"$5\r\nvalue\r\n"


def test_one_that_is_down_is_said_and_the_node_stays_ready(one: Node) -> None:
    """The pauses between its lives grow, so that one of them is long enough to be seen."""
    assert wait_until(lambda: "degraded" not in asked(one.probe)[1])
    seen: tuple[int, dict[str, object]] = (0, {})
    for lives in range(1, 6):
        os.kill(one.server("cache"), signal.SIGKILL)
        assert wait_until(partial(one.has_seen, "valkey_died", lives))
        seen = asked(one.probe)
        assert one.serves()
        if "degraded" in seen[1]:
            break
    status, said = seen
    assert (status, said["status"], said.get("degraded")) == (200, "ready", ["valkey cache"])
    assert "degraded" not in asked(one.probe)[1]


def test_servers_end_within_a_second_when_the_supervisor_is_killed(one: Node) -> None:
    """Red without prctl in node/die_with_parent.py."""
    pids = [one.server(name) for name in SERVERS]
    one.gateway.process.kill()
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids), 1.0)


def test_the_next_gateway_has_the_data_at_once_when_the_supervisor_was_killed(
    one: Node, tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    one.say("state", "SET", "kept", "value")
    one.gateway.process.kill()
    one.gateway.process.wait()
    with node(tmp_path / "next", upstream, state_dir=str(one.folder)) as successor:
        assert successor.say("state", "GET", "kept") == b"$5\r\nvalue\r\n"


def test_servers_end_behind_the_workers_and_in_order(one: Node) -> None:
    """Red where `stop` is called with the workers' own."""
    one.say("state", "SET", "kept", "value")
    pids = [one.server(name) for name in SERVERS]
    late = Late()
    with one.stage.client() as client:
        target = one.stage.on(late)
        client.ask(target)
        assert wait_until(lambda: one.stage.upstream.calls(target) == 1)
        one.gateway.process.terminate()
        time.sleep(0.3)
        assert all(is_alive(pid) for pid in pids)
        assert one.say("state", "GET", "kept") == b"$5\r\nvalue\r\n"
        late.release()
        assert client.answer().body == late.body
    assert one.gateway.process.wait(PATIENCE) == 0
    assert not any(is_alive(pid) for pid in pids)
    log = (one.folder / "valkey" / "state.log").read_text()
    assert "ready to exit, bye bye" in log
    assert one.events("valkey_died") == 0


def test_a_successor_waits_for_the_servers_of_a_gateway_that_drains(
    one: Node, tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """Red without the lock in node/embedded.py: two servers would write the same file."""
    one.say("state", "SET", "kept", "value")
    late = Late(b"late")
    probe = free_port()
    (tmp_path / "next").mkdir()
    with one.stage.client() as client:
        target = one.stage.on(late)
        client.ask(target)
        assert wait_until(lambda: one.stage.upstream.calls(target) == 1)
        one.gateway.process.terminate()
        assert wait_until(lambda: not _answers(one.probe))
        settings = {"state_dir": str(one.folder), "probe": f"127.0.0.1:{probe}"}
        with stage(tmp_path / "next", upstream=upstream, **settings) as successor:
            later = Node(successor, probe, one.folder)
            assert wait_until(lambda: later.events("valkey_waits") == 2)
            assert later.words()["state"] == "waiting"
            with successor.client() as other:
                assert other.get(b"/").status == 200
            late.release()
            assert client.answer().body == late.body
            assert later.serves(patience=2.0)
            assert later.say("state", "GET", "kept") == b"$5\r\nvalue\r\n"
    assert one.gateway.process.wait(PATIENCE) == 0


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_two_gateways_have_servers_of_their_own(
    one: Node, tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    with node(tmp_path / "other", upstream) as other:
        one.say("state", "SET", "mine", "a")
        assert other.say("state", "GET", "mine") == b"$-1\r\n"
        other.gateway.process.kill()
    assert one.say("state", "GET", "mine") == b"$1\r\na\r\n"
    assert one.serves(patience=0.1)


def test_a_server_answers_nobody_but_this_user(one: Node) -> None:
    for name in SERVERS:
        path = one.folder / "valkey" / f"{name}.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        assert one.say(name, "CONFIG GET port") == b"*2\r\n$4\r\nport\r\n$1\r\n0\r\n"
    assert (one.folder / "valkey").stat().st_mode & 0o777 == 0o700


def test_data_of_a_newer_engine_is_refused_with_a_reason(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """Red without `unreadable` in node/engine.py."""
    folder = tmp_path / "state" / "valkey"
    folder.mkdir(parents=True)
    (folder / "engine").write_text("valkey 99.0.0\n")
    with (
        pytest.raises(RuntimeError, match=r"its data was written by valkey 99.0.0, which valkey 9"),
        stage(tmp_path, upstream=upstream),
    ):
        pass


def test_with_both_urls_nothing_is_started(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    urls = {"valkey_url": "redis://127.0.0.1:1", "cache_url": "redis://127.0.0.1:2"}
    probe = free_port()
    with stage(tmp_path, upstream=upstream, probe=f"127.0.0.1:{probe}", **urls) as bare:
        assert "valkey" not in asked(probe)[1]
        assert running(bare.gateway.process.pid, "valkey-server") == []
        assert not (tmp_path / "state" / "valkey").exists()


def test_a_server_that_hangs_is_killed_and_replaced(one: Node) -> None:
    """Red without `hangs` in node/embedded_server.py."""
    victim = one.server("cache")
    os.kill(victim, signal.SIGSTOP)
    assert wait_until(lambda: one.events("valkey_hangs") == 1, 15.0)
    assert one.serves()
    assert not is_alive(victim)
