"""The ward of a worker, by a clock that stands still until a test moves it."""

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_loop import FakeLoop
from tta_gateway.features.shield.algorithm import (
    BLOCKED,
    CHALLENGED,
    DELAYED,
    MALFORMED,
    NONE,
    REFUSED,
    SCAN,
    Score,
)
from tta_gateway.features.shield.bound import ShieldBound
from tta_gateway.features.shield.metrics import CUT, KNOWN
from tta_gateway.features.shield.ward import Ward
from tta_gateway.kernel.message import Refusal
from tta_gateway.kernel.policy import Answer
from tta_gateway.support.metrics import Registry

HOSTILE = "192.0.2.7"
NEIGHBOUR = "192.0.2.8"
ELSEWHERE = "198.51.100.7"


class House:
    """A ward, and what it says of blocks."""

    def __init__(self, loop: FakeLoop | None = None, **bound: object) -> None:
        self.clock = FakeClock(monotonic=1000.0)
        self.registry = Registry()
        self.ward = Ward(
            registry=self.registry,
            clock=self.clock.monotonic,
            chance=lambda: 0.0,
            wall=self.clock.wall,
            future=cast("Callable[[], asyncio.Future[Answer]]", loop and loop.create_future),
        )
        self.said: list[Score] = []
        self.ward.blocked = self.said.append
        self.ward.adopt(msgspec.structs.replace(ShieldBound(), **bound))

    def attack(self, address: str = HOSTILE, times: int = 25) -> None:
        for _ in range(times):
            self.ward.note(address, MALFORMED, 4.0)


def test_an_address_climbs_the_ladder_and_comes_down_by_itself() -> None:
    house = House()
    levels = []
    for _ in range(25):
        house.attack(times=1)
        levels.append(house.ward.level_of(HOSTILE))
    assert levels == [NONE] * 9 + [DELAYED] * 8 + [CHALLENGED] * 7 + [BLOCKED]
    assert house.ward.level_of(ELSEWHERE) == NONE
    assert [one.name for one in house.said] == [HOSTILE]
    house.clock.advance(59.9)
    assert house.ward.level_of(HOSTILE) == BLOCKED
    house.clock.advance(0.1)
    assert house.ward.level_of(HOSTILE) == NONE
    assert not house.ward.watchful


def test_each_further_block_lasts_twice_as_long() -> None:
    house = House()
    lasted = []
    for _ in range(8):
        house.attack()
        lasted.append(round(house.ward.until(HOSTILE)))
        house.clock.advance(lasted[-1] + 0.1)
    assert lasted == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_network_is_kept_out_when_many_of_it_attack() -> None:
    house = House()
    for one in range(8):
        assert house.ward.level_of(NEIGHBOUR) != BLOCKED
        house.attack(f"192.0.2.{100 + one}")
    assert house.ward.level_of(NEIGHBOUR) == BLOCKED
    assert house.ward.level_of(ELSEWHERE) == NONE
    assert house.ward.until(NEIGHBOUR) > 0.0


def test_one_address_alone_brings_nobody_beside_it_into_trouble() -> None:
    house = House()
    for _ in range(20):
        house.attack(times=100)
        house.clock.advance(2.0)
    assert house.ward.level_of(HOSTILE) == BLOCKED
    assert house.ward.level_of(NEIGHBOUR) == NONE


def test_a_client_of_ipv6_counts_by_its_64() -> None:
    house = House()
    for one in range(25):
        house.ward.note(f"2001:db8:1:2::{one:x}", MALFORMED, 4.0)
    assert house.ward.level_of("2001:db8:1:2::ffff") == BLOCKED
    assert house.ward.level_of("2001:db8:1:3::1") == NONE


def test_whoever_is_allowed_is_counted_and_never_kept_out() -> None:
    house = House(allowed=("192.0.2.0/24",))
    house.attack(times=1000)
    assert house.ward.level_of(HOSTILE) == NONE
    assert house.said == []
    (seen, _) = house.ward.untold(10)
    assert seen.told()[MALFORMED] == 1000.0


def test_what_is_no_address_is_nobody() -> None:
    house = House()
    house.attack("", 100)
    house.attack("unknown", 100)
    house.ward.vain("", SCAN, b"/", 3.0)
    assert house.ward.level_of("") == NONE
    assert house.ward.untold(10) == []


def test_the_same_in_vain_again_counts_little() -> None:
    house = House()
    for _ in range(100):
        house.ward.vain(HOSTILE, REFUSED, b"Bearer stale", 4.0)
    assert house.ward.level_of(HOSTILE) == NONE
    for one in range(34):
        house.ward.vain(HOSTILE, REFUSED, b"Bearer %d" % one, 4.0)
    assert house.ward.level_of(HOSTILE) == BLOCKED


def test_requests_of_nobody_weigh_where_there_are_many() -> None:
    house = House()
    for _ in range(100):  # a hundred a second: a busy page
        for _ in range(20):
            house.ward.anonymous_asked(HOSTILE)
        house.ward.tick()
        house.clock.advance(0.2)
    assert house.ward.level_of(HOSTILE) == NONE
    for _ in range(200):
        for _ in range(200):
            house.ward.anonymous_asked(HOSTILE)
        house.ward.tick()
        house.clock.advance(0.2)
    assert house.ward.level_of(HOSTILE) == BLOCKED


