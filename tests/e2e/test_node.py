"""A node: workers at one address, replaced when they die, and a probe that says how it is."""

import os
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import PATIENCE, Client, Cut
from tests.helpers.probe import all_serve_again, asked
from tests.helpers.scripted_upstream import Late
from tests.helpers.slow import descriptors, is_alive, wait_until, workers_of

pytestmark = pytest.mark.e2e

CONNECTIONS: Final = 64


def workers(one: Stage) -> list[int]:
    return workers_of(one.gateway.process.pid)


def test_the_kernel_spreads_connections_over_the_workers(node: Stage) -> None:
    node.rest()
    before = {pid: descriptors(pid) for pid in workers(node)}
    with ExitStack() as stack:
        clients = [stack.enter_context(node.client()) for _ in range(CONNECTIONS)]
        assert [client.get(b"/").status for client in clients] == [200] * CONNECTIONS
        shares = [descriptors(pid) - count for pid, count in before.items()]
    assert min(shares) > CONNECTIONS / 8


@pytest.mark.usefixtures("node")
def test_a_node_that_serves_says_so(probe: int) -> None:
    assert asked(probe, "/healthz") == (200, {"status": "alive"})
    status, said = asked(probe)
    assert (status, said["workers"], said["deaths"]) == (200, ["serving"] * 2, 0)


def test_a_worker_that_is_killed_takes_only_its_own_connections_with_it(
    node: Stage, probe: int
) -> None:
    """Red without `slot.due` set in node/slot.py, end."""
    victim, other = workers(node)
    with ExitStack() as stack:
        clients = [stack.enter_context(node.client()) for _ in range(CONNECTIONS)]
        assert [client.get(b"/").status for client in clients] == [200] * CONNECTIONS
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        assert wait_until(lambda: all_serve_again(probe, deaths=1))
        took = time.monotonic() - killed
        alive = sum(_is_answered(client) for client in clients)
    assert other in workers(node)
    assert victim not in workers(node)
    assert 0 < alive < CONNECTIONS
    assert took < 1.5  # a second, and what a look at the probe takes


def _is_answered(client: Client) -> bool:
    try:
        return client.get(b"/").status == 200
    except (OSError, Cut):
        return False


def test_whoever_connects_while_a_worker_is_replaced_is_answered(node: Stage) -> None:
    """Its socket stays open in the supervisor.  Red where Listening belongs to the worker alone."""
    for _ in range(3):
        os.kill(workers(node)[0], signal.SIGKILL)
        for _ in range(40):
            with node.client() as client:
                assert client.get(b"/").status == 200


def test_a_slot_that_stays_empty_is_served_by_a_sibling(node: Stage, probe: int) -> None:
    """Whoever waits in its queue is answered.  Red without `_cover` in node/supervisor.py."""
    (other, _) = workers(node)
    for _ in range(7):
        assert wait_until(lambda: len(workers(node)) == 2)
        (victim,) = {*workers(node)} - {other}
        os.kill(victim, signal.SIGKILL)
        assert wait_until(lambda gone=victim: gone not in workers(node))  # type: ignore[misc]
    assert wait_until(lambda: "slot_covered" in node.gateway.log.read_text())
    assert "serving" in str(asked(probe)[1]["workers"])
    begun = time.monotonic()
    for _ in range(40):
        with node.client() as client:
            assert client.get(b"/").status == 200
    assert time.monotonic() - begun < 3.0  # about 0.3 s, on a machine that is not busy
    assert wait_until(lambda: asked(probe)[1]["workers"] == ["serving"] * 2)
    for _ in range(40):
        with node.client() as client:
            assert client.get(b"/").status == 200


def test_no_worker_outlives_a_supervisor_that_is_killed(node: Stage) -> None:
    pids = workers(node)
    node.gateway.process.kill()
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids), 1.5)


def test_all_workers_end_with_the_command(node: Stage) -> None:
    pids = workers(node)
    node.gateway.process.terminate()
    assert node.gateway.process.wait(PATIENCE) == 0
    assert not any(is_alive(pid) for pid in pids)


def test_the_next_gateway_can_start_while_one_finishes(
    node: Stage, probe: int, tmp_path: Path
) -> None:
    """Addresses and state folder are free at once.  Red without `let_go` in node/supervisor.py."""
    (tmp_path / "next").mkdir()
    late = Late()
    with node.client() as client:
        target = node.on(late)
        client.ask(target)
        assert wait_until(lambda: node.upstream.calls(target) == 1)
        node.gateway.process.terminate()
        assert wait_until(lambda: not _is_taken(node.port))
        with stage(
            tmp_path / "next",
            upstream=node.upstream,
            listen=f"127.0.0.1:{node.port}",
            probe=f"127.0.0.1:{probe}",
            state_dir=str(tmp_path / "state"),
        ) as successor:
            assert asked(probe)[0] == 200
            with successor.client() as other:
                assert other.get(b"/").status == 200
            late.release()
            assert client.answer().body == late.body
    assert node.gateway.process.wait(PATIENCE) == 0


def _is_taken(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_two_gateways_do_not_share_a_state_folder(node: Stage, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with (
        scripted() as upstream,
        pytest.raises(RuntimeError, match="another gateway uses this folder"),
        stage(tmp_path / "second", upstream=upstream, state_dir=str(tmp_path / "state")),
    ):
        pass
    with node.client() as client:
        assert client.get(b"/").status == 200


@pytest.mark.usefixtures("node")
def test_who_says_nothing_to_the_probe_is_cut_off(probe: int) -> None:
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", probe), PATIENCE))
            for _ in range(16)
        ]
        assert asked(probe)[0] == 200  # it waits until one of them is
        assert [sock.recv(1) for sock in silent] == [b""] * 16
