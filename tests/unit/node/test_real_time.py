"""Real time in a worker: one socket of a client, with the hub behind it and nothing but that."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import a_head, an_exchange
from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tests.unit.node.test_state_client import EMPTY
from tta_gateway.features.realtime.bound import ChannelRule, RealtimeBound
from tta_gateway.features.realtime.errand import Disconnect, Unsubscribe
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.socket import Socket
from tta_gateway.node.channel_store import ChannelStore, Ear
from tta_gateway.node.hub_services import HubServices
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.node.real_time import Doing, RealTime
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry

ANYBODY = Route(name="anybody", path="/")
BOUND = RealtimeBound(
    connect=ANYBODY,
    channels=(
        ChannelRule(prefix="news", subscribe=ANYBODY, publish=ANYBODY),
        ChannelRule(prefix="kept", publish=ANYBODY, size=10, seconds=60.0),
    ),
    largest=777,
)


class Store:
    """Channels in memory, as if they were in the node's store."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.broker = MemoryBroker(MemoryStore())
        self.broker.listener = self.ear
        self.inbox = MemoryInbox(self.broker.store)
        self.boxes = self.inbox.both()
        self.log = self
        self.events: list[str] = []
        self.wanted: list[bool] = []
        self.ticks = 0

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    def died(self, name: str, error: BaseException) -> None:
        self.events.append(f"{name} {error!r}")

    def follow(self, _: object, *, is_wanted: bool) -> None:
        self.wanted.append(is_wanted)

    def tick(self, _: float) -> None:
        self.ticks += 1


class Wire:
    """A socket whose other end is the test."""

    def __init__(self, protocol: bytes = b"") -> None:
        self.protocol = protocol
        self.sent: list[tuple[bytes, bool]] = []
        self.ended: list[tuple[int, bytes]] = []
        self.calls: list[str] = []

    def send(self, payload: bytes, *, is_text: bool) -> None:
        self.sent.append((payload, is_text))

    def close(self, code: int, reason: bytes) -> None:
        self.ended.append((code, reason))

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def told(self) -> list[dict[str, Any]]:
        """Return what it was sent, and forget it."""
        sent, self.sent = self.sent, []
        return [json.loads(line) for frame, _ in sent for line in frame.splitlines()]


class House:
    """Real time, with a driver that has no policies."""

    def __init__(self, bound: RealtimeBound = BOUND) -> None:
        self.store = Store()
        runner = Runner(cast("Any", None), cast("Any", None))
        names = iter(range(1, 100))
        self.real_time = RealTime(
            cast("ChannelStore", self.store),
            Inquiries(runner, clock=lambda: 0.0),
            HubServices(self.store, Registry(), clock=lambda: 0.0),
            fresh=lambda: f"client{next(names)}",
            chance=lambda: 0.5,
            clock=SystemClock(),
        )
        self.snapshot = EMPTY
        self.real_time.adopt(bound, (), self.snapshot)

    def opened(self, target: str = "/", protocol: bytes = b"") -> tuple[Wire, Any]:
        wire = Wire(protocol)
        hearer = self.real_time.sockets.hearer(an_exchange(a_head(target=target)))
        hearer.opened(cast("Socket", wire))
        return wire, hearer

    def say(self, hearer: Any, **command: object) -> None:  # noqa: ANN401 - a port of the edge
        hearer.message(json.dumps(command).encode(), is_text=True)


def run(work: Callable[[House], Any]) -> None:
    """Run something on a loop, in a house of its own."""

    async def inside() -> None:
        house = House()
        await work(house)
        await asyncio.sleep(0.01)
        assert house.store.events == []

    asyncio.run(inside())


def test_one_connects_subscribes_publishes_and_hears_it() -> None:
    async def work(house: House) -> None:
        wire, hearer = house.opened()
        house.say(hearer, id=1, connect={})
        (told,) = wire.told()
        assert told["connect"]["client"] == "client2"  # the first name is the worker's own
        house.say(hearer, id=2, subscribe={"channel": "news"})
        house.say(hearer, id=3, publish={"channel": "news", "data": 5})
        await asyncio.sleep(0.02)
        subscribed, *rest = wire.told()
        assert subscribed["id"] == 2
        assert {"id": 3, "publish": {}} in rest
        assert [one["push"]["pub"]["data"] for one in rest if "push" in one] == [5]
        hearer.closed(1000)

    run(work)


@pytest.mark.parametrize(
    ("target", "protocol", "is_text"),
    [
        ("/", b"", True),
        ("/", b"centrifuge-json", True),
        ("/", b"centrifuge-protobuf", False),
        ("/?a=b&format=protobuf", b"", False),
        ("/?cf_protocol=protobuf", b"", False),
        ("/?format=json", b"", True),
    ],
)
def test_a_client_speaks_as_it_says(target: str, protocol: bytes, *, is_text: bool) -> None:
    async def work(house: House) -> None:
        wire, hearer = house.opened(target, protocol)
        frame = b'{"id":1,"connect":{}}' if is_text else b"\x04\x08\x01\x22\x00"
        hearer.message(frame, is_text=is_text)
        ((_, sent_as_text),) = wire.sent
        assert sent_as_text is is_text
        hearer.closed(1000)

    run(work)


