"""That no channel goes back in time: whatever befalls the store, by name, on real servers.

What is looked for is the same message twice at one position, or two messages at it: whoever stands
at (epoch, offset) and is told nothing else was given exactly what stands there now.
"""

import asyncio
import contextlib
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager

import pytest
import uvloop

from tests.helpers.channels import Reader, Worker, until, workers
from tests.helpers.slow import wait_until
from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Kind, Server, server
from tta_gateway.features.realtime.broker import Away, Published
from tta_gateway.features.realtime.disk import identity
from tta_gateway.features.realtime.publication import Keeping, Position, Publication
from tta_gateway.features.realtime.scripts import SERVER
from tta_gateway.support.valkey.connection import pack
from tta_gateway.support.valkey.error import Refused
from tta_gateway.support.valkey.script import Script
from tta_gateway.support.valkey.topology import single

pytestmark = pytest.mark.redis
KEPT = Keeping(size=1000, seconds=600)
FILLING = b'"' + b"x" * 2000 + b'"'


def said(number: int) -> Publication:
    return Publication(b"%d" % number)


@asynccontextmanager
async def read(worker: Worker, channel: str) -> AsyncIterator[Reader]:
    """A reader of a channel; what must hold of him holds in the end."""
    reader = Reader(worker, channel)
    await reader.start()
    try:
        yield reader
    finally:
        reader.stop()
    reader.check()


async def patiently(
    ask: Callable[[], Awaitable[Published]], refused: list[str] | None = None
) -> Published:
    """Ask until there is an answer."""
    end = time.monotonic() + 15.0
    while True:
        try:
            return await ask()
        except Away as away:
            if refused is not None:
                refused.append(away.reason)
            assert time.monotonic() < end
            await asyncio.sleep(0.02)


async def publish(worker: Worker, channel: str, *numbers: int) -> list[Published]:
    def one(number: int) -> Callable[[], Awaitable[Published]]:
        return lambda: worker.broker.publish(channel, said(number), keeping=KEPT)

    return [await patiently(one(number), worker.refused) for number in numbers]


def new() -> str:
    return f"session:{uuid.uuid4().hex}"


async def both_sides(
    one: Server, change: Callable[[], None], *, kept: bool, where: Server | None = None
) -> list[str]:
    """Publish, change the store, publish: nobody takes what comes then for what follows on."""
    channel = new()
    async with workers(one.unix, 2) as (writer, other), read(other, channel) as reader:
        before = await publish(writer, channel, 1, 2, 3)
        await until(lambda: reader.position == before[-1].position)
        await asyncio.to_thread(change)
        if where is not None:
            for worker in (writer, other):
                worker.use(single(where.unix))
        after = await publish(writer, channel, 4, 5)
        assert after[0].position.epoch != before[0].position.epoch
        assert after[0].position.offset == (4 if kept else 1)
        await until(lambda: reader.position == after[-1].position, 10.0)
        assert reader.unrecovered == 1
        stored = await other.broker.history(channel, since=None, limit=-1)
        numbers = [int(publication.data) for publication in stored.publications]
        assert numbers == ([1, 2, 3, 4, 5] if kept else [4, 5])
        assert stored.top == after[-1].position
        return writer.refused


def again(one: Server) -> Callable[[], None]:
    def change() -> None:
        one.kill()
        one.start_again()

    return change


def test_a_server_that_was_killed_and_kept_its_data_begins_another_epoch(own: Server) -> None:
    """Red without `r` in `position` (scripts.py)."""

    def change() -> None:
        assert wait_until(lambda: b"aof_pending_bio_fsync:0" in own.say("INFO", "persistence"))
        again(own)()

    uvloop.run(both_sides(own, change, kept=True))


def test_a_server_that_was_killed_and_has_lost_its_data_begins_another_epoch(kind: Kind) -> None:
    with server(kind) as one:
        uvloop.run(both_sides(one, again(one), kept=False))


def test_a_server_that_writes_before_each_answer_begins_another_epoch_too(kind: Kind) -> None:
    """See the next one for why."""
    with server(kind, "--appendonly", "yes", "--appendfsync", "always") as one:
        uvloop.run(both_sides(one, again(one), kept=True))


def spoken(*words: str) -> bytes:
    return b"".join([b"*%d\r\n" % len(words), *(f"${len(w)}\r\n{w}\r\n".encode() for w in words)])


