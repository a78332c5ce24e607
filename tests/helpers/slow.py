"""Peers that are slow or stop, and what a process holds meanwhile."""

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.helpers.clients import PATIENCE, Stream

_PIECE: Final = b"\0" * (1 << 16)
_STEP: Final = 0.02


def fill(sock: socket.socket, *, most: int, quiet: float = 0.5, piece: bytes = _PIECE) -> int:
    """Send until the other side has taken nothing for a while; return how many bytes it took."""
    sock.setblocking(False)
    sent = 0
    try:
        while sent < most and select.select([], [sock], [], quiet)[1]:
            sent += sock.send(piece[: most - sent])
    finally:
        sock.settimeout(PATIENCE)
    return sent


def is_cut(stream: Stream, patience: float = PATIENCE) -> bool:
    """Wait until the other side has broken the connection off, and take nothing meanwhile."""
    poll = select.poll()
    poll.register(stream.sock, 0)  # of errors it tells all the same
    return any(what & select.POLLERR for _, what in poll.poll(patience * 1000.0))


def trickle(sock: socket.socket, data: bytes, *, pause: float) -> None:
    """Send a byte at a time."""
    for at in range(len(data)):
        sock.sendall(data[at : at + 1])
        time.sleep(pause)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose backlog is full: whoever connects hears nothing."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        time.sleep(0.05)
        yield port


def wait_until(is_true: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Ask again and again, until it is true or patience ends; say which."""
    deadline = time.monotonic() + patience
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP)
    return True


def settled(count: Callable[[], int], *, quiet: float = 0.5, patience: float = PATIENCE) -> int:
    """Wait until a number does not change any more; return it."""
    deadline = time.monotonic() + patience
    last, since = count(), time.monotonic()
    while time.monotonic() < min(deadline, since + quiet):
        time.sleep(_STEP)
        now = count()
        if now != last:
            last, since = now, time.monotonic()
    return last


def children(pid: int) -> list[int]:
    """The processes that a process has started and not outlived."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in text.split()]


def workers_of(pid: int) -> list[int]:
    """The workers of a gateway, by the process of its command."""
    return [one for one in children(pid) if _runs(one, "worker_main")]


def companion_of(pid: int, name: str) -> int | None:
    """Another process of a gateway, by its name (`control`, `guard`); None while there is none."""
    return next((one for one in children(pid) if _runs(one, f"{name}_main")), None)


def _runs(pid: int, module: str) -> bool:
    return f"tta_gateway.node.{module}" in _command_line(pid).split("\0")


def running(pid: int, word: str) -> list[int]:
    """The children of a process whose command line holds a word."""
    return [one for one in children(pid) if word in _command_line(one)]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def resident(pid: int) -> int:
    """How many bytes of memory a process holds."""
    return _size(pid, "VmRSS:")


def address_space(pid: int) -> int:
    """How many bytes of memory a process has asked for, whether it holds them or not."""
    return _size(pid, "VmSize:")


def _size(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise AssertionError("a living process has a size")


def descriptors(pid: int) -> int:
    """How many files and sockets a process holds."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def cpu_seconds(pid: int) -> float:
    """How much time of a processor a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process: what happens meanwhile it finds all at once, in the order it happened."""
    time.sleep(_STEP)  # what it knows of already would come first
    os.kill(pid, signal.SIGSTOP)
    try:
        assert wait_until(lambda: _state(pid) == "T")
        yield
        time.sleep(_STEP)
    finally:
        os.kill(pid, signal.SIGCONT)


def is_alive(pid: int) -> bool:
    """Whether the process runs."""
    try:
        return _state(pid) not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def connects(port: int) -> bool:
    """Whether somebody listens at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True
