"""Unix sockets in a folder, however long the folder's path is."""

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path

from tta_gateway.support.socket_path import short

_BACKLOG = 64


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
        with short(str(path)) as name:
            sock.bind(name)
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
        with short(str(path)) as name:
            sock.connect(name)
    except OSError:
        sock.close()
        raise
    return sock
