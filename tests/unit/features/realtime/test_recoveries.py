"""Those who come back together have the store read once for all, and each is told its own."""

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.hub_house import KEEPING, on_a_loop, settle
from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tta_gateway.features.realtime.broker import Away, Stored
from tta_gateway.features.realtime.channel import MOST_RECOVERED, is_recovered
from tta_gateway.features.realtime.publication import Keeping, Position
from tta_gateway.features.realtime.recoveries import Recoveries


class Yard:
    """A store in memory that has some messages, and those who come back."""

    def __init__(self, count: int, keeping: Keeping = KEEPING) -> None:
        self.store = MemoryStore()
        self.broker = MemoryBroker(self.store)
        self.faults: list[str] = []
        self.recoveries = Recoveries(
            self.broker, lambda name, error: self.faults.append(f"{name}: {error!r}")
        )
        self.keeping = keeping
        self.publish(count)

    def publish(self, count: int) -> None:
        for _ in range(count):
            self.store.put("a", b"%d" % (self.store.tops["a"] + 1), self.keeping)

    @property
    def reads(self) -> int:
        return self.broker.asked.count("history")

    async def told(self, *offsets: int | None) -> list[Stored]:
        wanted = [None if each is None else Position(each, "1") for each in offsets]
        found = await asyncio.gather(*(self.recoveries.told("a", each) for each in wanted))
        return [each for each in found if each is not None]


@on_a_loop
async def test_those_who_come_together_share_a_read() -> None:
    yard = Yard(9)
    one, other, last, none = await yard.told(7, 3, 9, None)
    assert yard.reads == 1
    assert [each.offset for each in one.publications] == [8, 9]
    assert [each.offset for each in other.publications] == [4, 5, 6, 7, 8, 9]
    assert (last.publications, none.publications) == ([], ())
    assert {each.top for each in (one, other, last, none)} == {Position(9, "1")}
    assert yard.recoveries._next == yard.recoveries._now == {}


@on_a_loop
async def test_who_comes_while_it_is_read_is_told_what_is_there_then() -> None:
    yard = Yard(3)
    yard.broker.turns = 3
    first = asyncio.ensure_future(yard.told(1))
    for _ in range(6):
        await asyncio.sleep(0)
    assert yard.reads == 1
    yard.publish(2)
    later = [asyncio.ensure_future(yard.told(offset)) for offset in (2, 5)]
    await settle()
    assert [each.offset for each in first.result()[0].publications] == [2, 3]
    assert [each.offset for each in later[0].result()[0].publications] == [3, 4, 5]
    assert yard.reads == 2


@on_a_loop
async def test_whom_that_suffices_which_another_was_told_is_not_read_for() -> None:
    yard = Yard(3)
    first = asyncio.ensure_future(yard.told(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = yard.recoveries.told("a", Position(1, "1"), suffices=lambda: True)
    third = yard.recoveries.told("a", Position(1, "1"), suffices=lambda: False)
    assert [each is None for each in await asyncio.gather(second, third)] == [True, False]
    assert (len(first.result()), yard.reads) == (1, 2)


@on_a_loop
async def test_what_ends_too_soon_for_some_is_read_again_for_them() -> None:
    yard = Yard(400, Keeping(size=1000, seconds=60))
    old, near, nearer = await yard.told(0, 200, 390)
    assert yard.reads == 2
    assert not is_recovered(Position(0, "1"), old)
    assert is_recovered(Position(200, "1"), near)
    assert is_recovered(Position(390, "1"), nearer)
    assert len(old.publications) == MOST_RECOVERED


@on_a_loop
async def test_a_channel_that_runs_away_is_read_by_each_in_the_end() -> None:
    yard = Yard(301, Keeping(size=100_000, seconds=60))
    asked = yard.broker.history

    async def running(channel: str, *, since: Position | None, limit: int) -> Stored:
        yard.publish(MOST_RECOVERED)
        return await asked(channel, since=since, limit=limit)

    yard.broker.history = running  # type: ignore[method-assign, assignment]
    told = await yard.told(300, 600, 601, None)
    assert all(each.top.offset > 600 for each in told)
    assert yard.faults == []


@on_a_loop
async def test_who_waits_for_a_store_that_is_away_hears_so() -> None:
    yard = Yard(1)
    yard.store.is_away = True
    told = await asyncio.gather(
        *(yard.recoveries.told("a", Position(0, "1")) for _ in range(120)), return_exceptions=True
    )
    assert {type(each) for each in told} == {Away}
    assert yard.reads == 1
    yard.store.is_away = False
    assert len(await yard.told(0)) == 1


@on_a_loop
async def test_a_fault_of_ours_is_told_and_the_next_are_read_for() -> None:
    yard = Yard(1)
    asked = yard.broker.history

    async def broken(_: str, **__: object) -> Stored:
        raise KeyError("a")

    yard.broker.history = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(Away, match="not asked"):
        await yard.told(0)
    yard.broker.history = asked  # type: ignore[method-assign]
    assert yard.faults == ["realtime recovery: KeyError('a')"]
    assert len(await yard.told(0)) == 1


@on_a_loop
async def test_who_has_gone_meanwhile_is_not_told() -> None:
    yard = Yard(1)
    stays = asyncio.ensure_future(yard.told(0))
    goes = asyncio.ensure_future(yard.recoveries.told("a", Position(0, "1")))
    await asyncio.sleep(0)
    goes.cancel()
    await settle()
    assert (len(stays.result()), goes.cancelled(), yard.faults) == (1, True, [])


@given(seed=st.integers(0, 2**32))
def test_each_is_told_what_its_own_read_would_have_told(seed: int) -> None:
    async def whole() -> None:
        chance = Random(seed)
        yard = Yard(chance.randint(0, 700), Keeping(size=chance.choice([5, 100, 900]), seconds=60))

        async def one() -> None:
            for _ in range(chance.randint(0, 9)):
                await asyncio.sleep(0)
            top = yard.store.tops["a"]
            wanted = Position(chance.randint(max(0, top - 400), top), "1")
            begun = yard.store.top("a")
            told = await yard.recoveries.told("a", wanted)
            assert told is not None
            own = await yard.broker.history("a", since=wanted, limit=MOST_RECOVERED)
            assert told.top.offset >= begun.offset
            if own.top == told.top:
                assert is_recovered(wanted, told) is is_recovered(wanted, own)
                if is_recovered(wanted, own):
                    assert told == own

        async def writes() -> None:
            for _ in range(chance.randint(0, 9)):
                yard.publish(1)
                await asyncio.sleep(0)

        await asyncio.gather(writes(), *(one() for _ in range(20)))

    asyncio.run(whole())
