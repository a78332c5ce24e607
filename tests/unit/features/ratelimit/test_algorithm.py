"""Buckets, windows and seats, against models that know everything and count one by one."""

import itertools
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from tta_gateway.features.ratelimit.algorithm import (
    Bucket,
    Concurrency,
    Debt,
    Entry,
    Measure,
    Quota,
    Rate,
    Seats,
    Span,
    Window,
    cheapest,
    health,
    measure,
    nearer,
    retry_after,
)

GRAIN = 1e-3
GAPS = st.lists(
    st.one_of(st.just(0.0), st.floats(0.0, 0.5), st.floats(0.0, 5.0)), min_size=1, max_size=60
)


class Model:
    """A bucket of tokens, filled drop by drop: nothing of `algorithm` is in it."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = float(burst), 0.0

    def take(self, now: float, cost: int = 1) -> bool:
        self.tokens = min(float(self.burst), self.tokens + self.rate * (now - self.at))
        self.at = now
        if self.tokens + 1e-5 < cost:
            return False
        self.tokens -= cost
        return True


def spent(admitted: list[tuple[float, int]], *, rate: float) -> float:
    """Return the tokens that are owed after these, by adding them up from each of them on."""
    if not admitted:
        return 0.0
    last = admitted[-1][0]
    return max(
        sum(cost for at, cost in admitted[first:]) - rate * (last - admitted[first][0])
        for first in range(len(admitted))
    )


# --- one who counts ------------------------------------------------------------------------------


@given(
    gaps=GAPS,
    amount=st.integers(1, 20),
    per=st.floats(0.5, 20.0),
    burst=st.integers(1, 20),
    costs=st.lists(st.integers(1, 3), min_size=60, max_size=60),
)
def test_a_rate_admits_exactly_what_a_bucket_of_tokens_does(
    gaps: list[float], amount: int, per: float, burst: int, costs: list[int]
) -> None:
    rate, model = Rate(amount, per, burst), Model(rate=amount / per, burst=burst)
    entry, now = rate.entry("k"), 0.0
    admitted: list[tuple[float, int]] = []
    for gap, raw in zip(gaps, costs, strict=False):
        now += gap
        cost = min(raw, burst)
        wait = rate.wait(entry, cost, now)
        assert wait >= 0.0
        assert (wait == 0.0) == model.take(now, cost)
        if wait == 0.0:
            rate.spend(entry, cost, now)
            admitted.append((now, cost))
        assert spent(admitted, rate=amount / per) <= burst + GRAIN


@given(gaps=GAPS, burst=st.integers(1, 5))
def test_whoever_comes_back_after_the_wait_is_let_in(gaps: list[float], burst: int) -> None:
    rate, now = Rate(2, 1.0, burst), 0.0
    entry = rate.entry("k")
    for gap in gaps:
        now += gap
        wait = rate.wait(entry, 1, now)
        if wait:
            if 0.1 * wait > 2 * GRAIN:  # else it is as good as over
                assert rate.wait(entry, 1, now + 0.9 * wait) > 0.0
            now += wait
        assert rate.wait(entry, 1, now) == 0.0
        rate.spend(entry, 1, now)


def test_what_is_left_and_when_all_is_there_again() -> None:
    rate = Rate(10, 10.0, 4)
    entry = rate.entry("k")
    assert (rate.left(entry, 50.0), rate.until(entry, 50.0)) == (4, 0.0)
    rate.spend(entry, 3, 50.0)
    assert (rate.left(entry, 50.0), rate.until(entry, 50.0)) == (1, 3.0)
    assert (rate.left(entry, 51.5), rate.until(entry, 51.5)) == (2, 1.5)
    assert rate.worth(entry, 51.5) == 1.5
    assert rate.worth(entry, 54.0) == 0.0


def test_an_ill_service_makes_requests_dearer_and_never_impossible() -> None:
    rate = Rate(10, 10.0, 4)
    rate.scale = 0.5
    assert rate.step(1) == 2.0
    assert rate.left(rate.entry("k"), 0.0) == 2
    rate.scale = 0.1
    assert rate.step(1) == 4.0  # all that there is
    assert rate.wait(rate.entry("k"), 1, 0.0) == 0.0


@given(
    gaps=GAPS,
    amount=st.integers(1, 12),
    per=st.integers(1, 5),
    costs=st.lists(st.integers(1, 2), min_size=60, max_size=60),
    offset=st.integers(0, 100),
)
def test_a_quota_admits_exactly_what_the_limits_library_does(
    gaps: list[float], amount: int, per: int, costs: list[int], offset: int
) -> None:
    quota = Quota(amount, float(per), amount)
    quota.offset = float(offset)
    entry, now = quota.entry("k"), 0.0
    oracle = FixedWindowRateLimiter(MemoryStorage())
    item = RateLimitItemPerSecond(amount, 3600)  # ours says when a window ends, by its name
    for gap, cost in zip(gaps, costs, strict=False):
        now += gap
        window = str(int((now + offset) // per))
        wait = quota.wait(entry, cost, now)
        assert (wait == 0.0) == oracle.test(item, window, cost=cost)
        if wait:
            assert int((now + wait + offset + 1e-4) // per) == int(window) + 1
        else:
            assert oracle.hit(item, window, cost=cost)
            quota.spend(entry, cost, now)
        left = oracle.get_window_stats(item, window).remaining
        assert quota.left(entry, now) == left


def test_a_window_says_when_it_ends_and_forgets_what_was_in_the_last() -> None:
    quota = Quota(3, 60.0, 3)
    quota.offset = 1000.0
    entry = quota.entry("k")
    quota.spend(entry, 2, 30.0)  # at 1030 of the clock, which is 10 s into a window
    assert (quota.left(entry, 30.0), quota.until(entry, 30.0)) == (1, 50.0)
    assert quota.worth(entry, 30.0) == 2.0
    assert quota.wait(entry, 2, 30.0) == 50.0
    assert quota.worth(entry, 90.0) == 0.0
    assert quota.left(entry, 90.0) == 3


def test_a_clock_that_is_set_back_gives_no_new_window() -> None:
    quota = Quota(3, 60.0, 3)
    entry = quota.entry("k")
    quota.spend(entry, 3, 120.0)
    assert quota.wait(entry, 1, 70.0) > 0.0
    assert quota.left(entry, 70.0) == 0


def test_seats_are_taken_and_given_back() -> None:
    seats = Concurrency(2, 0.0, 0)
    entry = seats.entry("k")
    seats.spend(entry, 1, 0.0)
    seats.passed(entry, 1, 0.0)
    assert seats.wait(entry, 1, 0.0) > 0.0
    assert (seats.left(entry, 0.0), seats.until(entry, 0.0)) == (0, 0.0)
    assert seats.worth(entry, 0.0) == inf
    seats.free(entry, 1)
    assert seats.wait(entry, 1, 0.0) == 0.0
    seats.free(entry, 1)
    assert seats.worth(entry, 0.0) == 0.0


def test_neighbours_seats_count_as_they_are_now() -> None:
    seats = Concurrency(3, 0.0, 0)
    entry = seats.entry("k")
    seats.hear(entry, (2.0, 0.0, 0.0, 0.0), 7)
    seats.hear(entry, (1.0, 0.0, 0.0, 0.0), 7)
    seats.hear(entry, (1.0, 0.0, 0.0, 0.0), 8)
    assert seats.left(entry, 0.0) == 1
    seats.hear(entry, (0.0, 0.0, 0.0, 0.0), 7)
    seats.hear(entry, (0.0, 0.0, 0.0, 0.0), 9)
    assert seats.left(entry, 0.0) == 2
    seats.spend(entry, 2, 0.0)
    assert seats.tell(entry) == (2.0, 0.0, 0.0, 0.0)


def test_the_store_is_asked_nothing_of_seats() -> None:
    seats = Concurrency(3, 0.0, 0)
    entry = seats.entry("k")
    seats.settled(entry, 1.0, 2.0, anew=True)
    seats.doubt(entry)
    assert (seats.ask(entry), seats.known(entry), seats.left(entry, 0.0)) == (None, (0.0, 0.0), 3)


# --- several who count ---------------------------------------------------------------------------

EVENTS = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0.0, 0.05), st.floats(0.0, 0.6)),  # a pause
        st.integers(0, 3),  # the worker that is asked
    ),
    min_size=1,
    max_size=120,
)


class Node:
    """Workers of a node that tell each other at every `interval`, and nobody else."""

    def __init__(self, rate: Measure, workers: int, *, interval: float) -> None:
        self.rate, self.interval = rate, interval
        self.entries = [rate.entry("k") for _ in range(workers)]
        self.due = interval

    def until(self, now: float) -> None:
        """Let all be told that is due by now."""
        while self.due <= now:
            self.settle()
            self.due += self.interval

    def settle(self) -> None:
        told = [self.rate.tell(entry) for entry in self.entries]
        for by, one in enumerate(told):
            for at, entry in enumerate(self.entries):
                if at != by and one[1]:
                    self.rate.hear(entry, one, by)


class Store:
    """A store as the Lua has it, here for one bucket."""

    def __init__(self) -> None:
        self.span = Span()

    def settle(self, measure: Measure, entry: Entry) -> None:
        told = measure.ask(entry)
        assert told is not None
        self.span.add(*told)
        measure.settled(entry, self.span.begun, self.span.tat, anew=False)


@settings(max_examples=400)
@given(
    events=EVENTS, workers=st.integers(1, 4), amount=st.integers(1, 40), burst=st.integers(1, 10)
)
def test_workers_together_admit_no_more_than_the_bound(
    events: list[tuple[float, int]], workers: int, amount: int, burst: int
) -> None:
    interval = 0.1 / max(1, workers - 1)
    rate = Rate(amount, 1.0, burst)
    node = Node(rate, workers, interval=interval)
    bound = burst + (workers - 1) * burst + amount * 0.1
    assert over(node, events, amount) <= bound + GRAIN


@settings(max_examples=400)
@given(
    events=EVENTS, workers=st.integers(1, 4), amount=st.integers(1, 40), burst=st.integers(1, 10)
)
def test_workers_of_many_nodes_admit_no_more_than_the_bound(
    events: list[tuple[float, int]], workers: int, amount: int, burst: int
) -> None:
    """By way of the store alone: none of them is another's neighbour."""
    interval = 0.1 / max(1, workers - 1)
    rate, store = Rate(amount, 1.0, burst), Store()
    touched: set[int] = set()

    class Apart(Node):
        def settle(self) -> None:
            for at in sorted(touched):
                rate.tell(self.entries[at])
                store.settle(rate, self.entries[at])
            touched.clear()

    node = Apart(rate, workers, interval=interval)
    bound = burst + (workers - 1) * burst + amount * 0.1
    assert over(node, events, amount, touched) <= bound + GRAIN


