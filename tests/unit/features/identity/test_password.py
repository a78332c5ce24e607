"""Passwords: compared, made, and never more of them waiting than can be done soon."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from argon2 import PasswordHasher

from tta_gateway.features.identity.hashing import Threads
from tta_gateway.features.identity.password import Busy, Passwords

WORD = "correct horse battery"


def with_passwords(
    work: Callable[[Passwords], Awaitable[None]], *, threads: int = 2, longest: float = 9.0
) -> None:
    async def done() -> None:
        passwords = Passwords(Threads(threads), longest=longest)
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
        old = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(WORD)
        assert passwords.is_outdated(old)
        assert not passwords.is_outdated(await passwords.hashed(WORD))
        assert await passwords.matches(old, WORD)

    with_passwords(work)


def test_whoever_would_wait_too_long_hears_so_at_once_and_until_when() -> None:
    async def work(passwords: Passwords) -> None:
        found = await asyncio.gather(
            *(passwords.matches(None, WORD) for _ in range(9)), return_exceptions=True
        )
        busy = [one for one in found if isinstance(one, Busy)]
        assert [isinstance(one, Busy) for one in found] == [False] * 3 + [True] * 6
        assert all(0.0 < one.seconds < 1.0 for one in busy)
        assert await passwords.matches(await passwords.hashed(WORD), WORD)

    with_passwords(work, threads=1, longest=0.08)  # three times what one is taken to need


def test_a_place_is_one_whatever_is_done_there_and_left_once() -> None:
    async def work(passwords: Passwords) -> None:
        place = passwords.place()
        with pytest.raises(Busy):
            passwords.place()
        with place:
            assert not await place.matches(None, WORD)
            place.leave()
        with passwords.place(), pytest.raises(Busy):
            passwords.place()

    with_passwords(work, threads=1, longest=0.0)


def test_one_that_is_given_up_makes_room() -> None:
    async def work(passwords: Passwords) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await passwords.hashed(WORD)
        passwords.place().leave()

    with_passwords(work, threads=1, longest=0.0)
