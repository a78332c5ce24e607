"""Waking: a datagram that says that there is something new, and no more.

The reader binds a socket in the journal's folder; a writer sends there, and never waits.  Where
nobody is bound the datagram is lost: the next reader begins by reading, and each looks now and then
without being woken.
"""

import contextlib
import socket
from pathlib import Path
from typing import Final

from tta_gateway.support.socket_path import short

_NAME: Final = "wake"
_WORD: Final = b"!"
_MOST: Final = 256  # datagrams that are taken together


class Bell:
    """The reader's end: `fileno` is readable when there is something new."""

    def __init__(self, folder: Path) -> None:
        """Be what writers wake from now on, in place of any before; OSError if it cannot be."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / _NAME
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._path.unlink(missing_ok=True)
        with short(str(self._path)) as path:
            self._sock.bind(path)
        self._path.chmod(0o600)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._sock.fileno()

    def clear(self) -> None:
        """Take what has come: what is written from now on wakes again."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MOST):
                self._sock.recv(1)

    def close(self) -> None:
        """Hear no more."""
        self._sock.close()


class Ringer:
    """A writer's end."""

    def __init__(self, folder: Path) -> None:
        """Wake whoever reads in this folder."""
        self._path = str(folder / _NAME)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def ring(self) -> None:
        """Wake the reader, if there is one that sleeps."""
        with contextlib.suppress(OSError), short(self._path) as path:
            self._sock.sendto(_WORD, path)

    def close(self) -> None:
        """Wake nobody any more."""
        self._sock.close()