def over(
    node: Node, events: list[tuple[float, int]], amount: int, touched: set[int] | None = None
) -> float:
    """Return the most that all together owe at any time, when each admits all it can."""
    admitted: list[tuple[float, int]] = []
    now = worst = 0.0
    for pause, worker in events:
        now += pause
        node.until(now)
        at = worker % len(node.entries)
        if touched is not None:
            touched.add(at)
        entry = node.entries[at]
        while node.rate.wait(entry, 1, now) == 0.0:
            node.rate.spend(entry, 1, now)
            admitted.append((now, 1))
        worst = max(worst, spent(admitted, rate=float(amount)))
    return worst


@settings(max_examples=400)
@given(
    events=EVENTS,
    workers=st.integers(1, 4),
    amount=st.integers(1, 40),
    burst=st.integers(1, 10),
    interval=st.floats(0.01, 1.0),
    by_store=st.booleans(),
)
def test_whoever_keeps_to_the_limit_is_never_refused_whichever_worker_is_asked(
    events: list[tuple[float, int]],
    workers: int,
    amount: int,
    burst: int,
    interval: float,
    *,
    by_store: bool,
) -> None:
    rate, model = Rate(amount, 1.0, burst), Model(rate=float(amount), burst=burst)
    node, store, now = Node(rate, workers, interval=interval), Store(), 0.0
    for pause, worker in events:
        now += pause
        node.until(now)
        if not model.take(now):
            continue  # this one would not have come
        entry = node.entries[worker % workers]
        assert rate.wait(entry, 1, now) == 0.0
        rate.spend(entry, 1, now)
        if by_store and worker == 0:
            rate.tell(entry)  # what neighbours do not hear of is no harm to the client
            store.settle(rate, entry)


