"""Passwords: Argon2id, in a few threads of their own, behind a queue that ends.

A hash takes tens of milliseconds of a core and 19 MiB (OWASP's choice: m=19 MiB, t=2, p=1).  More
at once than threads would only make each slower, and a queue without an end all of them too late:
whoever finds it full hears `Busy` at once.  The threads give way to everything else on the machine
(setpriority(2), of a thread on Linux), so that logins hold up no request.
"""

import asyncio
import contextlib
import os
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 8, 256  # characters
_THREADS: Final = 2
_WAITING: Final = 40
_NICE: Final = 10
_MEMORY: Final = 19 * 1024  # KiB
T = TypeVar("T")


class Busy(Exception):
    """So many wait that one more would wait too long."""


class Passwords:
    """Makes and compares hashes."""

    def __init__(self, *, threads: int = _THREADS, waiting: int = _WAITING) -> None:
        """Begin with nothing to do."""
        self._hasher = PasswordHasher(time_cost=2, memory_cost=_MEMORY, parallelism=1)
        self._pool = ThreadPoolExecutor(threads, "argon2", _give_way)
        self._most = threads + waiting
        self._under_way = 0
        self._nobody = self._hasher.hash("nobody's password")

    @property
    def is_full(self) -> bool:
        """Tell whether one more would hear Busy."""
        return self._under_way >= self._most

    async def hashed(self, password: str) -> str:
        """Return a new hash; Busy."""
        text = _normal(password)
        return await self._done(lambda: self._hasher.hash(text))

    async def matches(self, known: str | None, password: str) -> bool:
        """Tell whether it is the password of that hash; Busy.

        Where there is none it takes as long, and is false: nobody learns who there is.
        """
        text = _normal(password)
        against = known if known is not None else self._nobody
        is_right = await self._done(lambda: self._is_right(against, text))
        return is_right and known is not None

    def is_outdated(self, known: str) -> bool:
        """Tell whether a hash was made otherwise than they are now."""
        return self._hasher.check_needs_rehash(known)

    def _is_right(self, known: str, text: bytes) -> bool:
        try:
            return self._hasher.verify(known, text)
        except (VerificationError, InvalidHashError):
            return False

    async def _done(self, work: Callable[[], T]) -> T:
        if self.is_full:
            raise Busy
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._under_way -= 1

    def close(self) -> None:
        """Take no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _give_way() -> None:
    """Have this thread run where others leave it a core."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _normal(password: str) -> bytes:
    """Return it in the one way that its characters can be written (RFC 8265 4.2.2)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
