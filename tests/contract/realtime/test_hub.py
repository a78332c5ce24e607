"""The hub over a real store that is killed, stopped, cut and emptied: all is heard, or is told.

Readers speak the client protocol to two hubs, go and come back with their positions, and hold the
hubs to it: offsets follow on, one after the other, and at one position is one message for all.
"""

import asyncio
import json
import time
from contextlib import suppress
from random import Random

import pytest
import uvloop

from tests.contract.realtime.test_invariant import CRUEL, cut, cut_all, spoil, stop
from tests.helpers.channels import Worker, until, workers
from tests.helpers.client_schema import Json
from tests.helpers.hub_house import HubHouse
from tests.helpers.hub_reader import Reader
from tests.helpers.soak import TIMES
from tests.helpers.valkey_server import Kind, server
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.doorkeeper import Rules
from tta_gateway.features.realtime.publication import Keeping, Publication

pytestmark = pytest.mark.redis
LASTS = 2.0  # seconds of faults
KIND = (stop, cut, cut_all)
"""faults behind which nothing is missing, and the store knows it"""
KEPT = Keeping(size=1_000_000, seconds=600)
SHORT = Keeping(size=20, seconds=600)
CHANNELS = {"session:a": KEPT, "session:c": SHORT}


def a_hub(worker: Worker) -> HubHouse:
    """Return a hub that hears what this worker does."""
    house = HubHouse(broker=worker.broker)
    house.door.channels = {name: Rules(keeping=keeping) for name, keeping in CHANNELS.items()}
    worker.fork._hub = house.hub
    return house


async def write(worker: Worker, number: int, ends: float, told: dict[str, set[Json]]) -> None:
    """Publish numbers, each until it is acknowledged."""
    chance = Random(number)
    at = 0
    while time.monotonic() < ends:
        at += 1
        channel = chance.choice(list(CHANNELS))
        data = json.dumps(f"{number}-{at}")
        while True:
            with suppress(Away):
                await worker.broker.publish(
                    channel, Publication(data.encode()), keeping=CHANNELS[channel], key=data
                )
                break
            await asyncio.sleep(0.02)
        told.setdefault(channel, set()).add(json.loads(data))
        await asyncio.sleep(chance.choice((0.0, 0.002)))


async def come_and_go(reader: Reader, ends: float) -> None:
    while time.monotonic() < ends:
        for _ in range(reader.chance.randint(1, 60)):
            await asyncio.sleep(0.01)
            reader.listen()
            if reader.client is None:
                reader.connect()
        reader.cut()
        await asyncio.sleep(reader.chance.uniform(0.0, 0.2))
        reader.connect()


def _reads(reader: Reader) -> bool:
    reader.listen()
    return reader.is_reading


async def catch_up(made: list[Worker], houses: list[HubHouse], readers: list[Reader]) -> None:
    """Wait until everybody has heard all."""
    for worker in made:
        await worker.ready()
    tops = {
        name: (await made[0].broker.history(name, since=None, limit=0)).top for name in CHANNELS
    }
    for at in range(1000):
        if at % 50 == 0:
            for house in houses:
                house.hub.lost()  # as the look every 40 s does
        for reader in readers:
            reader.listen()
        if all(
            (each.offset, each.epoch) == (tops[each.channel].offset, tops[each.channel].epoch)
            for each in readers
        ):
            return
        await asyncio.sleep(0.01)
    raise AssertionError([(each.channel, each.offset, each.epoch, tops) for each in readers])


async def story(where: object, seed: int, *, cruel: bool, one: object) -> None:
    told: dict[str, set[Json]] = {}
    async with workers(where, 2) as made:  # type: ignore[arg-type]
        houses = [a_hub(worker) for worker in made]
        readers = [
            Reader(houses, f"{name}-{number}", Random(seed + number), channel=name)
            for name in CHANNELS
            for number in range(3)
        ]
        for reader in readers:
            reader.connect()
        await until(lambda: all(_reads(each) for each in readers))
        ends = time.monotonic() + LASTS
        await asyncio.gather(
            spoil(one, CRUEL if cruel else KIND, ends, Random(seed)),  # type: ignore[arg-type]
            *(write(made[number % 2], seed * 10 + number, ends, told) for number in range(4)),
            *(come_and_go(reader, ends) for reader in readers),
        )
        await catch_up(made, houses, readers)
        assert [house.faults for house in houses] == [[], []]
    judge(readers, told, cruel=cruel)


def judge(readers: list[Reader], told: dict[str, set[Json]], *, cruel: bool) -> None:
    stands: dict[tuple[str, str, int], Json] = {}
    for reader in readers:
        for (epoch, offset), data in reader.heard.items():
            place = (reader.channel, epoch, offset)
            assert stands.setdefault(place, data) == data, "one message for all"
    assert sum(map(len, told.values())) > 50
    for reader in () if cruel else readers[:3]:
        assert reader.channel == "session:a"
        assert reader.unrecovered == 0
        if reader.outrun:
            continue  # writers were fast: it was told so, and has read no pages
        assert told["session:a"] <= {str(data) for data in reader.heard.values()}


@pytest.mark.parametrize("seed", range(TIMES))
def test_readers_hear_all_in_order_whatever_befalls_the_store(kind: Kind, seed: int) -> None:
    with server(kind, "--appendonly", "yes", "--appendfsync", "always") as one:
        uvloop.run(story(one.unix, seed, cruel=False, one=one))


@pytest.mark.parametrize("seed", range(TIMES))
def test_readers_hear_the_same_or_that_it_is_gone(kind: Kind, seed: int) -> None:
    with server(kind, "--dbfilename", "copy") as one:
        uvloop.run(story(one.unix, 3000 + seed, cruel=True, one=one))
