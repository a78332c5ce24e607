"""What of a worker's life needs neither a socket nor a process; the rest is in tests/e2e."""

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.kernel.timing import ClientTimeouts
from tta_gateway.node.doors import Doors
from tta_gateway.node.worker_main import Farewell, _calm_collector, _drain, _sending
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log_socket import pair


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
        self.limiting = Noting(self, "limits told")
        self.real_time = Noting(self, "channels left")
        self.drilling = Noting(self, "drills left")
        self.tethering = Tethers(self, "tethers left")
        self.admitting = Noting(self, "neighbours left")
        self.listener = Noting(self, "people told of")
        self.reporting = Noting(self, "reports kept")
        self.error_keeping = Noting(self, "records kept")
        self.valkeys = Noting(self, "stores left alone")
        self.logs = [Noting(self, "log closed")]
        self._gone = leave_by_themselves

    def start(self) -> None:
        self.lines.append("collector started")

    def drain(self, code: int, *, seconds: float) -> None:
        self.lines.append(f"clients drained: {code}, in {seconds:g} s")

    def hurry(self) -> None:
        self.lines.append("clients hurried")

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

    async def sum_up(self) -> None:
        self.close()


class Tethers(Noting):
    """Tethers that are put down at once."""

    async def leave(self, patience: float) -> None:
        assert patience >= 0.0


class Socket:
    """A socket that knows no filters, as one of another system."""

    family = socket.AF_INET

    def __init__(self, diary: Diary) -> None:
        self._diary = diary

    def setsockopt(self, *_: object) -> None:
        self._diary.lines.append("no more knocks")
        raise OSError

    def fileno(self) -> int:
        """Nobody waits there."""
        return -1


def drained(*, leave_by_themselves: bool, is_last: bool = True) -> list[str]:
    diary = Diary(leave_by_themselves=leave_by_themselves)

    async def main() -> None:
        farewell = Farewell(asyncio.get_running_loop())
        await _drain(cast("Any", diary), doors_of(diary), farewell, is_last=is_last)

    asyncio.run(main())
    return diary.lines


def doors_of(diary: Diary) -> Doors:
    doors = cast("Any", Noting(diary, "doors closed"))
    doors.sockets = [Socket(diary)]
    return cast("Doors", doors)


def test_a_worker_ends_when_its_clients_have_left() -> None:
    assert drained(leave_by_themselves=True) == [
        "clients drained: 1012, in 0 s",
        "no more knocks",
        "doors closed",
        "sweeper stopped",
        "hangups stopped",
        "limits told",
        "channels left",
        "drills left",
        "tethers left",
        "neighbours left",
        "people told of",
        "reports kept",
        "records kept",
        "stores left alone",
        "log closed",
    ]


def test_a_worker_cuts_off_who_has_not_left_within_the_grace() -> None:
    assert drained(leave_by_themselves=False) == [
        "clients drained: 1012, in 0 s",
        "no more knocks",
        "doors closed",
        "clients cut",
        "sweeper stopped",
        "hangups stopped",
        "limits told",
        "channels left",
        "drills left",
        "tethers left",
        "neighbours left",
        "people told of",
        "reports kept",
        "records kept",
        "stores left alone",
        "log closed",
    ]


def test_who_knocks_at_a_worker_that_another_follows_waits_for_that_one() -> None:
    assert drained(leave_by_themselves=True, is_last=False)[:2] == [
        "clients drained: 1012, in 0 s",
        "doors closed",
    ]


def test_who_is_let_in_as_the_doors_close_is_a_guest_like_the_others() -> None:
    """Red where a worker looks who is left before the loop has made guests of whom it let in."""
    diary = Diary(leave_by_themselves=True)
    doors = doors_of(diary)
    close = doors.close

    def let_one_in() -> None:
        asyncio.get_running_loop().call_soon(diary.lines.append, "one more guest")
        close()

    doors.close = let_one_in  # type: ignore[method-assign]

    async def main() -> None:
        farewell = Farewell(asyncio.get_running_loop())
        await _drain(cast("Any", diary), doors, farewell, is_last=False)

    asyncio.run(main())
    assert diary.lines[1:4] == ["doors closed", "one more guest", "sweeper stopped"]


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    with FakeLoop() as loop:
        yield loop


