"""The letterbox: whoever comes is given what waits, once, in order; and again what is not heard."""

import asyncio
from collections.abc import Awaitable
from typing import cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.hub_house import KEPT, Client, Door, HubHouse, on_a_loop, settle
from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tta_gateway.features.realtime.attendant import Ports
from tta_gateway.features.realtime.codes import INVALID_TOKEN, PERMISSION_DENIED
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.doorkeeper import Admission, Admitted, Caller, Grant, Rules
from tta_gateway.features.realtime.hub import Hub
from tta_gateway.features.realtime.inbox import FIRST, PAGE, Letter
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.letterbox import Letterbox, Threshold
from tta_gateway.features.realtime.publication import ClientInfo, Publication
from tta_gateway.features.realtime.session import Terms

ADA = Caller("", "1")


class House:
    """One worker's hub with inboxes; tokens are names."""

    def __init__(self, store: MemoryStore | None = None, inbox: MemoryInbox | None = None) -> None:
        self.store = store or MemoryStore()
        self.inbox = inbox or MemoryInbox(self.store)
        self.broker = MemoryBroker(self.store)
        self.clock = FakeClock()
        names = ("ada", "ben")
        self.door = Door(
            tokens={name: Admission(user=name) for name in names}, channels={"a": KEPT}
        )
        self.threshold = Threshold(self.door)
        self.threshold.has_inboxes = True
        self.faults: list[str] = []
        self.hub = Hub(self.ports(), died=self.died)
        self.letterbox = Letterbox(
            self.hub,
            self.inbox,
            is_open=lambda: self.threshold.has_inboxes,
            monotonic=self.clock.monotonic,
            tell=lambda *_, **__: None,
            died=self.died,
        )
        self.hub.entered = self.letterbox.entered
        self.broker.listener = self.letterbox

    def ports(self) -> Ports:
        return Ports(
            broker=self.broker,
            tokens=self.threshold,
            access=self.threshold,
            procedures=self.door,
            clock=self.clock,
            terms=Terms(queue=40_000),
            version="tta",
        )

    def died(self, name: str, error: BaseException) -> None:
        self.faults.append(f"{name}: {error!r}")

    async def came(self, name: str, user: str) -> Client:
        """Somebody who has connected."""
        client = Client(cast("HubHouse", self), name, JsonCodec())
        client.send({"id": 1, "connect": {"token": user}})
        await settle()
        return client

    async def post(self, user: str, *ids: str, data: bytes = b"1") -> None:
        for id in ids:
            await self.inbox.post(user, Letter(id, Publication(data), 3_600_000))

    async def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.inbox.now += int(seconds * 1000)
        self.letterbox.tick()
        await settle()


def letters(client: Client, channel: str = "!inbox:ada") -> list[str]:
    """The letters that a client was given since."""
    pushes = [one["push"] for one in client.heard() if isinstance(one, dict) and "push" in one]
    return [
        str(one["pub"]["tags"]["letter"])  # type: ignore[index, call-overload]
        for one in pushes
        if one["channel"] == channel  # type: ignore[index, call-overload]
    ]


@on_a_loop
async def test_whoever_comes_is_given_what_waits_and_then_what_is_posted() -> None:
    house = House()
    await house.post("ada", "a", "b")
    await house.post("ben", "c")
    ada = await house.came("1", "ada")
    assert letters(ada) == ["a", "b"]
    await house.post("ada", "d")
    await settle()
    assert letters(ada) == ["d"]
    ben = await house.came("2", "ben")
    assert letters(ben, "!inbox:ben") == ["c"]
    assert letters(ada) == []
    assert house.faults == []


@on_a_loop
async def test_who_is_told_of_the_connection_is_told_of_the_inbox_first() -> None:
    house = House()
    await house.post("ada", "a")
    ada = await house.came("1", "ada")
    first, *_ = ada.heard()
    assert list(first["connect"]["subs"]) == ["!inbox:ada"]  # type: ignore[index, call-overload, arg-type]


@on_a_loop
async def test_what_nobody_acknowledges_is_sent_again_by_either_worker() -> None:
    one = House()
    other = House(one.store, one.inbox)
    ada = await one.came("1", "ada")
    await one.post("ada", "a", "b")
    await settle()
    assert letters(ada) == ["a", "b"]
    one.hub.forget(ada.connection)  # killed, before anything was acknowledged
    again = await other.came("2", "ada")
    assert letters(again) == ["a", "b"]
    await one.inbox.acknowledge("ada", "a")
    await other.passes(2 * FIRST / 1000)
    assert letters(again) == ["b"]
    await one.inbox.acknowledge("ada", "b")
    await other.passes(100.0)
    assert letters(again) == []


@on_a_loop
async def test_a_letter_that_was_missed_comes_again_though_nobody_heard_of_it() -> None:
    house = House()
    ada = await house.came("1", "ada")
    await house.passes(FIRST / 1000)  # nothing waits for her: she is not looked at any more
    house.broker.lossy = True
    await house.post("ada", "a")
    house.broker.line.clear()
    house.broker.lossy = False
    await house.passes(100.0)
    assert letters(ada) == []
    house.letterbox.lost()
    await house.passes(FIRST / 1000)
    assert letters(ada) == ["a"]


