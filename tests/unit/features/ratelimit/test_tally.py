"""What a worker remembers of limits, in how much memory."""

import random

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.ratelimit.algorithm import Quota, Rate
from tta_gateway.features.ratelimit.bound import Limit, Override, Overrides
from tta_gateway.features.ratelimit.tally import Table, Tally

LIMIT = Limit(id="a", name="a", handle="a", amount=10, per=10.0, burst=10, key=("user",))
QUOTA = msgspec.structs.replace(LIMIT, id="q", handle="q", quota=True)
SEATS = msgspec.structs.replace(LIMIT, id="s", handle="s", of="concurrent", amount=3)


def a_table(limit: Limit = LIMIT, most: int = 1000) -> Table:
    return Table(limit, most=most, chance=random.Random(7).random)


def a_tally(clock: FakeClock) -> Tally:
    return Tally(monotonic=clock.monotonic, wall=clock.wall, chance=random.Random(7).random)


def spend(table: Table, key: str, cost: int, now: float = 0.0) -> None:
    table.measure.spend(table.entry(key, now), cost, now)


def test_a_key_has_one_entry() -> None:
    table = a_table()
    assert table.entry("k", 0.0) is table.entry("k", 1.0)
    assert table.entry("k", 0.0) is not table.entry("l", 0.0)


def test_keys_that_are_too_long_share() -> None:
    table = a_table()
    assert table.entry("x" * 1000, 0.0) is table.entry("x" * 2000, 0.0)
    assert [len(key) for key in table.entries] == [512]


def test_full_buckets_are_forgotten_and_no_others() -> None:
    table = a_table()
    for number in range(500):
        spend(table, f"k{number}", 1 + number % 2)
    table.tidy(1.5, 1000)
    assert len(table.entries) == len(table.order) == 250
    assert all(table.order[entry.at] is entry for entry in table.entries.values())
    for entry in list(table.order):
        table.owe(entry)
    table.tidy(100.0, 1000)
    assert len(table.entries) == 250  # they are still to be told of
    assert len(table.owed(1000)) == 250
    for _ in range(3):
        table.tidy(100.0, 1000)
    assert len(table.entries) == 0


def test_what_is_owed_is_told_once() -> None:
    table = a_table()
    entry = table.entry("k", 0.0)
    table.owe(entry)
    table.owe(entry)
    other = table.entry("l", 0.0)
    table.owe(other)
    assert table.owed(1) == [entry]
    table.owe(other)
    assert table.owed(9) == [other]
    assert table.owed(9) == []


def test_strangers_cannot_have_an_emptied_bucket_forgotten_cheaply() -> None:
    table = a_table(most=1000)
    spend(table, "attacker", 10)
    for number in range(100_000):
        spend(table, f"k{number}", 1)
    assert len(table.order) == 1000
    assert table.forgotten == 100_000 - 999
    assert table.measure.left(table.entry("attacker", 0.0), 0.0) == 0


def test_seats_that_are_taken_are_never_forgotten() -> None:
    table = a_table(SEATS, most=1000)
    for number in range(1500):
        spend(table, f"k{number}", 1)
    assert len(table.order) == 1500
    assert table.forgotten == 0


def test_new_figures_leave_spent_what_was_spent() -> None:
    table = a_table()
    spend(table, "k", 10)
    table.take(msgspec.structs.replace(LIMIT, amount=20, burst=20, dry_run=True), 0.0)
    assert table.dry_run
    assert table.measure.left(table.entry("k", 0.0), 0.0) == 0
    assert table.measure.left(table.entry("l", 0.0), 0.0) == 20


@pytest.mark.parametrize(
    "figures", [{"per": 60.0}, {"amount": 36_000}, {"per": 60.0, "amount": 1000}, {"burst": 1000}]
)
def test_who_has_spent_all_waits_no_longer_because_a_limit_was_raised(
    figures: dict[str, float],
) -> None:
    limit = msgspec.structs.replace(LIMIT, amount=1000, per=3600.0, burst=100)
    table = a_table(limit)
    spend(table, "k", 100)
    before = table.measure.wait(table.entry("k", 0.0), 1, 0.0)
    assert before == pytest.approx(3.6)
    table.take(msgspec.structs.replace(limit, **figures), 0.0)
    entry = table.entry("k", 0.0)
    assert table.measure.wait(entry, 1, 0.0) <= before + 1e-9
    assert table.owed(9) == [entry]
    assert table.measure.ask(entry) is None  # the store is told what is known here


