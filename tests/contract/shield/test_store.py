"""What the store of blocks promises, on real servers."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Server
from tta_gateway.features.shield.bound import Block
from tta_gateway.features.shield.store import Away
from tta_gateway.features.shield.valkey_store import ValkeyStore

pytestmark = pytest.mark.redis

NOW = 1_700_000_000.0


def on(shared: Server, work: Callable[[ValkeyStore], Awaitable[None]]) -> None:
    """Do work on an empty store."""

    async def done() -> None:
        async with client(shared.address) as (valkey, _):
            await valkey.command(b"FLUSHALL")
            await work(ValkeyStore(lambda: valkey))

    asyncio.run(done())


def a_block(source: str = "192.0.2.7", lasts: float = 60.0, strikes: int = 1) -> Block:
    return Block(source=source, since=NOW, until=NOW + lasts, strikes=strikes, cause="a")


def test_what_is_shared_is_there_for_all_with_the_time_that_is_left(shared: Server) -> None:
    async def work(store: ValkeyStore) -> None:
        await store.share([a_block(), a_block("2001:db8::/64", 5.0)], NOW)
        held, lifted = await store.taken(NOW + 1000.0)  # another node's clock
        assert [(one.source, one.cause) for one in held] == [
            ("192.0.2.7", "a"),
            ("2001:db8::/64", "a"),
        ]
        assert 59.0 < held[0].until - (NOW + 1000.0) <= 60.0
        assert lifted == {}

    on(shared, work)


def test_a_block_is_gone_when_it_ends(shared: Server) -> None:
    async def work(store: ValkeyStore) -> None:
        await store.share([a_block(lasts=0.05), a_block("192.0.2.9", -1.0)], NOW)
        await asyncio.sleep(0.1)
        assert (await store.taken(NOW))[0] == []

    on(shared, work)


def test_the_longer_of_two_counts(shared: Server) -> None:
    async def work(store: ValkeyStore) -> None:
        await store.share([a_block(strikes=2, lasts=120.0)], NOW)
        await store.share([a_block(strikes=1)], NOW)
        ((held,), _) = await store.taken(NOW)
        assert held.strikes == 2

    on(shared, work)


def test_whoever_is_let_in_is_gone_and_all_hear_of_it(shared: Server) -> None:
    async def work(store: ValkeyStore) -> None:
        await store.share([a_block()], NOW)
        await store.lift("192.0.2.7", NOW)
        held, lifted = await store.taken(NOW)
        assert held == []
        assert NOW - 1.0 < lifted["192.0.2.7"] <= NOW

    on(shared, work)


def test_nothing_is_shared_where_there_is_no_store() -> None:
    async def work() -> None:
        with pytest.raises(Away, match="no store"):
            await ValkeyStore(lambda: None).taken(NOW)

    asyncio.run(work())
