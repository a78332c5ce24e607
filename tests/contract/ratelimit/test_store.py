"""What all have spent, by real servers."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from math import inf

import pytest
import uvloop

from tests.helpers.valkey_client import Told, client, way
from tests.helpers.valkey_server import Server
from tta_gateway.features.ratelimit.algorithm import Debt, Entry, Quota, Rate, Span
from tta_gateway.features.ratelimit.bound import Limit
from tta_gateway.features.ratelimit.store import Asked, Away, Owed
from tta_gateway.features.ratelimit.tally import Tally
from tta_gateway.features.ratelimit.valkey_store import PATIENCE, ValkeyStore, name_of
from tta_gateway.node.settling import SHORTEST, Settling
from tta_gateway.support.metrics import Registry
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.topology import Address, single

pytestmark = pytest.mark.redis
LIMIT = Limit(id="l", name="l", handle="l", amount=10, per=10.0, burst=10, key=("user",))


def a_store(valkey: Valkey | None) -> ValkeyStore:
    return ValkeyStore(lambda: valkey, monotonic=time.monotonic, wall=time.time)


def new() -> str:
    return uuid.uuid4().hex


@asynccontextmanager
async def stores(server: Server, count: int = 1) -> AsyncIterator[list[ValkeyStore]]:
    async with client(server.unix) as (one, _):
        yield [a_store(one) for _ in range(count)]


def run(body: Callable[[], Coroutine[object, object, None]]) -> None:
    uvloop.run(body())


# --- strict limits -------------------------------------------------------------------------------


def test_of_fifty_at_once_exactly_ten_take_one_of_ten(shared: Server) -> None:
    async def body() -> None:
        key = new()
        asked = [Asked(id="l", key=key, step=3600.0, depth=36_000.0)]
        async with client(shared.unix) as (one, _), client(shared.address) as (other, _):
            both = [one, other]
            told = await asyncio.gather(*(a_store(both[at % 2]).take(asked) for at in range(50)))
        waits = [answers[0].wait for answers in told]
        assert sum(wait == 0.0 for wait in waits) == 10
        assert all(wait == pytest.approx(3600.0, abs=5.0) for wait in waits if wait)

    run(body)


def test_what_was_spent_by_other_figures_says_nothing_of_a_bucket(shared: Server) -> None:
    async def body() -> None:
        async with stores(shared) as (store,):
            hourly = Asked(id="l", key=new(), step=3600.0, depth=3600.0)
            (first,), (second,) = await store.take([hourly]), await store.take([hourly])
            assert first.wait == 0.0
            assert second.wait == pytest.approx(3600.0, abs=5.0)
            raised = Asked(id="l", key=hourly.key, step=1.0, depth=1.0)
            (third,) = await store.take([raised])
            assert third.wait == 0.0

    run(body)


def test_of_several_limits_all_are_taken_or_none(shared: Server) -> None:
    async def body() -> None:
        async with stores(shared) as (store,):
            wide = Asked(id="wide", key=new(), step=1.0, depth=100.0)
            narrow = Asked(id="narrow", key=new(), window=7, ends=time.time() + 60, amount=2)
            for expected in (1.0, 2.0):
                first, second = await store.take([wide, narrow])
                assert (first.wait, second.wait) == (0.0, 0.0)
                assert (second.since, second.full) == (7.0, expected)
            first, second = await store.take([wide, narrow])
            assert first.wait == 0.0
            assert second.wait == pytest.approx(60.0, abs=1.0)
            assert first.full == pytest.approx(2.0, abs=0.5)

    run(body)


def test_whoever_waits_as_long_as_it_says_gets_through(shared: Server) -> None:
    async def body() -> None:
        async with stores(shared) as (store,):
            asked = [Asked(id="l", key=new(), step=0.3, depth=0.3)]
            assert (await store.take(asked))[0].wait == 0.0
            wait = (await store.take(asked))[0].wait
            assert 0.0 < wait <= 0.3
            await asyncio.sleep(wait)
            assert (await store.take(asked))[0].wait == 0.0

    run(body)


def test_a_store_that_stands_still_holds_nobody_longer_than_it_may(own: Server) -> None:
    async def body() -> None:
        async with stores(own) as (store,):
            asked = [Asked(id="l", key=new(), step=1.0, depth=10.0)]
            await store.take(asked)
            with own.frozen():
                begun = time.monotonic()
                with pytest.raises(Away) as away:
                    await store.take(asked)
                assert time.monotonic() - begun < PATIENCE + 0.1  # and what a busy machine adds
                assert away.value.may_be_done
                begun = time.monotonic()
                for _ in range(100):  # those behind it do not wait at all
                    with pytest.raises(Away):
                        await store.take(asked)
                assert time.monotonic() - begun < PATIENCE
            await asyncio.sleep(1.1)
            assert (await store.take(asked))[0].wait == 0.0

    run(body)


def test_without_a_store_nobody_waits() -> None:
    async def body() -> None:
        with pytest.raises(Away):
            await a_store(None).take([Asked(id="l", key="k", step=1.0, depth=10.0)])
        with pytest.raises(Away):
            await a_store(None).settle([Owed(id="l", key="k")])

    run(body)


# --- settling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_server_adds_as_the_algorithm_does(shared: Server, seed: int) -> None:
    """Both are fed the same debts, of several who spend at the same time."""

    async def body() -> None:
        chance, key = random.Random(seed), new()
        async with stores(shared) as (store,):
            mine, now = Span(), time.monotonic()
            for _ in range(60):
                now += chance.choice((0.0, 0.01, 0.4))
                debt = Debt(now - chance.random() * 0.3)
                for at in sorted(chance.random() for _ in range(chance.randint(1, 5))):
                    debt.spend(0.2 + chance.random(), debt.first + at)
                told = debt.told()
                mine.add(*told)
                (settled,) = await store.settle([Owed(id="l", key=key, told=told)])
                assert settled.full == pytest.approx(mine.tat, abs=0.02)
                assert settled.since == pytest.approx(mine.begun, abs=0.02)

    run(body)


def test_what_one_spends_all_know(shared: Server) -> None:
    async def body() -> None:
        rate, key = Rate(10, 10.0, 10), new()
        async with stores(shared, 3) as three:
            entries = [rate.entry(key) for _ in three]
            for store, entry in zip(three, entries, strict=True):
                rate.spend(entry, 2, time.monotonic())
                await settle(store, rate, entry)
            for store, entry in zip(three, entries, strict=True):
                await settle(store, rate, entry)
            assert [rate.left(entry, time.monotonic()) for entry in entries] == [4, 4, 4]

    run(body)


async def settle(store: ValkeyStore, measure: Rate | Quota, entry: Entry) -> None:
    measure.tell(entry)
    told = measure.ask(entry)
    owed = Owed(id="l", key=entry.key, told=told, known=measure.known(entry))
    if isinstance(measure, Quota):
        number = int(owed.known[0])
        owed = Owed(
            id="l",
            key=entry.key,
            told=told,
            known=owed.known,
            window=number,
            ends=(number + 1) * measure.per,
        )
    (one,) = await store.settle([owed])
    entry.is_stale = False
    measure.settled(entry, one.since, one.full, anew=bool(one.nonce) and one.nonce != entry.nonce)
    entry.nonce = one.nonce


def test_quotas_are_added_and_gone_with_their_window(shared: Server) -> None:
    async def body() -> None:
        quota, key = Quota(10, 3600.0, 10), new()
        quota.offset = time.time() - time.monotonic()
        async with client(shared.unix) as (valkey, _):
            both = [a_store(valkey), a_store(valkey)]
            entries = [quota.entry(key) for _ in both]
            for _ in range(2):
                for store, entry in zip(both, entries, strict=True):
                    quota.spend(entry, 1, time.monotonic())
                    await settle(store, quota, entry)
            await settle(both[0], quota, entries[0])
            assert [quota.left(entry, time.monotonic()) for entry in entries] == [6, 6]
            number = quota.number(time.monotonic())
            name = b"{tta:limits:2}:%s:%d" % (name_of("l", key), number)
            left = await valkey.command(b"PTTL", name)
            assert isinstance(left, int)
            assert 0 < left <= 3_600_000

    run(body)


def test_what_is_full_again_is_gone_by_itself(shared: Server) -> None:
    async def body() -> None:
        rate, key = Rate(10, 1.0, 10), new()
        async with client(shared.unix) as (valkey, _):
            entry = rate.entry(key)
            rate.spend(entry, 2, time.monotonic())
            await settle(a_store(valkey), rate, entry)
            name = b"{tta:limits:2}:%s:0" % name_of("l", key)
            assert await valkey.command(b"EXISTS", name) == 1
            await asyncio.sleep(0.3)
            assert await valkey.command(b"EXISTS", name) == 0

    run(body)


def test_who_only_looks_writes_nothing(shared: Server) -> None:
    async def body() -> None:
        key = new()
        async with client(shared.unix) as (valkey, _):
            store = a_store(valkey)
            found = await store.look(Owed(id="l", key=key))
            assert found.full < time.monotonic()
            await store.settle([Owed(id="l", key=key, told=(0.0, 0.0, -inf, -inf))])
            assert await valkey.command(b"EXISTS", b"{tta:limits:2}:%s:0" % name_of("l", key)) == 0

    run(body)


def test_a_bucket_that_is_emptied_is_full_for_all_who_ask_next(shared: Server) -> None:
    async def body() -> None:
        rate, key = Rate(10, 10.0, 10), new()
        async with stores(shared, 2) as (one, other):
            mine, theirs = rate.entry(key), rate.entry(key)
            for _ in range(10):
                rate.spend(mine, 1, time.monotonic())
            await settle(one, rate, mine)
            await settle(other, rate, theirs)
            assert rate.left(theirs, time.monotonic()) == 0
            await one.reset(Owed(id="l", key=key), b"n1")
            await settle(one, rate, mine)
            await settle(other, rate, theirs)
            assert [rate.left(entry, time.monotonic()) for entry in (mine, theirs)] == [10, 10]
            rate.spend(mine, 1, time.monotonic())
            await settle(one, rate, mine)
            await settle(other, rate, theirs)  # the same nonce: this is nothing new
            assert [rate.left(entry, time.monotonic()) for entry in (mine, theirs)] == [9, 9]

    run(body)


# --- workers, and stores that fail ---------------------------------------------------------------


class Worker:
    """A tally that settles by a store; its neighbours are not told."""

    def __init__(self, store: ValkeyStore, limit: Limit = LIMIT) -> None:
        self.tally = Tally(monotonic=time.monotonic, wall=time.time, chance=random.random)
        self.table = self.tally.table(limit, 10_000)
        self.tasks: set[asyncio.Task[None]] = set()
        self.settling = Settling(self.tally, store, number=1, registry=Registry(), spawn=self.spawn)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def take(self, key: str) -> bool:
        now = time.monotonic()
        entry, measure = self.table.entry(key, now), self.table.measure
        if measure.wait(entry, 1, now) > 0.0:
            return False
        measure.spend(entry, 1, now)
        self.table.owe(entry)
        return True

    async def round(self) -> None:
        self.settling.round()
        while self.tasks:
            await asyncio.gather(*self.tasks)

    def left(self, key: str) -> int:
        now = time.monotonic()
        return self.table.measure.left(self.table.entry(key, now), now)


@contextmanager
def failing(server: Server, how: str) -> Iterator[None]:
    """A store that is away for a while, or has forgotten all."""
    if how == "paused":
        with server.frozen():
            yield
        return
    if how == "emptied":
        server.say("FLUSHALL")
        yield
        return
    server.kill()
    yield
    server.start_again()


async def spend_gently(workers: list[Worker], key: str, *, seconds: float) -> None:
    """Spend five a second at each: nobody may be refused."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for worker in workers:
            assert worker.take(key)
            worker.settling.round()
        await asyncio.sleep(0.2)


