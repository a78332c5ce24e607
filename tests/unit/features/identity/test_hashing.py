"""Threads that hash: they give way, and are never those of all cores."""

import asyncio
import os
import threading

from tta_gateway.features.identity.hashing import Threads, at_once


def test_its_threads_give_way_and_no_others() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def work() -> None:
        threads = Threads()
        try:
            assert await threads.done(priority) >= 10
            assert await threads.is_right(await threads.hashed(b"a password"), b"a password")
        finally:
            threads.close()

    before = priority()
    asyncio.run(work())
    assert priority() == before


def test_there_are_fewer_than_cores() -> None:
    assert 1 <= at_once() <= max(1, len(os.sched_getaffinity(0)) // 2)
