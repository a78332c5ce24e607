"""A master, a replica and a Sentinel that puts one in the other's place."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Kind, Three, watched
from tta_gateway.support.valkey.discovery import discover
from tta_gateway.support.valkey.error import Unavailable
from tta_gateway.support.valkey.topology import Store, Topology, single

pytestmark = pytest.mark.redis


@pytest.fixture
def three(kind: Kind, tmp_path: Path) -> Iterator[Three]:
    """A master, its replica, and the Sentinel that watches them."""
    with watched(kind, tmp_path) as servers:
        yield servers


def test_the_replica_is_found_and_used_when_the_master_is_killed(
    three: Three,
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


def test_a_name_that_no_sentinel_knows_is_said(three: Three) -> None:
    _, _, sentinel = three
    store = Store(kind="sentinel", addresses=(sentinel.address,), master="other")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:\d+: it knows no master `other`"):
        uvloop.run(discover(store, name="test"))
