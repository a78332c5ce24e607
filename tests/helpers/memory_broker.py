"""A store of channels in memory, with one order for all, and lines to workers that may fail."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from tta_gateway.features.realtime.broker import Away, Listener, Published, Stored
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Position, Publication

Event: TypeAlias = Callable[[Listener], None]


class MemoryStore:
    """What all workers share; `is_away`: nobody is answered."""

    def __init__(self) -> None:
        self.is_away = False
        self.epoch = 1
        self.kept: dict[str, list[Publication]] = defaultdict(list)
        self.tops: dict[str, int] = defaultdict(int)
        self.present: dict[str, dict[str, ClientInfo]] = defaultdict(dict)
        self.brokers: list[MemoryBroker] = []
        self.published: list[Publication] = []
        self._keys: dict[tuple[str, str], Position] = {}

    def begin_anew(self) -> None:
        """Lose all data: what follows is of another epoch."""
        self.epoch += 1
        self.kept.clear()
        self.tops.clear()
        self._keys.clear()

    def top(self, channel: str) -> Position:
        return Position(self.tops[channel], str(self.epoch))

    def put(self, channel: str, data: bytes, keeping: Keeping, key: str = "") -> Published:
        """Publish by way of nobody."""
        return self.add(channel, Publication(data), keeping, key)

    def add(self, channel: str, publication: Publication, keeping: Keeping, key: str) -> Published:
        self.published.append(publication)
        if key and (channel, key) in self._keys:
            return Published(self._keys[channel, key], repeated=True)
        if not keeping.is_on:
            if key:
                self._keys[channel, key] = Position()
            self.spread(channel, lambda to: to.published(channel, publication, Position()))
            return Published(Position())
        self.tops[channel] += 1
        top = self.top(channel)
        if key:
            self._keys[channel, key] = top
        numbered = replace(publication, offset=top.offset)
        kept = self.kept[channel]
        kept.append(numbered)
        del kept[: -keeping.size]
        self.spread(channel, lambda to: to.published(channel, numbered, top))
        return Published(top)

    def spread(self, channel: str, event: Event) -> None:
        for broker in self.brokers:
            broker.hear(channel, event)


class MemoryBroker:
    """One worker's way to the store; each answer takes `turns` turns of the loop.

    `lossy`: what is heard goes into `line`, and comes only by `deliver`, or not at all.
    """

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.listener: Listener | None = None
        self.followed: set[str] = set()
        self.line: list[Event] = []
        self.lossy = False
        self.turns = 1
        self.asked: list[str] = []
        store.brokers.append(self)

    def hear(self, channel: str, event: Event) -> None:
        if channel in self.followed:
            self.line.append(event)
            if not self.lossy:
                asyncio.get_running_loop().call_soon(self.deliver, 1)

    def deliver(self, count: int) -> None:
        """Let what waits in the line arrive."""
        assert self.listener is not None
        some = self.line[:count]
        del self.line[:count]
        for event in some:
            event(self.listener)

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        await self._answer("publish")
        return self.store.add(channel, publication, keeping, key)

    async def history(
        self, channel: str, *, since: Position | None, limit: int, reverse: bool = False
    ) -> Stored:
        await self._answer("history")
        kept = list(self.store.kept[channel])
        if since is not None and reverse:
            kept = [each for each in kept if each.offset < since.offset]
        elif since is not None:
            kept = [each for each in kept if each.offset > since.offset]
        if reverse:
            kept.reverse()
        told = Stored(kept if limit < 0 else kept[:limit], self.store.top(channel))
        await self._late()
        return told

    async def erase(self, channel: str) -> None:
        await self._answer("erase")
        for of in (self.store.kept, self.store.tops, self.store.present):
            of.pop(channel, None)

    async def follow(self, channel: str) -> None:
        await self._answer("follow")
        self.followed.add(channel)

    def leave(self, channel: str) -> None:
        self.followed.discard(channel)

    async def appear(self, channel: str, info: ClientInfo, *, seconds: int) -> None:
        await self._answer("appear")
        assert seconds > 0
        self.store.present[channel][info.client] = info

    async def vanish(self, channel: str, info: ClientInfo) -> None:
        await self._answer("vanish")
        self.store.present[channel].pop(info.client, None)

    async def present(self, channel: str) -> Sequence[ClientInfo]:
        await self._answer("present")
        return list(self.store.present[channel].values())

    async def announce(self, channel: str, info: ClientInfo, *, joined: bool) -> None:
        await self._answer("announce")
        if joined:
            self.store.spread(channel, lambda to: to.joined(channel, info))
        else:
            self.store.spread(channel, lambda to: to.left(channel, info))

    async def _answer(self, what: str) -> None:
        self.asked.append(what)
        await self._late()
        if self.store.is_away:
            raise Away("the store is away", may_be_done=False)

    async def _late(self) -> None:
        for _ in range(self.turns):
            await asyncio.sleep(0)
