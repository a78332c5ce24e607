"""That what is called durable is on the disk, and that nothing else is called so."""

import asyncio
import itertools
import time
import uuid
from contextlib import ExitStack

import pytest
import uvloop

from tests.helpers.channels import Worker, workers
from tests.helpers.slow import wait_until
from tests.helpers.valkey_server import Kind, Server, server
from tta_gateway.features.realtime.broker import Away, Published
from tta_gateway.features.realtime.disk import Disk, identity
from tta_gateway.features.realtime.publication import Keeping, Publication
from tta_gateway.support.valkey.topology import single

pytestmark = pytest.mark.redis
KEPT = Keeping(size=10_000, seconds=600)
DURABLE = Keeping(size=10_000, seconds=600, durable=True)
ALL = Keeping(size=1_000_000, seconds=600, durable=True)
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")


def said(number: int) -> Publication:
    return Publication(b"%d" % number)


def told(one: Server, keeping: Keeping = DURABLE, count: int = 1) -> list[Published]:
    """What so many publications at once are told."""

    async def body() -> list[Published]:
        async with workers(one.unix) as (worker,):
            channels = [f"session:{uuid.uuid4().hex}" for _ in range(count)]
            return await asyncio.gather(
                *(worker.broker.publish(name, said(1), keeping=keeping) for name in channels)
            )

    return uvloop.run(body())


def test_who_writes_before_each_answer_is_believed(kind: Kind) -> None:
    with server(kind, *ALWAYS) as one:
        assert [answer.durable for answer in told(one, count=50)] == [True] * 50
        assert not told(one, KEPT)[0].durable  # nobody has asked
        one.say("CONFIG", "SET", "appendfsync", "no")
        assert not told(one)[0].durable


def test_who_writes_once_a_second_is_waited_for_if_it_can_say_so(kind: Kind, own: Server) -> None:
    """Red where the answer to WAITAOF is not looked at: all at once, whatever the disk does."""
    begun = time.monotonic()
    answers = told(own, count=200)
    took = time.monotonic() - begun
    assert {answer.durable for answer in answers} == {kind == "valkey"}
    assert took < 3.0  # one question for all of them


def test_who_keeps_no_log_is_not_durable(shared: Server) -> None:
    answer = told(shared)[0]
    assert (answer.durable, answer.position.offset) == (False, 1)


async def write(worker: Worker, channel: str, number: int, ends: float) -> list[bytes]:
    """Publish one after the other, and return what was called durable."""
    durable = []
    for at in itertools.count(number * 1_000_000):
        if time.monotonic() >= ends:
            break
        try:
            answer = await worker.broker.publish(channel, said(at), keeping=ALL)
        except Away:
            await asyncio.sleep(0.01)
            continue
        if answer.durable:
            durable.append(b"%d" % at)
    return durable


async def kill_again_and_again(one: Server, ends: float) -> None:
    while time.monotonic() < ends:
        await asyncio.sleep(0.7)
        one.kill()
        await asyncio.to_thread(one.start_again)


def test_nothing_that_was_called_durable_is_missing_after_a_kill(kind: Kind) -> None:
    """A process that is killed; what the power of the machine takes with it is not shown here."""

    async def body(one: Server) -> None:
        channel = f"session:{uuid.uuid4().hex}"
        ends = time.monotonic() + 2.5
        async with workers(one.unix, 2) as made:
            writers = [write(made[number % 2], channel, number, ends) for number in range(8)]
            killed = asyncio.create_task(kill_again_and_again(one, ends - 0.5))
            durable = {data for some in await asyncio.gather(*writers) for data in some}
            await killed
            for worker in made:
                await worker.ready()
            stored = await made[0].broker.history(channel, since=None, limit=-1)
            found = [publication.data for publication in stored.publications]
            assert len(durable) > 20
            assert len(set(found)) == len(found)
            assert durable <= set(found)
            offsets = [publication.offset for publication in stored.publications]
            assert offsets == list(range(1, len(offsets) + 1))

    with server(kind, *ALWAYS) as one:
        uvloop.run(body(one))


def test_with_a_replica_it_is_on_its_disk_too(kind: Kind) -> None:
    """Red without `replicas`: the second is called durable.  Redis 7.0 cannot say so."""
    with ExitStack() as stack:
        options = ("--appendonly", "yes", "--repl-diskless-sync-delay", "0")
        master = stack.enter_context(server(kind, *options))
        place = f"127.0.0.1 {master.port}"
        replica = stack.enter_context(server(kind, "--replicaof", place, *options))
        up = b"master_link_status:up"
        assert wait_until(lambda: up in replica.say("INFO", "replication"))

        async def body() -> None:
            channel = f"session:{uuid.uuid4().hex}"
            async with workers(master.unix, replicas=1) as (worker,):
                first = await worker.broker.publish(channel, said(1), keeping=DURABLE)
                assert first.durable is (kind == "valkey")
                with replica.frozen():
                    second = await worker.broker.publish(channel, said(2), keeping=DURABLE)
                    assert not second.durable
                if kind == "redis":
                    return
                master.kill()
                replica.say("REPLICAOF", "NO", "ONE")
                worker.use(single(replica.unix))
                await worker.ready()
                stored = await worker.broker.history(channel, since=None, limit=-1)
                assert stored.publications[0].data == b"1"

        uvloop.run(body())


def test_another_server_proves_nothing(kind: Kind) -> None:
    """Red where `_answer` (disk.py) does not compare who was told with who answers."""

    async def body(one: Server, other: Server) -> None:
        async with workers(one.unix) as (worker,):
            worker.disk_valkey.use(single(other.unix))
            await worker.disk_valkey.ready(5.0)
            answer = await worker.broker.publish("session:x", said(1), keeping=DURABLE)
            assert not answer.durable

    with server(kind, *ALWAYS) as one, server(kind, *ALWAYS) as other:
        uvloop.run(body(one, other))


def test_a_disk_that_hangs_costs_its_deadline(own: Server) -> None:
    async def body() -> None:
        async with workers(own.unix) as (worker,):
            publication = worker.broker.publish("session:x", said(1), keeping=KEPT)
            assert (await publication).position.offset == 1
            worker.disk_valkey.close()
            begun = time.monotonic()
            answer = await worker.broker.publish("session:x", said(2), keeping=DURABLE)
            assert (answer.durable, answer.position.offset) == (False, 2)
            assert time.monotonic() - begun < 3.0

    uvloop.run(body())


def test_who_asks_first_is_waited_for_until_the_store_can_be_asked(kind: Kind) -> None:
    """The client for it is made when it is wanted first."""

    async def body(one: Server) -> bool:
        async with workers(one.unix) as (worker,):
            info = await worker.valkey.command(b"INFO", b"server", b"replication")
            late = worker._client(single(one.unix))
            try:
                return await Disk(lambda: late, died=worker.told.died).holds(b"a", identity(info))
            finally:
                late.close()

    with server(kind, *ALWAYS) as one:
        assert uvloop.run(body(one))