@given(
    events=EVENTS, workers=st.integers(1, 4), amount=st.integers(1, 10), interval=st.floats(0.1, 2)
)
def test_what_workers_count_of_a_quota_is_added_and_none_is_counted_twice(
    events: list[tuple[float, int]], workers: int, amount: int, interval: float
) -> None:
    quota = Quota(amount, 3.0, amount)
    node, now = Node(quota, workers, interval=interval), 0.0
    counted: dict[int, int] = {}
    for pause, worker in events:
        now += pause
        node.until(now)
        number = quota.number(now)
        entry = node.entries[worker % workers]
        if counted.get(number, 0) < amount:
            assert quota.wait(entry, 1, now) == 0.0  # nobody refuses who still has some
        while quota.wait(entry, 1, now) == 0.0:
            quota.spend(entry, 1, now)
            counted[number] = counted.get(number, 0) + 1
        assert counted[number] <= amount * workers
        if quota.wait(entry, 1, now) == 0.0:
            continue
        node.settle()
        used = counted[number]
        for other in node.entries:
            quota.left(other, now)
            assert isinstance(other, Window)
            assert other.near == used


def test_a_neighbours_window_that_is_over_counts_for_nothing() -> None:
    quota = Quota(5, 10.0, 5)
    entry = quota.entry("k")
    quota.spend(entry, 1, 100.0)
    quota.hear(entry, (9.0, 4.0, 0.0, 0.0), 1)
    assert quota.left(entry, 100.0) == 4
    quota.hear(entry, (11.0, 2.0, 0.0, 0.0), 1)  # its clock is a little ahead
    assert quota.left(entry, 100.0) == 3


