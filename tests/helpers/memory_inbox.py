"""Inboxes in memory: a box for each user, whose letters go over a store of channels in memory."""

from collections.abc import Sequence
from dataclasses import replace

from tests.helpers.memory_broker import MemoryStore
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.inbox import (
    PAGE,
    TAG,
    Box,
    DeadPage,
    Letter,
    Mourners,
    Outcome,
    Page,
    Posted,
    channel_of,
)
from tta_gateway.features.realtime.mail import Boxes
from tta_gateway.features.realtime.publication import Position, Publication


class MemoryInbox:
    """An Inbox; `now` is milliseconds, and only a test moves it."""

    def __init__(self, store: MemoryStore, *, durable: bool = False) -> None:
        self.store = store
        self.durable = durable
        self.now = 0
        self.boxes: dict[str, Box] = {}
        self.steps = 0
        """how often receipts were taken"""

    def both(self) -> Boxes:
        """This one by either way."""
        return Boxes(self, self)

    async def post(self, user: str, letter: Letter) -> Posted:
        box, channel = self._box(user), channel_of(user)
        tags = {**letter.publication.tags, TAG: letter.id}
        tagged = replace(letter, publication=replace(letter.publication, tags=tags))
        reaches = any(channel in one.followed for one in self.store.brokers)
        outcome = box.post(tagged, self.now, reaches=reaches)
        if outcome is Outcome.NEW:
            self._send(channel, tagged.publication)
        return Posted(outcome, self.durable)

    async def drain(self, user: str, after: int = 0) -> Page:
        return self._box(user).drain(self.now, after)

    async def acknowledge(self, user: str, id: str) -> bool:
        return (await self.acknowledge_all(user, [id]))[0]

    async def acknowledge_all(self, user: str, ids: Sequence[str]) -> Sequence[bool]:
        self.steps += 1
        box = self._box(user)
        return [box.acknowledge(id, self.now) for id in ids]

    async def redeliver(self, user: str) -> int:
        box = self._box(user)
        for one in box.redeliver(self.now):
            self._send(channel_of(user), one)
        due = box.next_due()
        return due - self.now if due >= 0 else due

    async def sweep(self) -> int:
        return sum(self._box(user).expire(self.now) for user in self.boxes)

    async def dead(self, user: str, *, skip: int = 0, limit: int = PAGE) -> DeadPage:
        box = self._box(user)
        box.expire(self.now)
        found = list(box.graves.values())
        return DeadPage(found[skip : skip + limit], len(found))

    async def mourners(self, limit: int, after: str = "") -> Mourners:
        self._look()
        first = int(after.partition(".")[2] or "0")
        found = sorted(user for user, box in self.boxes.items() if box.graves)
        rest = found[first:]
        return Mourners(rest[:limit], f"0.{first + limit}" if len(rest) > limit else "")

    async def count(self) -> int:
        self._look()
        return sum(len(box.graves) for box in self.boxes.values())

    async def forget(self, user: str, id: str) -> bool:
        return self._box(user).forget(id)

    async def erase(self, user: str) -> None:
        self._look()
        self.boxes.pop(user, None)

    def _box(self, user: str) -> Box:
        self._look()
        return self.boxes.setdefault(user, Box())

    def _look(self) -> None:
        if self.store.is_away:
            raise Away("the store is away", may_be_done=False)

    def _send(self, channel: str, publication: Publication) -> None:
        self.store.spread(channel, lambda to: to.published(channel, publication, Position()))
