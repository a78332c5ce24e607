"""Rounds of settling; with real neighbours and stores: tests/contract/ratelimit."""

import random
from collections.abc import Coroutine, Sequence

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.ratelimit.bound import Limit
from tta_gateway.features.ratelimit.metrics import SETTLED
from tta_gateway.features.ratelimit.store import Away, Owed, Settled
from tta_gateway.features.ratelimit.tally import Table, Tally
from tta_gateway.node.settling import Settling, owed_of
from tta_gateway.support.metrics import Registry

RATE = Limit(id="r", name="r", handle="r", amount=10, per=10.0, burst=10, key=("user",))
SEATS = msgspec.structs.replace(RATE, id="s", handle="s", of="concurrent", amount=2)
QUOTA = msgspec.structs.replace(RATE, id="q", handle="q", quota=True)


class Store:
    """Answers at once that nothing else was spent, or that it is away."""

    def __init__(self) -> None:
        self.owed: list[Sequence[Owed]] = []
        self.is_away = False
        self.nonce = b""

    async def settle(self, owed: Sequence[Owed]) -> list[Settled]:
        self.owed.append(owed)
        if self.is_away:
            raise Away("it is away", may_be_done=True)
        return [Settled(0.0, 0.0, self.nonce) for _ in owed]


class Worker:
    """A worker without neighbours."""

    def __init__(self, store: Store | None) -> None:
        self.clock = FakeClock()
        self.registry = Registry()
        self.tally = Tally(
            monotonic=self.clock.monotonic, wall=self.clock.wall, chance=random.Random(7).random
        )
        self.work: list[Coroutine[object, object, None]] = []
        self.settling = Settling(
            self.tally, store, number=1, registry=self.registry, spawn=self.work.append
        )
        self.table = self.tally.table(RATE, 100_000)

    def spend(self, key: str = "k", cost: int = 1, table: Table | None = None) -> None:
        table = table or self.table
        now = self.clock.monotonic()
        entry = table.entry(key, now)
        table.measure.wait(entry, cost, now)
        table.measure.spend(entry, cost, now)
        table.owe(entry)

    def round(self) -> int:
        """Make a round, and have its work done; return how much there was."""
        self.settling.round()
        done = len(self.work)
        self.settle()
        return done

    def settle(self) -> None:
        """Have the work of a round done."""
        while self.work:
            with pytest.raises(StopIteration):
                self.work.pop().send(None)

    def left(self, key: str = "k") -> int:
        now = self.clock.monotonic()
        return self.table.measure.left(self.table.entry(key, now), now)


def test_what_is_owed_is_told_once() -> None:
    store = Store()
    worker = Worker(store)
    worker.spend(cost=2)
    assert [worker.round(), worker.round()] == [1, 0]
    ((owed,),) = store.owed
    assert (owed.id, owed.key) == ("r", "k")
    assert owed.told == (1000.0, 2.0, 1000.0, 1002.0)


def test_one_round_waits_for_the_other() -> None:
    store = Store()
    worker = Worker(store)
    worker.spend()
    worker.settling.round()
    worker.spend("l")
    worker.settling.round()
    assert len(worker.work) == 1
    assert worker.round() == 1
    assert [[one.key for one in some] for some in store.owed] == [["k", "l"]]


def test_while_it_is_away_it_is_asked_now_and_then() -> None:
    store = Store()
    worker = Worker(store)
    store.is_away = True
    worker.spend(cost=3)
    assert worker.round() == 1
    worker.spend()
    assert worker.round() == 0
    worker.clock.advance(0.4)
    assert worker.round() == 1
    assert [one.told for one in store.owed[-1]] == [None]
    assert store.owed[-1][0].known == (1000.0, 1004.0)
    store.is_away = False
    worker.clock.advance(0.4)
    assert [worker.round(), worker.round()] == [1, 0]
    worker.spend()
    worker.round()
    told = store.owed[-1][0].told
    assert told is not None
    assert told[1] == 1.0
    assert worker.registry.child(SETTLED, "failed").values() == [2.0]
    assert worker.registry.child(SETTLED, "settled").values() == [2.0]


@pytest.mark.parametrize("limit", [RATE, QUOTA])
def test_what_comes_while_a_store_that_was_away_is_told_counts_once(limit: Limit) -> None:
    store = Store()
    worker = Worker(store)
    table = worker.tally.table(limit, 1000)
    store.is_away = True
    worker.spend(cost=3, table=table)
    worker.round()
    store.is_away = False
    worker.clock.advance(0.4)
    worker.settling.round()
    worker.spend(table=table)  # before the work of this round begins
    worker.settle()
    worker.round()
    (known,), (later,) = store.owed[-2:]
    assert known.told is None
    assert later.told is not None
    assert later.told[1] == 1.0
    expected = (1000.0, 1003.0) if limit is RATE else (170_000_000.0, 3.0)
    assert known.known == expected


def test_a_bucket_that_somebody_has_emptied_is_emptied_once() -> None:
    store = Store()
    worker = Worker(store)
    worker.spend(cost=9)
    store.nonce = b"n"
    assert worker.round() == 1
    assert worker.left() == 10
    worker.spend(cost=4)
    worker.round()
    assert worker.left() == 6


def test_without_a_store_nothing_waits_for_one() -> None:
    worker = Worker(None)
    worker.spend()
    assert worker.round() == 0
    assert worker.settling._due == {}


def test_what_has_waited_longest_is_let_go_where_there_is_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tta_gateway.node.settling._MOST", 100)
    worker = Worker(Store())
    worker.settling._rests_until = 1e9
    for number in range(101):
        worker.spend(f"k{number}")
    worker.round()
    assert len(worker.settling._due) == 91


def test_a_quota_is_told_by_its_window() -> None:
    worker = Worker(Store())
    table = worker.tally.table(QUOTA, 1000)
    worker.spend(cost=2, table=table)
    table.measure.tell(table.entry("k", 0.0))
    owed = owed_of(table.entry("k", 0.0), table)
    assert (owed.window, owed.ends) == (170_000_000, 1_700_000_010.0)
    assert owed.told == (170_000_000.0, 2.0, 0.0, 0.0)


def test_seats_that_a_neighbour_says_nothing_of_any_more_are_free() -> None:
    worker = Worker(Store())
    table = worker.tally.table(SEATS, 1000)
    told = ("k", (2.0, 0.0, 0.0, 0.0))
    for second in range(20):
        if second < 10:  # then a release follows that is lost
            worker.settling.hear(msgspec.msgpack.encode((7, "s", [told])))
        worker.settling.look(2000.0 + second)
        assert (table.measure.left(table.entry("k", 0.0), 0.0) == 0) == (second < 14)


def test_nobody_looks_for_neighbours_all_the_time() -> None:
    worker = Worker(Store())
    worker.settling.look(2000.0)
    worker.settling.look(2000.5)
    assert worker.settling._repeated == 2000.0
    assert worker.settling.pause == pytest.approx(0.1)