# --- the store -----------------------------------------------------------------------------------


def test_the_store_counts_beside_what_was_spent_since() -> None:
    rate = Rate(10, 10.0, 10)
    entry = rate.entry("k")
    rate.spend(entry, 1, 100.0)
    rate.tell(entry)
    assert rate.ask(entry) == (100.0, 1.0, 100.0, 101.0)
    assert rate.ask(entry) == (0.0, 0.0, -inf, -inf)
    rate.spend(entry, 1, 100.1)  # while the store is asked
    rate.tell(entry)
    rate.spend(entry, 1, 100.2)
    rate.settled(entry, 99.0, 106.0, anew=False)
    assert rate.until(entry, 100.2) == pytest.approx(106.0 + 2.0 - 100.2)


def test_what_the_store_says_never_takes_back_what_is_known() -> None:
    rate = Rate(10, 10.0, 10)
    entry = rate.entry("k")
    rate.spend(entry, 5, 100.0)
    rate.tell(entry)
    rate.ask(entry)
    rate.settled(entry, -inf, -inf, anew=False)  # it was emptied
    assert rate.left(entry, 100.0) == 5


def test_a_bucket_that_somebody_has_emptied_is_full_again_here_too() -> None:
    rate = Rate(10, 10.0, 10)
    entry = rate.entry("k")
    rate.spend(entry, 9, 100.0)
    rate.tell(entry)
    rate.ask(entry)
    rate.spend(entry, 1, 100.0)
    rate.settled(entry, 0.0, 0.0, anew=True)
    assert rate.left(entry, 100.0) == 9


def test_while_the_store_is_away_nothing_piles_up_for_it() -> None:
    rate = Rate(10, 10.0, 10)
    entry = rate.entry("k")
    for second in range(100, 200):
        rate.spend(entry, 1, float(second))
        rate.tell(entry)
        rate.doubt(entry)
    assert rate.ask(entry) is None
    begun, full = rate.known(entry)
    assert full == pytest.approx(200.0)
    rate.settled(entry, begun, full, anew=False)  # what it says once it is back
    assert rate.left(entry, 199.0) == 9


