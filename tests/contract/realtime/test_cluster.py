"""Channels, letters and errands in a cluster, whose slots move."""

import asyncio
import uuid
from collections.abc import Iterator
from functools import partial

import pytest
import uvloop

from tests.helpers.channels import Reader, until, workers
from tests.helpers.valkey_cluster import cluster, id_of, owner_of, topology
from tests.helpers.valkey_server import BOTH, Server
from tta_gateway.features.realtime.inbox import FIRST, Letter, channel_of
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Publication
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.support.valkey.slot import slot

pytestmark = pytest.mark.redis
KEPT = Keeping(size=100, seconds=600)
DURABLE = Keeping(size=100, seconds=600, durable=True)


@pytest.fixture(scope="module", params=BOTH)
def nodes(request: pytest.FixtureRequest) -> Iterator[list[Server]]:
    """Three masters, a third of the slots each."""
    with cluster(request.param) as made:
        yield made


def said(number: int) -> Publication:
    return Publication(b"%d" % number)


def test_channels_of_all_nodes_are_heard_in_their_order(nodes: list[Server]) -> None:
    async def body() -> None:
        channels = [f"session:{number} }} {uuid.uuid4().hex}" for number in range(30)]
        async with workers(topology(nodes), 2) as (one, other):
            await asyncio.gather(*(other.broker.follow(name) for name in channels))
            for number in range(20):
                answers = [
                    one.broker.publish(name, said(number), keeping=KEPT, key=str(number))
                    for name in channels
                ]
                told = await asyncio.gather(*answers)
                assert {answer.position.offset for answer in told} == {number + 1}
            for name in channels:
                await until(partial(other.heard.has, name, 20))
                live = [publication for publication, _ in other.heard.of[name]]
                stored = await one.broker.history(name, since=None, limit=-1)
                assert list(stored.publications) == live
                info = ClientInfo("ann", "c")
                await one.broker.appear(name, info, seconds=60)
                assert list(await other.broker.present(name)) == [info]
            for _ in range(5):
                assert await other.broker.probe()
            answer = await one.broker.publish(channels[0], said(20), keeping=DURABLE)
            assert not answer.durable  # they keep no log

    uvloop.run(body())


def test_letters_of_all_users_are_kept_and_sent(nodes: list[Server]) -> None:
    async def body() -> None:
        async with workers(topology(nodes), 2) as (one, other):
            inbox = ValkeyInbox(lambda: one.valkey, wall=lambda: 1000.0)
            for number in range(20):
                user = f"user {number}"
                await other.broker.follow(channel_of(user))
                await inbox.post(user, Letter("a", said(number), 1_001_000))
                await until(partial(other.heard.has, channel_of(user), 1))
                page = await inbox.drain(user)
                assert [letter.data for letter in page.letters] == [b"%d" % number]
            assert await inbox.sweep() == 0
            late = ValkeyInbox(lambda: other.valkey, wall=lambda: 1001.0)
            assert await late.sweep() == 20
            assert len((await late.mourners(100)).users) == await late.count() == 20

    uvloop.run(body())


def test_letters_are_sent_again_after_longer_and_longer_pauses(nodes: list[Server]) -> None:
    """Red where it counts as sent only what listens at the server that has the letter."""

    async def body() -> None:
        clock = [2000.0]
        async with workers(topology(nodes), 1) as (one,):
            inbox = ValkeyInbox(lambda: one.valkey, wall=lambda: clock[0])
            for number in range(12):
                user = f"patient {uuid.uuid4().hex}"
                await one.broker.follow(channel_of(user))
                await inbox.post(user, Letter("a", said(number), 9_000_000))
                pauses = [FIRST]
                for _ in range(3):
                    clock[0] += pauses[-1] / 1000
                    pauses.append(await inbox.redeliver(user))
                assert pauses[-1] >= 4 * FIRST
                await inbox.acknowledge(user, "a")

    uvloop.run(body())


def test_a_publication_is_claimed_once_whichever_server_has_it(nodes: list[Server]) -> None:
    async def body() -> None:
        async with workers(topology(nodes), 2) as both:
            for number in range(12):
                channel, key = f"!heard:session:{uuid.uuid4().hex}", f"claim e {number}"
                told = await asyncio.gather(
                    *(
                        one.broker.publish(channel, said(0), keeping=Keeping(), key=key)
                        for one in (*both, *both)
                    )
                )
                assert sorted(answer.repeated for answer in told) == [False, True, True, True]

    uvloop.run(body())


def test_a_channel_whose_slot_moves_keeps_all_and_begins_another_epoch(nodes: list[Server]) -> None:
    """Whoever has it now cannot know what was there before it came."""
    channel = "session:moving"
    tag = f"{{tta:channel:{channel}}}:".encode()
    owner = owner_of(tag)
    source, target = nodes[owner], nodes[(owner + 1) % 3]

    async def body() -> None:
        async with workers(topology(nodes), 2) as (one, other):
            reader = Reader(other, channel)
            await reader.start()
            before = [await one.broker.publish(channel, said(n), keeping=KEPT) for n in (1, 2)]
            await until(lambda: reader.position == before[-1].position)
            await asyncio.to_thread(move, source, target, slot(tag))
            after = [await one.broker.publish(channel, said(n), keeping=KEPT) for n in (3, 4)]
            assert [answer.position.offset for answer in after] == [3, 4]
            assert after[0].position.epoch != before[0].position.epoch
            await until(lambda: reader.position == after[-1].position)
            assert reader.unrecovered == 1
            stored = await one.broker.history(channel, since=None, limit=-1)
            assert [one.data for one in stored.publications] == [b"1", b"2", b"3", b"4"]
            reader.stop()
            reader.check()

    try:
        uvloop.run(body())
    finally:
        move(target, source, slot(tag))


def move(source: Server, target: Server, number: int) -> None:
    """Have a slot moved, as operators do."""
    place = str(number)
    target.say("CLUSTER", "SETSLOT", place, "IMPORTING", id_of(source))
    source.say("CLUSTER", "SETSLOT", place, "MIGRATING", id_of(target))
    said = source.say("CLUSTER", "GETKEYSINSLOT", place, "1000").decode().split("\r\n")
    keys = [word for word in said if word.startswith("{")]
    port = str(target.port)
    assert source.say("MIGRATE", "127.0.0.1", port, "", "0", "2000", "KEYS", *keys) == b"+OK\r\n"
    for one in (target, source):
        one.say("CLUSTER", "SETSLOT", place, "NODE", id_of(target))
