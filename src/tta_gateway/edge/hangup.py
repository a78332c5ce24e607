"""Hang-ups: who has gone while nobody reads what it sends.

A socket that is not read tells nobody that its peer has closed it: that would be read behind the
data that waits.  So a client that is held back with its upload would be missed only when the
service goes on.  One epoll for all such sockets, itself watched by the loop, tells at once.
"""

import asyncio
import contextlib
import select
from collections.abc import Callable
from typing import Final

_GONE: Final = select.EPOLLRDHUP  # the peer's end; errors and resets are told in any case


class Hangups:
    """Watches sockets by their descriptors, each until its peer has gone or it is read again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with nobody to watch."""
        self._epoll = select.epoll()
        self._told: dict[int, Callable[[], None]] = {}
        self._loop = loop

    def start(self) -> None:
        """Let the loop look."""
        self._loop.add_reader(self._epoll.fileno(), self._look)

    def stop(self) -> None:
        """Look no more."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def watch(self, fd: int, told: Callable[[], None]) -> None:
        """Call `told` once, when the peer behind the descriptor has gone."""
        with contextlib.suppress(FileExistsError):  # told twice is told once
            self._epoll.register(fd, _GONE)
        self._told[fd] = told

    def forget(self, fd: int, told: Callable[[], None]) -> None:
        """Watch it no longer; a number that somebody else has by now stays watched."""
        if self._told.get(fd) == told:
            self._drop(fd)

    def _look(self) -> None:
        for fd, _ in self._epoll.poll(0):
            told = self._drop(fd)
            if told is not None:
                told()

    def _drop(self, fd: int) -> Callable[[], None] | None:
        with contextlib.suppress(OSError, ValueError):  # closed, so the kernel has forgotten it
            self._epoll.unregister(fd)
        return self._told.pop(fd, None)