def test_a_debt_that_was_not_told_grows() -> None:
    rate = Rate(10, 10.0, 10)
    entry = rate.entry("k")
    for now in (100.0, 100.1, 103.0):
        rate.spend(entry, 1, now)
        rate.tell(entry)
    assert rate.tell(entry) == (0.0, 0.0, -inf, -inf)
    told = rate.ask(entry)
    assert told is not None
    assert told[:2] == (100.0, 3.0)
    assert told[2:] == pytest.approx((103.0, 104.0))


def test_the_store_of_a_quota() -> None:
    quota = Quota(10, 10.0, 10)
    entry = quota.entry("k")
    quota.spend(entry, 2, 100.0)
    quota.tell(entry)
    assert quota.ask(entry) == (10.0, 2.0, 0.0, 0.0)
    quota.spend(entry, 1, 100.0)
    quota.settled(entry, 10.0, 6.0, anew=False)
    assert quota.left(entry, 100.0) == 3
    quota.settled(entry, 10.0, 1.0, anew=False)
    assert quota.left(entry, 100.0) == 3
    quota.settled(entry, 9.0, 9.0, anew=False)
    assert quota.left(entry, 100.0) == 3
    quota.settled(entry, 10.0, 0.0, anew=True)
    assert quota.left(entry, 100.0) == 9
    quota.passed(entry, 1, 100.0)
    quota.doubt(entry)
    assert quota.ask(entry) is None
    assert quota.known(entry) == (10.0, 1.0)  # without what is still to be told


def test_what_the_store_let_through_is_not_told_to_it_again() -> None:
    rate = Rate(10, 10.0, 10)
    entry = rate.entry("k")
    rate.passed(entry, 1, 100.0)
    assert rate.tell(entry) == (0.0, 0.0, -inf, -inf)
    assert rate.left(entry, 100.0) == 9


# --- the rest ------------------------------------------------------------------------------------


def test_a_span_that_knows_nothing_adds_nothing() -> None:
    span = Span()
    span.add(0.0, 0.0, -inf, -inf)
    assert (span.begun, span.tat) == (-inf, -inf)
    assert span.tat is not nan


def test_what_drained_before_either_was_busy_again_is_not_counted() -> None:
    span = Span()
    span.spend(1.0, 100.0)
    span.add(99.9, 1.0, 99.9, 100.9)  # 0.1 of it had drained when the other began
    assert (span.begun, span.tat) == pytest.approx((99.9, 101.9))


@given(gaps=st.lists(st.floats(0.0, 2.0), min_size=2, max_size=20), cut=st.integers(0, 19))
def test_a_debt_in_two_parts_is_the_whole_debt(gaps: list[float], cut: int) -> None:
    times = list(itertools.accumulate(gaps, initial=10.0))
    whole, first, second = Debt(times[0]), Debt(times[0]), Debt(times[min(cut, len(gaps))])
    for at, now in enumerate(times):
        whole.spend(0.7, now)
        (first if at < cut else second).spend(0.7, now)
    first.followed_by(second)
    assert first.told() == pytest.approx(whole.told())


def test_the_figures_say_how_a_limit_is_measured() -> None:
    kinds = [
        measure(amount=1, per=1.0, burst=1, quota=quota, concurrent=concurrent)
        for quota, concurrent in ((False, False), (True, False), (False, True))
    ]
    assert [type(one) for one in kinds] == [Rate, Quota, Concurrency]
    assert [type(one.entry("k")) for one in kinds] == [Bucket, Window, Seats]


def test_the_emptiest_bucket_is_the_last_to_be_forgotten() -> None:
    rate = Rate(10, 10.0, 10)
    entries = [rate.entry(str(cost)) for cost in (9, 2, 1, 4)]
    for entry in entries:
        rate.spend(entry, int(entry.key), 0.0)
    assert cheapest(entries, rate, 0.0).key == "1"


