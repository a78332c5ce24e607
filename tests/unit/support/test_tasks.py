import asyncio
import gc

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.support.tasks import _alive, followed, lasting, spawn

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


class Story:
    """Work that is to last for ever, and what became of it each time: how long, and its fault."""

    def __init__(self, *times: tuple[float, Exception | None]) -> None:
        self.clock = FakeClock()
        self.times = list(times)
        self.deaths: Deaths = []
        self.pauses: list[float] = []

    async def work(self) -> None:
        await asyncio.sleep(0)
        lasted, error = self.times.pop(0)
        self.clock.advance(lasted)
        if error is not None:
            raise error

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.pauses.append(seconds)
        self.clock.advance(seconds)

    def told(self) -> "Story":
        work = lasting(
            self.work,
            name="work",
            died=lambda name, error: self.deaths.append((name, error)),
            clock=self.clock.monotonic,
            sleep=self.sleep,
        )
        asyncio.run(work)
        return self


def test_what_lasts_is_done_again_after_pauses_that_grow_and_its_fault_is_told_once() -> None:
    story = Story(*[(0.0, ValueError())] * 6, (0.0, None)).told()
    assert story.pauses == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert [(name, type(one)) for name, one in story.deaths] == [("work", ValueError)]


def test_another_fault_is_news_and_so_is_the_same_after_a_while() -> None:
    fault = ValueError()
    story = Story((0.0, fault), (0.0, KeyError()), (0.0, fault), (60.0, fault), (0.0, None)).told()
    assert [type(one) for _, one in story.deaths] == [ValueError, KeyError, ValueError, ValueError]
    assert story.pauses[-1] == 1.0


def test_of_tasks_that_end_together_the_fault_itself_is_told() -> None:
    group = ExceptionGroup("tasks", [ExceptionGroup("more", [KeyError()])])
    story = Story((0.0, group), (0.0, None)).told()
    assert isinstance(story.deaths[0][1], KeyError)


def test_what_is_cancelled_is_not_done_again() -> None:
    async def main() -> int:
        task = asyncio.get_running_loop().create_task(
            lasting(asyncio.Event().wait, name="work", died=lambda *_: None, clock=lambda: 0.0)  # type: ignore[arg-type]  # what comes of it is nobody's
        )
        await asyncio.sleep(0)
        task.cancel()
        return len(await asyncio.gather(task, return_exceptions=True))

    assert asyncio.run(main()) == 1


def test_what_follows_comes_behind_the_work() -> None:
    diary: list[str] = []

    async def work() -> int:
        await asyncio.sleep(0)
        diary.append("done")
        return 7

    async def main() -> int:
        return await followed(work(), lambda: diary.append("then"), seconds=60.0)

    assert asyncio.run(main()) == 7
    assert diary == ["done", "then"]


def test_what_follows_does_not_wait_for_ever_and_comes_once() -> None:
    diary: list[str] = []

    async def main() -> None:
        ends: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def then() -> None:
            diary.append("then")
            ends.set_result(None)

        await followed(ends, then, seconds=0.0)
        diary.append("done")

    asyncio.run(main())
    assert diary == ["then", "done"]


def test_what_follows_comes_where_the_work_fails_too() -> None:
    diary: list[str] = []

    async def main() -> None:
        await followed(Work(ValueError("away")).run(), lambda: diary.append("then"), seconds=60.0)

    with pytest.raises(ValueError, match="away"):
        asyncio.run(main())
    assert diary == ["then"]
