"""A worker's end of the channels, on a real server, and readers who follow them."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from tests.helpers.valkey_client import Told, way
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.errands import Fork
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication
from tta_gateway.features.realtime.reading import Reading
from tta_gateway.features.realtime.valkey_broker import ValkeyBroker
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.subscriber import Subscriber
from tta_gateway.support.valkey.topology import Address, Login, Topology, single

VAULT: Final = Vault(Ring([bytes(range(32))]))
"""what all workers of tests seal with"""


class Heard:
    """A listener that keeps what it hears, and passes publications on to readers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.of: dict[str, list[tuple[Publication, Position]]] = {}
        self.readers: dict[str, list[Reader]] = {}
        self.losses = 0

    def has(self, channel: str, count: int) -> bool:
        """Whether so many publications of a channel have come."""
        return len(self.of.get(channel, ())) == count

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        self.of.setdefault(channel, []).append((publication, top))
        self.said.append(f"{channel}: {publication.data.decode()} {top.offset}")
        for reader in self.readers.get(channel, ()):
            reader.take(publication, top)

    def joined(self, channel: str, info: ClientInfo) -> None:
        self.said.append(f"{channel}: {info.user} {info.client} joined")

    def left(self, channel: str, info: ClientInfo) -> None:
        self.said.append(f"{channel}: {info.user} {info.client} left")

    def lost(self) -> None:
        self.losses += 1
        for reader in [one for some in self.readers.values() for one in some]:
            reader.lose()


class Worker:
    """A client, a client for the disk, a subscriber and the broker over them."""

    def __init__(self, where: Address | Topology, *, replicas: int = 0, database: int = 0) -> None:
        self._login = Login(database=database)
        topology = single(where) if isinstance(where, Address) else where
        self.told = Told()
        self.heard = Heard()
        self.fork = Fork(self.heard)
        self.refused: list[str] = []
        self.valkey = self._client(topology)
        self.disk_valkey = self._client(topology)
        self.broker = ValkeyBroker(
            lambda: self.valkey,
            disk=Disk(lambda: self.disk_valkey, died=self.told.died, replicas=replicas),
            listener=self.fork,
            fresh=lambda: uuid.uuid4().hex[:12],
            tell=self.told.event,
            database=database,
        )
        self.subscriber = Subscriber(
            topology,
            way=way(self.told, self._login),
            name="channels",
            tell=self.told.event,
            listener=self.broker.following,
        )
        self.broker.following.use(self.subscriber)
        self.broker.vault = lambda: VAULT

    def _client(self, topology: Topology) -> Valkey:
        return Valkey(
            topology,
            way=way(self.told, self._login),
            name="state",
            tell=self.told.event,
            stale=self.told.stale.append,
            timeout=2.0,
        )

    def use(self, topology: Topology) -> None:
        """Ask others from now on."""
        for one in (self.valkey, self.disk_valkey, self.subscriber):
            one.use(topology)

    async def ready(self) -> None:
        """Wait until everything is connected."""
        await self.valkey.ready(5.0)
        await self.disk_valkey.ready(5.0)
        await until(lambda: self.subscriber.is_open)

    def close(self) -> None:
        """Let go."""
        for one in (self.valkey, self.disk_valkey, self.subscriber):
            one.close()


@asynccontextmanager
async def workers(
    where: Address | Topology, count: int = 1, *, replicas: int = 0, database: int = 0
) -> AsyncIterator[list[Worker]]:
    """So many workers, connected."""
    made = [Worker(where, replicas=replicas, database=database) for _ in range(count)]
    try:
        for one in made:
            await one.ready()
        yield made
    finally:
        for one in made:
            one.close()
    assert [one.told.deaths for one in made] == [[] for _ in made]


class Reader:
    """Somebody who follows a channel, and fills gaps from history, as the hub does.

    `seen` has what he was given: by epoch, for `(epoch, first offset)` at which he began.
    """

    def __init__(self, worker: Worker, channel: str) -> None:
        self.worker = worker
        self.channel = channel
        self.seen: dict[str, list[Publication]] = {}
        self.begun: dict[str, list[int]] = {}  # offsets at which he had to begin anew
        self.unrecovered = 0
        self._reading: Reading | None = None
        self._behind = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Follow from the beginning of what is kept."""
        self.worker.heard.readers.setdefault(self.channel, []).append(self)
        await self.worker.broker.follow(self.channel)
        stored = await self.worker.broker.history(self.channel, since=None, limit=0)
        self._begin(stored.top)
        self._task = asyncio.create_task(self._fill())

    def stop(self) -> None:
        """Follow no more."""
        assert self._task is not None
        self._task.cancel()
        self.worker.heard.readers[self.channel].remove(self)

    async def leave(self, seconds: float) -> None:
        """Be away for a while, and come back to where he stood."""
        readers = self.worker.heard.readers[self.channel]
        readers.remove(self)
        if not readers:
            self.worker.broker.leave(self.channel)
        await asyncio.sleep(seconds)
        readers.append(self)
        while True:
            with suppress(Away):
                await self.worker.broker.follow(self.channel)
                break
            await asyncio.sleep(0.02)
        self.lose()

    def take(self, publication: Publication, top: Position) -> None:
        """Take what came live."""
        if self._reading is not None:
            self._give(self._reading.heard(publication, top))

    def lose(self) -> None:
        """Take note that something may be missing."""
        if self._reading is not None:
            self._reading.lost()
            self._behind.set()

    @property
    def position(self) -> Position:
        """Where he stands."""
        assert self._reading is not None
        return self._reading.position

    @property
    def is_behind(self) -> bool:
        """Whether he waits for history."""
        return self._reading is None or self._reading.is_behind

    def _begin(self, top: Position) -> None:
        if self._reading is None:
            self._reading = Reading(top)
        self.begun.setdefault(top.epoch, []).append(top.offset)
        self._give(self._reading.begin(top))

    def _give(self, publications: list[Publication]) -> None:
        reading = self._reading
        assert reading is not None
        self.seen.setdefault(reading.position.epoch, []).extend(publications)
        if reading.is_behind:
            self._behind.set()

    async def _fill(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):  # the hub's look every 40 s, in a test
                    await self._behind.wait()
            self._behind.clear()
            reading = self._reading
            assert reading is not None
            try:
                stored = await self.worker.broker.history(
                    self.channel, since=reading.position, limit=300
                )
            except Away:
                reading.lost()
                await asyncio.sleep(0.02)
                self._behind.set()
                continue
            given = reading.caught_up(stored)
            if given is None:
                self.unrecovered += 1
                self._begin(stored.top)
            else:
                self._give(given)

    def check(self) -> None:
        """What holds always: offsets follow on, but where he was told that he had to begin anew."""
        for epoch, publications in self.seen.items():
            begun = sorted(self.begun[epoch])
            expected = begun.pop(0) + 1
            for publication in publications:
                while publication.offset != expected and begun:
                    expected = begun.pop(0) + 1
                assert publication.offset == expected, (epoch, publication, self.begun)
                expected += 1


async def until(is_true: Callable[[], bool], patience: float = 5.0) -> None:
    """Wait for something."""
    end = time.monotonic() + patience
    while not is_true():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)