def drained(sock: socket.socket) -> bytes:
    """What there is to read at the moment."""
    got = b""
    with contextlib.suppress(BlockingIOError, ConnectionResetError):
        while piece := sock.recv(1 << 16):
            got += piece
    return got


def test_a_subscriber_may_hear_what_a_log_that_is_written_before_each_answer_has_not(
    kind: Kind,
) -> None:
    """One whose socket was full is sent what is published before the log is written.

    So its message is heard, and gone after a crash; the next one has its offset.  Where the server
    hears of its crash a turn later, its answer is out: then once more.
    """

    async def body(one: Server) -> bool:
        channel = new()
        async with workers(one.unix) as (writer,):
            with contextlib.closing(dialled(one)) as ear, contextlib.closing(dialled(one)) as crash:
                ear.sendall(spoken("SUBSCRIBE", f"tta:channel:{channel}"))
                told = await fill(one, writer, channel)
                with one.frozen():
                    lost = asyncio.create_task(publish_once(writer, channel, b'"lost"'))
                    await asyncio.sleep(0.1)
                    heard = drained(ear)  # now there is room for what it still has
                    crash.sendall(spoken("DEBUG", "SEGFAULT"))
                try:
                    await lost
                except Away:
                    heard += drained(ear)
                else:
                    return False
            await asyncio.to_thread(again(one))
            await writer.ready()
            stored = await writer.broker.history(channel, since=None, limit=-1)
            assert stored.publications[-1].data == FILLING
            (other,) = await publish(writer, channel, 1)
            assert other.position.offset == told.position.offset + 1
            assert other.position.epoch != told.position.epoch
            gone = b"p%d %b\n" % (other.position.offset, told.position.epoch.encode())
            assert gone in heard  # with its content sealed
            return True

    def has_crashed_in_time() -> bool:
        with server(kind, *options) as one:
            return uvloop.run(body(one))

    options = ("--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes")
    assert any(has_crashed_in_time() for _ in range(5))


def dialled(one: Server) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(one.socket))
    sock.setblocking(False)
    return sock


async def publish_once(worker: Worker, channel: str, data: bytes) -> Published:
    return await worker.broker.publish(channel, Publication(data), keeping=KEPT)


async def fill(one: Server, writer: Worker, channel: str) -> Published:
    """Publish until the server cannot send all of it to whoever listens and does not read."""
    await until(lambda: b" sub=1 " in one.say("CLIENT", "LIST"))
    while True:
        told = await publish_once(writer, channel, FILLING)
        if b" omem=0 " not in line_of(one, b" sub=1 "):
            return told


def line_of(one: Server, mark: bytes) -> bytes:
    """What a server says of a client."""
    return next(line for line in one.say("CLIENT", "LIST").split(b"\n") if mark in line)


def test_a_server_that_was_given_an_older_copy_begins_another_epoch(kind: Kind) -> None:
    async def body(one: Server) -> None:
        channel = new()
        async with workers(one.unix, 2) as (writer, other), read(other, channel) as reader:
            before = await publish(writer, channel, 1, 2)
            one.say("SAVE")
            lost = await publish(writer, channel, 3, 4)
            await until(lambda: reader.position == lost[-1].position)
            await asyncio.to_thread(again(one))
            after = await publish(writer, channel, 5, 6, 7)
            assert [told.position.offset for told in after] == [3, 4, 5]  # the same once more
            assert after[0].position.epoch != before[0].position.epoch
            await until(lambda: reader.position == after[-1].position, 10.0)
            assert reader.unrecovered == 1
            given = [int(publication.data) for publication in reader.seen[before[0].position.epoch]]
            assert given == [1, 2, 3, 4]

    with server(kind, "--dbfilename", "dump.rdb") as one:
        uvloop.run(body(one))


def flush(one: Server) -> None:
    one.say("FLUSHALL")


def test_all_that_is_thrown_away_begins_another_epoch(shared: Server) -> None:
    uvloop.run(both_sides(shared, lambda: flush(shared), kept=False))


def test_a_meta_that_was_evicted_begins_another_epoch_over_what_is_there(shared: Server) -> None:
    """Red without XREVRANGE in `position` (scripts.py): XADD refuses smaller ids."""

    def change() -> None:
        (name,) = [
            word
            for word in shared.say("KEYS", "*:meta").decode().split("\r\n")
            if word.startswith("{")
        ]
        shared.say("DEL", name)

    shared.say("FLUSHALL")
    refused = uvloop.run(both_sides(shared, change, kept=True))
    assert refused == []


