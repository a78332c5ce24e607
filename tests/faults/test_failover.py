"""A store behind a Sentinel moves: every worker follows, also one that starts without control."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.gateway import free_port
from tests.helpers.slow import companion_of, frozen, wait_until, workers_of
from tests.helpers.valkey_server import Server, Three, watched

pytestmark = [pytest.mark.e2e, pytest.mark.redis]
NOTICED = 20.0
"""Seconds: a Sentinel takes its time to put another in a master's place."""


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Three]:
    """A master, its replica, and the Sentinel that watches them."""
    folder = tmp_path / "sentinel"
    folder.mkdir()
    with watched("valkey", folder) as servers:
        yield servers


@pytest.fixture
def node(tmp_path: Path, three: Three) -> Iterator[Stage]:
    """Two workers and control, whose state is where the Sentinel says."""
    url = f"redis+sentinel://127.0.0.1:{three[2].port}/tta"
    admin = f"127.0.0.1:{free_port()}"
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, workers=2, admin=admin, valkey_url=url) as one,
    ):
        yield one


def connected(server: Server) -> int:
    """How many workers of a gateway ask it; none while it takes up who it is now.

    A server that is promoted ends its clients' connections, the one that asks this among them.
    """
    try:
        return server.say("CLIENT", "LIST").count(b"name=tta-gateway-worker ")
    except ConnectionError:
        return 0


def test_every_worker_follows_a_store_that_moves(node: Stage, three: Three) -> None:
    """Red without the live sections: workers then never know who serves."""
    master, replica, _ = three
    assert wait_until(lambda: connected(master) == 2)
    assert connected(replica) == 0
    master.kill()
    assert wait_until(lambda: connected(replica) == 2, NOTICED)
    with node.client() as client:
        assert client.get(b"/").status == 200


def test_a_worker_that_starts_while_control_stands_still_knows_who_serves(
    node: Stage, three: Three
) -> None:
    master, _, _ = three
    assert wait_until(lambda: connected(master) == 2)
    control = companion_of(node.gateway.process.pid, "control")
    assert control is not None
    before = workers_of(node.gateway.process.pid)
    with frozen(control):
        os.kill(before[0], signal.SIGKILL)
        assert wait_until(lambda: len(set(workers_of(node.gateway.process.pid)) - {before[0]}) == 2)
        assert wait_until(lambda: connected(master) == 2)


def test_an_upgraded_node_knows_who_serves(node: Stage, three: Three) -> None:
    master, _, sentinel = three
    assert wait_until(lambda: connected(master) == 2)
    sentinel.kill()
    before = set(workers_of(node.gateway.process.pid))
    node.gateway.process.send_signal(signal.SIGUSR2)
    assert wait_until(lambda: before.isdisjoint(workers_of(node.gateway.process.pid)))
    assert wait_until(lambda: connected(master) == 2)


def test_it_is_counted_how_many_workers_reach_it(tmp_path: Path, three: Three) -> None:
    port = free_port()
    url = f"redis+sentinel://127.0.0.1:{three[2].port}/tta"
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, workers=2, admin=f"127.0.0.1:{port}", valkey_url=url),
    ):
        samples = Admin(port, tmp_path / "state").samples
        key = ("tta_gateway_store_connected", ("state",))
        assert wait_until(lambda: samples().get(key) == 2.0)
