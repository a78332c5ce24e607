"""What of a worker's life needs neither a socket nor a process; the rest is in tests/e2e."""

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.kernel.timing import ClientTimeouts
from tta_gateway.node.worker_main import _ask, _calm_collector, _drain
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
            client_timeouts=ClientTimeouts(drain=0.0),
        )
        self.guests = self.sweeper = self.collector = self
        self.hangups = Noting(self, "hangups stopped")
        self.logs = [Noting(self, "log closed")]
        self._gone = leave_by_themselves

    def start(self) -> None:
        self.lines.append("collector started")

    def drain(self, code: int) -> None:
        self.lines.append(f"clients drained: {code}")

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


class Socket:
    """A socket that knows no filters, as one of another system."""

    family = socket.AF_INET

    def __init__(self, diary: Diary) -> None:
        self._diary = diary

    def setsockopt(self, *_: object) -> None:
        self._diary.lines.append("no more knocks")
        raise OSError


def drained(*, leave_by_themselves: bool, asked: int = signal.SIGTERM) -> list[str]:
    diary = Diary(leave_by_themselves=leave_by_themselves)
    doors = cast("Any", Noting(diary, "doors closed"))
    doors.sockets = [Socket(diary)]
    asyncio.run(_drain(cast("Any", diary), doors, asked))
    return diary.lines


def test_a_worker_ends_when_its_clients_have_left() -> None:
    assert drained(leave_by_themselves=True) == [
        "clients drained: 1001",
        "no more knocks",
        "doors closed",
        "sweeper stopped",
        "hangups stopped",
        "log closed",
    ]


def test_a_worker_cuts_off_who_has_not_left_within_the_grace() -> None:
    assert drained(leave_by_themselves=False) == [
        "clients drained: 1001",
        "no more knocks",
        "doors closed",
        "clients cut",
        "sweeper stopped",
        "hangups stopped",
        "log closed",
    ]


@pytest.mark.parametrize(("asked", "code"), [(signal.SIGUSR2, 1012), (signal.SIGQUIT, 1001)])
def test_who_knocks_at_a_worker_that_leaves_alone_waits_for_the_next(asked: int, code: int) -> None:
    assert drained(leave_by_themselves=True, asked=asked)[:2] == [
        f"clients drained: {code}",
        "doors closed",
    ]


def test_the_first_reason_to_stop_stands() -> None:
    with FakeLoop() as loop:
        stop: asyncio.Future[int] = asyncio.Future(loop=loop.real)
        _ask(stop, signal.SIGUSR2)
        _ask(stop, signal.SIGTERM)
        assert stop.result() == signal.SIGUSR2


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
