"""That nothing of a person who is erased is left in the store, on real servers."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop

from tests.helpers.channels import Worker, until, workers
from tests.helpers.fake_clock import FakeClock
from tests.helpers.valkey_client import Told
from tests.helpers.valkey_cluster import cluster, topology
from tests.helpers.valkey_server import BOTH, Server
from tests.unit.node.test_tether_nodes import a_parcel
from tta_gateway.features.realtime.bound import ChannelRule, Receipts
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.inbox import Letter, Outcome
from tta_gateway.features.realtime.publication import (
    ERASED,
    ClientInfo,
    Keeping,
    Publication,
    key_of_person,
)
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.kernel.principal import Principal
from tta_gateway.node.forgetting import SETTLED, Done, Forgetting
from tta_gateway.node.tether_nodes import TetherNodes
from tta_gateway.support.crypto.forest import kept, opened, without
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.valkey.client import Valkey

pytestmark = pytest.mark.redis
KEPT = Keeping(size=100, seconds=600)
FAR = 4_000_000_000_000  # milliseconds
RULES = (
    ChannelRule(prefix="user:", parameter="id", receipts=Receipts(to="id", seconds=60.0)),
    ChannelRule(prefix="team:", parameter="id"),
)


class Keys:
    """Keys of people, which the store does not have."""

    def __init__(self) -> None:
        self.ring = Ring([bytes(range(32))])
        self.wrapped = kept(self.ring, None, now=0.0)
        self.done: set[str] = set()
        self.vault = self._vault()

    async def erase(self, subject: str, *, id: str) -> None:
        if id not in self.done:
            self.done.add(id)
            name = key_of_person(subject)
            self.wrapped = without(self.ring, self.wrapped, name=name, now=1.0)
            self.vault = self._vault()

    def _vault(self) -> Vault:
        forest = opened(self.ring, self.wrapped)
        return Vault(self.ring, forest=forest, seals=forest.sealing(before=0.0))


class Node:
    """A node that forgets people."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.clock = worker, FakeClock()
        self.inbox = ValkeyInbox(lambda: worker.valkey, wall=lambda: 1_800_000_000.0)
        self.keys = Keys()
        self.inbox.vault = worker.broker.vault = lambda: self.keys.vault
        worker.broker.about = _about
        self.forgetting = Forgetting(
            Done(lambda: worker.valkey),
            self.keys,
            self.inbox,
            worker.broker,
            rules=lambda: RULES,
            has_store=lambda: True,
            is_own=lambda: True,
            monotonic=self.clock.monotonic,
        )

    async def write(self, person: str) -> None:
        """Write to somebody in every way, so that all kinds of keys are there."""
        broker, told = self.worker.broker, Told()
        info = ClientInfo(person, "c1")
        for channel in (f"user:{person}", f"team:{person}"):
            for number in range(3):
                said = Publication(b"%d" % number, info=info)
                await broker.publish(channel, said, keeping=KEPT, key=f"k{number}")
            await broker.appear(channel, info, seconds=60)
        for id, expires in (("waits", FAR), ("read", FAR), ("dead", 1)):
            await self.inbox.post(person, Letter(id, Publication(b"1", info=info), expires))
        await self.inbox.acknowledge(person, "read")
        nodes = TetherNodes(
            broker,
            worker=uuid.uuid4().hex,
            give=lambda *_: False,
            clock=self.clock.monotonic,
            tell=told.event,
            died=told.died,
        )
        is_down: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        whose = Principal(subject=person, issuer="clinic", session="s")
        nodes.put_down(a_parcel(uuid.uuid4().hex, principal=whose), is_down.set_result)
        assert await is_down

    async def forget(self, person: str, id: str) -> bool:
        return await self.forgetting.forget(f"clinic/{person}", id=id)

    async def forget_for_good(self, person: str, id: str) -> None:
        """Do so behind the time that it takes all nodes, once the server has time for its log."""
        self.clock.advance(SETTLED)
        is_done = False
        while not is_done:
            with suppress(Away):
                is_done = await self.forget(person, id)
            await asyncio.sleep(0.01)


async def keys(valkey: Valkey, name: str) -> set[str]:
    """Those whose name, or what they hold, has this in it."""
    found = await valkey.command("KEYS", "*")
    assert isinstance(found, list)
    names = [one for one in found if isinstance(one, bytes)]
    held = {one: repr([await _held(valkey, one)]) for one in names}
    return {one.decode() for one in names if name in one.decode() or name in held[one]}


