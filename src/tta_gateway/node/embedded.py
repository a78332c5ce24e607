"""The embedded Valkey: the servers that the supervisor starts where the operator names no others.

They are started when the workers serve, end behind them, and never touch traffic.  Each holds a
lock on its files for as long as it lives (an inherited descriptor), so that the server of a gateway
that was killed, or that still drains, and its successor never have the same files.
"""

import contextlib
import errno
import fcntl
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tta_gateway.node.child import Process
from tta_gateway.node.embedded_server import (
    FOLDER,
    Life,
    arguments,
    is_durable,
    is_long,
    read,
    socket_of,
)
from tta_gateway.node.engine import Engine, find, stamp, stamped, unreadable
from tta_gateway.node.slot import NEVER, State
from tta_gateway.snapshot.model import EmbeddedServer
from tta_gateway.support.log import EventLog

_LATEST: Final = 10.0  # seconds: then they start, even if some worker does not serve
_TO_END: Final = 5.0  # seconds, once asked to
_SHIM: Final = Path(__file__).with_name("die_with_parent.py")
_STAMP: Final = "engine"


def prepare(servers: Sequence[EmbeddedServer], folder: Path) -> Engine | None:
    """Return the engine for these servers, None if there is none to start.

    An OSError says why they could not be started: no engine, or an older one than wrote the data.
    """
    if not servers:
        return None
    engine = find()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # it is somebody else's, who lets us in
        folder.chmod(0o700)
    with contextlib.suppress(FileNotFoundError):
        written = stamped((folder / _STAMP).read_text())
        why = unreadable(engine, written) if written is not None else ""
        if why and any(server.name == "state" for server in servers):
            raise OSError(errno.EINVAL, why, str(folder))
    return engine


class Embedded:
    """Keeps the embedded servers, from the supervisor's loop."""

    def __init__(
        self,
        servers: Sequence[EmbeddedServer],
        *,
        state_dir: Path,
        selector: selectors.BaseSelector,
        clock: Callable[[], float],
        log: EventLog,
    ) -> None:
        """Start nothing yet; an OSError says why nothing could be."""
        folder = state_dir / FOLDER
        self._engine = prepare(servers, folder)
        self._keepers = [
            Keeper(
                server, engine=self._engine, folder=folder, selector=selector, clock=clock, log=log
            )
            for server in servers
            if self._engine is not None
        ]
        self._clock = clock
        self._begins = clock() + _LATEST
        self._ends = NEVER
        for keeper in self._keepers:
            if keeper.server.name == "state" and not keeper.is_durable:
                log.event("valkey_not_durable", engine=str(self._engine))

    def begin(self) -> None:
        """Start them: the workers serve."""
        self._begins = 0.0

    def start_due(self) -> None:
        """Start what is due, and ask the others for a sign of life."""
        now = self._clock()
        if now >= self._ends:
            self._ends = now + _TO_END
            self._signal(signal.SIGKILL)
        if now >= self._begins:
            for keeper in self._keepers:
                keeper.tick(now)

    def patience(self) -> float:
        """Return how long nothing need be done, in seconds."""
        now = self._clock()
        if now < self._begins:
            return self._begins - now if self._keepers else NEVER
        due = min((keeper.due for keeper in self._keepers), default=NEVER)
        return max(0.0, min(due, self._ends) - now)

    def reap(self) -> None:
        """Take note of every server that has ended."""
        for keeper in self._keepers:
            keeper.reap(self._clock())

    def stop(self) -> None:
        """Ask them to end: nobody needs them any more."""
        if self._ends != NEVER:
            return
        self._ends = self._clock() + _TO_END
        for keeper in self._keepers:
            keeper.life.slot.leave()
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for keeper in self._keepers:
            keeper.signal(number)

    @property
    def is_over(self) -> bool:
        """Tell whether none runs, and none will."""
        return all(
            keeper.process is None and keeper.life.slot.due == NEVER for keeper in self._keepers
        )

    # What operators see

    def health(self) -> dict[str, object]:
        """Return what `/readyz` says of them; nothing where there are none."""
        if not self._keepers:
            return {}
        words: dict[str, object] = {one.server.name: one.life.word for one in self._keepers}
        for keeper in self._keepers:
            if keeper.server.name == "state":
                words["durable"] = keeper.is_durable
        return {"valkey": words}

    def missing(self) -> list[str]:
        """Return the names of those that do not serve at the moment."""
        return [
            f"valkey {one.server.name}"
            for one in self._keepers
            if one.life.slot.state is not State.SERVING
        ]

    # An upgrade

    def everybody(self) -> list[tuple[str, int]]:
        """Return name and process of every server, for who takes over."""
        return [(one.server.name, one.process.pid) for one in self._keepers if one.process]

    def inherit(self, name: str, process: Process) -> None:
        """Take a server that runs already; one that is not wanted any more is asked to end."""
        for keeper in self._keepers:
            if keeper.server.name == name:
                keeper.inherit(process)
                return
        process.send_signal(signal.SIGTERM)


