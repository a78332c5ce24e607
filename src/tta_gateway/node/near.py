"""Unix sockets in a folder, however long the folder's path is.

A socket's own path has room for 107 bytes; through the descriptor of its folder it is short.
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

_BACKLOG = 64


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)


def clear(path: Path) -> None:
    """Take away the socket that a process has left there; OSError if it is anything else."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(errno.EEXIST, "is there already and is no socket", str(path))
        path.unlink()


def listening(path: Path) -> socket.socket:
    """Return a socket that listens there, for its owner alone; one that stood there is gone."""
    clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        with _short(path) as short:
            sock.bind(short)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(mask)
    sock.listen(_BACKLOG)
    return sock


def connected(path: Path, timeout: float) -> socket.socket:
    """Return a socket that is connected to it; OSError if nobody listens there."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        with _short(path) as short:
            sock.connect(short)
    except OSError:
        sock.close()
        raise
    return sock
