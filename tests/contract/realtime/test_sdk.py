"""The hub in a worker on real sockets, with the SDK for Python as its client, unmodified."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
import uvloop
from centrifuge import (
    Client,
    ClientEventHandler,
    DeltaType,
    DisconnectedContext,
    PublicationContext,
    ReplyError,
    ServerPublicationContext,
    SubscribedContext,
    Subscription,
    SubscriptionEventHandler,
    SubscriptionState,
    UnsubscribedContext,
)
from centrifuge.contexts import JoinContext

from tests.helpers.hub_house import KEEPING, HubHouse
from tests.helpers.own_sockets import Echoes
from tests.helpers.socket_worker import socket_worker
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.doorkeeper import Admission, Grant, Rules
from tta_gateway.features.realtime.sockets import HubSockets

PATIENCE = 10.0
ALL = Rules(keeping=KEEPING, presence=True, announces=True)


class Heard(SubscriptionEventHandler):
    """What a subscription was told."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.data: list[object] = []
        self.joined: list[str] = []
        self.recovered: list[bool] = []
        self.ended: list[int] = []

    async def on_publication(self, ctx: PublicationContext) -> None:
        self.offsets.append(ctx.pub.offset)
        self.data.append(_plain(ctx.pub.data))

    async def on_join(self, ctx: JoinContext) -> None:
        self.joined.append(ctx.info.client)

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self.recovered.append(ctx.recovered)

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        self.ended.append(ctx.code)


class Events(ClientEventHandler):
    """What a client was told of its connection and of the server's subscriptions."""

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.data: list[object] = []

    async def on_disconnected(self, ctx: DisconnectedContext) -> None:
        self.ended.append(ctx.code)

    async def on_publication(self, ctx: ServerPublicationContext) -> None:
        self.data.append(_plain(ctx.pub.data))


def _plain(data: object) -> object:
    return json.loads(data) if isinstance(data, bytes) else data


class Place:
    """A hub that is reached by sockets, and its clients."""

    def __init__(self, house: HubHouse, url: str, *, protobuf: bool) -> None:
        self.house = house
        self.protobuf = protobuf
        self.url = url
        self._clients: list[Client] = []

    async def client(self, token: str = "t", events: Events | None = None) -> Client:
        client = Client(
            self.url, events=events, token=token, use_protobuf=self.protobuf, proxy=None
        )
        self._clients.append(client)
        await client.connect()
        return client

    async def subscribed(
        self, client: Client, heard: Heard, channel: str = "all", **how: object
    ) -> Subscription:
        subscription = client.new_subscription(channel, events=heard, **how)
        await subscription.subscribe()
        await subscription.ready(PATIENCE)
        return subscription

    def data(self, value: object) -> object:
        """Return data as the SDK wants it."""
        return json.dumps(value).encode() if self.protobuf else value

    async def leave(self) -> None:
        for client in self._clients:
            await client.disconnect()


@asynccontextmanager
async def place(folder: Path, *, protobuf: bool) -> AsyncIterator[Place]:
    house = HubHouse()
    house.door.channels["all"] = ALL
    service = HubSockets(house.hub, house, fresh=lambda: str(uuid4()), chance=lambda: 0.5)
    services = {"connection/websocket": cast("Echoes", service)}
    async with socket_worker(folder, services) as worker:
        it = Place(house, worker.url("/connection/websocket"), protobuf=protobuf)
        try:
            yield it
        finally:
            await it.leave()


def run(
    folder: Path, talk: Callable[[Place], Coroutine[None, None, None]], *, protobuf: bool
) -> None:
    async def running() -> None:
        async with asyncio.timeout(PATIENCE), place(folder, protobuf=protobuf) as it:
            await talk(it)
            assert it.house.faults == []

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(running())


async def until(what: Callable[[], bool]) -> None:
    while not what():  # noqa: ASYNC110 - nobody says so
        await asyncio.sleep(0.01)


both = pytest.mark.parametrize("protobuf", [False, True], ids=["json", "protobuf"])


@both
def test_what_one_publishes_another_hears(tmp_path: Path, protobuf: bool) -> None:
    async def talk(it: Place) -> None:
        first, second = await it.client(), await it.client()
        heard, also = Heard(), Heard()
        subscription = await it.subscribed(first, heard)
        await it.subscribed(second, also)
        await subscription.publish(it.data({"x": "é\n"}))
        await second.publish("all", it.data(2))
        await until(lambda: len(heard.data) == len(also.data) == 2)
        assert heard.data == also.data == [{"x": "é\n"}, 2]
        assert heard.offsets == also.offsets == [1, 2]
        await until(lambda: len(heard.joined) == 2)

    run(tmp_path, talk, protobuf=protobuf)


@both
def test_history_presence_and_procedures(tmp_path: Path, protobuf: bool) -> None:
    async def talk(it: Place) -> None:
        client = await it.client()
        subscription = await it.subscribed(client, Heard())
        for number in range(3):
            await subscription.publish(it.data(number))
        history = await subscription.history(limit=2, reverse=True)
        assert [_plain(each.data) for each in history.publications] == [2, 1]
        assert (history.offset, history.epoch) == (3, "1")
        present = await subscription.presence()
        assert [each.user for each in present.clients.values()] == ["user"]
        stats = await subscription.presence_stats()
        assert (stats.num_clients, stats.num_users) == (1, 1)
        answer = await client.rpc("echo", it.data([1]))
        assert _plain(answer.data) == [1]
        with pytest.raises(ReplyError) as refused:
            await client.rpc("nobody", it.data(1))
        assert refused.value.code == codes.NOT_AVAILABLE.code

    run(tmp_path, talk, protobuf=protobuf)


