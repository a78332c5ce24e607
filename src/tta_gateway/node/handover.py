"""Handover: what a supervisor leaves to the one that it becomes.

An upgrade keeps the process: it executes the new code in its place.  Children, sockets, the lock
and the counters stay what they are; their numbers travel in a file without a name.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tta_gateway.node.child import PYTHON, Adopted, Child, file_of


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A child that goes on: `slot` -1 is one that leaves, `name` is a companion's."""

    pid: int
    channel: int
    segment: int
    slot: int = -1
    version: int = 0
    name: str = ""


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """Descriptors and children of a running node; `generation` counts upgrades."""

    snapshot: bytes
    live: dict[str, msgspec.Raw] = {}
    slots: int
    listeners: list[list[int]]
    probe: list[int]
    admin: list[int]
    public: int
    commands: int
    lock: int
    segments: int
    segment: int
    logs: list[int]
    notes: list[int] = []
    children: list[Kept]
    embedded: list[tuple[str, int]] = []
    generation: int
    stamp: tuple[int, int, int] | None = None  # of the file that was compiled

    def descriptors(self) -> Iterable[int]:
        """Return every descriptor that must stay open."""
        yield from (fd for fds in self.listeners for fd in fds)
        yield from (
            *self.logs,
            *self.notes,
            *self.probe,
            *self.admin,
            self.public,
            self.commands,
            self.lock,
            self.segments,
        )
        yield from (kept.channel for kept in self.children if kept.channel >= 0)


def kept_child(child: Child, *, slot: int = -1, version: int = 0, name: str = "") -> Kept:
    """Return a child as the next supervisor needs to know it."""
    return Kept(
        pid=child.process.pid,
        channel=child.channel.fileno(),
        segment=child.segment,
        slot=slot,
        version=version,
        name=name,
    )


def adopted(kept: Kept) -> Child:
    """Return a child that the supervisor before this one has kept.

    Its channel is a closed one where it has ended already.
    """
    channel = socket.socket() if kept.channel < 0 else socket.socket(fileno=kept.channel)
    channel.setblocking(False)
    if kept.channel < 0:
        channel.close()
    return Child(Adopted(kept.pid), channel, kept.segment)


def hand_over(handover: Handover, file: Path) -> None:
    """Become the new supervisor; OSError if this process stays what it is.

    Signals wait meanwhile: the new one takes them as soon as it can.
    """
    fd = file_of(encoded(handover))
    for one in (fd, *handover.descriptors()):
        if one >= 0:
            os.set_inheritable(one, True)
    waiting = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        command = [*PYTHON, "tta_gateway.node.supervisor_main", "--resume", str(fd), str(file)]
        os.execv(sys.executable, command)  # noqa: S606 - our own module
    except OSError:
        for one in handover.descriptors():
            if one >= 0:
                os.set_inheritable(one, False)
        os.close(fd)
        signal.pthread_sigmask(signal.SIG_SETMASK, waiting)
        raise


def encoded(handover: Handover) -> bytes:
    """Return it as bytes."""
    return msgspec.msgpack.encode(handover)


def taken_over(fd: int, *, only_read: bool = False) -> Handover:
    """Return what the supervisor before this one has left; msgspec.MsgspecError if it is unknown.

    `only_read` is for who tries whether it can be understood.
    """
    with os.fdopen(fd, "rb") as file:
        handover = msgspec.msgpack.decode(file.read(), type=Handover)
    if only_read:
        return handover
    for one in handover.descriptors():
        if one >= 0:
            os.set_inheritable(one, False)
    return handover
