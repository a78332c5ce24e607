"""The API of services: they publish, and ask what is there (Centrifugo's HTTP API)."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Protocol, TypeAlias

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tta_gateway.features.realtime.broker import Away, Broker
from tta_gateway.features.realtime.codes import (
    BAD_REQUEST,
    FORCE_NO_RECONNECT,
    INTERNAL,
    LONGEST_REASON,
    METHOD_NOT_FOUND,
    NOT_AVAILABLE,
    UNKNOWN_CHANNEL,
    UNRECOVERABLE_POSITION,
    UNSUBSCRIBED,
    Refused,
)
from tta_gateway.features.realtime.errand import Disconnect, Order, Unsubscribe
from tta_gateway.features.realtime.inbox import Outcome, Posted
from tta_gateway.features.realtime.kinds import Kind, Kinds
from tta_gateway.features.realtime.mail import record_of
from tta_gateway.features.realtime.publication import (
    LARGEST_TAGS,
    ClientInfo,
    Keeping,
    Position,
    Publication,
    key_of_service,
    size_of,
)

Answer: TypeAlias = dict[str, Any]
MOST: Final = 1000
"""how many publications an answer has, and how many channels or commands a request"""
LARGEST: Final = 64 * 1024
"""bytes of a letter"""
LONGEST: Final = 30 * 24 * 3600
"""seconds that one may wait"""
User: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]
_NOTHING_KEPT: Final = Keeping()
_PUBLISHED_AT_ONCE: Final = 32  # of a broadcast: of 64 KiB, 2 MiB of the store's queue
_DEAD: Final = frozenset((Outcome.CROWDED, Outcome.EXPIRED))


class Out(Exception):
    """It cannot be done, for this reason."""

    def __init__(self, refused: Refused) -> None:
        """Keep why."""
        super().__init__(refused.message)
        self.refused = refused


class _Call(BaseModel):
    """What a service asks; members of Centrifugo's that say nothing here are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class PublishCall(_Call):
    """Publish in a channel.

    `to` is of ours: users for whom it is a letter too, where the channel asks for receipts.
    """

    channel: str
    data: Any
    tags: dict[str, str] = Field(default_factory=dict)
    skip_history: bool = False
    idempotency_key: Annotated[str, Field(max_length=128)] = ""
    to: Annotated[list[User], Field(max_length=MOST)] = []


class PostCall(_Call):
    """Post a letter to users: each is given it until they acknowledge it, or its time is over.

    This call is of ours.  With an `id` that a user has had it is not posted to them again.
    """

    users: Annotated[list[User], Field(min_length=1, max_length=MOST)]
    data: Any
    id: Annotated[str, Field(max_length=128)] = ""
    tags: dict[str, str] = Field(default_factory=dict)
    seconds: Annotated[float, Field(ge=1, le=LONGEST)] | None = None


class BroadcastCall(_Call):
    """Publish the same in many channels."""

    channels: Annotated[list[str], Field(max_length=MOST)]
    data: Any
    tags: dict[str, str] = Field(default_factory=dict)
    skip_history: bool = False
    idempotency_key: Annotated[str, Field(max_length=128)] = ""


class ChannelCall(_Call):
    """Ask about a channel."""

    channel: str


class Since(_Call):
    """A position."""

    offset: Annotated[int, Field(ge=0, lt=2**63)] = 0
    epoch: str = ""


class HistoryCall(_Call):
    """Ask what was published in a channel."""

    channel: str
    limit: Annotated[int, Field(ge=-1)] = 0
    since: Since | None = None
    reverse: bool = False


class DisconnectCall(_Call):
    """End the connections of somebody: all, one, or all but some."""

    user: str
    client: str = ""
    whitelist: Annotated[list[str], Field(max_length=1)] = []
    disconnect: "Ending | None" = None


class Ending(_Call):
    """How a connection is told its end."""

    code: Annotated[int, Field(ge=3000, le=4999)] = FORCE_NO_RECONNECT.code
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = FORCE_NO_RECONNECT.reason


class UnsubscribeCall(_Call):
    """Have somebody read a channel no longer, by all their connections or by one."""

    user: str
    channel: str
    client: str = ""


class Batch(_Call):
    """Run several, each an object of one member: its name, and what it is asked."""

    commands: Annotated[list[dict[str, Any]], Field(max_length=MOST)]
    parallel: bool = False


