"""What the port of the store promises, on real servers, and of the one in memory that tests use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.helpers.register_store import a_registration
from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Server
from tta_gateway.features.registration.record import Registration
from tta_gateway.features.registration.store import Away, Looked
from tta_gateway.features.registration.valkey_store import LOGGED, SLACK, ValkeyStore
from tta_gateway.kernel.registered import Declared

pytestmark = pytest.mark.redis


@asynccontextmanager
async def store(server: Server) -> AsyncIterator[ValkeyStore]:
    """A store without anything in it."""
    async with client(server.address) as (valkey, _):
        await valkey.command(b"FLUSHALL")
        yield ValkeyStore(lambda: valkey)


async def found(one: ValkeyStore, node: str = "one", *idle: str) -> list[Registration]:
    """All that a look shows."""
    looked = await one.look(None, node=node, idle=idle)
    assert looked.found is not None
    return sorted(looked.found, key=lambda each: each.name)


def test_what_is_put_is_found_and_read(shared: Server) -> None:
    async def talk() -> None:
        async with store(shared) as one:
            made = a_registration(routes=(Declared(path="/a", methods=("GET",)),), lease=30.0)
            await one.put(made)
            assert await found(one) == [made]
            assert await one.read("players/a") == made
            assert await one.read("players/b") is None

    asyncio.run(talk())


def test_a_look_shows_what_has_changed_and_else_nothing(shared: Server) -> None:
    async def talk() -> None:
        async with store(shared) as one:
            await one.put(a_registration("players/a"))
            await one.put(a_registration("players/a b"))
            looked = await one.look(None, node="one", idle=())
            assert (looked.found is None, looked.changed) == (False, {})
            await one.put(a_registration("players/a"))
            looked = await one.look(looked, node="one", idle=())
            assert (looked.found, looked.changed) == (None, {})
            other = a_registration("players/a b", port=9002)
            for port in (9003, 9002):
                await one.put(a_registration("players/a b", port=port))
            await one.put(a_registration("players/c"))
            await one.drop("players/c")
            looked = await one.look(looked, node="one", idle=())
            assert (looked.found, looked.changed) == (None, {other.name: other, "players/c": None})

    asyncio.run(talk())


def test_where_it_is_not_known_what_has_changed_all_is_shown(shared: Server) -> None:
    async def talk() -> None:
        async with store(shared) as one, client(shared.address) as (valkey, _):
            await one.put(a_registration("players/a"))
            first = await one.look(None, node="one", idle=())
            await one.put(a_registration("players/b"))
            await valkey.command(b"HINCRBY", b"{tta:registration}:meta", b"version", b"1")
            second = await one.look(
                first, node="one", idle=()
            )  # a node that writes no log was here
            assert (len(second.found or ()), second.changed) == (2, {})
            for port in range(LOGGED + 1):
                await one.put(a_registration("players/a", port=1 + port))
            third = await one.look(second, node="one", idle=())
            assert (len(third.found or ()), third.changed) == (2, {})
            assert await valkey.command(b"ZCARD", b"{tta:registration}:log") == LOGGED
            await one.put(a_registration("players/a"))
            fourth = await one.look(third, node="one", idle=())
            assert (fourth.found, len(fourth.changed)) == (None, 1)

    asyncio.run(talk())


def test_a_lease_ends_and_whoever_renews_it_stays(shared: Server) -> None:
    async def talk() -> None:
        async with store(shared) as one:
            short = SLACK + 1.2
            await one.put(a_registration("players/a", lease=short))
            await one.put(a_registration("players/b", lease=short))
            looked = await one.look(None, node="one", idle=())
            await asyncio.sleep(0.8)
            await one.put(a_registration("players/b", lease=short))
            await asyncio.sleep(0.6)
            after = await one.look(looked, node="one", idle=())
            assert (after.found, after.changed) == (None, {"players/a": None})

    asyncio.run(talk())


def test_who_drains_is_gone_when_all_nodes_have_nothing_under_way(shared: Server) -> None:
    async def talk() -> None:
        async with store(shared) as one:
            await one.put(a_registration(draining=True))
            await found(one, "two")
            assert len(await found(one, "one", "players/a")) == 1
            assert len(await found(one, "one", "players/a")) == 1
            assert await found(one, "two", "players/a") == []

    asyncio.run(talk())


def test_who_does_not_drain_is_not_gone_for_that(shared: Server) -> None:
    async def talk() -> None:
        async with store(shared) as one:
            await one.put(a_registration(draining=True))
            await one.put(a_registration())
            assert len(await found(one, "one", "players/a")) == 1
            await one.put(a_registration(draining=True))
            await found(one, "two")
            await found(one, "one", "players/a")
            await one.put(a_registration())
            await one.put(a_registration(draining=True))
            assert len(await found(one, "two", "players/a")) == 1  # what was said before is over

    asyncio.run(talk())


def test_what_is_dropped_is_gone(shared: Server) -> None:
    async def talk() -> None:
        async with store(shared) as one:
            await one.put(a_registration())
            looked = await one.look(None, node="one", idle=())
            await one.drop("players/a")
            after = await one.look(looked, node="one", idle=())
            assert (after.found, after.changed) == (None, {"players/a": None})
            await one.drop("players/a")
            assert (await one.look(after, node="one", idle=())).found is None

    asyncio.run(talk())


def test_a_store_that_has_lost_everything_is_another(shared: Server) -> None:
    async def talk() -> None:
        async with client(shared.address) as (valkey, _), store(shared) as one:
            before = await one.look(None, node="one", idle=())
            await valkey.command(b"FLUSHALL")
            after = await one.look(before, node="one", idle=())
            assert after.epoch != before.epoch
            assert after.found == ()

    asyncio.run(talk())


def test_a_record_of_another_version_is_let_be(shared: Server) -> None:
    async def talk() -> None:
        async with client(shared.address) as (valkey, _), store(shared) as one:
            await one.put(a_registration())
            await valkey.command(b"HSET", b"{tta:registration}:records", b"players/x", b"\x01")
            assert [each.id for each in await found(one)] == ["a"]

    asyncio.run(talk())


def test_many_at_once_are_all_there(shared: Server) -> None:
    async def talk() -> None:
        async with store(shared) as one:
            names = [f"players/{number}" for number in range(300)]
            await asyncio.gather(*(one.put(a_registration(name)) for name in names))
            assert len(await found(one)) == 300

    asyncio.run(talk())


def test_one_that_has_died_is_away(own: Server) -> None:
    async def talk() -> None:
        async with client(own.address) as (valkey, _):
            one = ValkeyStore(lambda: valkey)
            await one.put(a_registration())
            own.kill()
            with pytest.raises(Away):
                await one.look(Looked("", 0, None), node="one", idle=())
            with pytest.raises(Away):
                await one.read("players/a")
            with pytest.raises(Away):
                await one.put(a_registration())

    asyncio.run(talk())
