"""What the broker promises, on real servers."""

import asyncio
import time
import uuid
from functools import partial

import pytest
import uvloop

from tests.helpers.channels import until, workers
from tests.helpers.valkey_server import Server
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.inbox import Letter, channel_of
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Position, Publication
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox

pytestmark = pytest.mark.redis
KEPT = Keeping(size=1000, seconds=60)
ANN = ClientInfo("ann: 3\n", "c1", b'{"n":1}', b"")


def new() -> str:
    return f"session:{uuid.uuid4().hex}"


def said(text: str) -> Publication:
    return Publication(b'"%b"' % text.encode())


def test_writers_of_several_workers_make_one_order_that_all_hear(shared: Server) -> None:
    """Red where the script does not number and publish in one step."""

    async def body() -> None:
        channel = new()
        async with workers(shared.unix, 4) as made:
            for one in made:
                await one.broker.follow(channel)

            async def write(number: int) -> list[Position]:
                found = []
                for n in range(50):
                    text = said(f"{number} {n}")
                    broker = made[number % 4].broker
                    found.append((await broker.publish(channel, text, keeping=KEPT)).position)
                return found

            told = await asyncio.gather(*(write(number) for number in range(12)))
            await until(lambda: all(len(one.heard.of[channel]) == 600 for one in made))
            orders = [
                [(publication.offset, publication.data) for publication, _ in one.heard.of[channel]]
                for one in made
            ]
            assert [offset for offset, _ in orders[0]] == list(range(1, 601))
            assert all(order == orders[0] for order in orders)
            assert sorted(one.offset for some in told for one in some) == list(range(1, 601))
            assert len({one.epoch for some in told for one in some}) == 1
            for some in told:  # each writer's own order
                assert [one.offset for one in some] == sorted(one.offset for one in some)
            stored = await made[0].broker.history(channel, since=None, limit=-1)
            assert [(one.offset, one.data) for one in stored.publications] == orders[0]
            assert stored.top == Position(600, told[0][0].epoch)
            assert made[0].heard.losses == 0

    uvloop.run(body())


def test_all_of_a_publication_comes_live_and_from_history(shared: Server) -> None:
    async def body() -> None:
        channel = f"{new()} ü }} {{x}} %"
        async with workers(shared.unix, 2) as (one, other):
            await other.broker.follow(channel)
            full = Publication(b'{"a":1}', info=ANN, tags={"k": "v"}, time=1_700_000_000_123)
            plain = Publication(b"null")
            for publication in (full, plain):
                await one.broker.publish(channel, publication, keeping=KEPT)
            await until(lambda: len(other.heard.of.get(channel, ())) == 2)
            live = [publication for publication, _ in other.heard.of[channel]]
            stored = await one.broker.history(channel, since=None, limit=-1)
            assert live == list(stored.publications)
            assert live == [
                Publication(b'{"a":1}', 1, ANN, {"k": "v"}, 1_700_000_000_123),
                Publication(b"null", 2),
            ]

    uvloop.run(body())


def test_a_key_that_is_known_publishes_nothing_anew(shared: Server) -> None:
    async def body() -> None:
        channel, other = new(), new()
        async with workers(shared.unix, 2) as made:
            await made[0].broker.follow(channel)
            answers = await asyncio.gather(
                *(
                    made[n % 2].broker.publish(channel, said(str(n)), keeping=KEPT, key="k")
                    for n in range(20)
                )
            )
            assert {one.position for one in answers} == {answers[0].position}
            assert answers[0].position.offset == 1
            assert sorted(one.repeated for one in answers) == [False] + [True] * 19
            elsewhere = await made[0].broker.publish(other, said("x"), keeping=KEPT, key="k")
            assert not elsewhere.repeated
            fresh = await made[0].broker.publish(
                channel, said("x"), keeping=KEPT, key="l" * 100_000
            )
            assert (fresh.position.offset, fresh.repeated) == (2, False)
            await until(lambda: len(made[0].heard.of.get(channel, ())) == 2)
            found = shared.say("KEYS", f"{{tta:channel:{channel}}}:key:*").decode().split("\r\n")
            names = [word for word in found if word.startswith("{")]
            assert len(names) == 2
            assert all(290 <= int(shared.say("TTL", name)[1:]) <= 300 for name in names)

    uvloop.run(body())