class Clock(Protocol):
    """Tells the time of day."""

    def wall(self) -> float:
        """Return it, in seconds of the epoch."""


class Orders(Protocol):
    """Has every worker of every node do something."""

    async def order(self, order: Order) -> None:
        """Have it done; Away."""


class Post(Protocol):
    """Posts letters, where there are inboxes."""

    def is_open(self) -> bool:
        """Return whether there are any."""

    async def copy(
        self,
        channel: str,
        publication: Publication,
        *,
        durable: bool,
        key: str = "",
        to: Collection[str] = (),
    ) -> Sequence[Posted]:
        """Post what was published, if its channel asks for receipts; Away."""

    async def post(
        self, users: Sequence[str], publication: Publication, *, id: str, seconds: float | None
    ) -> tuple[str, Sequence[Posted]]:
        """Post a letter to each of these; return its id, and what has become of it; Away."""


Shown: TypeAlias = Callable[[Kind | None, str, bytes], Awaitable[bytes]]
"""Returns what is shown of what a service says: in a channel of a kind, or in a letter (None)."""


async def _as_it_is(kind: Kind | None, channel: str, data: bytes) -> bytes:  # noqa: ARG001 - a port
    """Show all of it."""
    return data


class ServerApi:
    """Does them."""

    def __init__(
        self,
        kinds: Callable[[], Kinds],
        broker: Broker,
        orders: Orders,
        clock: Clock,
        *,
        post: Post,
    ) -> None:
        """Publish by the kinds that there are at the moment."""
        self.shown: Shown = _as_it_is
        """what services say, as far as it may be shown"""
        self._kinds = kinds
        self._broker = broker
        self._orders = orders
        self._clock = clock
        self._post = post

    async def run(self, name: str, body: Mapping[str, Any]) -> Answer:
        """Run one; what is wrong is told as Centrifugo tells it, in the answer."""
        found = CALLS.get(name)
        if found is None:
            return failed(METHOD_NOT_FOUND)
        kind, work = found
        try:
            return {"result": await work(self, kind.model_validate(body, strict=True))}
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            return failed(BAD_REQUEST, f"{BAD_REQUEST.message}: {place}: {first['msg']}")
        except Out as error:
            return failed(error.refused)
        except Away:
            return failed(INTERNAL, "the store is away: send it again")

    async def publish(self, call: PublishCall) -> Answer:
        """Publish in a channel."""
        kind = self._kind(call.channel)
        if call.to and kind.rule.receipts is None:
            raise Out(Refused(BAD_REQUEST.code, "`to`: the channel asks for no receipts"))
        made = self._made(call.data, call.tags, kind.rule.largest)
        made = replace(made, data=await self.shown(kind, call.channel, made.data))
        keeping = _NOTHING_KEPT if call.skip_history else kind.keeping
        key = key_of_service(call.idempotency_key)
        told = await self._broker.publish(call.channel, made, keeping=keeping, key=key)
        if told.repeated and kind.rule.receipts is not None:
            made = await record_of(self._broker, call.channel, told.position) or made
        posted = await self._post.copy(
            call.channel, made, durable=keeping.durable, key=key, to=call.to
        )
        answer: Answer = {}
        if told.position.offset:
            answer = {"offset": told.position.offset, "epoch": told.position.epoch}
        if keeping.durable:
            answer["durable"] = told.durable and all(one.durable for one in posted)
        dead = sum(one.outcome in _DEAD for one in posted)
        return {**answer, "dead": dead} if dead else answer

    async def post(self, call: PostCall) -> Answer:
        """Post a letter; what has become of it is told for each user, in their order."""
        if not self._post.is_open():
            raise Out(NOT_AVAILABLE)
        made = self._made(call.data, call.tags, LARGEST)
        made = replace(made, data=await self.shown(None, "", made.data))
        users = list(dict.fromkeys(call.users))
        id, posted = await self._post.post(users, made, id=call.id, seconds=call.seconds)
        letters = [
            {"user": user, "outcome": one.outcome.value, "durable": one.durable}
            for user, one in zip(users, posted, strict=True)
        ]
        return {"id": id, "letters": letters}

    async def broadcast(self, call: BroadcastCall) -> Answer:
        """Publish the same in many channels; each has an answer of its own, in their order."""
        beside = call.model_dump(exclude={"channels"})
        few = asyncio.Semaphore(_PUBLISHED_AT_ONCE)

        async def published(channel: str) -> Answer:
            async with few:  # not all of them in the store's queue
                return await self.run("publish", {**beside, "channel": channel})

        return {"responses": await asyncio.gather(*map(published, call.channels))}

    async def presence(self, call: ChannelCall) -> Answer:
        """Return who is in a channel."""
        self._present(call.channel)
        found = await self._broker.present(call.channel)
        return {"presence": {one.client: shown(one) for one in found}}

    async def presence_stats(self, call: ChannelCall) -> Answer:
        """Return how many are in a channel."""
        self._present(call.channel)
        found = await self._broker.present(call.channel)
        return {"num_clients": len(found), "num_users": len({one.user for one in found})}

    async def history(self, call: HistoryCall) -> Answer:
        """Return what a channel keeps, or only where it stands (`limit` 0)."""
        kind = self._kind(call.channel)
        if not kind.keeping.is_on:
            raise Out(NOT_AVAILABLE)
        since = call.since
        position = None if since is None else Position(since.offset, since.epoch)
        limit = MOST if call.limit < 0 else min(call.limit, MOST)
        found = await self._broker.history(
            call.channel, since=position, limit=limit, reverse=call.reverse
        )
        if position is not None and position.epoch not in ("", found.top.epoch):
            raise Out(UNRECOVERABLE_POSITION)
        return {
            "publications": [told(one) for one in found.publications],
            "offset": found.top.offset,
            "epoch": found.top.epoch,
        }

    async def disconnect(self, call: DisconnectCall) -> Answer:
        """End the connections of somebody, at every worker of every node."""
        ending = call.disconnect or Ending()
        but = call.whitelist[0] if call.whitelist else ""
        await self._orders.order(
            Disconnect(call.user, ending.code, ending.reason, client=call.client, but=but)
        )
        return {}

    async def unsubscribe(self, call: UnsubscribeCall) -> Answer:
        """Have somebody read a channel no longer, at every worker of every node."""
        self._kind(call.channel)
        why = UNSUBSCRIBED
        await self._orders.order(
            Unsubscribe(call.user, call.channel, why.code, why.reason, client=call.client)
        )
        return {}

    def _made(self, said: object, tags: dict[str, str], largest: int) -> Publication:
        data = msgspec.json.encode(said)
        if len(data) > largest:
            raise Out(Refused(BAD_REQUEST.code, f"more than {largest} bytes"))
        if size_of(tags) > LARGEST_TAGS:
            raise Out(Refused(BAD_REQUEST.code, f"`tags`: more than {LARGEST_TAGS} bytes"))
        return Publication(data, tags=tags, time=int(self._clock.wall() * 1000))

    def _kind(self, channel: str) -> Kind:
        found = self._kinds().find(channel)
        if found is None:
            raise Out(UNKNOWN_CHANNEL)
        return found

    def _present(self, channel: str) -> None:
        if self._kind(channel).rule.presence is None:
            raise Out(NOT_AVAILABLE)


