import gc
from collections.abc import Iterator

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.support.collector import INTERVAL, PAUSE, Collector
from tta_gateway.support.metrics import Registry


class Collections:
    """Counts full collections of this process, each of which takes a quarter of a second."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pause = Registry().child(PAUSE)
        self.collector = Collector(self.clock.monotonic, self.pause)
        self.count = 0

    def seen(self, phase: str, info: dict[str, int]) -> None:
        full = phase == "stop" and info["generation"] == 2
        self.count += full
        self.clock.advance(0.25 * full)


@pytest.fixture
def collections() -> Iterator[Collections]:
    seen = Collections()
    gc.callbacks.append(seen.seen)
    yield seen
    gc.callbacks.remove(seen.seen)


def test_nothing_is_collected_before_the_beginning(collections: Collections) -> None:
    collections.clock.advance(10 * INTERVAL)
    collections.collector.tick()
    assert collections.count == 0


def test_nothing_is_collected_before_it_is_time(collections: Collections) -> None:
    collections.collector.start()
    collections.clock.advance(INTERVAL - 0.001)
    collections.collector.tick()
    assert collections.count == 0


def test_everything_is_collected_once_an_interval(collections: Collections) -> None:
    collections.collector.start()
    collections.clock.advance(INTERVAL)
    collections.collector.tick()
    collections.collector.tick()
    assert collections.count == 1


def test_the_next_collection_is_an_interval_behind_the_last(collections: Collections) -> None:
    collections.collector.start()
    for _ in range(2):
        collections.clock.advance(INTERVAL)
        collections.collector.tick()
    assert collections.count == 2


def test_a_collection_says_how_long_it_held_the_loop(collections: Collections) -> None:
    collections.collector.start()
    collections.clock.advance(INTERVAL)
    collections.collector.tick()
    assert (collections.pause.values()[-2:], sum(collections.pause.values()[:-1])) == (
        [0.0, 0.25],
        1.0,
    )