def test_the_first_reason_to_stop_stands(loop: FakeLoop) -> None:
    farewell = Farewell(loop.real)
    for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGQUIT):
        farewell.ask(number)
    assert farewell.asked.result() == signal.SIGUSR2


class Drain:
    """A worker that drains, with a client that stays for a minute."""

    def __init__(self, loop: FakeLoop, *before: int, grace: float = 60.0) -> None:
        self.diary = Diary(leave_by_themselves=False)
        timeouts = ClientTimeouts(drain=grace)
        self.diary.snapshot = msgspec.structs.replace(self.diary.snapshot, client_timeouts=timeouts)
        self.farewell = Farewell(loop.real)
        for number in before:
            self.farewell.ask(number)
        worker, doors = cast("Any", self.diary), doors_of(self.diary)
        self.task = loop.create_task(_drain(worker, doors, self.farewell, is_last=False))
        loop.run_ready()

    @property
    def has_cut(self) -> bool:
        return "clients cut" in self.diary.lines


def test_a_worker_drains_for_as_long_as_it_may(loop: FakeLoop) -> None:
    drain = Drain(loop, signal.SIGTERM)
    loop.advance(59.0)
    assert not drain.has_cut
    loop.advance(1.1)
    assert (drain.has_cut, drain.task.done()) == (True, True)


def test_a_worker_without_a_supervisor_drains_for_less_than_a_second(loop: FakeLoop) -> None:
    drain = Drain(loop, signal.SIGQUIT)
    assert drain.diary.lines[0] == "clients drained: 1012, in 0 s"
    loop.advance(1.0)
    assert (drain.has_cut, drain.task.done()) == (True, True)


def test_a_grace_that_is_shorter_is_not_made_longer_without_a_supervisor(loop: FakeLoop) -> None:
    drain = Drain(loop, signal.SIGQUIT, grace=0.1)
    loop.advance(0.2)
    assert drain.has_cut


def test_a_worker_that_loses_its_supervisor_while_it_drains_makes_it_short(loop: FakeLoop) -> None:
    drain = Drain(loop, signal.SIGTERM)
    assert drain.diary.lines[0] == "clients drained: 1012, in 30 s"
    loop.advance(20.0)
    drain.farewell.ask(signal.SIGQUIT)
    assert drain.diary.lines[-1] == "clients hurried"
    loop.advance(0.5)
    assert not drain.has_cut
    loop.advance(0.5)
    assert (drain.has_cut, drain.task.done()) == (True, True)


def test_another_word_to_end_makes_a_drain_no_shorter(loop: FakeLoop) -> None:
    drain = Drain(loop, signal.SIGUSR2)
    drain.farewell.ask(signal.SIGTERM)
    loop.advance(30.0)
    assert not drain.has_cut


@pytest.fixture
def _own_collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)  # what is frozen was so before (tests/conftest.py)


@pytest.mark.usefixtures("_own_collector")
def test_what_is_here_for_good_is_left_alone_by_the_collector() -> None:
    diary = Diary(leave_by_themselves=True)
    before = gc.get_freeze_count()
    _calm_collector(cast("Any", diary))
    assert (gc.get_freeze_count() > before, diary.lines) == (True, ["collector started"])


@pytest.mark.usefixtures("_own_collector")
def test_the_collector_never_collects_in_full_by_itself() -> None:
    _calm_collector(cast("Any", Diary(leave_by_themselves=True)))
    assert gc.get_threshold()[2] >= 1_000_000


def test_a_log_is_had_without_touching_its_disk(tmp_path: Path) -> None:
    ours, theirs = pair()
    logs = _sending(theirs)
    for path in ("", "-", str(tmp_path / "folder" / "log")):
        log = logs(path)
        log.put(b"{}")
        log.flush()
    heads = [ours.recv(1024).partition(b"\0")[0] for _ in range(3)]
    assert heads == [b"", b"", str(tmp_path / "folder" / "log").encode()]
    assert list(tmp_path.iterdir()) == []
    ours.close()
    theirs.close()
