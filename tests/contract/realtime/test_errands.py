"""What workers have each other do, over real servers."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvloop

from tests.helpers.channels import Worker, until, workers
from tests.helpers.valkey_server import Server
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.errand import Disconnect, Unsubscribe
from tta_gateway.features.realtime.errands import MOST_IN_VAIN, ORDERS, BrokerErrands, channel_of
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Publication
from tta_gateway.features.realtime.under_way import A_FRAME, MOST, MOST_OF_ONE

pytestmark = pytest.mark.redis
MANY_IN_VAIN = MOST_IN_VAIN // A_FRAME
FULL = b"x" * 65_536


class Hub:
    """A worker's hub: it does what it is told, and holds one session."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.did: list[str] = []

    def has_done(self, count: int) -> bool:
        return len(self.did) == count

    def disconnect(self, order: Disconnect) -> None:
        self.did.append(f"disconnect {order.user} {order.code} {order.reason}")

    def unsubscribe(self, order: Unsubscribe) -> None:
        self.did.append(f"unsubscribe {order.user} {order.channel}")

    def take(self, session: str, data: bytes) -> bool:
        if session == self.session:
            self.did.append(data.decode())
        return session == self.session

    def missed(self) -> None:
        self.did.append("missed")


class Post:
    """A worker with its errands and its hub."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.name = uuid.uuid4().hex
        self.hub = Hub(f"of {self.name}")
        self.errands = BrokerErrands(
            worker.broker,
            worker=self.name,
            doer=self.hub,
            tell=worker.told.event,
            died=worker.told.died,
        )
        worker.fork.errands = self.errands


@asynccontextmanager
async def posts(server: Server, count: int) -> AsyncIterator[list[Post]]:
    async with workers(server.unix, count) as made:
        some = [Post(worker) for worker in made]
        for post in some:
            await post.errands.start()
        yield some


def end(user: str) -> Disconnect:
    return Disconnect(user=user, code=3503, reason="logged out")


def test_an_order_is_done_by_all_once_and_in_turn(shared: Server) -> None:
    async def body() -> None:
        async with posts(shared, 3) as made:
            for number in range(20):
                await made[number % 3].errands.order(end(str(number)))
            await made[0].errands.order(Unsubscribe("ann", "session:1", 2000, "over"))
            expected = [f"disconnect {number} 3503 logged out" for number in range(20)]
            expected.append("unsubscribe ann session:1")
            for post in made:
                await until(partial(post.hub.has_done, 21))
                assert post.hub.did == expected

    uvloop.run(body())


def test_whoever_was_cut_off_does_late_what_he_has_missed(shared: Server) -> None:
    """Red without `lost` in errands.py."""

    async def body() -> None:
        async with posts(shared, 2) as (one, other):
            for number in range(400):
                if number % 100 == 50:
                    shared.say("CLIENT", "KILL", "TYPE", "pubsub")
                await one.errands.order(end(str(number)))
            for post in (one, other):
                await until(partial(post.hub.has_done, 400))
                assert [did.split(" ")[1] for did in post.hub.did] == [str(n) for n in range(400)]

    uvloop.run(body())


def test_whoever_may_have_missed_one_for_good_is_told(own: Server) -> None:
    async def body() -> None:
        async with posts(own, 2) as (one, other):
            await one.errands.order(end("a"))
            await until(lambda: len(other.hub.did) == 1)
            own.kill()
            await until(lambda: not one.worker.valkey.is_open)
            with pytest.raises(Away):
                await one.errands.order(end("b"))
            await asyncio.to_thread(own.start_again)
            await until(lambda: other.hub.did[-1] == "missed")
            await one.worker.ready()
            await one.errands.order(end("c"))
            await until(lambda: other.hub.did[-1] == "disconnect c 3503 logged out")
            assert "errands_missed" in other.worker.told.events

    uvloop.run(body())


def test_frames_come_to_the_worker_that_holds_the_session(shared: Server) -> None:
    async def body() -> None:
        async with posts(shared, 3) as (one, other, third):
            assert await one.errands.hand(other.name, other.hub.session, b"first")
            assert await one.errands.hand(other.name, other.hub.session, b"second")
            assert await one.errands.hand(one.name, one.hub.session, b"own")
            assert not await one.errands.hand(other.name, "another", b"x")
            assert not await one.errands.hand(one.name, "another", b"x")
            assert [post.hub.did for post in (one, other, third)] == [
                ["own"],
                ["first", "second"],
                [],
            ]

    uvloop.run(body())


def test_a_worker_that_is_gone_costs_a_second_and_not_more(shared: Server) -> None:
    async def body() -> None:
        async with posts(shared, 1) as (one,):
            begun = time.monotonic()
            some = [one.errands.hand("gone", "s", b"x") for _ in range(MANY_IN_VAIN + 1)]
            told = await asyncio.gather(*some, return_exceptions=True)
            assert time.monotonic() - begun < 3.0
            assert [str(error) for error in told if isinstance(error, Away)].count(
                "too many frames wait for workers unheard of"
            ) == 1
            assert all(isinstance(error, Away) for error in told)

    uvloop.run(body())


def test_workers_that_nobody_has_heard_of_keep_nobody_from_those_that_are_there(
    shared: Server,
) -> None:
    """Clients may name whom they like, as many as they like; red without `Here` in errands.py."""

    async def body() -> None:
        async with posts(shared, 3) as (one, other, third):
            for post in (one, other, third):  # those that came later, and those that were there
                for known in {one.name, other.name, third.name} - {post.name}:
                    await until(partial(post.errands.knows, known))
                assert not post.errands.knows(post.name)
            vain = [one.errands.hand(f"gone {n}", "s", b"x") for n in range(MANY_IN_VAIN)]
            waiting = asyncio.gather(*vain, return_exceptions=True)
            await asyncio.sleep(0)
            with pytest.raises(Away, match="unheard of"):
                await one.errands.hand("gone as well", "another", b"x")
            for post in (other, third):
                assert await one.errands.hand(post.name, post.hub.session, b"heard")
                assert post.hub.did == ["heard"]
            assert all(isinstance(error, Away) for error in await waiting)
            assert not one.errands.knows("gone 1")

    uvloop.run(body())


def test_what_is_under_way_is_bounded_by_its_size_and_for_each_session(shared: Server) -> None:
    """Red where frames are counted alone, as they were."""

    async def refused(one: Post, other: Post, sessions: list[str]) -> int:
        some = [one.errands.hand(other.name, session, FULL) for session in sessions]
        told = await asyncio.gather(*some, return_exceptions=True)
        away = [str(error) for error in told if isinstance(error, Away)]
        assert set(away) <= {"too many frames wait for their workers"}
        return len(away)

    async def body() -> None:
        async with posts(shared, 2) as (one, other):
            await until(partial(one.errands.knows, other.name))
            of_one = MOST_OF_ONE // len(FULL)
            assert await refused(one, other, ["loud"] * (of_one + 3) + ["quiet"]) == 3
            in_all = MOST // len(FULL)
            assert await refused(one, other, [str(number) for number in range(in_all + 5)]) == 5
            assert await refused(one, other, ["loud"]) == 0

    uvloop.run(body())


def test_what_is_not_understood_is_passed_over_and_what_is_no_errand_is_the_hubs(
    shared: Server,
) -> None:
    async def body() -> None:
        async with posts(shared, 1) as (one,):
            broker = one.worker.broker
            strange = Publication(b"\x81\xa4type\xa3new")
            await broker.publish(ORDERS, strange, keeping=Keeping(10, 10))
            await broker.publish(channel_of(one.name), strange, keeping=Keeping())
            await broker.follow("session:1")
            await broker.publish("session:1", Publication(b"1"), keeping=Keeping())
            for joined in (True, False):
                await broker.announce("session:1", ClientInfo("ann", "c"), joined=joined)
            await until(lambda: len(one.worker.heard.said) == 3)
            assert one.hub.did == []
            assert one.worker.told.events.count("errand_unknown") == 2
            await one.errands.order(end("a"))
            await until(lambda: len(one.hub.did) == 1)

    uvloop.run(body())
