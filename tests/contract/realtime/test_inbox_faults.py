"""That no letter is lost, and none comes again behind its receipt, while the store is killed."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import uvloop

from tests.helpers.channels import workers
from tests.helpers.valkey_server import Kind, Server, server
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.inbox import TAG, Letter, Outcome
from tta_gateway.features.realtime.publication import Publication
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox

pytestmark = pytest.mark.redis
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")
USERS = ("ann", "ben", "cleo")
HOUR = 3600 * 1000
T = TypeVar("T")


async def done(work: Callable[[], Awaitable[T]]) -> T:
    """Do it again until it is done, as whoever hears error 100 does."""
    while True:
        try:
            return await work()
        except Away:
            await asyncio.sleep(0.01)


class Fate:
    """What was posted and acknowledged, as far as whoever did it was told."""

    def __init__(self, inboxes: list[ValkeyInbox], ends: float) -> None:
        self.inboxes = inboxes
        self.ends = ends
        self.posted: set[tuple[str, str]] = set()
        self.acknowledged: set[tuple[str, str]] = set()
        self.wrong: list[str] = []

    async def post(self, number: int, chance: random.Random) -> None:
        """Post one after the other, each to somebody, some of them twice."""
        at = 0
        while time.monotonic() < self.ends:
            user, id = chance.choice(USERS), f"{number}-{at}"
            letter = Letter(id, Publication(id.encode()), int(time.time() * 1000) + HOUR)
            durable = False
            for _ in range(chance.choice((1, 1, 2))):
                inbox = chance.choice(self.inboxes)
                told = await done(lambda box=inbox, to=user, it=letter: box.post(to, it))  # type: ignore[misc]
                assert told.outcome in (Outcome.NEW, Outcome.REPEATED)
                durable = durable or told.durable
            if durable:
                self.posted.add((user, id))
            at += 1

    async def read(self, user: str, chance: random.Random) -> None:
        """Read what waits, and acknowledge some of it."""
        while time.monotonic() < self.ends:
            inbox = chance.choice(self.inboxes)
            for id in await self.waiting(inbox, user):
                if (user, id) in self.acknowledged:
                    self.wrong.append(id)
                if chance.random() < 0.5:
                    assert await done(lambda box=inbox, it=id: box.acknowledge(user, it))  # type: ignore[misc]
                    self.acknowledged.add((user, id))
            await asyncio.sleep(0.02)

    async def waiting(self, inbox: ValkeyInbox, user: str) -> list[str]:
        """Return the ids of all that waits, page by page."""
        found, after = list[str](), 0
        while after >= 0:
            page = await done(lambda since=after: inbox.drain(user, since))  # type: ignore[misc]
            found += [one.tags[TAG] for one in page.letters]
            after = page.after
        return found


async def kill_again_and_again(one: Server, ends: float) -> None:
    while time.monotonic() < ends:
        await asyncio.sleep(0.6)
        one.kill()
        await asyncio.to_thread(one.start_again)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_letter_is_lost_while_the_store_is_killed(kind: Kind, seed: int) -> None:
    async def body(one: Server) -> None:
        ends = time.monotonic() + 2.5
        async with workers(one.unix, 2) as made:
            inboxes = [
                ValkeyInbox(
                    lambda each=each: each.valkey,  # type: ignore[misc]
                    wall=time.time,
                    disk=Disk(lambda each=each: each.disk_valkey, died=each.told.died),  # type: ignore[misc]
                )
                for each in made
            ]
            fate = Fate(inboxes, ends)
            killed = asyncio.create_task(kill_again_and_again(one, ends - 0.5))
            writers = [fate.post(number, random.Random(seed + number)) for number in range(4)]
            readers = [fate.read(user, random.Random(f"{seed}{user}")) for user in USERS]
            await asyncio.gather(*writers, *readers)
            await killed
            for each in made:
                await each.ready()
            left = {user: await fate.waiting(inboxes[0], user) for user in USERS}
            there = {(user, id) for user, ids in left.items() for id in ids}
            assert len(fate.posted) > 20
            assert len(fate.acknowledged) > 5
            assert fate.wrong == []
            assert sum(map(len, left.values())) == len(there)
            assert fate.posted <= there | fate.acknowledged
            assert not there & fate.acknowledged
            assert await inboxes[1].count() == 0

    with server(kind, *ALWAYS) as one:
        uvloop.run(body(one))