def test_what_others_have_spent_stays_spent_by_new_figures() -> None:
    table = a_table()
    entry = table.entry("k", 0.0)
    table.measure.settled(entry, 0.0, 10.0, anew=False)
    table.take(msgspec.structs.replace(LIMIT, per=5.0), 0.0)
    assert table.measure.left(entry, 0.0) == 0
    assert table.measure.left(entry, 0.5) == 1
    assert table.measure.known(entry) == (0.0, 5.0)


def test_new_figures_do_not_make_a_service_well() -> None:
    table = a_table()
    assert isinstance(table.measure, Rate)
    table.measure.scale = 0.5
    table.take(msgspec.structs.replace(LIMIT, amount=20), 0.0)
    assert table.measure.scale == 0.5


def test_windows_of_another_length_begin_anew() -> None:
    table = a_table(QUOTA)
    assert isinstance(table.measure, Quota)
    table.measure.offset = 5.0
    spend(table, "k", 3)
    table.take(msgspec.structs.replace(QUOTA, amount=5), 0.0)
    assert table.measure.left(table.entry("k", 0.0), 0.0) == 2
    assert table.measure.offset == 5.0
    table.take(msgspec.structs.replace(QUOTA, amount=5, per=3600.0), 0.0)
    assert table.measure.left(table.entry("k", 0.0), 0.0) == 5


def test_a_limit_that_is_configured_anew_goes_on() -> None:
    tally = a_tally(FakeClock())
    table = tally.table(LIMIT, 1000)
    spend(table, "k", 4, 1000.0)
    again = tally.table(msgspec.structs.replace(LIMIT, amount=20, burst=20), 2000)
    assert again is table
    assert (table.limit.amount, table.most) == (20, 2000)
    assert tally.table(msgspec.structs.replace(LIMIT, quota=True), 1000) is not table


def test_a_quota_goes_by_the_clock_on_the_wall() -> None:
    clock = FakeClock(monotonic=1000.0, wall=1_700_000_000.0)
    tally = a_tally(clock)
    table = tally.table(QUOTA, 1000)
    assert isinstance(table.measure, Quota)
    assert table.measure.number(clock.monotonic()) == 170_000_000
    clock._wall += 100.0  # it is set
    tally.tick()
    assert table.measure.number(clock.monotonic()) == 170_000_010


def test_what_somebody_says_of_a_limit_stands_until_it_is_taken_back() -> None:
    tally = a_tally(FakeClock())
    table = tally.table(LIMIT, 1000)
    tally.override(Overrides(limits={"a": Override(amount=2), "b": Override(amount=7)}))
    assert (table.limit.amount, tally.version) == (2, 1)
    assert tally.table(LIMIT, 1000).limit.amount == 2  # a new configuration does not end it
    later = tally.table(msgspec.structs.replace(LIMIT, id="b", handle="b"), 1000)
    assert later.limit.amount == 7
    tally.override(Overrides())
    assert (table.limit.amount, later.limit.amount) == (10, 10)


def test_what_is_said_for_a_time_is_over_then() -> None:
    clock = FakeClock()
    tally = a_tally(clock)
    table = tally.table(LIMIT, 1000)
    tally.override(Overrides(limits={"a": Override(amount=2, until=clock.wall() + 60)}))
    clock.advance(59)
    tally.tick()
    assert table.limit.amount == 2
    clock.advance(1)
    tally.tick()
    assert (table.limit.amount, tally.version) == (10, 2)


def test_limits_that_are_gone_are_forgotten() -> None:
    tally = a_tally(FakeClock())
    tally.table(LIMIT, 1000)
    tally.table(QUOTA, 1000)
    tally.retain(frozenset({"q"}))
    assert list(tally.tables) == ["q"]
    tally.override(Overrides(limits={"a": Override(amount=2)}))


def test_only_limits_of_the_service_follow_its_health() -> None:
    tally = a_tally(FakeClock())
    scales = []
    for id, service in (("a", "players"), ("b", "worlds"), ("c", "")):
        table = tally.table(msgspec.structs.replace(LIMIT, id=id, adaptive=service), 1000)
        tally.adapt("players", 0.5, 100.0)
        assert isinstance(table.measure, Rate)
        scales.append(table.measure.scale)
    assert scales == pytest.approx([0.5, 1.0, 1.0])


def test_a_tick_tidies() -> None:
    clock = FakeClock()
    tally = a_tally(clock)
    table = tally.table(LIMIT, 1000)
    spend(table, "k", 1, clock.monotonic())
    clock.advance(60)
    tally.tick()
    assert not table.entries