async def _held(valkey: Valkey, key: bytes) -> object:
    words = {b"hash": ("HGETALL",), b"stream": ("XRANGE", "-", "+"), b"zset": ("ZRANGE", 0, -1)}
    kind = await valkey.command("TYPE", key)
    word, *rest = words.get(kind if isinstance(kind, bytes) else str(kind).encode(), ("GET",))
    return await valkey.command(word, key, *rest)


def _about(channel: str) -> str:
    """Whom the rules say that a channel is about."""
    return channel.removeprefix("user:") if channel.startswith("user:") else ""


async def dumped(valkey: Valkey) -> dict[bytes, bytes]:
    """A copy of all that the server keeps."""
    found = await valkey.command("KEYS", "*")
    assert isinstance(found, list)
    copied = {}
    for one in found:
        assert isinstance(one, bytes)
        said = await valkey.command("DUMP", one)
        assert isinstance(said, bytes)
        copied[one] = said
    return copied


# As patterns could be, and as cannot stand in names of keys.
NAMES = ("ada", "*[a-z]?\\", " } { %")


@pytest.mark.parametrize("like", NAMES)
def test_nothing_of_theirs_is_left_and_all_of_others_is(shared: Server, like: str) -> None:
    """Red without `erase` in either store, and, for known keys, without SCAN."""

    async def body() -> None:
        mark = uuid.uuid4().hex
        ada, ben = f"{mark}{like}", f"{mark}ben"
        async with workers(shared.unix) as (worker,):
            node, valkey = Node(worker), worker.valkey

            async def of_ada() -> set[str]:
                found = await keys(valkey, mark) - await keys(valkey, ben)
                return {one for one in found if not one.startswith("{tta:channel:team:")}

            dead, id = await node.inbox.count(), uuid.uuid4().hex
            await node.write(ada)
            await node.write(ben)
            theirs = await keys(valkey, ben)
            assert len(await of_ada()) >= 14
            assert await node.inbox.count() == dead + 2
            assert not await node.forget(ada, id)
            await node.forget_for_good(ada, id)
            assert await of_ada() == set()
            assert await keys(valkey, ben) == theirs
            assert await node.inbox.count() == dead + 1
            assert ada not in (await node.inbox.mourners(10_000)).users
            assert (await node.inbox.drain(ada)).letters == []
            assert len((await node.inbox.drain(ben)).letters) == 1
            told = await worker.broker.publish(
                f"user:{ada}", Publication(b"1"), keeping=KEPT, key="k1"
            )
            assert (told.position.offset, told.repeated) == (1, False)
            posted = await node.inbox.post(ada, Letter("read", Publication(b"1"), FAR))
            assert posted.outcome is Outcome.NEW

    uvloop.run(body())


Said = tuple[bytes, dict[str, str]]
GONE: Said = (b"null", {ERASED: "true"})


async def history(worker: Worker, channel: str) -> list[Said]:
    """What a channel tells of all that was said there."""
    stored = await worker.broker.history(channel, since=None, limit=-1)
    return [(one.data, one.tags) for one in stored.publications]


async def brought_back(node: Node, ada: str, ben: str) -> dict[bytes, bytes]:
    """Have them write, erase one, and bring the store back as it was before; return what was."""
    broker, valkey = node.worker.broker, node.worker.valkey
    for person in (ada, ben):
        await node.write(person)
        both = Publication(b'"both"', info=ClientInfo(person, "c"))
        await broker.publish("team:both", both, keeping=KEPT)
        about = Publication(b"1")  # a service says it
        await broker.publish(f"user:{person}", about, keeping=KEPT)
    copy = await dumped(valkey)
    await node.forget(ada, "e1")
    await node.forget_for_good(ada, "e1")
    await valkey.command("FLUSHALL")
    for name, said in copy.items():
        await valkey.command("RESTORE", name, 0, said)
    return copy


def test_no_copy_of_the_store_that_was_made_before_can_be_read(own: Server) -> None:
    """Red where `whose` is left out in valkey_broker.py, valkey_inbox.py, or `info` of a parcel."""

    async def body() -> None:
        ada, ben = "ada" + uuid.uuid4().hex, "ben" + uuid.uuid4().hex
        async with workers(own.unix) as (worker,):
            node = Node(worker)
            copy = await brought_back(node, ada, ben)
            assert await history(worker, f"user:{ada}") == [GONE] * 4
            assert await history(worker, f"team:{ada}") == [GONE] * 3
            assert await history(worker, "team:both") == [GONE, (b'"both"', {})]
            assert len(await history(worker, f"team:{ben}")) == 3
            assert GONE not in await history(worker, f"user:{ben}")
            inbox = node.inbox
            found = [len((await inbox.drain(one)).letters) for one in (ada, ben)]
            assert found == [0, 1]
            assert [len((await inbox.dead(one)).letters) for one in (ada, ben)] == [0, 1]
            cards = {one for one in copy if b"!tether:" in one and one.endswith(b"stream")}
            names = [one.split(b"tta:channel:")[1].split(b"}")[0].decode() for one in cards]
            # Hers is a gap, his is there.
            assert sorted([len(await history(worker, one)) for one in names]) == [0, 1]

    uvloop.run(body())