def test_where_nothing_is_kept_it_is_heard_all_the_same_and_once_a_key(shared: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(shared.unix) as (one,):
            await one.broker.follow(channel)
            for key, repeated in (("k", False), ("k", True), ("", False), ("", False)):
                told = await one.broker.publish(channel, said("x"), keeping=Keeping(), key=key)
                assert (told.position, told.repeated) == (Position(), repeated)
            await until(lambda: len(one.heard.of.get(channel, ())) == 3)
            assert {top for _, top in one.heard.of[channel]} == {Position()}
            stored = await one.broker.history(channel, since=None, limit=-1)
            assert (list(stored.publications), stored.top.offset) == ([], 0)

    uvloop.run(body())


def test_history_is_paged_both_ways_and_holds_as_much_as_is_kept(shared: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(shared.unix) as (one,):
            broker = one.broker
            empty = await broker.history(channel, since=None, limit=-1)
            assert (empty.top.offset, list(empty.publications)) == (0, [])
            assert empty.top.epoch
            for n in range(12):
                told = await broker.publish(channel, said(str(n)), keeping=Keeping(10, 60))
                assert told.position == Position(n + 1, empty.top.epoch)

            async def offsets(since: int | None, limit: int, *, reverse: bool = False) -> list[int]:
                place = None if since is None else Position(since, empty.top.epoch)
                stored = await broker.history(channel, since=place, limit=limit, reverse=reverse)
                assert stored.top == Position(12, empty.top.epoch)
                return [one.offset for one in stored.publications]

            assert await offsets(None, -1) == list(range(3, 13))
            assert await offsets(None, 0) == []
            assert await offsets(None, 2) == [3, 4]
            assert await offsets(4, 2) == [5, 6]
            assert await offsets(11, -1) == [12]
            assert await offsets(12, -1) == []
            assert await offsets(1 << 70, -1) == []
            assert await offsets(None, 2, reverse=True) == [12, 11]
            assert await offsets(11, 2, reverse=True) == [10, 9]
            assert await offsets(11, -1, reverse=True) == list(range(10, 2, -1))
            assert await offsets(4, -1, reverse=True) == [3]
            assert await offsets(0, -1, reverse=True) == []
            assert await offsets(1 << 70, 1, reverse=True) == [12]

    uvloop.run(body())


def test_what_is_kept_goes_with_its_time_and_the_epoch_stays(shared: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(shared.unix) as (one,):
            first = await one.broker.publish(channel, said("x"), keeping=Keeping(10, 1))
            end = time.monotonic() + 5.0
            while (await one.broker.history(channel, since=None, limit=-1)).publications:
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
            stored = await one.broker.history(channel, since=Position(0, "x"), limit=-1)
            assert stored.top == first.position  # so whoever stood before it hears that it is lost
            second = await one.broker.publish(channel, said("y"), keeping=Keeping(10, 60))
            assert second.position == Position(2, first.position.epoch)

    uvloop.run(body())


def test_what_is_followed_no_more_is_not_heard(shared: Server) -> None:
    async def body() -> None:
        left, kept = new(), new()
        async with workers(shared.unix) as (one,):
            await asyncio.gather(*(one.broker.follow(name) for name in (left, kept, left)))
            one.broker.leave(left)
            await one.broker.publish(left, said("x"), keeping=KEPT)
            await one.broker.publish(kept, said("y"), keeping=KEPT)
            await until(lambda: len(one.heard.said) == 1)
            for _ in range(20):  # a name that comes and goes is heard from each return on
                await one.broker.follow(left)
                told = await one.broker.publish(left, said("z"), keeping=KEPT)
                words = f'{left}: "z" {told.position.offset}'
                await until(partial(one.heard.said.__contains__, words))
                one.broker.leave(left)
            name = f"tta:channel:{left}"
            await until(lambda: shared.say("PUBSUB", "NUMSUB", name).endswith(b":0\r\n"))

    uvloop.run(body())


def test_who_is_there_is_told_by_all_and_counted_by_user(shared: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(shared.unix, 2) as (one, other):
            second = ClientInfo(ANN.user, "c2", b"{}", b'"s"')
            ben = ClientInfo("ben", "c3")
            for broker, info in ((one, ANN), (other, second), (one, ben), (other, ANN)):
                await broker.broker.appear(channel, info, seconds=60)
            there = await other.broker.present(channel)
            assert sorted(there, key=lambda info: info.client) == [ANN, second, ben]
            assert await one.broker.count(channel) == (3, 2)
            await one.broker.vanish(channel, second)
            await one.broker.vanish(channel, second)
            assert await one.broker.count(channel) == (2, 2)
            changed = ClientInfo(ANN.user, "c1", b'{"n":2}')
            await one.broker.appear(channel, changed, seconds=60)
            there = await other.broker.present(channel)
            assert sorted(there, key=lambda info: info.client) == [changed, ben]
            await one.broker.vanish(channel, ANN)
            assert await one.broker.count(channel) == (1, 1)
            await one.broker.vanish(channel, ben)
            assert await one.broker.count(channel) == (0, 0)
            assert (
                shared.say(
                    "EXISTS",
                    *(f"{{tta:channel:{channel}}}:{k}" for k in ("until", "about", "users")),
                )
                == b":0\r\n"
            )

    uvloop.run(body())


def test_whoever_does_not_say_again_that_he_is_there_is_gone(shared: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(shared.unix) as (one,):
            await one.broker.appear(channel, ANN, seconds=60)
            await one.broker.appear(channel, ClientInfo(ANN.user, "c2"), seconds=1)
            assert await one.broker.count(channel) == (2, 1)
            end = time.monotonic() + 5.0
            while await one.broker.count(channel) != (1, 1):
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
            assert list(await one.broker.present(channel)) == [ANN]
            assert 55 <= int(shared.say("TTL", f"{{tta:channel:{channel}}}:until")[1:]) <= 60

    uvloop.run(body())


def test_whoever_follows_hears_who_comes_and_goes_between_the_messages(shared: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(shared.unix, 2) as (one, other):
            await other.broker.follow(channel)
            await one.broker.announce(channel, ANN, joined=True)
            await one.broker.publish(channel, said("x"), keeping=KEPT)
            await one.broker.announce(channel, ANN, joined=False)
            await until(lambda: len(other.heard.said) == 3)
            assert [text.partition(": ")[2] for text in other.heard.said] == [
                f"{ANN.user} c1 joined",
                '"x" 1',
                f"{ANN.user} c1 left",
            ]

    uvloop.run(body())


def test_gateways_in_two_databases_of_a_server_hear_nothing_of_each_other(shared: Server) -> None:
    """Red where the bus has one name for both: Pub/Sub knows no databases."""

    async def body() -> None:
        channel, user = new(), uuid.uuid4().hex
        async with (
            workers(shared.unix) as (one,),
            workers(shared.unix, database=3) as (other,),
        ):
            for worker in (one, other):
                await worker.broker.follow(channel)
                await worker.broker.follow(channel_of(user))
            letter = Letter("a", said("letter"), 2_000_000)
            for worker, database in ((one, 0), (other, 3)):
                await worker.broker.publish(channel, said("x"), keeping=Keeping())
                inbox = ValkeyInbox(
                    partial(getattr, worker, "valkey"), wall=lambda: 1.0, database=database
                )
                await inbox.post(user, letter)
                await until(partial(worker.heard.has, channel_of(user), 1))
                assert await worker.broker.probe()
            assert [len(worker.heard.said) for worker in (one, other)] == [2, 2]

    uvloop.run(body())


def test_what_somebody_else_wrote_there_is_told_and_given_to_nobody(shared: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(shared.unix) as (one,):
            await one.broker.follow(channel)
            await one.broker.publish(channel, said("x"), keeping=KEPT)
            shared.say("XADD", f"{{tta:channel:{channel}}}:stream", "7", "p", "garbage")
            for garbage in ("", "p", "p1 e\n", "p1 e\nxx", "j\n", "l\nxx", "q\n", "px e\n\x91\x01"):
                shared.say("PUBLISH", f"tta:channel:{channel}", garbage)
            stored = await one.broker.history(channel, since=None, limit=-1)
            assert [one.offset for one in stored.publications] == [1]
            await until(lambda: one.told.events.count("channel_garbled") == 9)
            assert len(one.heard.said) == 1

    uvloop.run(body())


def test_a_store_that_cannot_be_asked_says_whether_it_may_be_done(own: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(own.unix) as (one,):
            await one.broker.publish(channel, said("x"), keeping=KEPT)
            with own.frozen():
                begun = time.monotonic()
                with pytest.raises(Away) as away:
                    await one.broker.publish(channel, said("y"), keeping=KEPT, key="k")
                assert away.value.may_be_done
                assert time.monotonic() - begun < 2.0
            told = await one.broker.publish(channel, said("y"), keeping=KEPT, key="k")
            assert told.position.offset == 2  # whether it was done or not: once
            own.kill()
            await until(lambda: not one.valkey.is_open)
            for answer in (
                one.broker.publish(channel, said("z"), keeping=KEPT),
                one.broker.history(channel, since=None, limit=1),
                one.broker.present(channel),
                one.broker.announce(channel, ANN, joined=True),
                one.broker.follow(new()),
            ):
                with pytest.raises(Away) as away:
                    await answer
                assert not away.value.may_be_done

    uvloop.run(body())


def test_a_full_store_refuses_whole_publications(own: Server) -> None:
    """Red where the first write of the script is one that a full server takes."""

    async def body() -> None:
        channel = new()
        async with workers(own.unix) as (one,):
            await one.broker.follow(channel)
            await one.broker.publish(channel, said("x"), keeping=KEPT)
            own.say("CONFIG", "SET", "maxmemory", "1")
            for target in (channel, new()):
                with pytest.raises(Away, match="OOM") as away:
                    await one.broker.publish(target, said("y"), keeping=KEPT, key="k")
                assert not away.value.may_be_done
            own.say("CONFIG", "SET", "maxmemory", "0")
            told = await one.broker.publish(channel, said("y"), keeping=KEPT, key="k")
            assert (told.position.offset, told.repeated) == (2, False)
            await until(lambda: len(one.heard.said) == 2)

    uvloop.run(body())
