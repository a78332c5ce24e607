"""A channel of the store for state: heard where that is wanted, as soon as it is known where."""

import asyncio
from typing import Any, cast

import msgspec

from tests.unit.node.test_state_client import EMPTY, HERE, THERE, a_store
from tta_gateway.node.state_channel import StateChannel
from tta_gateway.support.valkey.topology import Login, Topology


class House:
    """Who listens."""

    def __init__(self) -> None:
        self.served: Topology | None = None
        self.events: list[str] = []
        self.heard = 0
        self.channel = StateChannel(
            b"news",
            self.hear,
            topology=lambda: self.served,
            log=cast("Any", self),
            died=lambda name, error: self.events.append(f"{name} {error!r}"),
        )

    def hear(self) -> None:
        self.heard += 1

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    def listens(self) -> bool:
        return self.channel.subscriber.is_there


def test_it_listens_where_that_is_wanted_and_follows_who_serves() -> None:
    async def work() -> None:
        house = House()
        asked = msgspec.structs.replace(EMPTY, state=a_store(None))
        house.channel.tick(asked, is_wanted=False)
        assert not house.listens()
        house.channel.tick(asked, is_wanted=True)
        assert house.listens()
        for served in (HERE, THERE):
            house.served = served
            house.channel.tick(asked, is_wanted=True)
            assert house.channel.subscriber.served == served
        house.channel.tick(msgspec.structs.replace(EMPTY, state=a_store(HERE)), is_wanted=True)
        assert house.channel.subscriber.served == HERE
        house.channel.tick(EMPTY, is_wanted=True)
        assert not house.listens()
        await asyncio.sleep(0)

    asyncio.run(work())


def test_whatever_comes_or_may_have_been_missed_is_heard() -> None:
    house = House()
    house.channel.heard(b"news", b"care")
    house.channel.joined(b"news")
    house.channel.parted()
    assert house.heard == 2


def test_certificates_that_cannot_be_read_are_told_of() -> None:
    house = House()
    login = Login(tls=True, ca="/nowhere/ca.pem", authorities=b"no certificate")
    snapshot = msgspec.structs.replace(EMPTY, state=a_store(HERE, login))
    house.channel.tick(snapshot, is_wanted=True)
    assert (house.listens(), house.events) == (False, ["store_unfit"])
