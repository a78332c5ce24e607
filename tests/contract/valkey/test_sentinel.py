"""A master, a replica and a Sentinel that puts one in the other's place."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvloop

from tests.helpers.slow import wait_until
from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Kind, Server, server
from tta_gateway.support.valkey.discovery import discover
from tta_gateway.support.valkey.error import Unavailable
from tta_gateway.support.valkey.topology import Store, Topology, single

pytestmark = pytest.mark.redis
RULES = """
sentinel monitor tta 127.0.0.1 {port} 1
sentinel down-after-milliseconds tta 300
sentinel failover-timeout tta 3000
"""


@pytest.fixture
def three(kind: Kind, tmp_path: Path) -> Iterator[tuple[Server, Server, Server]]:
    """A master, its replica, and the Sentinel that watches them."""
    with ExitStack() as stack:
        master = stack.enter_context(server(kind, "--repl-diskless-sync-delay", "0"))
        replica = stack.enter_context(server(kind, "--replicaof", f"127.0.0.1 {master.port}"))
        assert wait_until(lambda: b"master_link_status:up" in replica.say("INFO", "replication"))
        rules = tmp_path / "sentinel.conf"
        rules.write_text(RULES.format(port=master.port))
        sentinel = stack.enter_context(server(kind, str(rules), "--sentinel"))
        port = str(replica.port).encode()
        assert wait_until(lambda: port in sentinel.say("SENTINEL", "REPLICAS", "tta"), 15.0)
        yield master, replica, sentinel


def test_the_replica_is_found_and_used_when_the_master_is_killed(
    three: tuple[Server, Server, Server],
) -> None:
    master, replica, sentinel = three
    store = Store(kind="sentinel", addresses=(sentinel.address,), master="tta")

    async def found(wanted: Topology) -> None:
        end = time.monotonic() + 15.0
        while await discover(store, name="test") != wanted:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)

    async def body() -> None:
        assert await discover(store, name="test") == single(master.address)
        async with client(single(master.address)) as (one, told):
            await one.command(b"SET", b"a", b"kept")
            assert await one.command(b"WAIT", 1, 1000) == 1
            master.kill()
            await found(single(replica.address))
            assert told.stale != []
            one.use(single(replica.address))
            await one.ready(5.0)
            assert await one.command(b"GET", b"a") == b"kept"
            assert await one.command(b"SET", b"a", b"new") == b"OK"

    uvloop.run(body())


def test_a_name_that_no_sentinel_knows_is_said(three: tuple[Server, Server, Server]) -> None:
    _, _, sentinel = three
    store = Store(kind="sentinel", addresses=(sentinel.address,), master="other")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:\d+: it knows no master `other`"):
        uvloop.run(discover(store, name="test"))
