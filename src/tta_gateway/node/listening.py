"""Listening sockets: one for each worker slot and address, so that the kernel spreads connections.

They belong to the supervisor for its life.  A worker inherits its slot's, and so does its
successor: what has been accepted by nobody yet waits in the queue, and nothing is refused.
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tta_gateway.node import near
from tta_gateway.snapshot.model import Listener

_BACKLOG: Final = 4096
_UNSENT: Final = 128 * 1024
"""bytes for a client that the system takes before it can send them: what more there is waits at the
service.  Without a bound it takes megabytes for each that reads slowly, and all pass through us."""


class Listening:
    """All sockets of one listener, as many as there are slots."""

    def __init__(self, listener: Listener, slots: int, *, fds: Sequence[int] = ()) -> None:
        """Bind, or go on with these sockets; an OSError names the address."""
        self._listener = listener
        try:
            self._sockets = [socket.socket(fileno=fd) for fd in fds] or _bound(listener, slots)
        except OSError as error:
            where = listener.unix or f"{listener.host}:{listener.port}"
            raise OSError(error.errno, error.strerror, where) from error
        for sock in self._sockets:
            _hold_little(sock)
        self.url = url(self._sockets[0], listener)
        self._file = _file(listener.unix)

    @property
    def fds(self) -> list[int]:
        """Return the descriptors of all sockets."""
        return [sock.fileno() for sock in self._sockets]

    def of(self, slot: int) -> socket.socket:
        """Return the socket of a slot; a unix socket is shared by all."""
        return self._sockets[slot % len(self._sockets)]

    def close(self) -> None:
        """Take no more connections."""
        # Before the sockets: as long as one is open its number on the disk is nobody else's.
        if self._file is not None and self._file == _file(self._listener.unix):
            Path(self._listener.unix).unlink(missing_ok=True)
        for sock in self._sockets:
            sock.close()


def _file(path: str) -> tuple[int, int] | None:
    """Return which socket stands at a path; None where there is none."""
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        if stat.S_ISSOCK(found.st_mode):
            return found.st_dev, found.st_ino
    return None


def _bound(listener: Listener, slots: int) -> list[socket.socket]:
    return _unix(listener.unix) if listener.unix else _tcp(listener, slots)


def unix_for_us(path: Path, fd: int) -> socket.socket:
    """Return a socket that listens at the path, for us alone: the one with this number, if any."""
    return socket.socket(fileno=fd) if fd >= 0 else near.listening(path)


def close_all(listening: Iterable[Listening]) -> None:
    """Take no more connections anywhere."""
    for one in listening:
        one.close()


def bound(host: str, port: int, *, shared: bool) -> socket.socket:
    """Return a TCP socket; a shared one listens, and lets others of ours have the address too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        if shared:
            sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(True)
    return sock


def _hold_little(sock: socket.socket) -> None:
    """Have what is accepted here hold little that cannot be sent (tcp(7), TCP_NOTSENT_LOWAT)."""
    if sock.family != socket.AF_UNIX:
        with contextlib.suppress(AttributeError, OSError):  # a system that knows no such thing
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)


def _tcp(listener: Listener, slots: int) -> list[socket.socket]:
    """Return a socket for each slot, all at one address that nobody else has."""
    # A shared address could be taken from another gateway of the same user: ask for it alone first.
    with bound(listener.host, listener.port, shared=False) as alone:
        port: int = alone.getsockname()[1]
    sockets: list[socket.socket] = []
    try:
        for _ in range(slots):
            sockets.append(bound(listener.host, port, shared=True))  # noqa: PERF401 - closed below
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _unix(path: str) -> list[socket.socket]:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if sock.connect_ex(path) == 0:
        sock.close()
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
    sock.close()
    near.clear(Path(path))  # what a gateway that has died left behind
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(path)
    Path(path).chmod(0o600)
    sock.listen(_BACKLOG)
    sock.set_inheritable(True)
    return [sock]


def url(sock: socket.socket, listener: Listener) -> str:
    """Return where a client reaches the socket."""
    if listener.unix:
        return f"unix:{listener.unix}"
    host, port = sock.getsockname()[:2]
    scheme = "http" if listener.tls is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
