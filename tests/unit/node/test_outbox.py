"""What is said at a bound socket, on its way into the channel."""

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.hub_house import KEPT, Door, HubHouse, on_a_loop, settle
from tta_gateway.features.realtime.broker import Away, Published
from tta_gateway.features.realtime.codes import INTERNAL, PERMISSION_DENIED, TOO_MANY_REQUESTS
from tta_gateway.features.realtime.doorkeeper import (
    Allowed,
    Amended,
    Caller,
    MayPublish,
    Rules,
)
from tta_gateway.features.realtime.ear import Noticed
from tta_gateway.features.realtime.publication import Keeping, Position, Publication
from tta_gateway.features.tether.bond import CLIENT, SERVICE
from tta_gateway.kernel.said import Need
from tta_gateway.node import outbox
from tta_gateway.node.outbox import MOST, Outbox, data_of

ADA = Caller("ada", "1")


class Store:
    """Keeps what is published; fails as often as it is told to."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Publication]] = []
        self.keys: set[str] = set()
        self.fails: list[Away] = []

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        assert keeping is not None
        if self.fails:
            raise self.fails.pop()
        repeated = key in self.keys
        self.keys.add(key)
        if not repeated:
            self.said.append((channel, publication))
        return Published(Position(len(self.said), "e"), repeated)

    def texts(self) -> list[bytes]:
        return [one.data for _, one in self.said]


class House(HubHouse):
    """An outbox."""

    def __init__(self, channel: str = "a", access: Door | None = None) -> None:
        self.kept = Store()
        super().__init__(broker=self.kept)  # type: ignore[arg-type]  # nothing else is asked of it
        if access is not None:
            self.ports = replace(self.ports, access=access)
        self.unshared: list[int] = []
        self.says: list[Allowed] = []
        self.asked = 0
        self.box = Outbox(
            self.ports,
            channel,
            tags={"socket": "s"},
            speaks=self.speaks,
            unshared=self.unshared.append,
            died=lambda name, error: self.faults.append(f"{name} {error!r}"),
        )

    def speaks(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        assert channel
        assert caller.user == "ada"
        self.asked += 1
        said = self.says.pop(0) if self.says else None
        if isinstance(said, ValueError):
            raise said
        return said


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_FIRST", 0.0)


@on_a_loop
async def test_nothing_leaves_before_it_may_and_then_all_in_order() -> None:
    house = House()
    for number in range(5):
        house.box.put(b"%d" % number, is_text=True, by=SERVICE)
    await settle()
    assert house.kept.said == []
    house.box.go_on(ADA)
    await settle()
    assert house.kept.texts() == [b"0", b"1", b"2", b"3", b"4"]
    house.box.hold()
    house.box.put(b"5", is_text=True, by=SERVICE)
    await settle()
    assert len(house.kept.said) == 5


@on_a_loop
async def test_a_store_that_is_away_is_asked_again_by_the_same_key() -> None:
    house = House()
    house.kept.fails = [Away("a", may_be_done=True), Away("b", may_be_done=False)]
    house.box.go_on(ADA)
    house.box.put(b"1", is_text=True, by=CLIENT)
    house.box.put(b"1", is_text=True, by=CLIENT)
    await settle()
    assert house.kept.texts() == [b"1", b"1"]
    assert len(house.kept.keys) == 2
    assert house.door.gone == house.faults == []


@on_a_loop
async def test_what_cannot_be_published_is_told() -> None:
    house = House()
    house.door.channels["a"] = Rules(largest=3)
    house.box.go_on(ADA)
    house.box.put(b"1", is_text=False, by=SERVICE)
    house.box.put(b"12345", is_text=True, by=SERVICE)
    await settle()
    assert (house.unshared, house.kept.said) == ([107, 106], [])
    gone = House("gone")
    gone.box.go_on(ADA)
    gone.box.put(b"1", is_text=True, by=SERVICE)
    await settle()
    assert gone.unshared == [102]


@on_a_loop
async def test_nobody_speaks_through_a_service_who_may_not_publish() -> None:
    """Red where somebody who may read alone has the service say it for them."""
    house = House()
    house.says = [TOO_MANY_REQUESTS, PERMISSION_DENIED]
    house.box.go_on(ADA)
    for number in range(4):
        house.box.put(b"%d" % number, is_text=True, by=SERVICE)
    house.box.put(b"5", is_text=True, by=CLIENT)
    await settle()
    assert (house.kept.texts(), house.unshared, house.asked) == ([b"5"], [111, 103], 2)
    house.box.go_on(ADA)  # by another token, perhaps
    for number in range(3):
        house.box.put(b"%d" % number, is_text=True, by=SERVICE)
    await settle()
    assert (len(house.kept.said), house.asked) == (4, 3)


@on_a_loop
async def test_what_is_refused_because_its_member_has_gone_waits_for_the_next() -> None:
    house = House()
    house.door.denied.add("publish a")
    house.door.waits = True
    house.box.go_on(ADA)
    house.box.put(b"1", is_text=True, by=CLIENT)
    await asyncio.sleep(0)
    house.box.hold()
    await settle()
    assert house.unshared == []
    house.door.denied.clear()
    house.box.go_on(Caller("ada", "2"))
    await settle()
    assert house.kept.texts() == [b"1"]


@on_a_loop
async def test_a_fault_costs_one_message_and_no_other() -> None:
    house = House()
    house.says = [cast("Allowed", ValueError("what nobody expects"))]
    house.box.go_on(ADA)
    house.box.put(b"1", is_text=True, by=SERVICE)
    house.box.put(b"2", is_text=True, by=SERVICE)
    await settle()
    assert "what nobody expects" in house.faults[0]
    assert house.unshared == [INTERNAL.code]
    assert house.kept.texts() == [b"2"]
    house.box.put(b"3", is_text=True, by=SERVICE)
    await settle()
    assert house.kept.texts() == [b"2", b"3"]


class Limits(Door):
    """Refuses for now, as often as it is told, and what is not spared always."""

    def __init__(self) -> None:
        super().__init__(channels={"a": KEPT})
        self.noticed: list[Noticed | None] = []
        self.times = 0

    def may_publish(self, channel: str, data: bytes, caller: Caller) -> MayPublish:
        assert (channel, bool(data)) == ("a", True)
        self.noticed.append(caller.noticed)
        self.times -= 1
        is_spared = caller.noticed is not None and caller.noticed.is_spared
        return None if is_spared and self.times < 0 else TOO_MANY_REQUESTS


@pytest.mark.parametrize(("times", "asked"), [(0, 1), (3, 4)])
@on_a_loop
async def test_what_somebody_at_risk_says_is_spared_and_tried_again(times: int, asked: int) -> None:
    house = House(access=(limits := Limits()))
    limits.times = times
    house.box.go_on(ADA)
    house.box.put(
        b"1", is_text=True, by=CLIENT, need=Need(3, is_spared=True, undelivered=lambda: None)
    )
    await settle()
    assert (house.kept.texts(), house.unshared) == ([b"1"], [])
    assert [one is not None and one.level for one in limits.noticed] == [3] * asked
    (noticed, *_) = limits.noticed
    assert noticed is not None
    await noticed.keep(delivered=True)


@on_a_loop
async def test_what_is_beyond_the_budget_is_tried_for_so_long_and_then_told() -> None:
    house = House(access=(limits := Limits()))
    house.box.go_on(ADA)
    house.box.put(b"1", is_text=True, by=CLIENT)
    house.box.put(
        b"2", is_text=True, by=CLIENT, need=Need(2, is_spared=False, undelivered=lambda: None)
    )
    for _ in range(5):
        await settle()
    assert house.unshared == [TOO_MANY_REQUESTS.code] * 2
    assert len(limits.noticed) == 22


@on_a_loop
async def test_only_so_much_waits() -> None:
    house = House()
    for _ in range(MOST + 1):
        house.box.put(b"1", is_text=True, by=SERVICE)
    claimed: list[bool] = []
    house.box.claim("e 1", claimed.append)
    assert (house.unshared, claimed) == ([106], [False])
    house.box.clear()
    large = json.dumps("x" * 600_000).encode()
    house.box.put(large, is_text=True, by=SERVICE)
    house.box.put(large, is_text=True, by=SERVICE)
    assert house.unshared == [106, 106]


@on_a_loop
async def test_who_is_asked_about_a_message_may_change_it() -> None:
    house = House()
    house.door.amended = Amended(data=b"2", tags={"x": "y"}, key="k")
    house.box.go_on(ADA)
    house.box.put(b"1", is_text=True, by=CLIENT)
    await settle()
    ((_, said),) = house.kept.said
    assert (said.data, said.tags) == (b"2", {"socket": "s", "by": "client", "x": "y"})
    assert house.kept.keys == {"service:k"}


@on_a_loop
async def test_a_publication_is_claimed_once() -> None:
    one, other = House(), House()
    other.kept.keys = one.kept.keys
    claimed: list[bool] = []
    for house in (one, other):
        house.box.go_on(ADA)
        house.box.claim("e 1", claimed.append)
        await settle()
    one.box.claim("e 2", claimed.append)
    await settle()
    assert claimed == [True, False, True]


@on_a_loop
async def test_what_nobody_knows_whose_it_is_is_nobodys() -> None:
    house = House()
    house.box.go_on(ADA)
    claimed: list[bool] = []
    house.kept.fails = [Away("a", may_be_done=True)]
    house.box.claim("e 1", claimed.append)
    await settle()
    house.kept.fails = [Away("a", may_be_done=False)]
    house.box.claim("e 2", claimed.append)
    await settle()
    assert claimed == [False, True]


@on_a_loop
async def test_what_is_cleared_while_it_is_on_its_way_takes_no_other_with_it() -> None:
    house = House()
    house.door.waits = True
    house.box.go_on(ADA)
    house.box.put(b"1", is_text=True, by=CLIENT)
    await asyncio.sleep(0)
    house.box.clear()
    house.box.put(b"2", is_text=True, by=SERVICE)
    await settle()
    assert house.kept.texts() == [b"1", b"2"]


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_all_that_is_text_is_data(said: str) -> None:
    data = data_of(said.encode(errors="replace"))
    assert data
    assert b"\n" not in data
    json.loads(data)
