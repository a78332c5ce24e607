"""Neighbours: the workers of a node tell each other, without anybody between them.

Each has a socket of its own in a folder of the state folder, which nobody else may enter, and looks
there for the others now and then.  Datagrams never wait: what a neighbour does not take is lost to
it, and counted.  So they go on telling each other while control is replaced, and with every store
away.
"""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

LARGEST: Final = 60_000  # bytes of a datagram
_MOST: Final = 2  # datagrams that are taken in one turn of the loop: a millisecond or two
_PRIVATE: Final = 0o700
_OWNERS: Final = 0o600
_GONE: Final = (ConnectionRefusedError, FileNotFoundError)


class Neighbours:
    """One worker's socket, and those of the others; `hear` takes what they send."""

    def __init__(
        self, hear: Callable[[bytes], None], *, number: int, folder: str = "limits"
    ) -> None:
        """Begin alone; `number` is that of this process, `folder` where they find each other."""
        self._hear = hear
        self._number = number
        self._name = folder
        self._folder = -1
        self._sock: socket.socket | None = None
        self.others: tuple[int, ...] = ()
        self.lost = 0

    def open(self, state: Path) -> int:
        """Begin to listen; return the descriptor to watch.  OSError if the folder cannot be had.

        The folder is named by its descriptor: paths of sockets may not be long.
        """
        folder = state / self._name
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * LARGEST)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(self._number))  # noqa: PTH108 - by the folder's descriptor
        sock.bind(self._path(self._number))
        os.chmod(self._path(self._number), _OWNERS)  # noqa: PTH101 - likewise
        self._sock = sock
        self.look()
        return sock.fileno()

    @property
    def descriptor(self) -> int:
        """Return the descriptor to watch, -1 if there is none."""
        return -1 if self._sock is None else self._sock.fileno()

    def look(self) -> frozenset[int]:
        """Look who is there; return those that have gone since."""
        if self._sock is None:
            return frozenset()
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - likewise
        except OSError:  # no descriptor is left, which it needs for a moment
            return frozenset()
        before = self.others
        found = (int(name) for name in names if name.isdecimal())
        self.others = tuple(sorted(one for one in found if one != self._number))
        return frozenset(before) - frozenset(self.others)

    def tell(self, datagram: bytes) -> None:
        """Send this to all others."""
        for other in self.others:
            self._send(other, datagram)

    def _send(self, other: int, datagram: bytes) -> None:
        assert self._sock is not None  # nobody is there before it is open
        try:
            self._sock.sendto(datagram, self._path(other))
        except _GONE:
            self._bury(other)
        except OSError:  # it takes nothing at the moment
            self.lost += 1

    def _bury(self, other: int) -> None:
        """Take away the socket of one that has ended without doing so."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(other))  # noqa: PTH108 - by the folder's descriptor

    def hear(self) -> None:
        """Take what has come, so much at a time."""
        assert self._sock is not None  # it is watched from when it is open
        for _ in range(_MOST):
            try:
                datagram = self._sock.recv(LARGEST + 5_000)
            except (BlockingIOError, InterruptedError):
                return
            self._hear(datagram)

    def _path(self, number: int) -> str:
        return f"/proc/self/fd/{self._folder}/{number}"

    def close(self) -> None:
        """Be there no more."""
        if self._sock is None:
            return
        self._bury(self._number)
        self._sock.close()
        self._sock = None
        os.close(self._folder)
        self.others = ()
