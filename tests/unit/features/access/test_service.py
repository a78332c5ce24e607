"""What is kept of care, on its way to the workers."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from tests.helpers.care_store import MemoryStore
from tta_gateway.features.access.bound import GLASS, Held, section_of
from tta_gateway.features.access.service import LONGEST, Care
from tta_gateway.features.access.store import Away, Glass, Relation

HOUR = 3600.0


class House:
    """Care, and what workers have been told of it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.told: dict[str, Held] = {}
        self.puts = 0
        self.heard: list[Glass] = []
        self.spread = 0
        self.store = MemoryStore()
        self.care = Care(self.store, self)

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.puts += 1
        if finding is None:
            self.told.pop(name, None)
        else:
            assert isinstance(finding, Held)
            self.told[name] = finding

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def new_id(self) -> str:
        return "g1"

    def opened(self, one: Glass) -> None:
        self.heard.append(one)

    async def everywhere(self) -> None:
        self.spread += 1

    def until(self, carer: str = "t1", *, glass: bool = False) -> dict[str, float]:
        """For whom somebody cares, or before whom they have broken the glass."""
        held = self.told.get(GLASS if glass else section_of(carer))
        return {} if held is None else held.until.get(carer, {})


def do(work: Awaitable[object]) -> None:
    async def done() -> None:
        await work

    asyncio.run(done())


@pytest.fixture
def house() -> House:
    return House()


def test_what_is_granted_and_ended_is_told_at_once(house: House) -> None:
    do(house.care.grant("t1", "p1", lasting=HOUR, by="admin"))
    assert house.until() == {"p1": house.now + HOUR}
    do(house.care.end("t1", "p1", by="admin"))
    assert house.told == {}
    assert house.spread == 2


def test_whoever_asks_hears_what_has_come_of_it(house: House) -> None:
    async def work() -> None:
        one = await house.care.grant("t1", "p1", lasting=HOUR, by="admin")
        assert one == Relation(
            carer="t1",
            person="p1",
            until=house.now + HOUR,
            granted_by="admin",
            granted=house.now,
        )
        assert await house.care.relations() == [one]
        assert await house.care.end("t1", "p1", by="admin")
        assert not await house.care.end("t1", "p1", by="admin")

    asyncio.run(work())


def test_what_another_node_has_changed_is_told_with_the_next_look(house: House) -> None:
    do(house.care.look())
    now = house.now
    one = Relation(carer="t1", person="p1", until=now + 5, granted_by="b", granted=now)
    do(house.store.grant(one))
    assert house.until() == {}
    do(house.care.look())
    assert house.until() == {"p1": now + 5}


def test_nothing_is_told_while_nothing_changes_but_what_is_over_once_a_minute(
    house: House,
) -> None:
    do(house.care.grant("t1", "p1", lasting=30.0, by="admin"))
    puts = house.puts
    house.now += 59.0
    do(house.care.look())
    assert (house.puts, house.until()) == (puts, {"p1": house.now - 29.0})
    house.now += 1.0
    do(house.care.look())
    assert house.told == {}


def test_glass_is_told_until_it_ends_or_is_closed(house: House) -> None:
    do(house.care.open("t1", "p1", reason="because", lasting=HOUR))
    assert house.until(glass=True) == {"p1": house.now + HOUR}
    assert house.until() == {}
    assert [one.reason for one in house.heard] == ["because"]
    do(house.care.close("g1", by="t1"))
    assert house.told == {}


def test_of_two_the_one_that_lasts_longer_counts(house: House) -> None:
    for id, until in (("g2", HOUR), ("g3", 60.0)):
        glass = Glass(
            id=id,
            carer="t1",
            person="p1",
            reason="why",
            opened=house.now,
            until=house.now + until,
        )
        do(house.store.open(glass))
    do(house.care.look())
    assert house.until(glass=True) == {"p1": house.now + HOUR}


def test_no_glass_is_broken_for_longer_than_a_shift(house: House) -> None:
    do(house.care.open("t1", "p1", reason="because", lasting=100 * HOUR))
    assert house.until(glass=True) == {"p1": house.now + LONGEST}


def test_while_the_store_is_away_all_stays_as_it_is_and_nobody_can_change_it(
    house: House,
) -> None:
    """Red with what was told taken back: who cares for somebody could do nothing."""
    do(house.care.grant("t1", "p1", lasting=HOUR, by="admin"))
    house.store.is_away = True
    works: list[Callable[[], Awaitable[object]]] = [
        lambda: house.care.grant("t1", "p2", lasting=HOUR, by="admin"),
        lambda: house.care.end("t1", "p1", by="admin"),
        lambda: house.care.open("t1", "p3", reason="why", lasting=HOUR),
        lambda: house.care.close("g1", by="t1"),
        house.care.relations,
        lambda: house.care.glass(0.0),
        house.care.look,
    ]
    for work in works:
        with pytest.raises(Away):
            do(work())
    assert house.until() == {"p1": house.now + HOUR}
    assert house.heard == []


def test_what_has_changed_meanwhile_is_told_when_the_store_is_back(house: House) -> None:
    async def work() -> None:
        await house.care.take()
        house.store.is_away = True
        await house.care.take()
        house.store.is_away = False
        now = house.now
        one = Relation(carer="t1", person="p1", until=now + 5, granted_by="b", granted=now)
        await house.store.grant(one)
        await house.care.take()

    asyncio.run(work())
    assert house.until() == {"p1": house.now + 5}


def test_a_look_that_began_earlier_is_not_told_after_a_later_one(house: House) -> None:
    """Red without the number of the look: what was ended would be told again."""
    do(house.care.grant("t1", "p1", lasting=HOUR, by="admin"))
    held, read = asyncio.Event(), house.store.glass
    waits = [True]

    async def slowly(since: float) -> list[Glass]:
        if waits.pop() if waits else False:
            await held.wait()
        return await read(since)

    async def work() -> None:
        house.store.glass = slowly  # type: ignore[method-assign]
        house.now += 61.0  # all is read again
        earlier = asyncio.create_task(house.care.look())
        await asyncio.sleep(0)
        await house.care.end("t1", "p1", by="admin")
        held.set()
        await earlier

    asyncio.run(work())
    assert house.told == {}
