"""A child: a process that the supervisor keeps, and the channel on which it speaks."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

COVER: Final = b"cover "
UNCOVER: Final = b"uncover "
"""Words of the supervisor about a slot without a worker (node/covering.py)."""
LAST: Final = b"last"
"""Says to a worker that none follows it: whoever waits to be accepted is its own to answer."""
PYTHON: Final = (sys.executable, "-P", "-m")
"""Our own modules: the folder that the gateway is started in is no place for code."""


class Process(Protocol):
    """A process of ours, as `subprocess.Popen` knows it."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """Return its status if it has ended, and None while it lives."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, to nobody if it has ended."""

    def kill(self) -> None:
        """End it at once."""


class Adopted:
    """A child that this process started before it became what it is now: known by its id alone."""

    def __init__(self, pid: int) -> None:
        """Take a child of this process."""
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its status if it has ended, and None while it lives."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0  # somebody else has waited for it
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Send a signal, to nobody if it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(9)


@dataclass(slots=True)
class Child:
    """A process with our end of its channel, and the segment in which it counts (-1: in none)."""

    process: Process
    channel: socket.socket
    segment: int = -1


def start(module: str, *, data: bytes, fds: Sequence[int] = (), words: Sequence[str] = ()) -> Child:
    """Start a module of ours: `module SNAPSHOT_FD CHANNEL_FD PARENT WORD… FD…`.

    OSError if it cannot be.  It gets the data as a file without a name, a channel, and the
    descriptors by the same numbers.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    snapshot = -1
    try:
        snapshot = file_of(data)
        passed = [snapshot, theirs.fileno(), *fds]
        given = [str(passed[0]), str(passed[1]), str(os.getpid()), *words, *map(str, fds)]
        process = subprocess.Popen([*PYTHON, module, *given], pass_fds=passed)  # noqa: S603 - ours
        return Child(process, ours)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
        if snapshot >= 0:
            os.close(snapshot)


@dataclass(frozen=True, slots=True)
class Said:
    """A word of a child, the version that it is about, and what it hands over with it."""

    word: bytes
    version: int = 0
    data: bytes = b""


def hear(child: Child) -> Said | None:
    """Return what a child says; None at the end of its words.

    Whatever that is, it brings nobody down who hears it: what makes no sense has no version, and
    what cannot be read holds nothing.
    """
    try:
        said, fds, _, _ = socket.recv_fds(child.channel, 64, 1)
    except OSError:  # it has died with words of ours unread
        return None
    word, _, version = said.partition(b" ")
    data = b"".join(_read(fd) for fd in fds)
    number = int(version) if version.isdigit() else 0
    return Said(word, number, data) if said else None


def _read(fd: int) -> bytes:
    """Return what a file without a name holds; nothing of a pipe, for which one might wait."""
    try:
        with os.fdopen(fd, "rb") as file:
            file.seek(0)
            return file.read()
    except OSError:
        return b""


def file_of(data: bytes) -> int:
    """Return a descriptor of a file without a name that holds the data."""
    fd = os.memfd_create("snapshot", os.MFD_CLOEXEC)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def give(channel: socket.socket, kind: bytes, data: bytes) -> None:
    """Hand something over as a file without a name; OSError if it is not taken."""
    fd = file_of(data)
    try:
        socket.send_fds(channel, [kind], [fd])
    finally:
        os.close(fd)


def cover(child: Child, slot: int, sockets: Sequence[socket.socket]) -> None:
    """Have a worker accept for a slot beside its own; OSError if it does not hear."""
    socket.send_fds(child.channel, [COVER + b"%d" % slot], [sock.fileno() for sock in sockets])


def tell_last(child: Child) -> None:
    """Tell a worker that none follows it; nothing is lost if it does not hear."""
    with contextlib.suppress(OSError):
        child.channel.send(LAST)


def uncover(child: Child, slot: int) -> None:
    """Have it leave the slot alone again; nothing is lost if it does not hear."""
    with contextlib.suppress(OSError):
        child.channel.send(UNCOVER + b"%d" % slot)