def test_no_tether_of_theirs_is_left(shared: Server) -> None:
    async def body() -> None:
        person, mark = f"ada{uuid.uuid4().hex}", uuid.uuid4().hex
        async with workers(shared.unix) as (worker,):
            shared.say("FLUSHALL")
            node, valkey = Node(worker), worker.valkey
            await node.write(person)
            assert {one[:16] for one in await keys(valkey, "!tether:")} == {"{tta:channel:!te"}
            await node.forget(person, mark)
            assert await keys(valkey, "!tether:") == set()
            await node.forget_for_good(person, mark)
            assert await keys(valkey, "!tether") == set()

    uvloop.run(body())


def test_who_follows_a_channel_hears_that_it_begins_anew(shared: Server) -> None:
    async def body() -> None:
        channel = f"user:{uuid.uuid4().hex}"
        async with workers(shared.unix, 2) as (one, other):
            await other.broker.follow(channel)
            await one.broker.publish(channel, Publication(b"1"), keeping=KEPT)
            before = (await other.broker.history(channel, since=None, limit=0)).top
            await one.broker.erase(channel)
            await one.broker.publish(channel, Publication(b"2"), keeping=KEPT)
            await until(lambda: other.heard.has(channel, 2))
            _, top = other.heard.of[channel][-1]
            assert top.offset == 1
            assert top.epoch != before.epoch

    uvloop.run(body())


def test_a_server_that_is_gone_is_rid_of_it_once_it_is_back(own: Server) -> None:
    """What it had on disk comes back with it."""

    async def body() -> None:
        person = uuid.uuid4().hex
        async with workers(own.unix) as (worker,):
            node = Node(worker)
            await node.write(person)
            own.say("CONFIG", "SET", "appendfsync", "always")
            await node.inbox.post(person, Letter("last", Publication(b"1"), FAR))
            own.kill()
            for _ in range(2):
                with pytest.raises(Away):
                    await node.forget(person, "e1")
            node.clock.advance(SETTLED)
            own.start_again()
            await worker.ready()
            assert len((await node.inbox.drain(person)).letters) == 2
            assert not await node.forget(person, "e1")
            assert (await node.inbox.drain(person)).letters == []
            await node.forget_for_good(person, "e1")
            await node.write(person)
            assert await node.forget(person, "e1")
            assert len((await node.inbox.drain(person)).letters) == 1

    uvloop.run(body())


def test_the_log_of_the_server_holds_nothing_of_theirs_either(own: Server) -> None:
    """Red without `rewrite`."""

    def is_in_log(person: str) -> bool:
        files = [one for one in own.folder.rglob("*.aof*") if one.is_file()]
        return any(person.encode() in _read(one) for one in files)

    async def body() -> None:
        ada, ben = uuid.uuid4().hex, uuid.uuid4().hex
        async with workers(own.unix) as (worker,):
            node = Node(worker)
            for person in (ada, ben):
                await node.inbox.post(person, Letter("a", Publication(b"1"), FAR))
            await until(lambda: is_in_log(ada))
            await node.forget(ada, "e1")
            await node.forget_for_good(ada, "e1")
            await until(lambda: not is_in_log(ada), 20.0)
            assert is_in_log(ben)

    uvloop.run(body())


def _read(file: Path) -> bytes:
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return b""


@pytest.fixture(scope="module", params=BOTH)
def nodes(request: pytest.FixtureRequest) -> Iterator[list[Server]]:
    """Three masters, a third of the slots each."""
    with cluster(request.param) as made:
        yield made


def test_so_it_is_in_a_cluster(nodes: list[Server]) -> None:
    async def body() -> None:
        people = [uuid.uuid4().hex for _ in range(6)]
        async with workers(topology(nodes)) as (worker,):
            node = Node(worker)
            for person in people:
                await node.write(person)
            for person in people[1:]:
                await node.forget(person, person)
            for person in people[1:]:
                assert (await node.inbox.drain(person)).letters == []
                stored = await worker.broker.history(f"user:{person}", since=None, limit=-1)
                assert stored.publications == []
                told = await worker.broker.publish(
                    f"user:{person}", Publication(b"1"), keeping=KEPT, key="k1"
                )
                assert not told.repeated
            assert len((await node.inbox.drain(people[0])).letters) == 1

    uvloop.run(body())