def test_a_replica_that_is_promoted_begins_another_epoch(kind: Kind) -> None:
    with ExitStack() as stack:
        master = stack.enter_context(server(kind, "--repl-diskless-sync-delay", "0"))
        replica = stack.enter_context(replica_of(kind, master))

        def change() -> None:
            assert wait_until(lambda: caught_up(master, replica))
            master.kill()
            replica.say("REPLICAOF", "NO", "ONE")

        uvloop.run(both_sides(master, change, kept=True, where=replica))


def replica_of(kind: Kind, master: Server, *options: str) -> AbstractContextManager[Server]:
    place = f"127.0.0.1 {master.port}"
    return server(kind, "--replicaof", place, "--repl-diskless-sync-delay", "0", *options)


def offset_of(one: Server) -> bytes:
    return one.say("INFO", "replication").partition(b"master_repl_offset:")[2].partition(b"\r")[0]


def caught_up(master: Server, replica: Server) -> bool:
    up = b"master_link_status:up" in replica.say("INFO", "replication")
    return up and offset_of(master) == offset_of(replica)


def test_a_master_that_was_a_replica_meanwhile_begins_another_epoch(kind: Kind) -> None:
    """It is the same process, and its data went back: its line of history tells.

    Red without `master_replid` in `server` (scripts.py).
    """

    async def body(first: Server, second: Server) -> None:
        channel = new()
        async with workers(first.unix, 2) as (writer, other), read(other, channel) as reader:
            await publish(writer, channel, 1, 2)
            assert await asyncio.to_thread(wait_until, lambda: caught_up(first, second))
            second.say("REPLICAOF", "NO", "ONE")
            before = await publish(writer, channel, 3, 4)  # the other has none of these
            await until(lambda: reader.position == before[-1].position)
            first.say("REPLICAOF", "127.0.0.1", str(second.port))
            assert await asyncio.to_thread(wait_until, lambda: caught_up(second, first))
            first.say("REPLICAOF", "NO", "ONE")
            after = await publish(writer, channel, 5, 6)
            assert [told.position.offset for told in after] == [3, 4]
            assert after[0].position.epoch != before[0].position.epoch
            await until(lambda: reader.position == after[-1].position, 10.0)
            assert reader.unrecovered == 1

    with (
        server(kind, "--repl-diskless-sync-delay", "0") as first,
        replica_of(kind, first) as second,
    ):
        uvloop.run(body(first, second))


def test_two_that_take_themselves_for_the_master_have_two_epochs(kind: Kind) -> None:
    """Each worker writes to another of them; then one gives way, and its tail is lost."""

    async def body(old: Server, promoted: Server) -> None:
        channel = new()
        async with (
            workers(old.unix, 2) as (one, other),
            read(one, channel) as stays,
            read(other, channel) as goes,
        ):
            before = await publish(one, channel, 1, 2)
            await until(lambda: goes.position == before[-1].position)
            assert await asyncio.to_thread(wait_until, lambda: caught_up(old, promoted))
            promoted.say("REPLICAOF", "NO", "ONE")
            other.use(single(promoted.unix))
            mine, yours = await asyncio.gather(
                publish(one, channel, 3, 4, 5), publish(other, channel, 13, 14)
            )
            assert [told.position.offset for told in mine] == [3, 4, 5]
            assert [told.position.offset for told in yours] == [3, 4]
            assert mine[0].position.epoch == before[0].position.epoch != yours[0].position.epoch
            await until(lambda: stays.position == mine[-1].position)
            await until(lambda: goes.position == yours[-1].position)
            old.say("REPLICAOF", "127.0.0.1", str(promoted.port))
            one.use(single(promoted.unix))
            last = await publish(one, channel, 6)
            assert last[0].position == Position(5, yours[0].position.epoch)
            await until(lambda: stays.position == goes.position == last[0].position, 10.0)
            assert (stays.unrecovered, goes.unrecovered) == (1, 1)
            stored = await one.broker.history(channel, since=None, limit=-1)
            assert [one.data for one in stored.publications] == [b"1", b"2", b"13", b"14", b"6"]

    with server(kind, "--repl-diskless-sync-delay", "0") as old, replica_of(kind, old) as promoted:
        uvloop.run(body(old, promoted))


