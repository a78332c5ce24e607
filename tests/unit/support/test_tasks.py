import asyncio
import gc

import pytest

from tta_gateway.support.tasks import _alive, spawn

Deaths = list[tuple[str, BaseException]]


class Work:
    """Work that does what the test says, and notes that it was done."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.done = False
        self._error = error

    async def run(self) -> None:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        self.done = True


def run(work: Work) -> Deaths:
    """Return who died, once the work is over."""
    deaths: Deaths = []

    async def main() -> None:
        others = set(_alive)  # of tests that left an exchange waiting
        spawn(work.run(), name="work", died=lambda name, error: deaths.append((name, error)))
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert _alive == others

    asyncio.run(main())
    return deaths


def test_a_task_does_its_work() -> None:
    work = Work()
    run(work)
    assert work.done


def test_a_task_that_ends_well_dies_for_nobody() -> None:
    assert run(Work()) == []


def test_a_task_never_dies_in_silence() -> None:
    error = ValueError("why")
    assert run(Work(error)) == [("work", error)]


def test_a_task_that_is_cancelled_has_not_died() -> None:
    assert run(Work(asyncio.CancelledError())) == []


def test_a_task_is_born_in_a_running_loop_alone() -> None:
    work = Work().run()
    with pytest.raises(RuntimeError):
        spawn(work, name="work", died=lambda *_: None)
    work.close()
