"""The supervisor: owns the listening sockets, starts the worker, passes signals on.

One worker for now; sockets per worker slot, restarts, reload and hand-over come with the node.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Listener, Snapshot


def run(snapshot: Snapshot, *, out: TextIO) -> int:
    """Serve until a signal comes or the worker ends; return the exit status."""
    sockets = [_bound(listener) for listener in snapshot.listeners]
    with tempfile.TemporaryFile() as file:
        file.write(encode(snapshot))
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        ready, status = os.pipe()
        worker = _start(file.fileno(), status, sockets)
        os.close(status)
    _pass_signals_to(worker, sockets)
    if os.read(ready, 16):
        pairs = zip(sockets, snapshot.listeners, strict=True)
        out.writelines(f"ready: {url(sock, listener)}\n" for sock, listener in pairs)
        out.flush()
    os.close(ready)
    code = worker.wait()
    for listener in snapshot.listeners:
        if listener.unix:
            Path(listener.unix).unlink(missing_ok=True)
    return 128 - code if code < 0 else code


def _bound(listener: Listener) -> socket.socket:
    """Return the listener's socket; an OSError names the address."""
    try:
        return bound_socket(listener)
    except OSError as error:
        where = listener.unix or f"{listener.host}:{listener.port}"
        raise OSError(error.errno, error.strerror, where) from error


def bound_socket(listener: Listener) -> socket.socket:
    """Return a socket bound to the address and listening; OSError if that cannot be."""
    if listener.unix:
        return _unix_socket(listener.unix)
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((listener.host, listener.port))
    sock.listen(4096)
    sock.set_inheritable(True)
    return sock


def _unix_socket(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if sock.connect_ex(path) == 0:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
    sock.close()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    Path(path).unlink(missing_ok=True)  # what a gateway that has died left behind
    sock.bind(path)
    Path(path).chmod(0o600)
    sock.listen(4096)
    sock.set_inheritable(True)
    return sock


def url(sock: socket.socket, listener: Listener) -> str:
    """Return where a client reaches the socket."""
    if listener.unix:
        return f"unix:{listener.unix}"
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _start(
    snapshot: int, status: int, sockets: Sequence[socket.socket]
) -> "subprocess.Popen[bytes]":
    fds = [snapshot, status, *(sock.fileno() for sock in sockets)]
    command = [sys.executable, "-m", "tta_gateway.node.worker_main", *map(str, fds)]
    return subprocess.Popen(command, pass_fds=fds)  # noqa: S603 - our own module


def _pass_signals_to(worker: "subprocess.Popen[bytes]", sockets: Sequence[socket.socket]) -> None:
    def pass_on(number: int, _: object) -> None:
        worker.send_signal(number)
        for sock in sockets:
            sock.close()  # or the kernel takes connections that nobody accepts any more

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