@on_a_loop
async def test_nobody_is_looked_at_who_has_gone() -> None:
    house = House()
    await house.post("ada", "a")
    ada = await house.came("1", "ada")
    house.hub.forget(ada.connection)
    sent = len(house.store.published)
    box = house.inbox.boxes["ada"]
    tries = box.kept["a"].tries
    await house.passes(FIRST / 1000)
    assert (len(house.store.published), box.kept["a"].tries) == (sent, tries)


@on_a_loop
async def test_many_letters_wait_until_there_is_room_for_them() -> None:
    house = House()
    ids = [f"{number:03}" for number in range(PAGE + 20)]
    await house.post("ada", *ids, data=b'"%b"' % (b"x" * 1000))
    client = Client(cast("HubHouse", house), "1", JsonCodec())
    client.takes = 3
    client.send({"id": 1, "connect": {"token": "ada"}})
    await settle()
    found = letters(client)
    assert found == ids[: len(found)]
    assert len(found) < 5
    while len(found) < len(ids):
        client.takes = 40
        client.connection.may_write(True)
        await asyncio.sleep(0.06)
        found += letters(client)
    assert found == ids
    assert client.ended is None


@on_a_loop
async def test_who_goes_while_letters_wait_for_room_is_given_no_more() -> None:
    house = House()
    await house.post("ada", *map(str, range(50)), data=b'"%b"' % (b"x" * 1000))
    client = Client(cast("HubHouse", house), "1", JsonCodec())
    client.takes = 2
    client.send({"id": 1, "connect": {"token": "ada"}})
    await settle()
    house.hub.forget(client.connection)
    await asyncio.sleep(0.06)
    assert len(client.frames) == 2
    assert house.faults == []


@on_a_loop
async def test_what_cannot_be_read_when_somebody_comes_comes_later() -> None:
    house = House()
    await house.post("ada", "a")
    ada = await house.came("0", "ada")
    letters(ada)
    house.store.is_away = True
    late = Client(cast("HubHouse", house), "1", JsonCodec())
    late.send({"id": 1, "connect": {"token": "ada"}})
    await settle()
    assert letters(late) == []
    house.store.is_away = False
    await house.passes(FIRST / 1000)
    assert letters(ada) == letters(late) == ["a"]


@on_a_loop
async def test_only_who_has_said_who_they_are_has_one_and_only_where_there_are_any() -> None:
    door = Door(tokens={"t": Admission(user="ada"), "": Admission(user="")})
    threshold = Threshold(door)
    assert threshold.connect(ConnectRequest(token="t"), ADA) == Admission(user="ada")
    threshold.has_inboxes = True
    lettered = Admission(user="ada", channels={"!inbox:ada": b""})
    assert threshold.connect(ConnectRequest(token="t"), ADA) == lettered
    assert threshold.connect(ConnectRequest(token=""), ADA) == Admission(user="")
    assert threshold.connect(ConnectRequest(token="x"), ADA) is INVALID_TOKEN
    door.waits = True
    admitted = threshold.connect(ConnectRequest(token="t"), ADA)
    assert not isinstance(admitted, Admission)
    assert await admitted == lettered  # type: ignore[misc]


@on_a_loop
async def test_all_else_is_asked_of_the_desk() -> None:
    door = Door(
        tokens={"t": Admission(user="ada")}, grants={"g": Grant(seconds=5)}, channels={"a": KEPT}
    )
    threshold = Threshold(door)
    assert threshold.rules("a") is KEPT
    assert threshold.rules("!inbox:ada") == Rules()
    assert threshold.rules("!inbox:") is None
    assert threshold.refresh("t", ADA) == Admission(user="ada")
    assert threshold.subscription("g", "a", ADA) == Grant(seconds=5)
    assert threshold.may_subscribe("a", ADA) == Grant()
    door.denied = {"publish a", "presence a", "history a"}
    assert threshold.may_publish("a", b"1", ADA) is PERMISSION_DENIED
    assert threshold.may_see_presence("a", ADA) is PERMISSION_DENIED
    assert threshold.may_see_history("a", ADA) is PERMISSION_DENIED
    threshold.left("a", "1")
    assert door.gone == ["1 a"]


@on_a_loop
async def test_what_happens_in_other_channels_is_passed_on() -> None:
    house = House()
    ada = await house.came("1", "ada")
    ada.send({"id": 2, "subscribe": {"channel": "a"}})
    await settle()
    ada.heard()
    house.store.put("a", b"5", KEPT.keeping)
    await settle()
    (told,) = ada.heard()
    assert told["push"]["pub"] == {"data": 5, "offset": 1}  # type: ignore[index, call-overload]
    info = ClientInfo("ben", "2")
    house.letterbox.joined("a", info)
    house.letterbox.left("a", info)
    house.letterbox.lost()
    await settle()
    assert house.faults == []


@on_a_loop
async def test_who_may_not_read_letters_has_no_inbox() -> None:
    house = House()
    await house.post("ada", "a")
    house.door.tokens["ada"] = Admission(user="ada", has_inbox=False)
    ada = await house.came("1", "ada")
    assert letters(ada) == []
    assert list(house.hub.users()) == ["ada"]


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_about_whom_a_service_is_asked_later_has_an_inbox_too(*, waits: bool) -> None:
    house = House()
    await house.post("ada", "a")

    async def later() -> Admitted:
        return Admission(user="ada")

    def further() -> Admitted | Awaitable[Admitted]:
        return later() if waits else Admission(user="ada")

    house.door.tokens["ada"] = Admission(user="ada", further=further)
    ada = await house.came("1", "ada")
    assert letters(ada) == ["a"]
