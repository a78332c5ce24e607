"""Log lines on their way from a process to whoever writes them, over a socket that never blocks.

A datagram is the path of a log (empty: standard output), NUL, and whole lines.  A process that
cannot send keeps what has gathered, up to a bound, and then loses the oldest and counts them: no
disk, however slow, holds a request.  A line that no datagram holds is lost whole, and counted.
"""

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from tta_gateway.support.log import FULL, LineFile

_MOST: Final = 16  # batches that wait, of about 64 KiB
_STOP: Final = b"\0\0stop"
_REOPEN: Final = b"\0\0reopen"
_PATIENCE: Final = 0.5  # seconds, for the last lines of a process
LARGEST: Final = 2 * FULL  # bytes of a datagram; who reads takes no more of one


class LineSender:
    """Lines of one log.  `dropped` counts those that were lost, until it is taken."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        """Send over this socket, of which `send` never waits."""
        self._sock = sock
        self._head = path.encode() + b"\0"
        self._room = LARGEST - len(self._head)
        self._gathered: list[bytes] = []
        self._size = 0
        self._waiting: deque[bytes] = deque()
        self.dropped = 0

    def put(self, line: bytes) -> None:
        """Take one line; send all when many have gathered."""
        size = len(line) + 1
        if size > self._room:  # the reader would take a part of it, and lose the rest
            self.dropped += 1
            return
        if self._size + size > self._room:
            self.flush()
        self._gathered.append(line)
        self._size += size
        if self._size >= FULL:
            self.flush()

    def flush(self) -> None:
        """Send what has gathered; what cannot be sent waits for the next time."""
        if self._gathered:
            gathered, self._gathered, self._size = self._gathered, [], 0
            self._waiting.append(self._head + b"\n".join(gathered) + b"\n")
        while self._waiting:
            try:
                self._sock.send(self._waiting[0])
            except (BlockingIOError, TimeoutError):
                break  # nobody takes it now
            except OSError:  # nobody takes it ever: there is no writer any more
                self.dropped += self._waiting[0].count(b"\n")
            self._waiting.popleft()
        while len(self._waiting) > _MOST:
            self.dropped += self._waiting.popleft().count(b"\n")

    def take_dropped(self) -> int:
        """Return how many lines were lost since this was asked last."""
        lost, self.dropped = self.dropped, 0
        return lost

    def close(self) -> None:
        """Send what has gathered, waiting a little; what nobody takes then is lost."""
        self._sock.settimeout(_PATIENCE)
        self.flush()


class LineWriter:
    """Writes what comes over the socket, in the order in which it comes."""

    def __init__(self, sock: socket.socket, *, failed: Callable[[str, OSError], bytes]) -> None:
        """Write to standard output and to files, which are opened when their first lines come.

        `failed` words a line about a file that cannot be opened; it is tried with every batch, and
        told of once.
        """
        self._sock = sock
        self._failed = failed
        self._files: dict[str, LineFile] = {"": LineFile("-")}
        self._told = set[str]()

    def write_next(self) -> bool:
        """Wait for a batch and write it; False if it was the last."""
        data = self._sock.recv(LARGEST)
        if data == _STOP:
            return False
        if data == _REOPEN:
            self._reopen()
            return True
        head, _, lines = data.partition(b"\0")
        self._write(head.decode(), lines[:-1])
        return True

    def _write(self, path: str, lines: bytes) -> None:
        file = self._files.get(path)
        if file is None:
            try:
                file = self._files[path] = LineFile(path)
            except OSError as error:
                if path not in self._told:
                    self._told.add(path)
                    self._tell(path, error)
                self._files[""].dropped += lines.count(b"\n") + 1
                return
            self._told.discard(path)
        file.put(lines)
        file.flush()

    def _reopen(self) -> None:
        for path, file in self._files.items():
            try:
                file.reopen()
            except OSError as error:
                self._tell(path, error)

    def _tell(self, path: str, error: OSError) -> None:
        self._files[""].put(self._failed(path, error))
        self._files[""].flush()

    def take_dropped(self) -> int:
        """Return how many lines could not be written since this was asked last."""
        return sum(file.take_dropped() for file in self._files.values())

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()


def stop(sock: socket.socket) -> None:
    """Tell the writer at the other end that nothing follows."""
    _say(sock, _STOP)


def reopen(sock: socket.socket) -> None:
    """Tell the writer at the other end that files have been moved away."""
    _say(sock, _REOPEN)


def _say(sock: socket.socket, word: bytes) -> None:
    sock.settimeout(_PATIENCE)
    with contextlib.suppress(TimeoutError):
        sock.send(word)
    sock.settimeout(0.0)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the end to write from, and the one to send to, which never waits."""
    reader, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for sock in (reader, sender):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * LARGEST)
    sender.setblocking(False)
    return reader, sender
