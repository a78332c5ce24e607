"""What this process, the one of the test, uses."""

import os
from collections.abc import Iterator

import pytest

from tta_gateway.support.metrics import Registry
from tta_gateway.support.usage import CPU, MEMORY, Usage


class House:
    """A process that counts itself."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.usage = Usage(self.registry, "worker")

    def spent(self) -> float:
        return self.registry.child(CPU, "worker").values()[0]

    def memory(self) -> float:
        return self.registry.child(MEMORY, "worker").values()[0]


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    os.close(made.usage._fd)


def work() -> None:
    """Spend some time of the processor."""
    sum(number * number for number in range(100_000))


def test_time_that_was_spent_is_counted(house: House) -> None:
    house.usage.tick()
    before = house.spent()
    work()
    house.usage.tick()
    assert house.spent() > before


def test_no_time_is_counted_twice(house: House) -> None:
    for _ in range(5):
        work()
        house.usage.tick()
    assert house.spent() <= sum(os.times()[:2]) + 0.1


def test_its_kind_is_its_label_and_others_count_apart(house: House) -> None:
    house.usage.tick()
    assert house.registry.child(CPU, "control").values() == [0.0]


def test_its_memory_is_that_of_a_python(house: House) -> None:
    house.usage.tick()
    assert 5e6 < house.memory() < 1e11


def test_memory_is_whole_pages(house: House) -> None:
    house.usage.tick()
    assert house.memory() % os.sysconf("SC_PAGE_SIZE") == 0


def test_memory_is_looked_at_rarely(house: House) -> None:
    house.usage.tick()
    house.registry.child(MEMORY, "worker").set(1.0)
    for _ in range(24):
        house.usage.tick()
    assert house.memory() == 1.0
    house.usage.tick()
    assert house.memory() > 1.0
