"""Channels of the store: heard where that is wanted, as soon as it is known where."""

import asyncio
from typing import Any, cast

import msgspec

from tests.unit.node.test_state_client import EMPTY, HERE, THERE, a_store
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication
from tta_gateway.features.realtime.valkey_broker import PROBED
from tta_gateway.node.channel_store import ChannelStore, Ear
from tta_gateway.support.valkey.topology import Login, Topology

ADA = ClientInfo("ada", "1")


class House:
    """Who hears channels, and whoever listens to that."""

    def __init__(self) -> None:
        self.served: Topology | None = None
        self.events: list[str] = []
        self.said: list[str] = []
        self.store = ChannelStore(
            lambda: None,
            topology=lambda: self.served,
            live=dict,
            fresh=lambda: "fresh",
            wall=lambda: 0.0,
            log=cast("Any", self),
            died=lambda name, error: self.events.append(f"{name} {error!r}"),
        )

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    def hears(self) -> bool:
        return self.store.subscriber.is_there

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        self.said.append(f"{channel} {publication.data.decode()} {top.offset}")

    def joined(self, channel: str, info: ClientInfo) -> None:
        self.said.append(f"{channel} +{info.user}")

    def left(self, channel: str, info: ClientInfo) -> None:
        self.said.append(f"{channel} -{info.user}")

    def lost(self) -> None:
        self.said.append("lost")


def test_it_hears_where_that_is_wanted_and_follows_who_serves() -> None:
    async def work() -> None:
        house = House()
        store = house.store
        asked = msgspec.structs.replace(EMPTY, state=a_store(None))
        store.follow(asked, is_wanted=False)
        assert not house.hears()
        store.follow(asked, is_wanted=True)
        assert house.hears()
        for served in (HERE, THERE):
            house.served = served
            store.follow(asked, is_wanted=True)
            assert store.subscriber.served == served
        store.follow(msgspec.structs.replace(EMPTY, state=a_store(HERE)), is_wanted=True)
        assert store.subscriber.served == HERE
        store.follow(asked, is_wanted=False)
        assert not house.hears()
        store.follow(asked, is_wanted=True)
        store.close()
        assert not house.hears()
        await asyncio.sleep(0)

    asyncio.run(work())


def test_a_store_whose_authorities_cannot_be_read_is_said_and_not_heard() -> None:
    house = House()
    login = Login(tls=True, ca="/nowhere/ca.pem", authorities=b"no certificate")
    asked = msgspec.structs.replace(EMPTY, state=a_store(HERE, login))
    house.store.follow(asked, is_wanted=True)
    assert (house.events, house.hears()) == (["store_unfit"], False)


def test_it_looks_now_and_then_whether_anything_is_heard() -> None:
    async def work() -> int:
        house = House()
        probes = 0

        async def probe() -> bool:
            nonlocal probes
            probes += 1
            return True

        house.store.broker.probe = probe  # type: ignore[method-assign]  # counted, not sent
        house.store.tick(1000.0)  # nothing is wanted yet
        house.store.follow(msgspec.structs.replace(EMPTY, state=a_store(HERE)), is_wanted=True)
        for now in (1000.0, 1001.0, 1000.0 + PROBED):
            house.store.tick(now)
            await asyncio.sleep(0)
        house.store.close()
        return probes

    assert asyncio.run(work()) == 2


def test_what_is_told_is_told_to_whoever_hears_by_then() -> None:
    house, ear = House(), Ear()

    def tell() -> None:
        ear.published("a", Publication(b"1"), Position(1, "e"))
        ear.joined("a", ADA)
        ear.left("a", ADA)
        ear.lost()

    tell()
    assert house.said == []
    ear.listener = house
    tell()
    assert house.said == ["a 1 1", "a +ada", "a -ada", "lost"]


def test_whether_it_is_on_disk_is_asked_by_a_client_of_its_own() -> None:
    async def work() -> None:
        house = House()
        assert not await house.store.disk.holds(b"a", b"server")  # nothing is configured yet
        house.store.follow(msgspec.structs.replace(EMPTY, state=a_store(HERE)), is_wanted=True)
        assert not await house.store.disk.holds(b"a", b"server")
        for now in (1000.0, 1001.0):
            house.store.tick(now)
        assert house.events.count("channels_not_durable") == 1
        await house.store.disk.holds(b"a", b"server")
        house.store.tick(1030.0)
        house.store.tick(1061.0)
        assert house.events.count("channels_not_durable") == 2
        house.store.close()

    asyncio.run(work())
