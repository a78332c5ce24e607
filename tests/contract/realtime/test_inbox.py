"""That the store keeps letters as the box does, and sends them, on real servers."""

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
import uvloop

from tests.helpers.channels import until, workers
from tests.helpers.valkey_client import Told, client
from tests.helpers.valkey_server import Kind, Server, server
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.inbox import (
    DEAD_FOR,
    FIRST,
    KNOWN,
    MOST,
    MOST_DEAD,
    PAGE,
    TAG,
    Box,
    DeadLetter,
    DeadPage,
    Letter,
    Outcome,
    Page,
    Posted,
    channel_of,
)
from tta_gateway.features.realtime.kinds import Kinds
from tta_gateway.features.realtime.mail import Boxes, Mail
from tta_gateway.features.realtime.publication import ClientInfo, Publication
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.support.valkey.client import Valkey

pytestmark = pytest.mark.redis
START = 1_800_000_000_000  # milliseconds


class Clock:
    """A clock that a test moves, in milliseconds."""

    def __init__(self) -> None:
        self.now = START

    def wall(self) -> float:
        return (self.now + 0.25) / 1000


def letter(id: str, expires: int) -> Letter:
    return Letter(id, Publication(id.encode()), expires)


def tagged(page: Page) -> Page:
    """A page as the store tells it, which says of each letter what it is."""
    letters = [replace(one, tags={TAG: one.data.decode()}) for one in page.letters]
    return Page(letters, page.after)


def has(some: Sequence[object], count: int) -> bool:
    return len(some) == count


async def acks_alike(inbox: ValkeyInbox, user: str, ids: list[str], box: Box, now: int) -> bool:
    """Acknowledge the same of both, and say whether they say the same of it."""
    told = await inbox.acknowledge_all(user, ids)
    return told == [box.acknowledge(one, now) for one in ids]


async def compare(valkey: Valkey, seed: int) -> None:
    """Tell both the same, and hold what they answer against each other."""
    chance, clock, box = random.Random(seed), Clock(), Box()
    user, inbox = uuid.uuid4().hex, ValkeyInbox(lambda: valkey, wall=clock.wall)
    await valkey.command(b"FLUSHALL")  # what others have left would be swept for them, and counted
    for _ in range(150):
        id, now = str(chance.randrange(30)), clock.now
        match chance.randrange(7):
            case 0 | 1:
                one = letter(id, now + chance.choice((-1, 0, 1, 20_000, 3600_000)))
                posted = await inbox.post(user, one)
                assert posted == Posted(box.post(one, now, reaches=False))
            case 2:
                after = chance.choice((0, 0, 3, 8))
                assert await inbox.drain(user, after) == tagged(box.drain(now, after))
            case 3:
                assert await acks_alike(inbox, user, [id, str(chance.randrange(30)), id], box, now)
            case 4:
                box.redeliver(now)
                due = box.next_due()
                assert await inbox.redeliver(user) == (-1 if due < 0 else due - now)
            case 5:
                assert await inbox.forget(user, id) is box.forget(id)
            case _:
                steps = (1, 4_999, 5_000, 20_000, 60_000, 3600_000, KNOWN, DEAD_FOR)
                clock.now += chance.choice(steps)
                box.expire(clock.now)
                await inbox.sweep()
        assert await inbox.count() == len(box.graves)
        expected = [(one.id, one.why, one.at) for one in box.graves.values()]
        dead = (await inbox.dead(user)).letters
        assert sorted((one.id, one.why, one.at) for one in dead) == sorted(expected)


def test_the_store_does_what_the_box_does(shared: Server) -> None:
    async def body() -> None:
        async with client(shared.unix) as (valkey, _):
            for seed in range(12):  # one after the other: they sweep for each other
                await compare(valkey, seed)

    uvloop.run(body())


def test_one_letter_to_very_many_leaves_room_for_all_others(shared: Server) -> None:
    """Red where they are all in the store's queue at once: it takes 16 MiB, and then no more."""

    async def body() -> None:
        async with client(shared.unix) as (valkey, _):
            clock = Clock()
            inbox = ValkeyInbox(lambda: valkey, wall=clock.wall)
            mail = Mail(Boxes(inbox, inbox), kinds=lambda: Kinds(()), fresh=str, wall=clock.wall)
            users = [f"{uuid.uuid4().hex} {number}" for number in range(1000)]
            large = Publication(b'"' + b"x" * 64_000 + b'"')
            posting = mail.post(users, large, id="1", seconds=60.0, durable=False)
            posted, page = await asyncio.gather(posting, inbox.drain(users[-1]))
            assert (len(posted), {one.outcome for one in posted}) == (1000, {Outcome.NEW})
            assert len(page.letters) <= 1
            await valkey.command(b"FLUSHALL")

    uvloop.run(body())


