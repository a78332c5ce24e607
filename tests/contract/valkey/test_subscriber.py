"""Channels, on real servers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from tests.helpers.valkey_client import Told, client, way
from tests.helpers.valkey_server import Server
from tta_gateway.support.valkey.subscriber import Subscriber
from tta_gateway.support.valkey.topology import single

pytestmark = pytest.mark.redis


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def heard(self, channel: bytes, message: bytes) -> None:
        self.said.append(f"{channel.decode()}: {message.decode()}")

    def joined(self, name: bytes) -> None:
        self.said.append(f"joined {name.decode()}")

    def parted(self) -> None:
        self.said.append("parted")

    async def until(self, *last: str) -> None:
        await until(lambda: self.said[-len(last) :] == list(last))


async def until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 5.0
    while not is_true():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


@asynccontextmanager
async def subscriber(one: Server) -> AsyncIterator[tuple[Subscriber, Ear]]:
    told, ear = Told(), Ear()
    made = Subscriber(single(one.unix), way=way(told), name="bus", tell=told.event, listener=ear)
    try:
        yield made, ear
    finally:
        made.close()
    assert told.deaths == []


def test_what_is_published_is_heard_in_its_order(shared: Server) -> None:
    async def body() -> None:
        async with subscriber(shared) as (made, ear), client(shared.unix) as (one, _):
            made.subscribe(b"a")
            made.psubscribe(b"b*")
            await ear.until("joined a", "joined b*")
            for n in range(3):
                await one.command(b"PUBLISH", b"a", b"%d" % n)
                await one.command(b"PUBLISH", b"b%d" % n, b"x")
            await ear.until("a: 0", "b0: x", "a: 1", "b1: x", "a: 2", "b2: x")

    uvloop.run(body())


def test_what_is_no_longer_subscribed_is_not_heard(shared: Server) -> None:
    async def body() -> None:
        async with subscriber(shared) as (made, ear), client(shared.unix) as (one, _):
            made.subscribe(b"a", b"c")
            made.psubscribe(b"b*")
            await ear.until("joined a", "joined c", "joined b*")
            made.unsubscribe(b"a")
            made.punsubscribe(b"b*")
            await until(lambda: b" sub=1 psub=0 " in shared.say("CLIENT", "LIST"))
            assert await one.command(b"PUBLISH", b"a", b"1") == 0
            assert await one.command(b"PUBLISH", b"b1", b"1") == 0
            assert await one.command(b"PUBLISH", b"c", b"1") == 1
            await ear.until("c: 1")

    uvloop.run(body())


def test_subscriptions_outlive_the_server_and_the_gap_is_told(own: Server) -> None:
    """Red without the two lines of `opened` in subscriber.py."""

    async def body() -> None:
        async with subscriber(own) as (made, ear):
            made.subscribe(*(b"%d" % n for n in range(1200)))
            made.psubscribe(b"p*")
            await ear.until("joined 1199", "joined p*")
            own.kill()
            await ear.until("parted")
            made.subscribe(b"new")
            ear.said.clear()
            await asyncio.to_thread(own.start_again)
            await ear.until("joined new", "joined p*")
            assert len(ear.said) == 1202
            async with client(own.unix) as (one, _):
                await one.command(b"PUBLISH", b"7", b"again")
            await ear.until("7: again")

    uvloop.run(body())
