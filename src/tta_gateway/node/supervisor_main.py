"""A node: `python -m tta_gateway.node.supervisor_main SNAPSHOT_FD FILE`.

It owns the listening sockets, the probe, the lock and the configuration, has its workers kept, and
passes signals on.  It imports almost nothing: what it does not do cannot bring it down.  The
command line compiles the configuration and then becomes this process.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from tta_gateway.node import lock
from tta_gateway.node.embedded import Embedded
from tta_gateway.node.listening import Listening, close_all
from tta_gateway.node.probe import Health, Probe
from tta_gateway.node.reload import Compiling, Reload
from tta_gateway.node.supervisor import Supervisor, file_of
from tta_gateway.snapshot.encode import decode
from tta_gateway.support.clock import Clock, Stamp, SystemClock
from tta_gateway.support.log import EventLog, LineFile

_LOOK_AGAIN: Final = 0.1  # seconds, at a file that is being written
_PYTHON: Final = (sys.executable, "-P", "-m")  # the folder it is started in is no place for code
_TO_END: Final = (signal.SIGTERM, signal.SIGINT)


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


class Node:
    """A supervisor with its addresses, its probe and its configuration: one process's parts."""

    def __init__(self, file: Path, data: bytes, *, clock: Clock, out: TextIO) -> None:
        """Bind; an OSError names the address or the folder that cannot be had."""
        self.snapshot = decode(data)
        self.lines = LineFile("-")
        self._data = data
        self._out = out
        self._held = lock.take(Path(self.snapshot.state_dir))
        slots = self.snapshot.workers or len(os.sched_getaffinity(0))
        self._listening = [Listening(listener, slots) for listener in self.snapshot.listeners]
        log = EventLog(self.lines, Stamp(clock.wall))
        self.supervisor = Supervisor(
            slots,
            spawn=self._spawn,
            clock=clock.monotonic,
            log=log,
            serving=self._introduce,
            stopping=self._let_go,
        )
        self.embedded = Embedded(
            self.snapshot.embedded,
            state_dir=Path(self.snapshot.state_dir),
            selector=self.supervisor.selector,
            clock=clock.monotonic,
            log=log,
        )
        self.reload = Reload(
            file,
            self.snapshot,
            compiling=Compiling,
            clock=clock.monotonic,
            log=log,
            accepted=self._adopt,
        )
        self._place = None if self.snapshot.probe is None else Listening(self.snapshot.probe, 1)
        self.probe: Probe | None = None
        if self._place is not None:
            selector = self.supervisor.selector
            self.probe = Probe(self._place, selector, clock=clock.monotonic, health=self._health)

    def _health(self) -> tuple[bool, Health]:
        ready, health = self.supervisor.health()
        refused = {"refused": self.reload.complaints} if self.reload.complaints else {}
        version = {"configuration": self.reload.snapshot.version}
        return ready, {**health, **version, **refused, **self.embedded.health()}

    def _spawn(self, slot: int) -> "tuple[subprocess.Popen[bytes], socket.socket]":
        return spawn(self._data, [one.of(slot).fileno() for one in self._listening])

    def _adopt(self, data: bytes) -> None:
        self._data = data
        self.supervisor.hand_out(data)

    def _introduce(self) -> None:
        self._out.writelines(f"ready: {one.url}\n" for one in self._listening)
        if self._place is not None:
            self._out.write(f"probe: {self._place.url}\n")
        self._out.flush()
        self.embedded.begin()

    def _let_go(self) -> None:
        """Make room for the next gateway, which may start while this one finishes."""
        close_all(self._listening)
        if self.probe is not None:
            self.probe.close()
        os.close(self._held)

    def run(self, signals: Signals) -> int:
        """Turn until all is over; return the exit status."""
        selector = self.supervisor.selector
        selector.register(signals.fd, selectors.EVENT_READ, lambda: self._take(signals.come()))
        while (code := self.supervisor.code) is None or not self._ended():
            self.supervisor.start_due()
            self.embedded.start_due()
            for key, _ in selector.select(self._patience()):
                key.data()
            self.reload.tick()
            if self.probe is not None:
                self.probe.tick()
            self.lines.flush()
        return code

    def _ended(self) -> bool:
        """Tell whether the embedded Valkey has ended too: no worker needs it any more."""
        self.embedded.stop()
        return self.embedded.is_over

    def _patience(self) -> float:
        patience = min(self.supervisor.patience(), self.embedded.patience())
        return min(patience, _LOOK_AGAIN) if self.reload.is_waiting else patience

    def _take(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGCHLD:
                self.supervisor.reap()
                self.reload.reap()
                self.embedded.reap()
            elif number == signal.SIGHUP:
                self.reload.ask()
            elif number == signal.SIGUSR1:
                self.supervisor.pass_on(number)
            else:
                self.supervisor.stop(number)


def spawn(data: bytes, listeners: Sequence[int]) -> "tuple[subprocess.Popen[bytes], socket.socket]":
    """Start a worker with a snapshot and its slot's sockets; return our end of its channel too."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    snapshot = -1
    try:
        snapshot = file_of(data)
        fds = [snapshot, theirs.fileno(), *listeners]
        command = [*_PYTHON, "tta_gateway.node.worker_main", *map(str, fds)]
        return subprocess.Popen(command, pass_fds=fds), ours  # noqa: S603 - our own module
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
        if snapshot >= 0:
            os.close(snapshot)


def become(data: bytes, file: Path) -> None:
    """Turn this process into the supervisor of a compiled configuration; it does not come back."""
    fd = file_of(data)
    os.set_inheritable(fd, True)
    command = [*_PYTHON, "tta_gateway.node.supervisor_main", str(fd), str(file)]
    os.execv(sys.executable, command)  # noqa: S606 - our own module


def main() -> None:
    """Supervise."""
    fd, file = int(sys.argv[1]), Path(sys.argv[2])
    with os.fdopen(fd, "rb") as snapshot:
        data = snapshot.read()
    signals = Signals((*_TO_END, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD))
    try:
        node = Node(file, data, clock=SystemClock(), out=sys.stdout)
    except OSError as error:
        where = f" {error.filename}:" if error.filename else ""
        sys.exit(f"cannot start:{where} {error.strerror or error}")
    sys.exit(node.run(signals))


if __name__ == "__main__":
    main()