@pytest.mark.parametrize(
    "call",
    [
        lambda one, entry: one.entry(entry.key),
        lambda one, entry: one.wait(entry, 1, 0.0),
        lambda one, entry: one.spend(entry, 1, 0.0),
        lambda one, entry: one.passed(entry, 1, 0.0),
        lambda one, entry: one.left(entry, 0.0),
        lambda one, entry: one.until(entry, 0.0),
        lambda one, entry: one.worth(entry, 0.0),
        lambda one, entry: one.tell(entry),
        lambda one, entry: one.hear(entry, (0.0, 0.0, 0.0, 0.0), 1),
        lambda one, entry: one.settled(entry, 0.0, 0.0, anew=False),
        lambda one, entry: one.ask(entry),
        lambda one, entry: one.known(entry),
        lambda one, entry: one.doubt(entry),
    ],
)
def test_nothing_is_measured_by_no_kind(call: object) -> None:
    with pytest.raises(NotImplementedError):
        call(Measure(1, 1.0, 1), Entry("k"))  # type: ignore[operator]  # one of those above


@given(wait=st.floats(0.0, 100_000.0), chance=st.floats(0.0, 1.0, exclude_max=True))
def test_nobody_is_told_to_come_back_too_early_or_much_too_late(wait: float, chance: float) -> None:
    after = retry_after(wait, chance)
    assert after + 1e-5 >= wait
    assert after <= wait + max(1.0, 0.25 * wait) + 1.0


def test_not_everybody_is_told_to_come_back_at_once() -> None:
    assert len({retry_after(60.0, chance / 100) for chance in range(100)}) > 10


@given(share=st.floats(0.0, 1.5), failing=st.floats(-0.5, 1.5))
def test_health_is_a_share_and_never_nothing(share: float, failing: float) -> None:
    assert 0.1 <= health(share, failing) <= 1.0


def test_a_scale_follows_smoothly() -> None:
    scale, steps = 1.0, []
    while scale != 0.5:
        scale = nearer(scale, 0.5, elapsed=0.2)
        steps.append(scale)
    assert max(one - other for one, other in itertools.pairwise([1.0, *steps])) < 0.05
    assert steps == sorted(steps, reverse=True)
    assert nearer(0.5, 1.0, elapsed=0.2) == pytest.approx(0.5 + 0.5 * 0.2 / 30)
    assert nearer(0.5, 1.0, elapsed=100.0) == 1.0


def test_nobody_waits_for_a_window_that_a_wrong_clock_has_begun() -> None:
    quota = Quota(2, 60.0, 2)
    entry = quota.entry("k")
    quota.offset = 86_400.0  # a day ahead
    quota.spend(entry, 2, 0.0)
    assert quota.wait(entry, 1, 0.0) > 0.0
    quota.offset = 0.0
    assert quota.wait(entry, 1, 0.0) == 0.0
    quota.spend(entry, 2, 61.0)
    assert quota.wait(entry, 1, 59.0) > 0.0  # set back a little: that begins none


def test_a_bucket_of_another_depth_is_as_full_as_it_was() -> None:
    rate = Rate(10, 10.0, 10)
    entry = rate.entry("k")
    rate.spend(entry, 4, 100.0)
    rate.refill(entry, 0.5, 101.0)
    assert rate.known(entry) == (101.0, 102.5)
    assert rate.ask(entry) is None
    rate.settled(entry, 101.0, 107.0, anew=False)  # others have spent more
    rate.refill(entry, 0.5, 103.0)
    assert rate.known(entry) == (103.0, 105.0)
    rate.refill(entry, 0.5, 200.0)
    assert rate.until(entry, 200.0) == 0.0


def test_what_is_known_is_without_what_is_still_to_be_told() -> None:
    rate = Rate(10, 10.0, 10)
    entry = rate.entry("k")
    rate.hear(entry, (100.0, 3.0, 100.0, 103.0), 7)
    rate.spend(entry, 2, 100.0)
    assert rate.known(entry) == (100.0, 103.0)


def test_seats_of_a_silent_neighbour_are_free_in_the_end() -> None:
    seats = Concurrency(2, 0.0, 0)
    entry = seats.entry("k")
    seats.hear(entry, (1.0, 0.0, 0.0, 0.0), 7)
    seats.hear(entry, (1.0, 0.0, 0.0, 0.0), 8)
    for _ in range(5):
        seats.miss(entry)
        seats.hear(entry, (1.0, 0.0, 0.0, 0.0), 8)
    assert seats.left(entry, 0.0) == 0
    seats.miss(entry)
    assert seats.left(entry, 0.0) == 1
