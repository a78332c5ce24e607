"""A node's lease, what it hears, and for whom it waits: on a store in memory, as time is moved."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from math import inf

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.node_store import MemoryNodes
from tta_gateway.features.nodes.algorithm import BEHIND, LEASE, PATIENCE, RENEWED
from tta_gateway.features.nodes.metrics import LEASES, TOLD
from tta_gateway.features.nodes.service import ALL, Attendance, NotTaken, Outcome
from tta_gateway.support.metrics import Metric, Registry


class Node:
    """A node's attendance, and the rest of its control."""

    def __init__(self, house: "House", name: str) -> None:
        self.house = house
        self.monotonic = house.clock.monotonic
        self.until = -inf
        self.taken: list[str] = []
        self.events: list[str] = []
        self.is_away = self.is_stuck = False
        self.counts = Registry()
        self.attendance = Attendance(
            house.store,
            self,
            node=name,
            topics={one: self._take(one) for one in ("care", "revocations")},
            counts=self.counts,
        )
        self.attendance.adopt(is_shared=True, is_needed=True)

    def _take(self, topic: str) -> Callable[[], Awaitable[None]]:
        async def take() -> None:
            if self.is_away:
                raise NotTaken("SQL is away")
            self.taken.append(topic)

        return take

    async def sleep(self, seconds: float) -> None:
        await self.house.sleep(seconds)

    def tell(self, until: float) -> None:
        self.until = until

    async def confirmed(self, patience: float) -> bool:
        if self.is_stuck:
            await self.sleep(patience)
        return not self.is_stuck

    def event(self, name: str, **fields: object) -> None:
        self.events.append(f"{name} {fields.get('how', '')}".strip())

    def count(self, metric: Metric, *labels: str) -> float:
        child = self.counts.child(metric, *labels)
        return child.cells[child.at]

    def is_heard(self) -> bool:
        return self.until > self.monotonic()

    async def begin(self) -> "Node":
        """Hold a lease."""
        await self.attendance.renew()
        assert await self.attendance.take()
        assert self.attendance.holds
        self.taken.clear()
        return self