def test_nothing_is_left_of_what_is_over(shared: Server) -> None:
    async def body() -> None:
        shared.say("FLUSHALL")
        async with client(shared.unix) as (valkey, _):
            clock = Clock()
            inbox = ValkeyInbox(lambda: valkey, wall=clock.wall)
            for number in range(300):
                await inbox.post(f"user {number}", letter("a", START + 10 + number % 2))
            await inbox.acknowledge("user 0", "a")
            clock.now += 10
            assert await inbox.sweep() == 149
            clock.now += 1
            assert await inbox.sweep() == 150
            assert await inbox.sweep() == 0
            assert await inbox.count() == 299
            assert len((await inbox.mourners(1000)).users) == 299
            found, after = list[str](), ""
            while not found or after:
                page = await inbox.mourners(7, after)
                assert len(page.users) <= 7
                found, after = [*found, *page.users], page.after
            assert sorted(found) == sorted(f"user {number}" for number in range(1, 300))
            clock.now += DEAD_FOR
            await inbox.sweep()
            assert (await inbox.mourners(1000)).users == []
            assert await inbox.count() == 0
            left = await valkey.command(b"KEYS", b"*")
            assert isinstance(left, list)
            assert [name for name in left if not name.endswith(b":last")] == []

    uvloop.run(body())


def test_whoever_listens_gets_a_letter_at_once_and_again_until_he_acknowledges(
    shared: Server,
) -> None:
    async def body() -> None:
        user, clock = uuid.uuid4().hex, Clock()
        channel = channel_of(user)
        async with workers(shared.unix, 2) as (one, other):
            inbox = ValkeyInbox(lambda: one.valkey, wall=clock.wall)
            await other.broker.follow(channel)
            info = ClientInfo("ben", "c1")
            sent = Publication(b'"hello"', info=info, tags={"k": "v"}, time=7)
            posted = await inbox.post(user, Letter("a", sent, START + 3600_000))
            assert posted == Posted(Outcome.NEW)
            await until(lambda: len(other.heard.of.get(channel, ())) == 1)
            expected = Publication(b'"hello"', 0, info, {"k": "v", "letter": "a"}, 7)
            assert other.heard.of[channel][0][0] == expected
            assert await inbox.redeliver(user) == FIRST
            for count, pause in ((2, 2 * FIRST), (3, 4 * FIRST)):
                clock.now += pause // 2
                # Two workers whose clocks ring at once send it once.
                assert (
                    await asyncio.gather(*(inbox.redeliver(user) for _ in range(2))) == [pause] * 2
                )
                await until(partial(has, other.heard.of[channel], count))
            assert await inbox.acknowledge(user, "a")
            clock.now += 3600_000 - 1
            assert await inbox.redeliver(user) == -1
            assert (await inbox.drain(user)).letters == []
            assert len(other.heard.of[channel]) == 3

    uvloop.run(body())


def test_whoever_posts_hears_whether_it_is_on_disk(kind: Kind) -> None:
    async def body(one: Server) -> None:
        async with client(one.unix) as (valkey, _), client(one.unix) as (other, _):
            disk = Disk(lambda: other, died=Told().died)
            inbox = ValkeyInbox(lambda: valkey, wall=time.time, disk=disk)
            till = int(time.time() * 1000) + 3600_000
            assert await inbox.post("ann", letter("a", till)) == Posted(Outcome.NEW, durable=True)
            one.say("CONFIG", "SET", "appendonly", "no")
            assert await inbox.post("ann", letter("b", till)) == Posted(Outcome.NEW)

    with server(kind, "--appendonly", "yes", "--appendfsync", "always") as one:
        uvloop.run(body(one))


def test_whoever_was_away_gets_all_that_waits_in_order(own: Server) -> None:
    async def body() -> None:
        user = "ann } {"
        async with client(own.unix) as (valkey, _):
            inbox = ValkeyInbox(lambda: valkey, wall=time.time)
            till = int(time.time() * 1000) + 3600_000
            for number in range(20):
                await inbox.post(user, letter(f"{number:02}", till))
            own.kill()
            await asyncio.to_thread(own.start_again)
            await valkey.ready(5.0)
            await inbox.acknowledge(user, "07")
            waiting = (await inbox.drain(user)).letters
            assert [one.tags["letter"] for one in waiting] == [
                f"{number:02}" for number in range(20) if number != 7
            ]
            assert await inbox.dead(user) == DeadPage([], 0)

    uvloop.run(body())


