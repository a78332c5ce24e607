"""Tasks: born here, kept alive until they end, and never dead in silence."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

_alive: set[asyncio.Task[None]] = set()


def spawn(
    work: Coroutine[Any, Any, None], *, name: str, died: Callable[[str, BaseException], None]
) -> None:
    """Start a task; `died` hears its name and exception if it ends with one."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _alive.add(task)

    def ended(task: asyncio.Task[None]) -> None:
        _alive.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            died(name, error)

    task.add_done_callback(ended)
