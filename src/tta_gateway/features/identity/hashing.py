"""Who hashes passwords: threads of this process, or others (node/hashing.py)."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

from tta_gateway.features.identity import argon

_NICE: Final = 10
_MOST: Final = 4
T = TypeVar("T")


class Hashing(Protocol):
    """Does the work, `at_once` of it without delay."""

    at_once: int

    async def hashed(self, text: bytes) -> str:
        """Return a new hash."""

    async def is_right(self, known: str, text: bytes) -> bool:
        """Tell whether it is the password of that hash, which may be none."""

    def close(self) -> None:
        """Take no more."""


def at_once() -> int:
    """Return how many hashes are made at once: of two cores one, and never those of all cores."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    return max(1, min(_MOST, cores // 2))


class Threads:
    """Threads of this process, which run where others leave them a core (setpriority(2))."""

    def __init__(self, count: int = 1) -> None:
        """Begin so many when they are wanted."""
        self.at_once = count
        self._pool = ThreadPoolExecutor(count, "argon2", _give_way)

    async def hashed(self, text: bytes) -> str:
        """Return a new hash."""
        return await self.done(lambda: argon.hashed(text))

    async def is_right(self, known: str, text: bytes) -> bool:
        """Tell whether it is the password of that hash, which may be none."""
        return await self.done(lambda: argon.is_right(known, text))

    async def done(self, work: Callable[[], T]) -> T:
        """Return what comes of the work."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Take no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _give_way() -> None:
    """Have this thread run where others leave it a core."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
