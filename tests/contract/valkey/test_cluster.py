"""A cluster of three nodes, formed for real."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import uvloop

from tests.helpers.gateway import free_port
from tests.helpers.slow import wait_until
from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import BOTH, Server, server
from tta_gateway.support.valkey.discovery import discover
from tta_gateway.support.valkey.error import Refused
from tta_gateway.support.valkey.script import Script
from tta_gateway.support.valkey.slot import slot
from tta_gateway.support.valkey.topology import Range, Store, Topology

pytestmark = pytest.mark.redis
THIRDS = ((0, 5460), (5461, 10922), (10923, 16383))
SET = Script("return redis.call('SET', KEYS[1], ARGV[1])")


@pytest.fixture(scope="module", params=BOTH)
def nodes(request: pytest.FixtureRequest) -> Iterator[list[Server]]:
    """Three masters, a third of the slots each."""
    with ExitStack() as stack:
        made = []
        for _ in THIRDS:
            options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
            started = server(request.param, *options, "--cluster-node-timeout", "2000")
            made.append(stack.enter_context(started))
        for one, (first, last) in zip(made, THIRDS, strict=True):
            assert one.say("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)) == b"+OK\r\n"
        for epoch, one in enumerate(made, 1):
            one.say("CLUSTER", "SET-CONFIG-EPOCH", str(epoch))
            bus = one.options[3]
            made[0].say("CLUSTER", "MEET", "127.0.0.1", str(one.port), bus)
        assert wait_until(lambda: all(_is_formed(one) for one in made), 15.0)
        yield made


def _is_formed(one: Server) -> bool:
    info = one.say("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info


def topology(nodes: list[Server], *, turned: int = 0) -> Topology:
    """Who has which slots; turned, everybody has somebody else's."""
    order = nodes[turned:] + nodes[:turned]
    return Topology(
        tuple(
            Range(first, last, one.address)
            for one, (first, last) in zip(order, THIRDS, strict=True)
        )
    )


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
    owner = next(n for n, (first, last) in enumerate(THIRDS) if first <= slot(key) <= last)
    source, target = nodes[owner], nodes[(owner + 1) % 3]
    ids = {one: one.say("CLUSTER", "MYID").split(b"\r\n")[1].decode() for one in (source, target)}
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