def test_what_is_not_of_the_protocol_ends_it() -> None:
    async def work(house: House) -> None:
        wire, hearer = house.opened()
        hearer.message(b"{", is_text=True)
        assert wire.ended == [(3501, b"bad request. Support is available: findahelpline.com")]
        hearer.closed(1005)

    run(work)


def test_nobody_calls_or_takes_what_belongs_to_no_channel() -> None:
    async def work(house: House) -> None:
        wire, hearer = house.opened()
        house.say(hearer, id=1, connect={})
        wire.told()
        house.say(hearer, id=2, rpc={"method": "a", "data": 1})
        (told,) = wire.told()
        assert told["error"]["code"] == 108
        house.say(hearer, send={"data": 1})
        assert wire.ended == [(3508, b"not available")]
        hearer.closed(1005)

    run(work)


def test_who_has_not_said_who_they_are_sends_for_their_connection_alone() -> None:
    async def work(house: House) -> None:
        for offset in (1, 2):
            wire, hearer = house.opened()
            house.say(hearer, id=1, connect={})
            message = {"channel": "kept", "id": "m1", "data": 5}
            house.say(hearer, id=2, rpc={"method": "message.send", "data": message})
            await asyncio.sleep(0.02)
            told = wire.told()[-1]["rpc"]["data"]
            assert (told["offset"], told["durable"]) == (offset, False)
            hearer.closed(1006)

    run(work)


def test_others_may_end_sessions_and_subscriptions() -> None:
    async def work(house: House) -> None:
        real_time = house.real_time
        doing = Doing(real_time.hub, real_time._streams)
        wire, hearer = house.opened()
        house.say(hearer, id=1, connect={})
        doing.disconnect(Disconnect("somebody", 3503, "x"))
        doing.unsubscribe(Unsubscribe("somebody", "news", 2000, "x"))
        assert wire.ended == []
        assert not doing.take("session", b"{}")
        doing.missed()
        assert wire.ended == [(3011, b"force reconnect")]
        hearer.closed(1005)

    run(work)


def test_what_is_configured_is_followed() -> None:
    async def work(house: House) -> None:
        real_time, store = house.real_time, house.store
        assert store.wanted == [True]
        assert real_time.sockets.terms.largest == 777
        assert real_time.sockets.terms.farewell == (3001, b"shutdown")
        real_time.tick(house.snapshot)
        assert store.ticks == 1
        await asyncio.sleep(0.02)
        assert "!orders" in store.broker.followed
        real_time.adopt(RealtimeBound(), (), house.snapshot)
        assert store.wanted == [True, True, False]
        real_time.tick(house.snapshot)
        assert store.ticks == 1

    run(work)


def test_whoever_cannot_hear_errands_tries_again() -> None:
    async def work(house: House) -> None:
        house.store.broker.store.is_away = True
        for _ in range(2):
            house.real_time.tick(house.snapshot)
            await asyncio.sleep(0.02)
        assert not house.store.broker.followed
        house.store.broker.store.is_away = False
        house.real_time.tick(house.snapshot)
        await asyncio.sleep(0.02)
        assert "!orders" in house.store.broker.followed

    run(work)


def test_other_terms_are_for_those_who_come_then() -> None:
    async def work(house: House) -> None:
        changed = msgspec.structs.replace(BOUND, ping=33.0)
        house.real_time.adopt(changed, (), house.snapshot)
        wire, hearer = house.opened()
        house.say(hearer, id=1, connect={})
        (told,) = wire.told()
        assert told["connect"]["ping"] == 33
        hearer.may_write(may=False)
        hearer.may_write(may=True)
        hearer.due(0.0)
        hearer.closed(1000)
        hearer.closed(1000)

    run(work)


def test_without_real_time_nobody_stays() -> None:
    async def work(house: House) -> None:
        wire, hearer = house.opened()
        house.say(hearer, id=1, connect={})
        house.real_time.adopt(RealtimeBound(), (), house.snapshot)
        assert wire.ended == [(3001, b"shutdown")]
        hearer.closed(1005)

    run(work)


def test_other_rules_hold_for_who_reads_already() -> None:
    async def work(house: House) -> None:
        wire, hearer = house.opened()
        house.say(hearer, id=1, connect={})
        house.say(hearer, id=2, subscribe={"channel": "news"})
        await asyncio.sleep(0.02)
        wire.told()
        same = msgspec.structs.replace(BOUND, ping=30.0)
        house.real_time.adopt(same, (), house.snapshot)
        assert wire.told() == []
        nobody = msgspec.structs.replace(BOUND, channels=(ChannelRule(prefix="news"),))
        house.real_time.adopt(nobody, (), house.snapshot)
        (told,) = wire.told()
        assert told["push"]["unsubscribe"]["code"] == 2000
        hearer.closed(1000)

    run(work)


def test_who_came_while_no_order_could_be_heard_comes_again() -> None:
    async def work(house: House) -> None:
        house.store.broker.store.is_away = True
        wire, hearer = house.opened()
        house.say(hearer, id=1, connect={})
        for is_away in (True, False):
            house.store.broker.store.is_away = is_away
            house.real_time.tick(house.snapshot)
            await asyncio.sleep(0.02)
        assert wire.ended == [(3011, b"force reconnect")]
        hearer.closed(1005)

    run(work)