def test_a_server_that_does_not_say_who_it_is_is_refused(shared: Server) -> None:
    """Nothing would tell that it has gone back."""

    async def body() -> None:
        async with client(shared.unix) as (one, _):
            said = await one.eval(Script(SERVER + "return server()"), [])
            assert said == identity(await one.command(b"INFO", b"server", b"replication"))
            for name in ("run_id", "master_replid"):
                script = Script(SERVER.replace(f"'{name}:", "'no:") + "return server()")
                with pytest.raises(Refused, match="NOIDENTITY INFO tells no run_id"):
                    await one.eval(script, [])

    uvloop.run(body())


def test_a_server_that_stood_still_for_seconds_loses_and_repeats_nothing(own: Server) -> None:
    async def body() -> None:
        channel = new()
        async with workers(own.unix, 2) as (writer, other), read(other, channel) as reader:
            before = await publish(writer, channel, 1)
            with own.frozen():
                key = "k"
                asked = asyncio.create_task(
                    patiently(
                        lambda: writer.broker.publish(channel, said(2), keeping=KEPT, key=key)
                    )
                )
                await asyncio.sleep(3.5)  # commands and subscriber are given up meanwhile
            told = await asked
            assert told.position == Position(2, before[0].position.epoch)
            await publish(writer, channel, 3)
            await until(lambda: reader.position.offset == 3)
            assert reader.unrecovered == 0
            (given,) = reader.seen.values()
            assert [int(publication.data) for publication in given] == [1, 2, 3]

    uvloop.run(body())


def test_a_subscriber_that_is_killed_misses_nothing(shared: Server) -> None:
    """Red without `_found` in following.py."""

    async def body() -> None:
        channel = new()
        others = [new() for _ in range(600)]  # so that it takes more than one command
        async with workers(shared.unix, 2) as (writer, other), read(other, channel) as reader:
            await asyncio.gather(*(other.broker.follow(name) for name in others))
            for n in range(300):
                if n % 30 == 20:
                    shared.say("CLIENT", "KILL", "TYPE", "pubsub")
                await publish(writer, channel, n)
            await until(lambda: reader.position.offset == 300 and other.heard.losses > 0)
            assert reader.unrecovered == 0
            (given,) = reader.seen.values()
            assert [int(publication.data) for publication in given] == list(range(300))

    uvloop.run(body())


@contextmanager
def deaf(worker: Worker) -> Iterator[None]:
    """Have a worker read nothing of what is published, for a while."""
    link = worker.subscriber._link
    assert link is not None
    assert link._connection is not None
    transport = link._connection._transport
    assert transport is not None
    transport.pause_reading()
    yield
    transport.resume_reading()


def test_a_subscriber_that_is_too_slow_is_cut_off_and_misses_nothing(own: Server) -> None:
    async def body() -> None:
        channel = new()
        own.say("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")
        async with workers(own.unix, 2) as (writer, other), read(other, channel) as reader:
            big = Publication(b'"' + b"x" * 8_000 + b'"')  # Valkey counts no larger ones
            with deaf(other):
                for _ in range(400):
                    await writer.broker.publish(channel, big, keeping=KEPT)
            await until(lambda: reader.position.offset == 400 and other.heard.losses > 0)
            assert reader.unrecovered == 0
            (given,) = reader.seen.values()
            assert len(given) == 400

    uvloop.run(body())


def test_a_subscription_that_is_deaf_is_found_and_made_anew(shared: Server) -> None:
    """Red without `probe` (valkey_broker.py): nobody tells the subscriber."""

    async def body() -> None:
        channel = new()
        async with workers(shared.unix) as (one,), read(one, channel):
            assert await one.broker.probe()
            # What a server that has forgotten us does: connected, and nothing comes.
            link = one.subscriber._link
            assert link is not None
            link.write(pack((b"UNSUBSCRIBE",)))
            asked = ("PUBSUB", "NUMSUB", one.broker._probe.decode())
            await until(lambda: shared.say(*asked).endswith(b":0\r\n"))
            assert not await one.broker.probe()
            await until(lambda: one.heard.losses == 1)
            assert "channels_unheard" in one.told.events
            assert await one.broker.probe()
            await publish(one, channel, 1)
            await until(lambda: len(one.heard.of.get(channel, ())) == 1)

    uvloop.run(body())


def test_a_server_that_has_become_a_replica_is_not_listened_to(kind: Kind, shared: Server) -> None:
    async def body(own: Server) -> None:
        channel = new()
        async with workers(own.unix) as (one,), read(one, channel):
            assert await one.broker.probe()
            own.say("REPLICAOF", "127.0.0.1", str(shared.port))
            assert not await one.broker.probe()
            await until(lambda: not one.subscriber.is_open)

    with server(kind) as own:
        uvloop.run(body(own))
