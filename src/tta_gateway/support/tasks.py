"""Tasks: born here, kept alive until they end, and never dead in silence."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from tta_gateway.support.places import places

_FIRST: Final = 1.0  # seconds of a pause
_LONGEST: Final = 15.0
_CALM: Final = 60.0  # seconds without a fault, after which one is news again
_alive: set[asyncio.Task[None]] = set()
Died = Callable[[str, BaseException], None]
T = TypeVar("T")


def spawn(work: Coroutine[Any, Any, None], *, name: str, died: Died) -> None:
    """Start a task; `died` hears its name and exception if it ends with one."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _alive.add(task)

    def ended(task: asyncio.Task[None]) -> None:
        _alive.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            died(name, error)

    task.add_done_callback(ended)


async def lasting(
    work: Callable[[], Awaitable[None]],
    *,
    name: str,
    died: Died,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Do what is to be done for ever, again if a fault of ours ends it, after pauses that grow.

    `died` hears of a fault once, and of one that keeps coming not again.
    """
    pause, told = _FIRST, ""
    while True:
        began = clock()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - nobody else would begin it again
            cause = cause_of(error)
        else:
            return
        if clock() - began >= _CALM:
            pause, told = _FIRST, ""
        said = f"{type(cause).__name__} {places(cause)[-1:]}"
        if said != told:
            told = said
            died(name, cause)
        await sleep(pause)
        pause = min(2.0 * pause, _LONGEST)


async def followed(work: Awaitable[T], then: Callable[[], None], *, seconds: float) -> T:
    """Return what some work comes to; `then` is called behind it, or after so many seconds."""
    is_done = False

    def once() -> None:
        nonlocal is_done
        if not is_done:
            is_done = True
            then()

    timer = asyncio.get_running_loop().call_later(seconds, once)
    try:
        return await work
    finally:
        timer.cancel()
        once()


def cause_of(error: Exception) -> Exception:
    """Return the fault itself, where a group of tasks has ended with it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
