"""Which workers there are: those that show that they live, until they have gone."""

import os
from collections.abc import Iterator

import pytest

from tta_gateway.node.living import workers
from tta_gateway.node.segments import Segments
from tta_gateway.support.segment import Segment


class House:
    """A node's memory, with processes in it."""

    def __init__(self) -> None:
        self.segments = Segments()
        self.parts: list[Segment] = []

    def begins(self, pid: int, *, beats: int = 0) -> int:
        """A process begins, and shows so often that it lives."""
        number = self.segments.take()
        part = Segment(self.segments.fd, number)
        part.owner = pid
        for _ in range(beats):
            part.beat()
        self.parts.append(part)
        return number

    def alive(self) -> set[str]:
        return set(workers(self.parts))


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    os.close(made.segments.fd)


def test_workers_are_those_that_show_that_they_live(house: House) -> None:
    house.begins(7)  # control
    house.begins(8, beats=1)
    house.begins(9, beats=30)
    assert house.alive() == {"worker 8", "worker 9"}


def test_who_has_gone_is_none(house: House) -> None:
    gone = house.begins(8, beats=5)
    house.segments.leave(gone)
    assert house.alive() == set()


def test_who_counts_on_where_a_worker_did_is_none_for_that(house: House) -> None:
    house.segments.leave(house.begins(8, beats=5))
    assert house.begins(9) == 0
    assert house.alive() == set()