@both
def test_who_was_cut_off_hears_what_it_missed(tmp_path: Path, protobuf: bool) -> None:
    async def talk(it: Place) -> None:
        heard = Heard()
        client = await it.client()
        await it.subscribed(client, heard)
        it.house.store.put("all", b"1", KEEPING)
        await until(lambda: heard.offsets == [1])
        assert it.house.hub.disconnect("user", codes.FORCE_RECONNECT) == 1
        for number in (b"2", b"3"):
            it.house.store.put("all", number, KEEPING)
        await until(lambda: heard.offsets == [1, 2, 3])
        it.house.store.put("all", b"4", KEEPING)
        await until(lambda: heard.offsets == [1, 2, 3, 4])
        assert heard.recovered == [False, True]

    run(tmp_path, talk, protobuf=protobuf)


@both
def test_who_cannot_be_told_all_is_told_so(tmp_path: Path, protobuf: bool) -> None:
    async def talk(it: Place) -> None:
        heard = Heard()
        client = await it.client()
        await it.subscribed(client, heard)
        it.house.store.put("all", b"1", KEEPING)
        await until(lambda: heard.offsets == [1])
        it.house.store.begin_anew()
        for number in (b"2", b"3", b"4"):
            it.house.store.put("all", number, KEEPING)
        await until(lambda: len(heard.recovered) == 2)
        it.house.store.put("all", b"5", KEEPING)
        await until(lambda: heard.offsets == [1, 4])
        assert heard.recovered == [False, False]

    run(tmp_path, talk, protobuf=protobuf)


@both
def test_tokens_that_do_not_count(tmp_path: Path, protobuf: bool) -> None:
    async def talk(it: Place) -> None:
        events = Events()
        await it.client("bad", events)
        await until(lambda: events.ended == [codes.INVALID_TOKEN.code])
        client = await it.client()
        heard = Heard()
        subscription = client.new_subscription("all", events=heard, token="bad")
        await subscription.subscribe()
        await until(lambda: heard.ended == [codes.PERMISSION_DENIED.code])
        assert subscription.state is SubscriptionState.UNSUBSCRIBED
        it.house.door.grants["good"] = Grant(seconds=60)
        other = await it.client()
        assert await it.subscribed(other, Heard(), token="good")

    run(tmp_path, talk, protobuf=protobuf)


@both
def test_a_token_is_renewed_before_it_ends(tmp_path: Path, protobuf: bool) -> None:
    async def talk(it: Place) -> None:
        asked: list[str] = []
        it.house.door.tokens["short"] = Admission(user="user", seconds=1)
        it.house.door.tokens["long"] = Admission(user="user", seconds=600)

        async def renew() -> str:
            asked.append("long")
            return "long"

        client = Client(it.url, token="short", get_token=renew, use_protobuf=protobuf, proxy=None)
        it._clients.append(client)
        await client.connect()
        await client.ready(PATIENCE)
        await until(lambda: asked == ["long"])
        answer = await client.rpc("echo", it.data(1))
        assert _plain(answer.data) == 1

    run(tmp_path, talk, protobuf=protobuf)


@both
def test_the_servers_own_subscriptions(tmp_path: Path, protobuf: bool) -> None:
    async def talk(it: Place) -> None:
        it.house.door.tokens["t"] = Admission(user="user", channels={"all": b""})
        events = Events()
        client = await it.client("t", events)
        await client.ready(PATIENCE)
        it.house.store.put("all", b"1", KEEPING)
        await until(lambda: events.data == [1])
        it.house.hub.disconnect("user", codes.FORCE_RECONNECT)
        it.house.store.put("all", b"2", KEEPING)
        await until(lambda: events.data == [1, 2])
        it.house.hub.disconnect("user", codes.FORCE_NO_RECONNECT)
        await until(lambda: events.ended == [codes.FORCE_NO_RECONNECT.code])

    run(tmp_path, talk, protobuf=protobuf)


@both
def test_what_has_changed_from_one_message_to_the_next(tmp_path: Path, protobuf: bool) -> None:
    async def talk(it: Place) -> None:
        it.house.door.channels["all"] = Rules(keeping=KEEPING, deltas=True)
        heard = Heard()
        client = await it.client()
        await it.subscribed(client, heard, delta=DeltaType.FOSSIL)
        texts = ["é" * 50 + str(number) + "€" * 50 for number in range(5)]
        for text in texts[:3]:
            it.house.store.put("all", json.dumps(text, ensure_ascii=False).encode(), KEEPING)
        await until(lambda: heard.data == texts[:3])
        it.house.hub.disconnect("user", codes.FORCE_RECONNECT)
        for text in texts[3:]:
            it.house.store.put("all", json.dumps(text, ensure_ascii=False).encode(), KEEPING)
        await until(lambda: heard.data == texts)
        it.house.store.put("all", b'"%b"' % (b"z" * 50), KEEPING)
        await until(lambda: heard.data[5:] == ["z" * 50])
        assert heard.recovered == [False, True]

    run(tmp_path, talk, protobuf=protobuf)


@both
def test_what_is_published_after_an_unsubscribe_does_not_come(
    tmp_path: Path, protobuf: bool
) -> None:
    async def talk(it: Place) -> None:
        client = await it.client()
        for _ in range(20):
            heard = Heard()
            subscription = await it.subscribed(client, heard)
            leaving = asyncio.ensure_future(subscription.unsubscribe())
            await client.publish("all", it.data(1))
            await leaving
            await client.rpc("echo", it.data(1))
            assert heard.data == []
            client.remove_subscription(subscription)

    run(tmp_path, talk, protobuf=protobuf)
