"""The supervisor: `python -m tta_gateway.node.supervisor SNAPSHOT_FD`.

It owns the listening sockets and the probe, keeps a worker in every slot, passes signals on, and
imports almost nothing: what it does not do cannot bring it down.  The command line compiles the
configuration and then becomes this process.
"""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TextIO

from tta_gateway.node import lock
from tta_gateway.node.listening import Listening, close_all
from tta_gateway.node.probe import Health, Probe
from tta_gateway.node.slot import Slot, State
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Stamp, SystemClock
from tta_gateway.support.log import EventLog, LineFile

_LOOK: Final = 1.0  # seconds between two looks where nothing happens
_PYTHON: Final = (sys.executable, "-P", "-m")  # the folder it is started in is no place for code
_TO_END: Final = (signal.SIGTERM, signal.SIGINT)
Spawn = Callable[[int], "tuple[subprocess.Popen[bytes], int]"]


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

        `spawn` starts one for a slot, and returns it with the descriptor on which it says that it
        serves; `serving` is told when all serve for the first time, `stopping` when it is to end.
        """
        self.slots = [Slot(number) for number in range(slots)]
        self.selector = selectors.DefaultSelector()
        self._spawn = spawn
        self._clock = clock
        self._log = log
        self._serving = serving
        self._stopping = stopping
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
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
        return ready, {"workers": states, "deaths": deaths}

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
        for slot in self.slots if self._tried else self.slots[:1]:
            if slot.due <= now:
                self._start(slot, now)

    def patience(self) -> float:
        """Return how long nothing need be done, in seconds."""
        due = min(slot.due for slot in (self.slots if self._tried else self.slots[:1]))
        return min(_LOOK, max(0.0, due - self._clock()))

    def _start(self, slot: Slot, now: float) -> None:
        worker, status = self._spawn(slot.number)
        self._workers[slot.number] = worker
        slot.start(now)
        self.selector.register(status, selectors.EVENT_READ, lambda: self._hear(slot, status))

    def _hear(self, slot: Slot, status: int) -> None:
        """Take a worker's word that it serves, or the end of its words."""
        said = os.read(status, 64)
        self.selector.unregister(status)
        os.close(status)
        if not said:
            return  # it has died: its end is told by a signal
        slot.serve()
        self._tried = True
        if not self._served and all(one.state is State.SERVING for one in self.slots):
            self._served = True
            self._serving()

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
        if not self._tried:
            self._code = status or 1
            self.stop(signal.SIGTERM)
        if self._ending:
            self._code = max(self._code, status)
            return
        due = round(slot.due - self._clock(), 2)
        self._log.event("worker_died", slot=slot.number, status=status, next_in=max(0.0, due))

    def stop(self, number: int) -> None:
        """Ask every worker to finish what is under way and end."""
        if not self._ending:
            self._ending = True
            self._stopping()
        for slot in self.slots:
            slot.leave()
        for worker in self._workers.values():
            worker.send_signal(number)


class Signals:
    """Signals as something that a selector can wait for."""

    def __init__(self, numbers: Sequence[signal.Signals]) -> None:
        """Take these from now on."""
        self.fd, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _ignore)

    def come(self) -> bytes:
        """Return the numbers of those that have come, each once."""
        return bytes(sorted(set(os.read(self.fd, 4096))))


def _ignore(_: int, __: object) -> None:
    """Do nothing: the wake-up is all that is wanted."""


def supervise(snapshot: Snapshot, data: bytes, *, out: TextIO) -> int:
    """Serve until a signal comes or no worker can; return the exit status.

    An OSError names the address or the folder that cannot be had.
    """
    signals = Signals((*_TO_END, signal.SIGCHLD))
    held = lock.take(Path(snapshot.state_dir))
    slots = snapshot.workers or len(os.sched_getaffinity(0))
    listening = [Listening(listener, slots) for listener in snapshot.listeners]
    place = None if snapshot.probe is None else Listening(snapshot.probe, 1)
    clock = SystemClock()
    lines = LineFile("-")
    supervisor = Supervisor(
        slots,
        spawn=lambda slot: _spawn(data, [one.of(slot).fileno() for one in listening]),
        clock=clock.monotonic,
        log=EventLog(lines, Stamp(clock.wall)),
        serving=lambda: _introduce(listening, place, out),
        stopping=lambda: let_go(),
    )
    probe = None
    if place is not None:
        probe = Probe(place, supervisor.selector, clock=clock.monotonic, health=supervisor.health)

    def let_go() -> None:
        """Make room for the next gateway, which may start while this one finishes."""
        close_all(listening)
        if probe is not None:
            probe.close()
        os.close(held)

    return _turn(supervisor, signals, probe, lines)


def _turn(supervisor: Supervisor, signals: Signals, probe: Probe | None, lines: LineFile) -> int:
    """Turn until all is over."""
    supervisor.selector.register(
        signals.fd, selectors.EVENT_READ, lambda: _heard(signals, supervisor)
    )
    while (code := supervisor.code) is None:
        supervisor.start_due()
        for key, _ in supervisor.selector.select(supervisor.patience()):
            key.data()
        if probe is not None:
            probe.tick()
        lines.flush()
    return code


def _heard(signals: Signals, supervisor: Supervisor) -> None:
    for number in signals.come():
        if number == signal.SIGCHLD:
            supervisor.reap()
        else:
            supervisor.stop(number)


def _introduce(listening: Sequence[Listening], place: Listening | None, out: TextIO) -> None:
    out.writelines(f"ready: {one.url}\n" for one in listening)
    if place is not None:
        out.write(f"probe: {place.url}\n")
    out.flush()


def _spawn(data: bytes, listeners: Sequence[int]) -> "tuple[subprocess.Popen[bytes], int]":
    """Start a worker with the snapshot and its slot's sockets."""
    snapshot = os.memfd_create("snapshot")
    ready, status = os.pipe2(os.O_CLOEXEC)
    try:
        os.write(snapshot, data)
        os.lseek(snapshot, 0, os.SEEK_SET)
        fds = [snapshot, status, *listeners]
        command = [*_PYTHON, "tta_gateway.node.worker_main", *map(str, fds)]
        return subprocess.Popen(command, pass_fds=fds), ready  # noqa: S603 - our own module
    finally:
        os.close(snapshot)
        os.close(status)


def become(data: bytes) -> None:
    """Turn this process into the supervisor of a compiled configuration; it does not come back."""
    fd = os.memfd_create("snapshot", 0)  # inherited: os.memfd_create closes it on exec by default
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    os.set_inheritable(fd, True)
    os.execv(sys.executable, [*_PYTHON, "tta_gateway.node.supervisor", str(fd)])  # noqa: S606


def main() -> None:
    """Supervise."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        data = file.read()
    try:
        code = supervise(decode(data), data, out=sys.stdout)
    except OSError as error:
        where = f" {error.filename}:" if error.filename else ""
        sys.exit(f"cannot start:{where} {error.strerror or error}")
    sys.exit(code)


if __name__ == "__main__":
    main()