class House:
    """Nodes, and the time of all of them: whoever sleeps lets it pass, in steps."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryNodes(self.clock)
        self.meanwhile: list[Callable[[], Awaitable[object]]] = []

    async def sleep(self, seconds: float) -> None:
        left = seconds
        while left > 0:
            step = min(0.05, left)
            left -= step
            self.clock.advance(step)
            for work in self.meanwhile:
                await work()

    async def node(self, name: str) -> Node:
        return await Node(self, name).begin()


@pytest.fixture
def house() -> House:
    return House()


def do(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


def test_who_is_alone_holds_nothing_and_is_heard_for_ever(house: House) -> None:
    async def work() -> None:
        node = Node(house, "a")
        node.attendance.adopt(is_shared=False, is_needed=True)
        await node.attendance.renew()
        await node.attendance.look()
        assert (node.until, node.taken, house.store.held) == (inf, [], {})
        assert node.count(LEASES) == 1.0
        assert await node.attendance.spread("care") == ALL
        assert (node.taken, house.store.version) == (["care"], 0)

    do(work())


def test_a_lease_counts_once_all_that_was_told_before_has_been_taken_up(house: House) -> None:
    async def work() -> None:
        node = Node(house, "a")
        await node.attendance.renew()
        assert not node.is_heard()
        assert await node.attendance.take()
        assert (node.taken, node.is_heard()) == (["care", "revocations"], True)
        assert node.until == house.clock.monotonic() + LEASE
        assert node.count(LEASES) == 0.0
        await node.attendance.renew()
        assert node.count(LEASES) == 1.0
        assert node.events == ["node_heard unheard", "node_heard held"]

    do(work())


def test_what_is_told_is_taken_up_everywhere_before_who_told_it_is_answered(house: House) -> None:
    async def work() -> None:
        one, two = await house.node("a"), await house.node("b")
        house.meanwhile.append(two.attendance.take)
        began = house.clock.monotonic()
        assert await one.attendance.spread("care") == ALL
        assert (one.taken, two.taken) == (["care"], ["care"])
        assert house.clock.monotonic() - began < 0.1
        assert one.count(TOLD, "acknowledged") == 1.0
        assert await one.attendance.take()
        assert one.taken == ["care", "care"]
        assert await one.attendance.take()  # nothing is new
        assert one.taken == ["care", "care"]

    do(work())


def test_a_node_that_is_gone_is_waited_for_as_long_as_its_lease_lasts(house: House) -> None:
    async def work() -> None:
        one, _ = await house.node("a"), await house.node("b")
        house.meanwhile.append(one.attendance.renew)
        began = house.clock.monotonic()
        assert await one.attendance.spread("care") == Outcome(lapsed=("b",))
        assert house.clock.monotonic() - began <= LEASE + 0.1
        assert one.events[-1] == "nodes_not_all_told"
        assert one.count(TOLD, "lapsed") == 1.0
        assert await one.attendance.spread("care") == ALL

    do(work())


def test_a_node_whose_lease_ends_soon_is_waited_for_as_long_as_it_may_go_by_what_sql_said(
    house: House,
) -> None:
    async def work() -> None:
        one, two = await house.node("a"), await house.node("b")
        house.meanwhile.append(one.attendance.renew)
        await house.sleep(LEASE / 2)
        await two.attendance.look()  # the last that it does: then its control is frozen
        assert two.until > two.attendance._held.ends  # type: ignore[union-attr]
        assert await one.attendance.spread("care") == Outcome(lapsed=("b",))
        assert two.until <= house.clock.monotonic() + 1e-6  # but for rounding

    do(work())


@pytest.mark.parametrize("what", ["is_away", "is_stuck"])
def test_a_node_that_cannot_take_it_up_lets_its_lease_end_and_refuses(
    house: House, what: str
) -> None:
    async def work() -> None:
        one, two = await house.node("a"), await house.node("b")
        setattr(two, what, True)

        async def renewed() -> None:
            for node in (one, two):
                await node.attendance.renew()
            await one.attendance.take()
            if what == "is_away":
                assert not await two.attendance.take()

        house.meanwhile.append(renewed)
        began = house.clock.monotonic()
        assert await one.attendance.spread("care") == Outcome(lapsed=("b",))
        assert BEHIND < house.clock.monotonic() - began <= PATIENCE
        assert not two.is_heard()
        assert one.is_heard()
        setattr(two, what, False)
        house.meanwhile.clear()
        await two.attendance.take()
        await two.attendance.renew()
        assert await two.attendance.take()
        assert two.is_heard()

    do(work())


def test_a_node_without_the_store_asks_sql_and_is_unheard_without_both(house: House) -> None:
    async def work() -> None:
        node = await house.node("a")
        await node.attendance.look()
        assert node.taken == []
        house.store.is_away = True
        house.clock.advance(RENEWED)
        await node.attendance.renew()
        assert node.is_heard()
        house.clock.advance(RENEWED)
        await node.attendance.look()  # in time, so that nothing is refused in between
        assert node.taken == ["care", "revocations"]
        node.taken.clear()
        house.clock.advance(LEASE)
        await node.attendance.renew()
        assert not node.is_heard()
        await node.attendance.look()
        assert (node.taken, node.is_heard()) == (["care", "revocations"], True)
        node.is_away = True
        house.clock.advance(LEASE)
        await node.attendance.look()
        assert not node.is_heard()
        assert [one.split()[-1] for one in node.events] == [
            *("unheard", "held", "unheard", "by_sql")
        ]
        assert not await node.attendance.take()

    do(work())


def test_without_the_store_it_is_waited_until_every_lease_has_ended(house: House) -> None:
    async def work() -> None:
        node = await house.node("a")
        house.store.is_away = True
        began = house.clock.monotonic()
        assert await node.attendance.spread("care") == Outcome(away=True)
        assert house.clock.monotonic() - began == pytest.approx(PATIENCE)
        assert node.count(TOLD, "away") == 1.0

    do(work())


def test_a_store_that_goes_while_it_is_waited_for_is_as_good_as_away(house: House) -> None:
    async def work() -> None:
        one, _ = await house.node("a"), await house.node("b")

        async def goes() -> None:
            house.store.is_away = True

        house.meanwhile.append(goes)
        assert await one.attendance.spread("care") == Outcome(away=True)

    do(work())


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_store_that_was_emptied_is_told_again_and_given_time_to_learn_who_is_there(
    house: House, comes_back: bool
) -> None:
    async def work() -> None:
        one, two = await house.node("a"), await house.node("b")
        steps = iter(range(1000))

        async def emptied() -> None:
            if next(steps) == 0:
                house.store.empty()
            await one.attendance.renew()
            if comes_back:
                await two.attendance.renew()
                await two.attendance.take()

        house.meanwhile.append(emptied)
        began = house.clock.monotonic()
        assert await one.attendance.spread("care") == ALL
        assert house.clock.monotonic() - began >= LEASE
        assert ("care" in two.taken) is comes_back

    do(work())


def test_one_that_holds_on_and_never_answers_is_told_of(house: House) -> None:
    async def work() -> None:
        one, _ = await house.node("a"), await house.node("b")
        number = house.store.held["b"][0]

        async def holds_on() -> None:
            await house.store.renew("b", number)

        house.meanwhile.append(holds_on)
        assert await one.attendance.spread("care") == Outcome(behind=("b",))
        assert one.count(TOLD, "behind") == 1.0

    do(work())


def test_own_workers_that_are_behind_are_told_of_and_sql_that_is_away_is_no_fault(
    house: House,
) -> None:
    async def work() -> None:
        node = await house.node("a")
        node.is_stuck = node.is_away = True
        house.meanwhile.append(node.attendance.renew)
        assert await node.attendance.spread("care") == Outcome(hangs=True)
        assert "workers_behind" in node.events

    do(work())


def test_it_goes_on_by_itself_and_hears_at_once(house: House) -> None:
    async def work() -> None:
        node = Node(house, "a")
        turns = asyncio.Event()

        async def rest(seconds: float) -> None:
            assert seconds > 0
            await turns.wait()
            turns.clear()
            await asyncio.sleep(0)

        node.sleep = rest  # type: ignore[method-assign]
        running = asyncio.get_running_loop().create_task(node.attendance.run())
        for _ in range(10):
            await asyncio.sleep(0)
        assert node.attendance.holds
        node.taken.clear()
        await house.store.tell("care")
        node.is_away = True
        node.attendance.heard()
        for _ in range(10):
            await asyncio.sleep(0)
        assert node.taken == []
        node.is_away = False
        for _ in range(30):
            turns.set()
            await asyncio.sleep(0)
        assert "care" in node.taken
        assert (await node.attendance.standing()).version == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    do(work())


def test_where_nothing_can_be_revoked_no_lease_is_held(house: House) -> None:
    async def work() -> None:
        node = await house.node("a")
        node.attendance.adopt(is_shared=True, is_needed=False)
        assert not node.attendance.holds
        assert node.attendance.is_alone
        assert await node.attendance.take()

    do(work())