Work: TypeAlias = Callable[[ServerApi, Any], Awaitable[Answer]]
CALLS: Final[Mapping[str, tuple[type[_Call], Work]]] = {
    "publish": (PublishCall, ServerApi.publish),
    "post": (PostCall, ServerApi.post),
    "broadcast": (BroadcastCall, ServerApi.broadcast),
    "presence": (ChannelCall, ServerApi.presence),
    "presence_stats": (ChannelCall, ServerApi.presence_stats),
    "history": (HistoryCall, ServerApi.history),
    "disconnect": (DisconnectCall, ServerApi.disconnect),
    "unsubscribe": (UnsubscribeCall, ServerApi.unsubscribe),
}


def failed(refused: Refused, message: str = "") -> Answer:
    """Return the answer that says why something was not done."""
    return {"error": {"code": refused.code, "message": message or refused.message}}


def told(publication: Publication) -> Answer:
    """Return a publication as services see it."""
    found: Answer = {"data": msgspec.Raw(publication.data), "offset": publication.offset}
    if publication.tags:
        found["tags"] = publication.tags
    if publication.info is not None:
        found["info"] = shown(publication.info)
    return found


def shown(info: ClientInfo) -> Answer:
    """Return who somebody is, as services see it."""
    found: Answer = {"user": info.user, "client": info.client}
    if info.about_session:
        found["conn_info"] = msgspec.Raw(info.about_session)
    if info.about_subscription:
        found["chan_info"] = msgspec.Raw(info.about_subscription)
    return found