def test_many_letters_come_a_part_at_a_time(shared: Server) -> None:
    async def body() -> None:
        user, clock = uuid.uuid4().hex, Clock()
        async with client(shared.unix) as (valkey, _):
            inbox = ValkeyInbox(lambda: valkey, wall=clock.wall)
            for number in range(PAGE + 5):
                await inbox.post(user, letter(f"{number:03}", START + 3600_000))
            for number in range(3):
                large = Letter(f"x{number}", Publication(b"x" * 100_000), START + 3600_000)
                await inbox.post(user, large)
            counts, after = [], 0
            while after >= 0:
                page = await inbox.drain(user, after)
                counts.append(len(page.letters))
                after = page.after
            assert counts == [PAGE, 7, 1]
            clock.now += FIRST
            waits = [await inbox.redeliver(user) for _ in range(3)]
            assert waits == [0, 0, 2 * FIRST]  # who asks has him, whoever the server knows of

    uvloop.run(body())


def test_dead_letters_that_are_large_come_a_few_at_a_time(shared: Server) -> None:
    async def body() -> None:
        user, clock = uuid.uuid4().hex, Clock()
        async with client(shared.unix) as (valkey, _):
            inbox = ValkeyInbox(lambda: valkey, wall=clock.wall)
            for number in range(5):
                large = Letter(f"x{number}", Publication(b"x" * 400_000), START)
                await inbox.post(user, large)
            ids: list[str] = []
            sizes: list[int] = []
            while len(ids) < 5:
                page = await inbox.dead(user, skip=len(ids))
                assert page.all == 5
                ids += [one.id for one in page.letters]
                sizes.append(len(page.letters))
            assert ids == [f"x{number}" for number in range(5)]
            assert sizes == [3, 2]

    uvloop.run(body())


def test_what_is_too_much_is_dead_at_once_and_seen(shared: Server) -> None:
    async def body() -> None:
        user, clock = uuid.uuid4().hex, Clock()
        async with client(shared.unix) as (valkey, _):
            inbox = ValkeyInbox(lambda: valkey, wall=clock.wall)
            posts = [inbox.post(user, letter(f"{n:05}", START + 1)) for n in range(MOST + 3)]
            outcomes = [one.outcome for one in await asyncio.gather(*posts)]
            assert outcomes == [Outcome.NEW] * MOST + [Outcome.CROWDED] * 3
            dead = (await inbox.dead(user, skip=1, limit=1)).letters
            tagged = Publication(b"01001", tags={"letter": "01001"})
            assert dead == [DeadLetter("01001", "crowded", START, tagged)]
            clock.now += 1
            assert await inbox.drain(user) == Page([], -1)
            assert (await inbox.dead(user, limit=1)).all == MOST_DEAD
            assert user in (await inbox.mourners(1000)).users

    uvloop.run(body())


def test_a_full_store_refuses_a_letter_and_takes_receipts(own: Server) -> None:
    async def body() -> None:
        async with client(own.unix) as (valkey, _):
            inbox = ValkeyInbox(lambda: valkey, wall=time.time)
            till = int(time.time() * 1000) + 3600_000
            await inbox.post("ann", letter("a", till))
            own.say("CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(Away, match="OOM") as away:
                await inbox.post("ann", letter("b", till))
            assert not away.value.may_be_done
            assert len((await inbox.drain("ann")).letters) == 1
            assert await inbox.acknowledge("ann", "a")
            assert (await inbox.drain("ann")).letters == []

    uvloop.run(body())


def test_without_a_store_it_says_so(own: Server) -> None:
    async def body() -> None:
        nobody = ValkeyInbox(lambda: None, wall=time.time)
        for answer in (nobody.drain("ann"), nobody.mourners(1)):
            with pytest.raises(Away, match="there is no store"):
                await answer
        async with client(own.unix) as (valkey, _):
            inbox = ValkeyInbox(lambda: valkey, wall=time.time)
            with own.frozen():
                for question in (inbox.drain("ann"), inbox.mourners(1)):
                    with pytest.raises(Away) as away:
                        await question
                    assert away.value.may_be_done

    uvloop.run(body())
