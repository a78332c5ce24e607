"""The writer: who asks hears whether it is durable, whatever becomes of the disk."""

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.journals import Stage
from tta_gateway.support.journal.metrics import RECORDS, SECONDS
from tta_gateway.support.journal.slot import Slot
from tta_gateway.support.journal.writer import MOST_WAITING, Writer
from tta_gateway.support.metrics import Registry


class Desk:
    """A writer, and what it says."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.woken = 0
        self.failed: list[str] = []
        self.registry = Registry()
        self.clock = FakeClock()
        self.writer = Writer(
            Slot(
                stage.folder,
                0,
                keys=stage.keys,
                disk=stage.disk,
                clock=self.clock,
                trouble=lambda *_: None,
            ),
            loop=asyncio.get_running_loop(),
            clock=self.clock,
            registry=self.registry,
            wake=self._wake,
            failed=self.failed.append,
        )

    def _wake(self) -> None:
        self.woken += 1

    def counted(self, result: str) -> float:
        return self.registry.child(RECORDS, result).values()[0]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "journal")


def run(stage: Stage, work: Callable[[Desk], Awaitable[None]]) -> Desk:
    async def main() -> Desk:
        desk = Desk(stage)
        desk.writer.start()
        await work(desk)
        desk.writer.close(5.0)
        await asyncio.sleep(0)
        return desk

    return asyncio.run(main())


def test_true_is_said_of_what_can_be_read(stage: Stage) -> None:
    async def work(desk: Desk) -> None:
        assert await desk.writer.put(lambda: b"one")
        assert stage.take() == [b"one"]

    desk = run(stage, work)
    assert (desk.woken, desk.failed, desk.counted("kept")) == (1, [], 1.0)
    assert sum(desk.registry.child(SECONDS).values()[:-1]) == 1.0


def test_the_bytes_are_made_by_another_thread(stage: Stage) -> None:
    names = []

    def made() -> bytes:
        names.append(threading.current_thread().name)
        return b"one"

    async def work(desk: Desk) -> None:
        await desk.writer.put(made)

    run(stage, work)
    assert names == ["journal"]


def test_false_is_said_of_what_the_disk_refuses(stage: Stage) -> None:
    async def work(desk: Desk) -> None:
        assert await desk.writer.put(lambda: b"one")
        stage.disk.failing.update(sync=errno.EIO, create=errno.EIO)
        assert not await desk.writer.put(lambda: b"two")

    desk = run(stage, work)
    assert (desk.woken, desk.counted("refused")) == (1, 1.0)


def test_bytes_that_cannot_be_made_are_a_fault_of_ours_and_nobody_elses(stage: Stage) -> None:
    def broken() -> bytes:
        raise ZeroDivisionError

    async def work(desk: Desk) -> None:
        puts = [desk.writer.put(one) for one in (lambda: b"a", broken, lambda: b"b")]
        assert await asyncio.gather(*puts) == [True, False, True]

    desk = run(stage, work)
    assert len(desk.failed) == 1
    assert "ZeroDivisionError" in desk.failed[0]
    assert stage.take() == [b"a", b"b"]


def test_a_fault_of_the_slot_is_told_and_the_next_record_is_taken(stage: Stage) -> None:
    async def work(desk: Desk) -> None:
        assert await desk.writer.put(lambda: b"a")
        stage.disk.write = broken  # type: ignore[method-assign, assignment]
        assert not await desk.writer.put(lambda: b"b")
        del stage.disk.write
        assert await desk.writer.put(lambda: b"c")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    desk = run(stage, work)
    assert desk.failed
    assert stage.take() == [b"a", b"c"]


def test_more_than_the_bound_is_refused_at_once(stage: Stage) -> None:
    async def work(desk: Desk) -> None:
        desk.writer.waiting = MOST_WAITING
        refused = desk.writer.put(lambda: b"x")
        assert refused.done()
        assert not await refused
        desk.writer.waiting = 0

    run(stage, work)
    assert stage.take() == []


def test_many_go_together_and_in_order(stage: Stage) -> None:
    payloads = [b"%d" % n for n in range(700)]

    async def work(desk: Desk) -> None:
        puts = [desk.writer.put(lambda one=one: one) for one in payloads]  # type: ignore[misc]
        assert all(await asyncio.gather(*puts))
        assert desk.writer.waiting == 0

    run(stage, work)
    assert stage.take() == payloads
    assert stage.disk.calls.count("sync") < 20


def test_what_was_given_before_the_end_is_written(stage: Stage) -> None:
    async def work(desk: Desk) -> None:
        assert not desk.writer.put(lambda: b"last").done()

    run(stage, work)
    assert stage.take() == [b"last"]


def test_nothing_is_taken_after_the_end(stage: Stage) -> None:
    async def main() -> None:
        desk = Desk(stage)
        desk.writer.close(1.0)  # never started
        assert not await desk.writer.put(lambda: b"x")

    asyncio.run(main())


def test_who_has_given_up_waiting_disturbs_nobody(stage: Stage) -> None:
    async def work(desk: Desk) -> None:
        desk.writer.put(lambda: b"a").cancel()
        assert await desk.writer.put(lambda: b"b")

    run(stage, work)
    assert stage.take() == [b"a", b"b"]


def test_a_folder_that_cannot_be_had_refuses_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"no folder")

    async def work(desk: Desk) -> None:
        assert not await desk.writer.put(lambda: b"x")

    assert run(Stage(tmp_path / "journal"), work).failed


def test_records_whose_keys_could_not_be_kept_are_made_once_more(stage: Stage) -> None:
    answers = iter([False, True, True])
    numbers = iter(range(10))

    async def main() -> list[bool]:
        desk = Desk(stage)
        desk.writer.made = lambda: next(answers)
        puts = [desk.writer.put(lambda: b"%d" % next(numbers)) for _ in range(2)]
        desk.writer.start()
        kept = await asyncio.gather(*puts)
        desk.writer.close(5.0)
        return kept

    assert asyncio.run(main()) == [True, True]
    assert stage.take() == [b"2", b"3"]


@pytest.mark.parametrize("fault", [False, True])
def test_records_whose_keys_can_never_be_kept_are_refused(stage: Stage, *, fault: bool) -> None:
    def made() -> bool:
        return bool(1 / 0) if fault else False

    async def main() -> bool:
        desk = Desk(stage)
        desk.writer.made = made
        desk.writer.start()
        kept = await desk.writer.put(lambda: b"x")
        desk.writer.close(5.0)
        return kept

    assert not asyncio.run(main())
    assert stage.take() == []
