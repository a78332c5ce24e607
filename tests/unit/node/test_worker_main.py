"""What of a worker's life needs neither a socket nor a process; the rest is in tests/e2e."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tta_gateway.node.worker_main import _calm_collector, _drain
from tta_gateway.snapshot.model import Snapshot


class Diary:
    """Every part of a worker, each of which notes what it is told."""

    def __init__(self, *, leave_by_themselves: bool) -> None:
        self.lines: list[str] = []
        self.snapshot = Snapshot(
            version=1,
            state_dir=".",
            listeners=(),
            services=(),
            routes=(),
        )
        self.guests = self.sweeper = self.collector = self
        self.hangups = Noting(self, "hangups stopped")
        self.logs = [Noting(self, "log closed")]
        self._gone = leave_by_themselves

    def start(self) -> None:
        self.lines.append("collector started")

    def drain(self) -> None:
        self.lines.append("clients drained")

    def cut(self) -> None:
        self.lines.append("clients cut")
        self._gone = True

    async def emptied(self) -> None:
        if not self._gone:
            await asyncio.Event().wait()

    def stop(self) -> None:
        self.lines.append("sweeper stopped")


class Noting:
    """Something that can be closed."""

    def __init__(self, diary: Diary, line: str) -> None:
        self._diary = diary
        self._line = line

    def close(self) -> None:
        self._diary.lines.append(self._line)

    stop = close


def drained(*, leave_by_themselves: bool) -> list[str]:
    diary = Diary(leave_by_themselves=leave_by_themselves)
    doors = Noting(diary, "doors closed")
    asyncio.run(_drain(cast("Any", diary), cast("Any", doors), 0.0))
    return diary.lines


def test_a_worker_ends_when_its_clients_have_left() -> None:
    assert drained(leave_by_themselves=True) == [
        "doors closed",
        "clients drained",
        "sweeper stopped",
        "hangups stopped",
        "log closed",
    ]


def test_a_worker_cuts_off_who_has_not_left_within_the_grace() -> None:
    assert drained(leave_by_themselves=False) == [
        "doors closed",
        "clients drained",
        "clients cut",
        "sweeper stopped",
        "hangups stopped",
        "log closed",
    ]


@pytest.fixture
def _own_collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("_own_collector")
def test_what_is_here_for_good_is_left_alone_by_the_collector() -> None:
    diary = Diary(leave_by_themselves=True)
    _calm_collector(cast("Any", diary))
    assert (gc.get_freeze_count() > 0, diary.lines) == (True, ["collector started"])


@pytest.mark.usefixtures("_own_collector")
def test_the_collector_never_collects_in_full_by_itself() -> None:
    _calm_collector(cast("Any", Diary(leave_by_themselves=True)))
    assert gc.get_threshold()[2] >= 1_000_000
