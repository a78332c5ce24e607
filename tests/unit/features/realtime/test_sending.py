"""`message.send`: once, whatever is sent again, and each sender for themselves."""

import json
from typing import Any

import pytest

from tests.helpers.hub_house import HubHouse, on_a_loop, settle
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.codes import (
    LIMIT_EXCEEDED,
    PERMISSION_DENIED,
    UNKNOWN_CHANNEL,
    Refused,
)
from tta_gateway.features.realtime.doorkeeper import Amended, Caller, Returned
from tta_gateway.features.realtime.publication import ClientInfo
from tta_gateway.features.realtime.sending import LONGEST_ID, Sending, key_of

ADA, AGAIN, BEN = Caller("ada", "1"), Caller("ada", "2"), Caller("ben", "3")


class House:
    """The procedure, over a store in memory."""

    def __init__(self) -> None:
        self.hub = HubHouse()
        self.sending = Sending(self.hub.door, self.hub.broker)

    async def send(self, caller: Caller = ADA, **said: object) -> Returned:
        message = {"channel": "a", "id": "m1", "data": {"x": 1}, **said}
        return await self.sending(json.dumps(message).encode(), caller)

    async def told(self, caller: Caller = ADA, **said: object) -> Any:  # noqa: ANN401 - JSON
        answer = await self.send(caller, **said)
        assert isinstance(answer, bytes)
        return json.loads(answer)


def answer(offset: int, *, repeated: bool = False) -> dict[str, object]:
    return {"offset": offset, "epoch": "1", "durable": False, "repeated": repeated}


@on_a_loop
async def test_it_is_published_as_its_senders() -> None:
    house = House()
    assert await house.told() == answer(1)
    (kept,) = house.hub.store.kept["a"]
    assert (kept.data, kept.info) == (b'{"x": 1}', ClientInfo("ada", "1"))


@on_a_loop
async def test_who_sends_it_again_by_another_connection_is_told_where_the_first_one_stands() -> (
    None
):
    house = House()
    await house.told()
    assert await house.told(id="m2") == answer(2)
    assert await house.told(AGAIN, data="another") == answer(1, repeated=True)
    assert len(house.hub.store.kept["a"]) == 2


@on_a_loop
async def test_an_id_is_its_senders_and_its_channels() -> None:
    house = House()
    await house.told()
    assert await house.told(BEN) == answer(2)
    assert await house.told(channel="b") == answer(1)
    nobody, another = Caller("", "1"), Caller("", "2")
    assert await house.told(nobody) == answer(3)
    assert await house.told(another) == answer(4)
    assert await house.told(nobody) == answer(3, repeated=True)


def test_no_two_senders_have_one_key() -> None:
    callers = (ADA, BEN, Caller("", "ada"), Caller('ada","b', "1"), Caller("ada", "9"))
    keys = [key_of(one, id) for one in callers for id in ("x", 'b","x')]
    assert len(set(keys)) == len(keys) - 2  # one's own, by another connection


@on_a_loop
async def test_what_may_not_be_published_may_not_be_sent() -> None:
    house = House()
    house.hub.door.denied = {"publish b"}
    assert await house.send(channel="b") is PERMISSION_DENIED
    house.hub.door.waits = True
    assert await house.send(channel="b") is PERMISSION_DENIED
    assert await house.told() == answer(1)
    assert await house.send(channel="nowhere") is UNKNOWN_CHANNEL
    assert await house.send(channel="!inbox:ada") is PERMISSION_DENIED
    assert await house.send(data="x" * 65_536) is LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"id": ""}, "$.id"),
        ({"id": "x" * (LONGEST_ID + 1)}, "$.id"),
        ({"id": 5}, "$.id"),
        ({"channel": ""}, "$.channel"),
        ({"chanel": "a"}, "chanel"),
    ],
)
@on_a_loop
async def test_what_is_wrong_is_named(said: dict[str, object], where: str) -> None:
    refused = await House().send(ADA, **said)
    assert isinstance(refused, Refused)
    assert refused.code == 107
    assert where in refused.message


@on_a_loop
async def test_without_a_store_nothing_is_promised() -> None:
    house = House()
    house.hub.store.is_away = True
    with pytest.raises(Away):
        await house.send()


@on_a_loop
async def test_it_is_published_as_whoever_allows_it_says_and_once_by_its_own_id() -> None:
    house = House()
    house.hub.door.amended = Amended(data=b'"clean"', tags={"by": "chat"}, key="of a service")
    assert await house.told() == answer(1)
    assert await house.told() == answer(1, repeated=True)
    (kept,) = house.hub.store.kept["a"]
    assert (kept.data, kept.tags) == (b'"clean"', {"by": "chat"})


@on_a_loop
async def test_no_key_of_a_service_is_one_of_a_senders() -> None:
    """Red where a service that hands on what a client has said lets one swallow another's."""
    house = House()
    mallory = await house.hub.client()
    house.hub.door.amended = Amended(key=key_of(BEN, "m1"))
    mallory.send({"id": 2, "publish": {"channel": "a", "data": "mallory's"}})
    await settle()
    house.hub.door.amended = None
    assert await house.told(BEN) == answer(2)
