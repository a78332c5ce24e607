"""That a channel says the same to everybody, whatever befalls the store: the hub's invariant.

Writers publish numbers through several workers and readers come and go, while the store is killed,
stopped, emptied and robbed.  At one position of one epoch there is one message, for all of them,
for ever; each reader's offsets follow on, or he is told that he begins anew; what a writer was told
is kept is kept.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
import uvloop

from tests.helpers.channels import Reader, Worker, until, workers
from tests.helpers.soak import TIMES
from tests.helpers.valkey_server import Kind, Server, server
from tta_gateway.features.realtime.broker import Away, Stored
from tta_gateway.features.realtime.publication import Keeping, Position, Publication

pytestmark = pytest.mark.redis
LASTS = 2.5  # seconds of faults
CHANNELS = ("session:a", "session:b", "session:c")
KEPT = Keeping(size=1_000_000, seconds=600)
SHORT = Keeping(size=20, seconds=600)


class Truth:
    """What stands where: told by whoever has seen it, and never otherwise."""

    def __init__(self) -> None:
        self.stands: dict[tuple[str, str, int], bytes] = {}
        self.told: dict[str, set[bytes]] = {}

    def see(self, channel: str, epoch: str, publication: Publication) -> None:
        place = (channel, epoch, publication.offset)
        assert self.stands.setdefault(place, publication.data) == publication.data, place

    def see_all(self, channel: str, epoch: str, publications: Sequence[Publication]) -> None:
        for publication in publications:
            self.see(channel, epoch, publication)

    def acknowledge(self, channel: str, position: Position, data: bytes) -> None:
        self.see(channel, position.epoch, Publication(data, position.offset))
        self.told.setdefault(channel, set()).add(data)


async def write(
    worker: Worker, number: int, truth: Truth, ends: float, chance: random.Random
) -> None:
    """Publish; what has no answer is published again by its key, as clients do."""
    for at in itertools.count():
        if time.monotonic() >= ends:
            return
        channel = chance.choice(CHANNELS)
        data, keeping = b"%d" % (number * 1_000_000 + at), SHORT if channel[-1] == "c" else KEPT
        publication = Publication(data)
        while True:
            with suppress(Away):
                answer = await worker.broker.publish(
                    channel, publication, keeping=keeping, key=data.decode()
                )
                break
            await asyncio.sleep(0.02)
        truth.acknowledge(channel, answer.position, data)
        await asyncio.sleep(chance.choice((0.0, 0.0, 0.002)))


async def come_and_go(reader: Reader, ends: float, chance: random.Random) -> None:
    while time.monotonic() < ends:
        await asyncio.sleep(chance.uniform(0.0, 0.6))
        await reader.leave(chance.uniform(0.0, 0.3))


def kill(one: Server) -> None:
    one.kill()
    one.start_again()


def stop(one: Server) -> None:
    with one.frozen():
        time.sleep(0.7)


def stop_for_long(one: Server) -> None:
    with one.frozen():
        time.sleep(10.0)


def cut(one: Server) -> None:
    with suppress(OSError):
        one.say("CLIENT", "KILL", "TYPE", "pubsub")


def cut_all(one: Server) -> None:
    with suppress(OSError):
        one.say("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def rob(one: Server) -> None:
    """Take the metas, as eviction would."""
    for name in CHANNELS:
        one.say("DEL", f"{{tta:channel:{name}}}:meta")


def empty(one: Server) -> None:
    one.say("FLUSHALL")


def go_back(one: Server) -> None:
    """Give it a copy of a moment ago."""
    one.say("SAVE")
    time.sleep(0.1)
    kill(one)


FAULTS: tuple[Callable[[Server], None], ...] = (kill, stop, cut, cut_all, cut, rob)
LONG = (stop_for_long,)
CRUEL = (*FAULTS, empty, go_back, go_back, go_back)


async def spoil(
    one: Server, faults: tuple[Callable[[Server], None], ...], ends: float, chance: random.Random
) -> None:
    while time.monotonic() < ends:
        await asyncio.sleep(chance.uniform(0.02, 0.2))
        await asyncio.to_thread(chance.choice(faults), one)


async def story(
    one: Server,
    seed: int,
    faults: tuple[Callable[[Server], None], ...] = FAULTS,
    *,
    lasts: float = LASTS,
) -> None:
    truth, ends = Truth(), time.monotonic() + lasts
    async with workers(one.unix, 3) as made:
        readers = [Reader(made[n % 3], CHANNELS[n // 3]) for n in range(9)]
        for reader in readers:
            await reader.start()
        await asyncio.gather(
            spoil(one, faults, ends, random.Random(seed)),
            *(write(made[n % 3], n, truth, ends, random.Random(seed + n)) for n in range(6)),
            *(come_and_go(each, ends, random.Random(seed - n)) for n, each in enumerate(readers)),
        )
        for worker in made:
            await worker.ready()
        kept = {name: await made[0].broker.history(name, since=None, limit=-1) for name in CHANNELS}
        await until(lambda: all(each.position == kept[each.channel].top for each in readers), 10.0)
        for reader in readers:
            reader.stop()
    judge(truth, readers, kept, cruel=faults is CRUEL)


def judge(truth: Truth, readers: list[Reader], kept: dict[str, Stored], *, cruel: bool) -> None:
    for name, stored in kept.items():
        truth.see_all(name, stored.top.epoch, stored.publications)
    for reader in readers:
        reader.check()
        for epoch, publications in reader.seen.items():
            truth.see_all(reader.channel, epoch, publications)
    assert sum(map(len, truth.told.values())) > 100
    for name in () if cruel else CHANNELS[:2]:
        data = [publication.data for publication in kept[name].publications]
        assert len(set(data)) == len(data)
        assert truth.told[name] <= set(data)


@pytest.mark.parametrize("seed", range(TIMES))
def test_a_channel_says_the_same_to_all_and_keeps_what_it_said_it_keeps(
    kind: Kind, seed: int
) -> None:
    with server(kind, "--appendonly", "yes", "--appendfsync", "always") as one:
        uvloop.run(story(one, seed))


@pytest.mark.parametrize("seed", range(TIMES))
def test_a_channel_says_the_same_to_all_where_the_store_loses_what_it_had(
    kind: Kind, seed: int
) -> None:
    """Red without `r` in `position` (scripts.py)."""
    with server(kind, "--dbfilename", "copy") as one:
        uvloop.run(story(one, 2000 + seed, CRUEL))


def test_a_channel_says_the_same_to_all_behind_a_store_that_slept_for_ten_seconds(
    kind: Kind,
) -> None:
    with server(kind, "--appendonly", "yes", "--appendfsync", "always") as one:
        uvloop.run(story(one, 4000, LONG, lasts=0.5))
