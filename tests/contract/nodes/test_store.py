"""What the store of leases promises, on real servers, and of the one in memory that tests use."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.node_store import MemoryNodes
from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Server
from tta_gateway.features.nodes.algorithm import LEASE
from tta_gateway.features.nodes.store import Away, NodeStore
from tta_gateway.features.nodes.valkey_store import ValkeyStore

pytestmark = pytest.mark.redis

Rest = Callable[[float], Awaitable[None]]
Work = Callable[[NodeStore, Rest], Awaitable[None]]


@pytest.fixture(params=["memory", "server"])
def on(request: pytest.FixtureRequest, shared: Server) -> Callable[[Work], None]:
    """Does work on an empty store, with what lets its time pass."""

    def in_memory(work: Work) -> None:
        clock = FakeClock()

        async def rest(seconds: float) -> None:
            clock.advance(seconds)

        asyncio.run(_of(work(MemoryNodes(clock), rest)))

    def on_server(work: Work) -> None:
        async def done() -> None:
            async with client(shared.address) as (valkey, _):
                await valkey.command(b"FLUSHALL")
                await work(ValkeyStore(lambda: valkey), asyncio.sleep)

        asyncio.run(done())

    return in_memory if request.param == "memory" else on_server


async def _of(work: Awaitable[None]) -> None:
    await work


def test_a_lease_is_held_as_long_as_it_is_renewed_and_has_a_higher_number_next_time(
    on: Callable[[Work], None],
) -> None:
    async def work(store: NodeStore, rest: Rest) -> None:
        first, standing = await store.renew("a", 0)
        other, _ = await store.renew("b", 0)
        assert other > first
        assert [(one.name, one.number) for one in standing.nodes] == [("a", first)]
        for _ in range(3):
            await rest(LEASE / 2)
            assert (await store.renew("a", first))[0] == first
        (left,) = (await store.standing()).nodes  # b's has ended
        assert (left.name, left.acknowledged) == ("a", 0)
        assert 0.0 < left.left <= LEASE
        await rest(LEASE * 1.1)
        assert (await store.standing()).nodes == []
        again, _ = await store.renew("a", first)
        assert again > other

    on(work)


def test_what_is_told_has_a_version_and_each_says_how_far_it_is(
    on: Callable[[Work], None],
) -> None:
    async def work(store: NodeStore, rest: Rest) -> None:
        await rest(0)
        number, standing = await store.renew("a", 0)
        assert (standing.version, standing.topics) == (0, {})
        assert (await store.tell("care")).version == 1
        told = await store.tell("revocations")
        assert (told.version, told.topics) == (2, {"care": 1, "revocations": 2})
        assert [one.acknowledged for one in told.nodes] == [0]
        assert await store.acknowledge("a", number, 2)
        assert await store.acknowledge("a", number, 1)  # nobody goes back
        assert [one.acknowledged for one in (await store.standing()).nodes] == [2]

    on(work)


def test_nobody_acknowledges_by_a_lease_that_has_ended(on: Callable[[Work], None]) -> None:
    async def work(store: NodeStore, rest: Rest) -> None:
        number, _ = await store.renew("a", 0)
        assert not await store.acknowledge("b", number, 1)
        assert not await store.acknowledge("a", number + 1, 1)
        await rest(LEASE * 1.1)
        assert not await store.acknowledge("a", number, 1)
        again, _ = await store.renew("a", number)
        assert not await store.acknowledge("a", number, 1)
        assert [one.acknowledged for one in (await store.standing()).nodes] == [0]
        assert await store.acknowledge("a", again, 1)

    on(work)


def test_a_store_that_was_emptied_says_so_and_since_when(shared: Server) -> None:
    async def done() -> None:
        async with client(shared.address) as (valkey, _):
            store = ValkeyStore(lambda: valkey)
            await valkey.command(b"FLUSHALL")
            before = await store.standing()
            await asyncio.sleep(0.05)
            assert (await store.standing()).epoch == before.epoch
            assert 0.05 <= (await store.standing()).age < LEASE
            begun = time.monotonic()
            await valkey.command(b"FLUSHALL")
            after = await store.standing()
            assert after.epoch != before.epoch
            assert after.age <= time.monotonic() - begun + 0.002  # two clocks, one of milliseconds

    asyncio.run(done())


def test_without_a_server_it_is_away(own: Server) -> None:
    async def done() -> None:
        with pytest.raises(Away):
            await ValkeyStore(lambda: None).standing()
        async with client(own.address) as (valkey, _):
            store = ValkeyStore(lambda: valkey)
            await valkey.command(b"SET", b"{tta:nodes}:meta", b"no hash")
            with pytest.raises(Away, match=r"WRONGTYPE|ERR"):
                await store.standing()
            with own.frozen(), pytest.raises(Away):
                await store.renew("a", 0)
            await asyncio.sleep(0.2)  # its answer comes now

    asyncio.run(done())
