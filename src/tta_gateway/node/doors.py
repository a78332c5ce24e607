"""Doors: a worker's listening sockets, and whether anybody is let in by them.

When no descriptor is left the loop can accept nobody, and would try again and again.  So a worker
that has none to spare closes its doors, has idle guests give way, and opens again when it has some.
Whoever connects meanwhile waits in the kernel's queue: the socket itself stays open.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tta_gateway.support.log import EventLog

BACKLOG: Final = 4096
_SPARE: Final = 4  # descriptors that must be free for the doors to open
_GIVE_WAY: Final = 16  # guests, at one look
_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE)  # in this process, in this machine
_SAID: Final = 60.0  # seconds between two words about the same want
Door = Callable[[], asyncio.Protocol]


class House(Protocol):
    """Guests, of whom idle ones can give way."""

    def make_room(self, now: float) -> bool:
        """Have one give way; False if none can."""


class Doors:
    """The listening sockets, each with what makes a connection of who comes by it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sockets: Sequence[socket.socket], doors: list[Door]
    ) -> None:
        """Begin closed."""
        self._loop = loop
        self.sockets = sockets
        self._doors = doors
        self._servers: list[asyncio.Server] = []
        self._closed = False

    @property
    def are_shut(self) -> bool:
        """Tell whether nobody is let in for now."""
        return not self._servers and not self._closed

    async def open(self) -> None:
        """Let in who comes; OSError if that is not possible."""
        try:
            for door, sock in zip(self._doors, self.sockets, strict=True):
                # A copy: the loop closes what it has been given.
                server = await self._loop.create_server(door, sock=sock.dup(), backlog=BACKLOG)
                self._servers.append(server)
        except OSError:
            self.shut()
            raise

    async def open_again(self) -> None:
        """Let in who comes, unless descriptors have gone again meanwhile, or all is over."""
        if self.are_shut:
            with contextlib.suppress(OSError):  # the next look tries again
                await self.open()

    def shut(self) -> None:
        """Let nobody in for now: they wait."""
        for server in self._servers:
            server.close()
        self._servers = []

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True
        self.shut()
        for sock in self.sockets:
            sock.close()


class Watchman:
    """Looks whether descriptors are left, with every look of the sweeper."""

    def __init__(
        self,
        doors: Doors,
        house: House,
        *,
        clock: Callable[[], float],
        log: EventLog,
        spawn: Callable[[], None],
    ) -> None:
        """Look after these doors; `spawn` has them opened, in a task."""
        self._doors = doors
        self._house = house
        self._clock = clock
        self._log = log
        self._spawn = spawn
        self._said = -_SAID

    def tick(self) -> None:
        """Shut the doors when nothing is left, open them when there is."""
        if _are_left(_SPARE):
            if self._doors.are_shut:
                self._spawn()
            return
        now = self._clock()
        if now - self._said >= _SAID:
            self._said = now
            self._log.event("descriptors_exhausted")
        self._doors.shut()
        for _ in range(_GIVE_WAY):
            if not self._house.make_room(now):
                return


def _are_left(count: int) -> bool:
    """Tell whether so many descriptors can be had."""
    had: list[int] = []
    try:
        for _ in range(count):
            had.append(os.open("/", os.O_RDONLY | os.O_CLOEXEC))  # noqa: PERF401 - closed below
    except OSError as error:
        return error.errno not in _NONE_LEFT
    finally:
        for fd in had:
            os.close(fd)
    return True
