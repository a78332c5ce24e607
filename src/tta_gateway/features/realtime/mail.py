"""Mail: what is published becomes letters too, in channels that ask for receipts.

A message is a letter for whomever its channel is about (`receipts: {to: …}`), and for those whom a
service names.  It is published first, then posted: where posting fails its sender hears so, and
what they send again under the same id is published no more, and posted if it was not: as it was
published, whatever they say the second time.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from tta_gateway.features.realtime.broker import Broker, Published, Stored
from tta_gateway.features.realtime.inbox import Inbox, Letter, Posted
from tta_gateway.features.realtime.kinds import Kinds
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Position, Publication
from tta_gateway.support.tasks import cause_of

CHANNEL: Final = "channel"
"""the tag of a letter that says in which channel it was published"""


@dataclass(frozen=True, slots=True)
class Boxes:
    """The inboxes of all, by two ways: `sure` waits for the disk."""

    plain: Inbox
    sure: Inbox


class Mail:
    """Posts letters."""

    def __init__(
        self,
        boxes: Boxes,
        *,
        kinds: Callable[[], Kinds],
        fresh: Callable[[], str],
        wall: Callable[[], float],
    ) -> None:
        """Post by the kinds that there are at the moment; `fresh` makes names that are new."""
        self._boxes: Final = boxes
        self._kinds: Final = kinds
        self._fresh: Final = fresh
        self._wall: Final = wall

    def takes(self, channel: str) -> bool:
        """Return whether what is published there becomes letters."""
        kind = self._kinds().find(channel)
        return kind is not None and kind.rule.receipts is not None

    async def copy(
        self,
        channel: str,
        publication: Publication,
        *,
        durable: bool,
        key: str = "",
        to: Collection[str] = (),
    ) -> Sequence[Posted]:
        """Post what was published to those whom it is for, if its channel asks for receipts."""
        kind = self._kinds().find(channel)
        receipts = None if kind is None else kind.rule.receipts
        if kind is None or receipts is None:
            return ()
        about = self._kinds().params(kind, channel).get(receipts.to, "")
        people = dict.fromkeys((about, *to) if about else to)
        tags = {**publication.tags, CHANNEL: channel}
        return await self.post(
            list(people),
            replace(publication, tags=tags),
            id=_digest(channel, key) if key else self._fresh(),
            seconds=receipts.seconds,
            durable=durable or receipts.durable,
        )

    async def post(
        self,
        users: Sequence[str],
        publication: Publication,
        *,
        id: str,
        seconds: float,
        durable: bool,
    ) -> Sequence[Posted]:
        """Post a letter to each of these; return what has become of them, in their order."""
        now = int(self._wall() * 1000)
        letter = Letter(id, replace(publication, time=now), now + int(seconds * 1000))
        inbox = self._boxes.sure if durable else self._boxes.plain
        try:
            async with asyncio.TaskGroup() as group:  # once one has failed the others end
                work = [group.create_task(inbox.post(user, letter)) for user in users]
        except ExceptionGroup as error:
            raise cause_of(error) from error
        return [one.result() for one in work]

    def name(self) -> str:
        """Return an id that no letter has."""
        return self._fresh()


async def record_of(broker: Broker, channel: str, at: Position) -> Publication | None:
    """Return what stands there in a channel, if it does still; Away."""
    if not at.offset:
        return None
    stored = await broker.history(channel, since=Position(at.offset - 1, at.epoch), limit=1)
    found = [one for one in stored.publications if one.offset == at.offset]
    if not found or stored.top.epoch != at.epoch:
        return None
    return replace(found[0], offset=0)


class Posting:
    """A Broker that has mail of what is published."""

    def __init__(self, broker: Broker, mail: Mail) -> None:
        """Publish by this one."""
        self._broker: Final = broker
        self._mail: Final = mail

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        """Publish and post it; it is durable if all of that is."""
        told = await self._broker.publish(channel, publication, keeping=keeping, key=key)
        if told.repeated and self._mail.takes(channel):
            publication = await record_of(self._broker, channel, told.position) or publication
        posted = await self._mail.copy(channel, publication, durable=keeping.durable, key=key)
        return replace(told, durable=told.durable and all(one.durable for one in posted))

    async def history(
        self, channel: str, *, since: Position | None, limit: int, reverse: bool = False
    ) -> Stored:
        """Return what is kept."""
        return await self._broker.history(channel, since=since, limit=limit, reverse=reverse)

    async def follow(self, channel: str) -> None:
        """Hear of a channel."""
        await self._broker.follow(channel)

    def leave(self, channel: str) -> None:
        """Hear no more of it."""
        self._broker.leave(channel)

    async def appear(self, channel: str, info: ClientInfo, *, seconds: int) -> None:
        """Say that somebody is there."""
        await self._broker.appear(channel, info, seconds=seconds)

    async def vanish(self, channel: str, info: ClientInfo) -> None:
        """Say that they have left."""
        await self._broker.vanish(channel, info)

    async def present(self, channel: str) -> Sequence[ClientInfo]:
        """Return who is there."""
        return await self._broker.present(channel)

    async def announce(self, channel: str, info: ClientInfo, *, joined: bool) -> None:
        """Tell that somebody came or left."""
        await self._broker.announce(channel, info, joined=joined)


def _digest(channel: str, key: str) -> str:
    """Return the id of the letter of a message that has an id of its own: the same each time."""
    return blake2b(f"{channel}\0{key}".encode(), digest_size=16).hexdigest()
