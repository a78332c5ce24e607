"""`ack`: whose letters, and which."""

import json
from collections.abc import Awaitable

import pytest

from tests.helpers.hub_house import on_a_loop
from tests.helpers.memory_broker import MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tta_gateway.features.realtime.acknowledging import MOST, Acknowledging
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.codes import NOT_AVAILABLE, PERMISSION_DENIED, Refused
from tta_gateway.features.realtime.doorkeeper import Allowed, Caller, Returned
from tta_gateway.features.realtime.inbox import Letter
from tta_gateway.features.realtime.publication import Publication

ADA, BEN, NOBODY = Caller("ada", "1"), Caller("ben", "2"), Caller("", "3")


class House:
    """The procedure, and two letters for each of two users."""

    def __init__(self) -> None:
        self.inbox = MemoryInbox(MemoryStore())
        self.acknowledging = Acknowledging(self.inbox, is_open=lambda: self.is_open, may=self.may)
        self.is_open = True
        self.narrow = set[str]()
        self.waits = False

    def may(self, caller: Caller) -> Allowed | Awaitable[Allowed]:
        allowed = PERMISSION_DENIED if caller.client in self.narrow else None
        return self.later(allowed) if self.waits else allowed

    async def later(self, allowed: Allowed) -> Allowed:
        return allowed

    async def post(self) -> None:
        for user in ("ada", "ben"):
            for id in ("a", "b"):
                await self.inbox.post(user, Letter(id, Publication(b"1"), 1000))

    async def ack(self, caller: Caller, *ids: object) -> Returned:
        return await self.acknowledging(json.dumps({"ids": ids}).encode(), caller)

    def waiting(self, user: str) -> list[str]:
        return list(self.inbox.boxes[user].kept)


@on_a_loop
async def test_who_acknowledges_letters_is_given_them_no_more() -> None:
    house = House()
    await house.post()
    assert await house.ack(ADA, "a") == b'{"unknown":[]}'
    assert (house.waiting("ada"), house.waiting("ben")) == (["b"], ["a", "b"])
    assert await house.ack(ADA, "a", "b", "b", "c") == b'{"unknown":["c"]}'
    assert (house.waiting("ada"), house.waiting("ben")) == ([], ["a", "b"])


@on_a_loop
async def test_who_has_not_said_who_they_are_has_no_letters() -> None:
    assert await House().ack(NOBODY, "a") is PERMISSION_DENIED


@on_a_loop
async def test_where_there_are_no_inboxes_nobody_does_this() -> None:
    house = House()
    house.is_open = False
    assert await house.ack(ADA, "a") is NOT_AVAILABLE


@pytest.mark.parametrize("ids", [[], ["x"] * (MOST + 1), [1], ["x" * 257]])
@on_a_loop
async def test_what_is_wrong_is_named(ids: list[object]) -> None:
    refused = await House().ack(BEN, *ids)
    assert isinstance(refused, Refused)
    assert refused.code == 107
    assert "ack: " in refused.message


@on_a_loop
async def test_without_a_store_nothing_is_acknowledged() -> None:
    house = House()
    house.inbox.store.is_away = True
    with pytest.raises(Away):
        await house.ack(BEN, "a")


@on_a_loop
async def test_very_many_are_one_step_of_the_store() -> None:
    """Red where each is a script: a few connections fill what the worker's clients share."""
    house = House()
    await house.post()
    told = await house.ack(ADA, *(str(number) for number in range(MOST - 1)), "b")
    assert isinstance(told, bytes)
    assert len(json.loads(told)["unknown"]) == MOST - 1
    assert (house.inbox.steps, house.waiting("ada")) == (1, ["a"])


@on_a_loop
async def test_whoever_has_no_inbox_takes_no_letters_out_of_it() -> None:
    house = House()
    await house.post()
    house.narrow = {"1"}
    assert await house.ack(ADA, "a") is PERMISSION_DENIED
    assert house.waiting("ada") == ["a", "b"]
