"""A node under load whose services come, leave, crash and return, over real sockets.

All of it is one process; tests/e2e/test_registration.py shows the same with many.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.helpers.small_node import Crowd, Player, SmallNode, small_node
from tests.helpers.valkey_server import Server, server
from tta_gateway.client import Route

pytestmark = pytest.mark.redis
CLIENTS = 8


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """A store; that both kinds do the same is shown by test_store.py."""
    with server("valkey") as one:
        yield one


def said(name: str, seconds: float) -> None:
    """Keep a figure where whoever runs the tests sees it (`-s`)."""
    sys.stdout.write(f"{name}: {seconds * 1000:.0f} ms\n")


def test_of_three_that_come_and_leave_no_request_is_lost(shared: Server, tmp_path: Path) -> None:
    async def talk() -> None:
        shared.say("FLUSHALL")
        loop = asyncio.get_running_loop()
        async with small_node(shared, tmp_path) as node, Player() as one, Player() as other:
            await node.first(503)
            async with node.register(one) as registration:
                await registration.registered()
                said("registered to first request", await node.first(200))
                async with Crowd(node, "POST", CLIENTS) as crowd:
                    for _ in range(2):
                        async with node.register(other) as second, Player() as third:
                            async with node.register(third) as last:
                                await second.registered()
                                await last.registered()
                                await crowd.grow(by=100)
                                begun = loop.time()
                            said("left under load", loop.time() - begun)
                            third.kill()
                            await crowd.grow(by=50)
                assert set(crowd.statuses) == {200}
                assert other.asked > 0
            said("left to none", await node.first(503))

    asyncio.run(talk())


async def crash(node: SmallNode, method: str, clients: int) -> tuple[int, int]:
    """Kill one of three that serve, and have it return; return how many were asked and lost."""
    async with AsyncExitStack() as stack:
        players = [await stack.enter_async_context(Player()) for _ in range(3)]
        said_by = [await stack.enter_async_context(node.register(one)) for one in players]
        await asyncio.gather(*(one.registered() for one in said_by))
        await node.first(200)
        async with Crowd(node, method, clients) as crowd:
            await crowd.grow(by=100)
            players[0].kill()
            await crowd.grow(by=400)
        assert set(crowd.statuses) <= {200, 502}
        assert players[1].asked > 50
        assert players[2].asked > 50
        return crowd.statuses.total(), crowd.statuses[502]


def test_of_one_that_crashes_only_what_is_under_way_there_is_lost(
    shared: Server, tmp_path: Path
) -> None:
    async def talk() -> None:
        shared.say("FLUSHALL")
        async with small_node(shared, tmp_path) as node:
            asked, lost = await crash(node, "POST", CLIENTS)
            sys.stdout.write(f"lost of {asked}: {lost}\n")
            assert lost <= CLIENTS

    asyncio.run(talk())


def test_what_may_be_repeated_survives_a_crash(shared: Server, tmp_path: Path) -> None:
    async def talk() -> None:
        shared.say("FLUSHALL")
        async with small_node(shared, tmp_path) as node:
            # No more at a time than may be tried again at a time (the retry budget).
            _, lost = await crash(node, "GET", 3)
            assert lost == 0

    asyncio.run(talk())


def test_routes_appear_and_vanish_with_their_service(shared: Server, tmp_path: Path) -> None:
    async def talk() -> None:
        shared.say("FLUSHALL")
        async with small_node(shared, tmp_path) as node, Player() as one:
            await node.first(404, "/live/a")
            async with node.register(one, Route("/live/{name}", auth="none")) as registration:
                await registration.registered()
                said("declared to first request", await node.first(200, "/live/a"))
            await node.first(404, "/live/a")
            assert (await node.ask(path="/internal/v1/services/players"))[0] == 404

    asyncio.run(talk())