class Keeper:
    """Keeps one server."""

    def __init__(
        self,
        server: EmbeddedServer,
        *,
        engine: Engine,
        folder: Path,
        selector: selectors.BaseSelector,
        clock: Callable[[], float],
        log: EventLog,
    ) -> None:
        """Begin without it."""
        self.server = server
        self.life = Life()
        self.process: Process | None = None
        self.is_durable = is_durable(server, engine)
        self._engine = engine
        self._folder = folder
        self._selector = selector
        self._clock = clock
        self._log = log
        self._line: socket.socket | None = None

    def inherit(self, process: Process) -> None:
        """Take a process for it that was started before this one became what it is."""
        self.process = process
        self.life.start(self._clock())

    @property
    def due(self) -> float:
        """Return when there is something to do."""
        return self.life.slot.due if self.process is None else self.life.next_question()

    def tick(self, now: float) -> None:
        """Start it if that is due; ask for a sign of life if that is."""
        if self.process is None:
            if self.life.slot.due <= now:
                self._start(now)
            return
        if self.life.hangs(now):
            self._log.event("valkey_hangs", server=self.server.name)
            self.process.kill()
        elif self.life.next_question() <= now:
            self.life.ask(now)
            self._ask()

    def signal(self, number: int) -> None:
        """Pass a signal on."""
        if self.process is not None:
            self.process.send_signal(number)

    def reap(self, now: float) -> None:
        """Take note of its end."""
        if self.process is None or self.process.poll() is None:
            return
        code = self.process.returncode or 0
        self.process = None
        self._hang_up()
        asked = self.life.slot.state is State.LEAVING
        self.life.slot.end(now)
        if not asked:
            status = 128 - code if code < 0 else code
            due = round(max(0.0, self.life.slot.due - now), 2)
            self._log.event(
                "valkey_died",
                server=self.server.name,
                status=status,
                next_in=due,
                log=str(self._log_file),
            )

    # Starting

    def _start(self, now: float) -> None:
        try:
            held = self._take(now)
            if held is None:
                return
            try:
                self._spawn(held)
            finally:
                os.close(held)
        except OSError as error:
            self.life.slot.start(now)  # as if it had died at once
            self.life.slot.end(now)
            self._log.event(
                "valkey_not_started", server=self.server.name, error=error.strerror or str(error)
            )
            return
        self.life.start(now)

    def _take(self, now: float) -> int | None:
        """Return a descriptor that holds the server's files; None while another server has them."""
        path = self._folder / f"{self.server.name}.lock"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
            os.close(fd)
            fields = {"server": self.server.name, "folder": str(self._folder), "process": holder}
            if self.life.wait(now):
                self._log.event("valkey_waits", **fields)
            if self.life.waits_too_long(now):
                self._log.event("valkey_folder_taken", **fields)
            return None
        return fd

    def _spawn(self, held: int) -> None:
        """Start it; it inherits the descriptor, and with it the lock."""
        if self.server.name == "state":
            self._stamp()
        if is_long(self._log_file):
            self._log_file.replace(self._log_file.with_suffix(".log.old"))
        path, flags = self._log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        out = os.open(path, flags, 0o600)
        shim = [sys.executable, "-I", "-S", str(_SHIM), str(os.getpid())]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own, and what we have found
                [*shim, self._engine.path, *arguments(self.server)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=[held],
                umask=0o077,  # what it makes is for its owner alone
                process_group=0,  # Ctrl-C is for the supervisor, who lets the workers finish first
            )
        finally:
            os.close(out)
        self.process = process
        os.ftruncate(held, 0)
        os.pwrite(held, f"{process.pid}\n".encode(), 0)

    def _stamp(self) -> None:
        """Write down which engine has the data from now on."""
        new = self._folder / f"{_STAMP}.new"
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(stamp(self._engine))
        new.replace(self._folder / _STAMP)

    @property
    def _log_file(self) -> Path:
        return self._folder / f"{self.server.name}.log"

    # Signs of life

    def _ask(self) -> None:
        try:
            if self._line is None:
                self._line = self._call()
            self._line.send(b"PING\r\n")
        except OSError:
            self._hang_up()  # it does not listen yet, or no longer

    def _call(self) -> socket.socket:
        """Return a connection to it, by way of the folder: its path may be too long for sockets."""
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        folder = -1
        try:
            folder = os.open(self._folder, os.O_PATH | os.O_CLOEXEC)
            line.connect(f"/proc/self/fd/{folder}/{socket_of(self.server)}")
            self._selector.register(line, selectors.EVENT_READ, lambda: self._hear(line))
        except OSError:
            line.close()
            raise
        finally:
            if folder >= 0:
                os.close(folder)
        return line

    def _hear(self, line: socket.socket) -> None:
        if line is not self._line:
            return  # hung up in the same turn
        try:
            said = line.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._hang_up()
        elif self.life.hear(read(said), self._clock()):
            self._log.event("valkey_serves", server=self.server.name, engine=str(self._engine))

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            self._selector.unregister(line)
            line.close()
