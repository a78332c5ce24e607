"""Passwords: Argon2id, a few at once, behind a queue that ends.

A hash takes tens of milliseconds of a core and 19 MiB (argon.py).  More at once than there are
cores to spare would only make each slower, and a queue without an end all of them too late: whoever
would wait too long hears `Busy` at once (waiting_room.py).
"""

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Final, TypeVar

from tta_gateway.features.identity import argon
from tta_gateway.features.identity.hashing import Hashing, Threads
from tta_gateway.features.identity.waiting_room import WaitingRoom
from tta_gateway.support.clock import SystemClock

SHORTEST, LONGEST = 8, 256  # characters
_WAIT: Final = 1.0  # second
_CLOCK: Final = SystemClock()
T = TypeVar("T")


class Busy(Exception):
    """So many wait that one more would wait too long; nobody need ask for so many `seconds`."""

    def __init__(self, seconds: float) -> None:
        """Keep how long that lasts."""
        super().__init__()
        self.seconds = seconds


class Place:
    """A place in the queue, until it is left: from before anything is looked up for a login."""

    def __init__(self, passwords: "Passwords", room: WaitingRoom) -> None:
        """Take it."""
        self._passwords = passwords
        self._room = room
        self._is_taken = True
        room.enter()

    def __enter__(self) -> "Place":
        """Have it left behind the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        places: TracebackType | None,
    ) -> None:
        """Leave it."""
        self.leave()

    def leave(self) -> None:
        """Let another have it, if nobody has yet."""
        if self._is_taken:
            self._is_taken = False
            self._room.leave()

    async def matches(self, known: str | None, password: str) -> bool:
        """Tell whether it is the password of that hash.

        Where there is none it takes as long, and is false: nobody learns who there is.
        """
        return await self._passwords.compared(known, password)


class Passwords:
    """Makes and compares hashes."""

    def __init__(
        self,
        work: Hashing | None = None,
        *,
        longest: float = _WAIT,
        clock: Callable[[], float] = _CLOCK.monotonic,
    ) -> None:
        """Begin with nothing to do; whoever would wait longer than so many seconds hears Busy."""
        self._work = Threads() if work is None else work
        self._clock = clock
        self._room = WaitingRoom(self._work.at_once, longest=longest)
        self._turns = asyncio.Semaphore(self._work.at_once)

    def place(self) -> Place:
        """Return a place for one more; Busy."""
        if self._room.is_full:
            raise Busy(self._room.closed_for)
        return Place(self, self._room)

    async def hashed(self, password: str) -> str:
        """Return a new hash; Busy."""
        with self.place():
            return await self._done(partial(self._work.hashed, _normal(password)))

    async def matches(self, known: str | None, password: str) -> bool:
        """Tell whether it is the password of that hash, likewise for whoever has no place; Busy."""
        with self.place() as place:
            return await place.matches(known, password)

    async def compared(self, known: str | None, password: str) -> bool:
        """Tell whether it is the password of that hash, for somebody who has a place."""
        against = known if known is not None else argon.NOBODYS
        is_right = await self._done(partial(self._work.is_right, against, _normal(password)))
        return is_right and known is not None

    def is_outdated(self, known: str) -> bool:
        """Tell whether a hash was made otherwise than they are now."""
        return argon.is_outdated(known)

    async def _done(self, work: Callable[[], Awaitable[T]]) -> T:
        async with self._turns:
            begun = self._clock()
            done = await work()
            self._room.took(self._clock() - begun)
            return done

    def close(self) -> None:
        """Take no more."""
        self._work.close()


def _normal(password: str) -> bytes:
    """Return it in the one way that its characters can be written (RFC 8265 4.2.2)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
