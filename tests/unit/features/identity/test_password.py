"""Passwords: compared, made, and never more of them at once than threads can do soon."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable

import pytest
from argon2 import PasswordHasher

from tta_gateway.features.identity.password import Busy, Passwords

WORD = "correct horse battery"


def with_passwords(
    work: Callable[[Passwords], Awaitable[None]], threads: int = 2, waiting: int = 4
) -> None:
    async def done() -> None:
        passwords = Passwords(threads=threads, waiting=waiting)
        try:
            await work(passwords)
        finally:
            passwords.close()

    asyncio.run(done())


def test_the_right_one_matches_and_no_other() -> None:
    async def work(passwords: Passwords) -> None:
        known = await passwords.hashed(WORD)
        assert WORD not in known
        assert known.startswith("$argon2id$")
        assert await passwords.matches(known, WORD)
        assert not await passwords.matches(known, WORD + "x")
        assert not await passwords.matches("no hash", WORD)

    with_passwords(work)


def test_its_threads_give_way_and_no_others() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def work(passwords: Passwords) -> None:
        assert await passwords._done(priority) >= 10
        assert priority() < 10

    with_passwords(work)


def test_where_there_is_none_nothing_matches() -> None:
    async def work(passwords: Passwords) -> None:
        assert not await passwords.matches(None, "nobody's password")

    with_passwords(work)


def test_characters_that_can_be_written_in_two_ways_are_one() -> None:
    async def work(passwords: Passwords) -> None:
        assert await passwords.matches(await passwords.hashed("Gr\u00fcn!!!!"), "Gru\u0308n!!!!")
        assert not await passwords.matches(await passwords.hashed("a" * 8), "\ud800" * 8)

    with_passwords(work)


def test_a_hash_of_older_days_is_outdated() -> None:
    async def work(passwords: Passwords) -> None:
        old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(WORD)
        assert passwords.is_outdated(old)
        assert not passwords.is_outdated(await passwords.hashed(WORD))
        assert await passwords.matches(old, WORD)

    with_passwords(work)


def test_whoever_finds_the_queue_full_hears_so_at_once() -> None:
    async def work(passwords: Passwords) -> None:
        found = await asyncio.gather(
            *(passwords.matches(None, WORD) for _ in range(9)), return_exceptions=True
        )
        assert [isinstance(one, Busy) for one in found] == [False] * 3 + [True] * 6
        assert not passwords.is_full
        assert await passwords.matches(await passwords.hashed(WORD), WORD)

    with_passwords(work, threads=1, waiting=2)


def test_one_that_is_given_up_makes_room() -> None:
    async def work(passwords: Passwords) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await passwords.hashed(WORD)
        assert not passwords.is_full

    with_passwords(work, threads=1, waiting=0)
