"""The supervisor keeps a worker in every slot, and hands them newer snapshots.

The first worker goes ahead of the others: what it cannot do ends the start.  Later one that dies is
replaced, whatever it died of (node/slot.py says when).
"""

import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import Final

from tta_gateway.node.probe import Health
from tta_gateway.node.slot import Slot, State
from tta_gateway.support.log import EventLog

_LOOK: Final = 1.0  # seconds between two looks where nothing happens
_ASKED: Final = (signal.SIGTERM, signal.SIGINT)
Spawn = Callable[[int], "tuple[subprocess.Popen[bytes], socket.socket]"]


class Supervisor:
    """Keeps workers."""

    def __init__(
        self,
        slots: int,
        *,
        spawn: Spawn,
        clock: Callable[[], float],
        log: EventLog,
        serving: Callable[[], None],
        stopping: Callable[[], None],
    ) -> None:
        """Begin without workers.

        `spawn` starts one for a slot, and returns it with the channel on which it says what it
        does; `serving` is told when all serve for the first time, `stopping` when it is to end.
        """
        self.slots = [Slot(number) for number in range(slots)]
        self.selector = selectors.DefaultSelector()
        self._spawn = spawn
        self._clock = clock
        self._log = log
        self._serving = serving
        self._stopping = stopping
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._channels: dict[int, socket.socket] = {}
        self._tried = False  # whether any worker has served
        self._served = False  # whether all have
        self._ending = False
        self._code = 0

    # What operators see

    def health(self) -> tuple[bool, Health]:
        """Return whether the node serves, and how many of its workers do."""
        serving = sum(slot.state is State.SERVING for slot in self.slots)
        ready = serving > 0 and not self._ending
        states = [slot.state.value for slot in self.slots]
        deaths = sum(slot.deaths for slot in self.slots)
        versions = [slot.version for slot in self.slots]
        return ready, {"workers": states, "versions": versions, "deaths": deaths}

    @property
    def code(self) -> int | None:
        """Return the exit status, or None while there is something to keep."""
        return None if self._workers or not self._ending else self._code

    # What it does

    def start_due(self) -> None:
        """Start a worker in every slot where one is due.

        At the beginning the first goes ahead: what it cannot do the others need not try.
        """
        now = self._clock()
        for slot in self.slots:
            if slot.is_late(now):
                self._log.event("worker_hangs", slot=slot.number)
                self._workers[slot.number].kill()
        for slot in self.slots if self._tried else self.slots[:1]:
            if slot.due <= now:
                self._start(slot, now)

    def patience(self) -> float:
        """Return how long nothing need be done, in seconds."""
        due = min(slot.due for slot in (self.slots if self._tried else self.slots[:1]))
        return min(_LOOK, max(0.0, due - self._clock()))

    def _start(self, slot: Slot, now: float) -> None:
        try:
            worker, channel = self._spawn(slot.number)
        except OSError as error:
            if not self._tried:
                raise
            slot.start(now)  # no process or descriptor is to be had: as if it had died at once
            slot.end(now)
            self._log.event("worker_not_started", slot=slot.number, error=error.strerror)
            return
        self._workers[slot.number] = worker
        self._channels[slot.number] = channel
        slot.start(now)
        self.selector.register(channel, selectors.EVENT_READ, lambda: self._hear(slot, channel))

    def _hear(self, slot: Slot, channel: socket.socket) -> None:
        """Take a worker's word that it serves a version, or the end of its words."""
        word, _, version = channel.recv(64).partition(b" ")
        if not word:
            self.selector.unregister(channel)
            channel.close()
            if self._channels.get(slot.number) is channel:
                del self._channels[slot.number]
            return  # it has died: its end is told by a signal
        slot.version = int(version)
        if word == b"ready":
            self._serves(slot)

    def _serves(self, slot: Slot) -> None:
        slot.serve()
        self._tried = True
        if not self._served and all(one.state is State.SERVING for one in self.slots):
            self._served = True
            self._serving()

    def hand_out(self, data: bytes) -> None:
        """Give every worker a newer snapshot; who starts from now on begins with it."""
        for number, channel in self._channels.items():
            try:
                _give(channel, data)
            except OSError as error:  # it has died, or hears nothing: a successor will have it
                self._log.event("worker_not_told", slot=number, error=error.strerror)

    def reap(self) -> None:
        """Take note of every worker that has ended."""
        for slot in self.slots:
            worker = self._workers.get(slot.number)
            if worker is not None and worker.poll() is not None:
                del self._workers[slot.number]
                self._ended(slot, worker.returncode)

    def _ended(self, slot: Slot, code: int) -> None:
        slot.end(self._clock())
        status = 128 - code if code < 0 else code
        if self._ending:
            asked = -code in _ASKED  # before it could say that it had heard
            self._code = max(self._code, 0 if asked else status)
            return
        if not self._tried:
            self._code = status or 1
            self.stop(signal.SIGTERM)
            return
        due = round(slot.due - self._clock(), 2)
        self._log.event("worker_died", slot=slot.number, status=status, next_in=max(0.0, due))

    def pass_on(self, number: int) -> None:
        """Pass a signal on to every worker that serves: one that starts does not know it yet."""
        for slot in self.slots:
            if slot.state is State.SERVING:
                self._workers[slot.number].send_signal(number)

    def stop(self, number: int) -> None:
        """Ask every worker to finish what is under way and end."""
        if not self._ending:
            self._ending = True
            self._stopping()
        for slot in self.slots:
            slot.leave()
        for worker in self._workers.values():
            worker.send_signal(number)


def _give(channel: socket.socket, data: bytes) -> None:
    fd = file_of(data)
    try:
        socket.send_fds(channel, [b"snapshot"], [fd])
    finally:
        os.close(fd)


def file_of(data: bytes) -> int:
    """Return a descriptor of a file without a name that holds the data."""
    fd = os.memfd_create("snapshot", os.MFD_CLOEXEC)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