def test_a_crowd_of_one_network_weighs_together() -> None:
    house = House(lenience=2.0)
    for _ in range(350):
        for one in range(250):
            house.ward.anonymous_asked(f"192.0.2.{one}")
        house.ward.anonymous_asked("unknown")
        house.ward.tick()
        house.clock.advance(0.2)
    assert house.ward.level_of("192.0.2.254") == BLOCKED


def test_what_comes_between_two_ticks_is_bounded() -> None:
    house = House()
    for one in range(10_000):
        house.ward.anonymous_asked(f"10.0.{one // 250}.{one % 250}")
    assert len(house.ward.anonymous) == 4096


def test_connections_of_a_blocked_address_are_cut_but_for_a_few() -> None:
    house = House()
    assert all(house.ward.meets(HOSTILE) for _ in range(100))
    house.attack()
    assert sum(house.ward.meets(HOSTILE) for _ in range(1000)) == 20
    assert house.registry.child(CUT).values() == [980.0]
    house.ward.people.add(HOSTILE)  # somebody known is there too
    assert sum(house.ward.meets(HOSTILE) for _ in range(1000)) == 80
    assert house.ward.is_known(HOSTILE)


def test_connections_alone_can_be_an_attack() -> None:
    house = House()
    met = 0
    for _ in range(10_000):
        met += house.ward.meets(HOSTILE)
        house.clock.advance(0.001)
    assert met < 6000
    assert house.ward.level_of(HOSTILE) == BLOCKED


def test_under_dry_run_nobody_is_cut() -> None:
    house = House(dry_run=True)
    house.attack()
    assert all(house.ward.meets(HOSTILE) for _ in range(1000))


def test_slow_clients_count() -> None:
    house = House()
    for _ in range(20):
        house.ward.slow(HOSTILE)
    assert house.ward.level_of(HOSTILE) == BLOCKED


def test_where_it_is_off_nothing_is_counted() -> None:
    house = House(enabled=False)
    for _ in range(100):
        house.ward.slow(HOSTILE)
        assert house.ward.meets(HOSTILE)
    house.ward.tick()
    assert house.ward.untold(10) == []


def test_what_control_tells_goes_and_ends_by_itself() -> None:
    house = House()
    now = house.clock.monotonic()
    house.ward.hear({HOSTILE: now + 10.0, NEIGHBOUR: now - 1.0}, {HOSTILE: 3}, [])
    assert house.ward.level_of(HOSTILE) == BLOCKED
    assert house.ward.level_of(NEIGHBOUR) == NONE
    house.clock.advance(10.0)
    assert house.ward.level_of(HOSTILE) == NONE


def test_the_next_block_knows_how_often_there_was_one_elsewhere() -> None:
    house = House()
    house.attack(times=1)
    house.ward.hear({HOSTILE: house.clock.monotonic() + 1.0}, {HOSTILE: 3}, [])
    house.clock.advance(1.0)
    house.attack()
    assert round(house.ward.until(HOSTILE)) == 480


def test_whoever_is_let_in_is_in_at_once() -> None:
    house = House()
    house.attack()
    house.ward.hear({}, {}, [HOSTILE, ELSEWHERE])
    assert house.ward.level_of(HOSTILE) == NONE
    assert not house.ward.watchful


def test_a_request_waits_for_its_time_and_no_longer() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        waits = house.ward.wait()
        assert not isinstance(waits, Refusal)
        house.clock.advance(0.9)
        house.ward.tick()
        assert not waits.done()
        house.clock.advance(0.2)
        house.ward.tick()
        assert waits.done()


def test_where_too_many_wait_one_is_challenged() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        waiting = [house.ward.wait() for _ in range(256)]
        refused = house.ward.wait()
        assert isinstance(refused, Refusal)
        assert refused.response.status == 429
        gone = waiting[0]
        assert not isinstance(gone, Refusal)
        gone.cancel()
        house.clock.advance(2.0)
        house.ward.tick()
        assert all(not isinstance(one, Refusal) and one.done() for one in waiting)


def test_a_challenged_one_that_waits_is_answered() -> None:
    house = House()
    assert house.ward.has_turn(HOSTILE)
    assert not house.ward.has_turn(HOSTILE)
    house.clock.advance(2.0)
    assert house.ward.has_turn(HOSTILE)


def test_what_is_told_is_told_once() -> None:
    house = House()
    house.attack(times=3)
    house.attack(ELSEWHERE, times=1)
    assert [one.name for one in house.ward.untold(3)] == [
        HOSTILE,
        "192.0.2.0/24",
        ELSEWHERE,
    ]
    assert [one.name for one in house.ward.untold(3)] == ["198.51.100.0/24"]
    assert house.ward.untold(3) == []


def test_people_are_remembered_for_a_while() -> None:
    house = House()
    house.ward.people.add(HOSTILE)
    for _ in range(2):
        assert house.ward.is_known(HOSTILE)
        house.clock.advance(900.0)
        house.ward.tick()
    assert not house.ward.is_known(HOSTILE)


def test_it_shows_of_how_many_it_knows() -> None:
    house = House()
    house.attack(times=1)
    for _ in range(5):
        house.ward.tick()
    assert house.registry.child(KNOWN).values() == [2.0]


def test_names_of_very_many_addresses_are_not_all_remembered() -> None:
    house = House()
    for one in range(20_000):
        house.ward.name_of(f"10.{one // 65536}.{one // 256 % 256}.{one % 256}")
    assert len(house.ward._names) <= 8192