@pytest.mark.parametrize("how", ["killed", "paused", "emptied"])
def test_a_store_that_fails_lets_all_go_on_and_comes_back_without_a_jump(
    own: Server, how: str
) -> None:
    """Two nodes; each spends a quarter of what there is while the store is away, and behind it."""

    async def body() -> None:
        limit, key = Limit(id="l", name="l", handle="l", amount=20, per=1.0, burst=20), new()
        async with client(own.unix, timeout=0.1) as (one, _), client(own.unix) as (other, _):
            workers = [Worker(a_store(one), limit), Worker(a_store(other), limit)]
            await spend_gently(workers, key, seconds=0.5)
            with failing(own, how):
                await spend_gently(workers, key, seconds=3.0)
            await one.ready(10.0)
            await other.ready(10.0)
            await spend_gently(workers, key, seconds=2.0)
            for worker in workers:
                await worker.round()
                assert worker.left(key) >= 14
                assert worker.settling._due == {}

    run(body)


def test_a_new_worker_hears_of_what_was_spent_before_it_came(shared: Server) -> None:
    async def body() -> None:
        key = new()
        async with stores(shared, 2) as (one, other):
            before = Worker(one)
            for _ in range(10):
                assert before.take(key)
            await before.round()
            after = Worker(other)
            assert after.take(key)  # it begins with the full bucket
            await after.round()
            assert not after.take(key)

    run(body)


def test_so_many_that_one_step_would_hold_the_server_go_in_several(shared: Server) -> None:
    async def body() -> None:
        async with stores(shared) as (store,):
            worker = Worker(store)
            for number in range(1200):
                assert worker.take(f"k{number}")
            await worker.round()
            assert worker.settling.pause == SHORTEST  # there is more to tell
            await worker.round()
            assert worker.settling._due == {}
            assert worker.settling._settled.values() == [1200.0]

    run(body)


def test_whoever_has_just_begun_to_connect_waits_for_operators(shared: Server) -> None:
    async def body() -> None:
        told = Told()
        fresh = Valkey(
            single(shared.unix),
            way=way(told),
            name="state",
            tell=told.event,
            stale=told.stale.append,
        )
        found = await a_store(fresh).look(Owed(id="l", key=new()))
        assert found.nonce == b""
        fresh.close()
        closed = Valkey(
            single(Address(unix="/nowhere")),
            way=way(told),
            name="state",
            tell=told.event,
            stale=told.stale.append,
        )
        with pytest.raises(Away):
            await a_store(closed).reset(Owed(id="l", key=new()), b"n")
        closed.close()

    run(body)
