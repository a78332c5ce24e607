"""A subscriber of the store for state: made where it is wanted, told what to hear, and let go."""

import asyncio
from typing import Any, cast

import msgspec

from tests.unit.node.test_state_client import EMPTY, HERE, THERE, a_store
from tta_gateway.node.state_subscriber import StateSubscriber
from tta_gateway.support.valkey.subscriber import Subscriber
from tta_gateway.support.valkey.topology import Login, Topology


class House:
    """Who wants one."""

    def __init__(self) -> None:
        self.served: Topology | None = None
        self.events: list[str] = []
        self.made: list[Subscriber] = []
        self.subscriber = StateSubscriber(
            cast("Any", self),
            self.made.append,
            name="test",
            topology=lambda: self.served,
            log=cast("Any", self),
            died=lambda name, error: self.events.append(f"{name} {error!r}"),
        )

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    def parted(self) -> None:
        """Take that nothing is heard."""


def test_each_store_has_one_and_whoever_serves_is_followed() -> None:
    async def work() -> None:
        house = House()
        asked = msgspec.structs.replace(EMPTY, state=a_store(None))
        house.subscriber.follow(asked, is_wanted=False)
        assert (house.made, house.subscriber.is_there) == ([], False)
        for served in (None, HERE, THERE):
            house.served = served
            house.subscriber.follow(asked, is_wanted=True)
            assert (len(house.made), house.subscriber.served) == (1, served)
        known = msgspec.structs.replace(EMPTY, state=a_store(HERE))
        house.subscriber.follow(known, is_wanted=True)
        assert (len(house.made), house.subscriber.served) == (2, HERE)
        house.subscriber.close()
        assert (house.subscriber.is_there, house.subscriber.served) == (False, None)
        await asyncio.sleep(0)

    asyncio.run(work())


def test_authorities_that_cannot_be_read_are_said() -> None:
    house = House()
    login = Login(tls=True, ca="/nowhere/ca.pem", authorities=b"no certificate")
    house.subscriber.follow(
        msgspec.structs.replace(EMPTY, state=a_store(HERE, login)), is_wanted=True
    )
    assert (house.events, house.made) == (["store_unfit"], [])
