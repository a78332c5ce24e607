"""What a worker keeps of limits through every configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.ratelimit.algorithm import Rate
from tta_gateway.features.ratelimit.bound import (
    OVERRIDES,
    Limit,
    Override,
    Overrides,
    RateLimitBound,
)
from tta_gateway.features.ratelimit.metrics import FORGOTTEN, KEYS, SCALE
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.node.limiting import Limiting
from tta_gateway.node.sections import Sections
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log import EventLog, Log
from tta_gateway.support.metrics import Registry
from tta_gateway.upstream.attempt import Upstream
from tta_gateway.upstream.service import Upstream as Endpoints

LIMIT = Limit(
    id="a", name="a", handle="a", amount=10, per=10.0, burst=10, key=("user",), adaptive="players"
)


class Lines:
    """A log that is a list."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes) -> None:
        self.lines.append(line)


class House:
    """A worker's limits."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.registry = Registry()
        self.lines = Lines()
        log = EventLog(cast("Log", self.lines), Stamp(self.clock.wall))
        self.limiting = Limiting(
            Sections(log),
            log,
            clock=self.clock,
            registry=self.registry,
            clients={},
            died=lambda *_: None,
        )
        self.table = self.limiting.tally.table(LIMIT, 1000)
        endpoints = tuple(Endpoint(host="127.0.0.1", port=9000 + one) for one in range(4))
        self.service = cast("Upstream", Endpoints(Service(name="players", endpoints=endpoints)))

    def tick(self, times: int = 1) -> float:
        for _ in range(times):
            self.clock.advance(0.2)
            self.limiting.tick({"players": self.service})
        assert isinstance(self.table.measure, Rate)
        return self.table.measure.scale


def section(overrides: Overrides) -> Mapping[str, msgspec.Raw]:
    return {OVERRIDES: msgspec.Raw(msgspec.msgpack.encode(overrides))}


def test_what_somebody_says_of_limits_is_followed() -> None:
    house = House()
    live = section(Overrides(limits={"a": Override(amount=3)}))
    house.limiting.follow(live)
    assert house.table.limit.amount == 3
    version = house.limiting.tally.version
    house.limiting.follow(live)
    assert house.limiting.tally.version == version
    house.limiting.follow({})
    assert house.table.limit.amount == 10


def test_what_nobody_understands_is_as_if_nothing_were_said() -> None:
    house = House()
    house.limiting.follow({OVERRIDES: msgspec.Raw(b"\x01")})
    assert house.table.limit.amount == 10


def test_limits_that_are_gone_are_forgotten() -> None:
    house = House()
    house.limiting.retain(RateLimitBound())
    assert house.limiting.tally.tables == {}


def test_a_healthy_service_has_all_of_its_limit() -> None:
    assert House().tick(10) == 1.0


def test_half_of_the_endpoints_bear_half_of_it() -> None:
    house = House()
    for pool in house.service.pools[:2]:
        pool.ejected = True
    scales = [house.tick() for _ in range(100)]
    assert scales[0] > 0.9
    assert scales[-1] == pytest.approx(0.5)
    for pool in house.service.pools:
        pool.ejected = False
    assert house.tick() < 0.6
    assert house.tick(2000) == 1.0


def test_answers_that_fail_count_once_there_are_enough() -> None:
    house = House()
    record = house.service.pools[0].record
    record.asked, record.failed = 10, 10
    assert house.tick(100) == 1.0
    record.asked, record.failed = 40, 10
    assert house.tick(200) == pytest.approx(0.75)
    record.asked = record.failed = 0  # the next interval has begun
    assert house.tick(200) == pytest.approx(0.75)


def test_a_tenth_is_left_however_ill_it_is() -> None:
    house = House()
    for pool in house.service.pools:
        pool.state = "down"
    assert house.tick(1000) == pytest.approx(0.1)
    house.service.pools.clear()
    assert house.tick() == pytest.approx(0.1)


def test_a_service_that_is_not_there_changes_nothing() -> None:
    house = House()
    house.limiting.tick({})
    assert isinstance(house.table.measure, Rate)
    assert house.table.measure.scale == 1.0


def test_it_counts() -> None:
    house = House()
    house.table.measure.spend(house.table.entry("k", 0.0), 5, house.clock.monotonic())
    house.table.forgotten = 3
    house.tick()
    values = [house.registry.child(one, "a").values()[0] for one in (KEYS, FORGOTTEN, SCALE)]
    assert values == [1.0, 3.0, 1.0]
    house.tick()
    assert house.registry.child(FORGOTTEN, "a").values() == [3.0]


class Loop:
    """A loop that does nothing by itself."""

    def __init__(self) -> None:
        self.later: list[float] = []
        self.cancelled = 0

    def add_reader(self, fd: int, *_: object) -> None:
        raise AssertionError(fd)

    def call_later(self, delay: float, *_: object) -> "Loop":
        self.later.append(delay)
        return self

    def cancel(self) -> None:
        self.cancelled += 1


def test_without_a_way_to_neighbours_it_goes_on_alone(tmp_path: Path) -> None:
    house, loop = House(), Loop()
    house.limiting.open(cast("object", loop), tmp_path / "not" / "there")  # type: ignore[arg-type]  # as much of a loop as it needs
    assert b"limits_without_neighbours" in b"".join(house.lines.lines)
    assert loop.later == [pytest.approx(0.1)]
    house.limiting.close()
    assert loop.cancelled == 1
