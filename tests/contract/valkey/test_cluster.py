"""A cluster of three nodes, formed for real."""

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from tests.helpers.valkey_client import client
from tests.helpers.valkey_cluster import cluster, id_of, owner_of, topology
from tests.helpers.valkey_server import BOTH, Server
from tta_gateway.support.valkey.discovery import discover
from tta_gateway.support.valkey.error import Refused
from tta_gateway.support.valkey.script import Script
from tta_gateway.support.valkey.slot import slot
from tta_gateway.support.valkey.topology import Store

pytestmark = pytest.mark.redis
SET = Script("return redis.call('SET', KEYS[1], ARGV[1])")


@pytest.fixture(scope="module", params=BOTH)
def nodes(request: pytest.FixtureRequest) -> Iterator[list[Server]]:
    """Three masters, a third of the slots each."""
    with cluster(request.param) as made:
        yield made


def test_keys_of_every_slot_find_their_node(nodes: list[Server]) -> None:
    async def body() -> None:
        async with client(topology(nodes)) as (one, told):
            keys = [b"key:%d" % n for n in range(600)]
            await asyncio.gather(*(one.command(b"SET", key, key) for key in keys))
            assert await asyncio.gather(*(one.command(b"GET", key) for key in keys)) == keys
            assert told.stale == []

    uvloop.run(body())


def test_slots_are_counted_as_the_server_counts_them(nodes: list[Server]) -> None:
    async def body() -> None:
        async with client(topology(nodes)) as (one, _):
            for key in (b"", b"a", b"{tag}a", b"a{tag}", b"{}a", b"{a", b"a}{b}c", b"\xff\x00"):
                assert await one.command(b"CLUSTER", b"KEYSLOT", key) == slot(key)

    uvloop.run(body())


def test_a_map_that_is_out_of_date_is_mended_by_moved(nodes: list[Server]) -> None:
    """Red without `_follow` in client.py."""

    async def body() -> None:
        async with client(topology(nodes, turned=1)) as (one, told):
            keys = [b"moved:%d" % n for n in range(200)]
            await asyncio.gather(*(one.command(b"SET", key, key) for key in keys))
            assert len(told.stale) == 200
            assert await asyncio.gather(*(one.command(b"GET", key) for key in keys)) == keys
            assert len(told.stale) == 200
            script = [one.eval(SET, [b"{moved:1}"], [n]) for n in range(3)]
            assert await asyncio.gather(*script) == [b"OK"] * 3
            one.use(topology(nodes))
            assert await asyncio.gather(*(one.command(b"GET", key) for key in keys)) == keys

    uvloop.run(body())


def test_a_slot_on_its_way_is_asked_for_at_both_ends(nodes: list[Server]) -> None:
    """Red without ASKING in client.py."""
    key = b"{migrating}new"
    number = str(slot(key))
    owner = owner_of(key)
    source, target = nodes[owner], nodes[(owner + 1) % 3]
    ids = {one: id_of(one) for one in (source, target)}
    target.say("CLUSTER", "SETSLOT", number, "IMPORTING", ids[source])
    source.say("CLUSTER", "SETSLOT", number, "MIGRATING", ids[target])

    async def body() -> None:
        async with client(topology(nodes)) as (one, told):
            assert await one.command(b"SET", key, b"there") == b"OK"
            assert await one.command(b"GET", key) == b"there"
            assert await one.eval(SET, [key], [b"script"]) == b"OK"
            assert told.stale == []

    try:
        uvloop.run(body())
    finally:
        for one in (source, target):
            one.say("CLUSTER", "SETSLOT", number, "STABLE")
    assert key in target.say("CLUSTER", "GETKEYSINSLOT", number, "9")


def test_a_script_over_two_slots_is_refused(nodes: list[Server]) -> None:
    async def body() -> None:
        async with client(topology(nodes)) as (one, _):
            with pytest.raises(Refused, match="CROSSSLOT"):
                await one.eval(SET, [b"a", b"b"], [1])

    uvloop.run(body())


def test_the_topology_is_found_from_any_node(nodes: list[Server]) -> None:
    async def body() -> None:
        for one in nodes:
            store = Store(kind="cluster", addresses=(one.address,))
            found = await discover(store, name="test")
            assert sorted(found.ranges, key=lambda each: each.first) == list(topology(nodes).ranges)

    uvloop.run(body())
