"""Assemble a node: the only code that knows everything of the supervisor's process."""

import os
import selectors
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

from tta_gateway import __version__
from tta_gateway.node import away, lock
from tta_gateway.node.child import Adopted, Child, cover, start
from tta_gateway.node.commands import SOCKET, Commands
from tta_gateway.node.companion import Companion
from tta_gateway.node.embedded import Embedded
from tta_gateway.node.handover import Handover, Kept, adopted, encoded, hand_over, kept_child
from tta_gateway.node.keeping import Keeping
from tta_gateway.node.listening import Listening, close_all, unix_for_us
from tta_gateway.node.log_thread import LogThread
from tta_gateway.node.probe import Health, Probe
from tta_gateway.node.publish import Publisher
from tta_gateway.node.reload import Compiled, Compiling, FileWatch, Reload, Watches, refused
from tta_gateway.node.room import limit, room
from tta_gateway.node.segments import Segments
from tta_gateway.node.signals import Signals, without_signals
from tta_gateway.node.slot import State
from tta_gateway.node.supervisor import Supervisor
from tta_gateway.node.upgrade import Upgrade
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.support.clock import Clock, Stamp
from tta_gateway.support.file_stamp import stamp_of
from tta_gateway.support.log import DROPPED, EventLog
from tta_gateway.support.log_socket import LineSender, pair
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment
from tta_gateway.support.usage import Usage

PUBLIC: Final = "control.sock"
_TO_END: Final = (signal.SIGTERM, signal.SIGINT)
_LONGEST_KEEPING: Final = 1.0  # seconds, for a disk
_LOOK_AGAIN: Final = 0.1  # seconds, at a file that is being written
_LEAVE_ADMIN: Final = signal.SIGUSR2
"""Tells control that the next gateway wants the address of the administration."""


class Node:
    """A supervisor with its addresses, its probe and its configuration: one process's parts."""

    def __init__(
        self, file: Path, data: bytes, *, clock: Clock, out: TextIO, kept: Handover | None = None
    ) -> None:
        """Bind, or go on with what is `kept`; an OSError names what cannot be had."""
        self.snapshot = decode(data)
        self._file = file
        self._out = out
        self._clock = clock
        self._generation = 0 if kept is None else kept.generation
        self._ends = False
        self._signals: Signals | None = None
        self._stamp = None if kept is None else kept.stamp
        folder = Path(self.snapshot.state_dir)
        self._keeping = Keeping(folder)
        self._held = lock.take(folder) if kept is None else kept.lock
        self._count(kept)
        self._slots = self.snapshot.workers or len(os.sched_getaffinity(0))
        if kept is not None:
            self._slots = kept.slots
        self._bind(folder, kept)
        self._publisher = Publisher(data, self.log)
        self._keep()
        self._decide()
        self._answer()
        if kept is not None:
            self._go_on(kept)

    # What it is made of

    def _count(self, kept: Handover | None) -> None:
        """Have a place to count in, and a thread that writes logs."""
        self._segments = Segments(-1 if kept is None else kept.segments)
        if kept is None:
            self._segment = self._segments.take()
        else:
            self._segment = kept.segment
            self._segments.keep(kept.segment)
        segment = Segment(self._segments.fd, self._segment)
        segment.owner = os.getpid()
        registry = Registry(segment)
        self._usage = Usage(registry, "supervisor")
        stamp = Stamp(self._clock.wall)
        reader, sender = pair() if kept is None else [socket.socket(fileno=fd) for fd in kept.logs]
        dropped = registry.child(DROPPED)
        self.logs = LogThread(reader, sender, stamp=stamp, dropped=dropped)
        self.lines = LineSender(sender, "")
        self.log = EventLog(self.lines, stamp)

    def _bind(self, folder: Path, kept: Handover | None) -> None:
        snapshot = self.snapshot
        fds = kept.listeners if kept is not None else [[] for _ in snapshot.listeners]
        self._listening = [
            Listening(listener, self._slots, fds=own)
            for listener, own in zip(snapshot.listeners, fds, strict=True)
        ]
        self._probe_at = _listening(snapshot.probe, kept.probe if kept is not None else [])
        self._admin_at = _listening(snapshot.admin, kept.admin if kept is not None else [])
        self._public = unix_for_us(folder / PUBLIC, -1 if kept is None else kept.public)
        self._commands_at = unix_for_us(folder / SOCKET, -1 if kept is None else kept.commands)

    def _keep(self) -> None:
        self.supervisor = Supervisor(
            self._slots,
            spawn=self._worker,
            clock=self._clock.monotonic,
            log=self.log,
            owner=self,
        )
        self.supervisor.grace = self.snapshot.client_timeouts.drain
        self._companions = [self._companion("guard", self._guard)]
        if self._admin_at is not None:
            self._companions.append(self._companion("control", self._control))
        self.embedded = Embedded(
            self.snapshot.embedded,
            state_dir=Path(self.snapshot.state_dir),
            selector=self.supervisor.selector,
            clock=self._clock.monotonic,
            log=self.log,
        )
        self._away: list[str] = []  # stores of the operator that control gets no answer from
        self._beside = False  # whether companions may be started
        self._alone = False  # whether they are to end

    def _companion(self, name: str, spawn: Callable[[], Child]) -> Companion:
        return Companion(
            name,
            spawn=spawn,
            selector=self.supervisor.selector,
            clock=self._clock.monotonic,
            log=self.log,
            owner=self,
        )

    def _decide(self) -> None:
        self._watches = Watches(FileWatch(lambda: stamp_of(self._file), self._stamp))
        self._watches.adopt(self.snapshot.secret_files)
        self.reload = Reload(
            self.snapshot,
            watch=self._watches,
            compiling=lambda version: Compiling(self._file, version),
            clock=self._clock.monotonic,
            log=self.log,
            accepted=self._adopt,
        )
        self.upgrade = Upgrade(
            check=self._check,
            refused=self._not_now,
            become=self._become,
            log=self.log,
            clock=self._clock.monotonic,
        )

    def _answer(self) -> None:
        selector, clock = self.supervisor.selector, self._clock.monotonic
        self.probe: Probe | None = None
        if self._probe_at is not None:
            self.probe = Probe(self._probe_at, selector, clock=clock, health=self._health)
        self.commands = Commands(
            self._commands_at,
            selector,
            clock=clock,
            table={
                "status": self._status,
                "reload": self._reload,
                "restart": self._restart,
                "upgrade": self._upgrade,
            },
        )

    # What operators see and say

    def _health(self) -> tuple[bool, Health]:
        ready, health = self.supervisor.health()
        bad = {"refused": self.reload.complaints} if self.reload.complaints else {}
        beside = {one.name: one.state.value for one in self._companions}
        missing = [one.name for one in self._companions if one.state is not State.SERVING]
        missing += self.embedded.missing() + self._away
        degraded = {"degraded": missing} if missing else {}
        version = self.reload.snapshot.version
        stores = self.embedded.health()
        said = {**health, **beside, **stores, "configuration": version, **bad, **degraded}
        return ready, said

    def _status(self) -> Health:
        ready, health = self._health()
        return {
            "ready": ready,
            "version": __version__,
            "pid": os.getpid(),
            "file": str(self._file),
            "generation": self._generation,
            **health,
            **self.supervisor.renewal(),
            "upgrade": self.upgrade.status(),
        }

    def _reload(self) -> Health:
        self.reload.ask()
        return {"asked": "reload"}

    def _restart(self) -> Health:
        if self.supervisor.renew():
            return {"asked": "restart"}
        return {"error": "the workers are being replaced already, or do not all serve yet"}

    def _upgrade(self) -> Health:
        if self.upgrade.ask():
            return {"asked": "upgrade"}
        return {"error": "an upgrade is under way already"}

    # Its children

    def _worker(self, slot: int) -> Child:
        return self._start("worker_main", [one.of(slot).fileno() for one in self._listening])

    def _guard(self) -> Child:
        return start("tta_gateway.node.guard_main", data=b"")

    def _control(self) -> Child:
        assert self._admin_at is not None  # else there is none
        admin = self._admin_at.of(0).fileno()
        return self._start("control_main", [admin, self._public.fileno()])

    def _start(self, module: str, fds: list[int]) -> Child:
        segment = self._segments.take()
        fds = [self._segments.fd, self.logs.sender.fileno(), *fds]
        words = [str(segment)]
        try:
            child = start(
                f"tta_gateway.node.{module}", data=self._publisher.data, fds=fds, words=words
            )
        except OSError:
            self._segments.leave(segment)
            raise
        child.segment = segment
        self._publisher.begin(child)
        return child

    def _adopt(self, data: bytes, sealed: bytes) -> None:
        self.keep_for_later(sealed)
        self._watches.adopt(self.reload.snapshot.secret_files)
        self.supervisor.grace = self.reload.snapshot.client_timeouts.drain
        self._warn(self.reload.snapshot)
        beside = [one.child for one in self._companions if one.name == "control" and one.child]
        self._publisher.publish(data, [*self.supervisor.children(), *beside])

    def _warn(self, snapshot: Snapshot) -> None:
        """Say so where there is no room for all the clients that may come."""
        wanted, allowed = snapshot.connections.per_worker, limit()
        fit = room(snapshot, descriptors=allowed).per_worker
        if fit < wanted:
            self.log.event("descriptors_short", limit=allowed, wanted=wanted, per_worker=fit)

    def keep_for_later(self, sealed: bytes) -> None:
        """Keep the snapshot in force on disk, for a start without a good configuration."""
        self._keeping.keep(sealed)

    # Its life

    def introduce(self) -> None:
        """Say where it is reached: all workers serve."""
        self._out.writelines(f"ready: {one.url}\n" for one in self._listening)
        if self._admin_at is not None:
            self._out.write(f"admin: {self._admin_at.url}\n")
        if self._probe_at is not None:
            self._out.write(f"probe: {self._probe_at.url}\n")
        self._out.flush()
        self._warn(self.snapshot)
        self._beside = True
        self.embedded.begin()

    def left(self, child: Child) -> None:
        """Let another process count where one has ended."""
        self._segments.leave(child.segment)
        self._publisher.forget(child.process.pid)

    def beats(self, child: Child) -> int:
        """Return how often a worker has shown that it lives."""
        return self._segments.beats(child.segment)

    def cover(self, child: Child, slot: int) -> None:
        """Have a worker accept for a slot that has none."""
        sockets = [one.of(slot) for one in self._listening]
        try:
            cover(child, slot, sockets)
        except OSError as error:
            self.log.event("slot_not_covered", slot=slot, error=error.strerror)
            return
        self.log.event("slot_covered", slot=slot, pid=child.process.pid)

    def heard(self, child: Child, word: bytes, version: int) -> None:
        """Send what a process has missed; or take note of what control says about stores."""
        if word == away.WORD:
            self._away = away.names(version)
            return
        self._publisher.heard(child, version, behind=word == b"behind")

    def let_go(self) -> None:
        """Make room for the next gateway, which may start while this one finishes."""
        self._ends = True
        close_all(self._listening)
        if self.probe is not None:
            self.probe.close()
        if self._admin_at is not None:
            self._admin_at.close()
        self._public.close()
        self.commands.close()
        self.upgrade.forget()
        self.reload.end()
        self._beside = False
        for one in self._companions:
            if one.name == "control":
                one.signal(_LEAVE_ADMIN)
        os.close(self._held)

    def run(self, signals: Signals) -> int:
        """Turn until all is over; return the exit status."""
        self._signals = signals
        selector = self.supervisor.selector
        selector.register(signals.fd, selectors.EVENT_READ, lambda: self._take(signals.come()))
        while (code := self._code()) is None:
            self.supervisor.start_due()
            for one in self._companions:
                if self._beside or self._alone:
                    one.start_due()
            self.embedded.start_due()
            for key, _ in selector.select(self._patience()):
                key.data()
            self._tick()
        self._keeping.wait(_LONGEST_KEEPING)
        self.lines.close()
        self.logs.stop()
        return code

    def _code(self) -> int | None:
        """Return the exit status, once the workers have ended, and then their companions."""
        code = self.supervisor.code
        if code is None:
            return None
        if not self._alone:
            self._alone = True
            self.embedded.stop()
            for one in self._companions:
                one.stop()
        is_over = self.embedded.is_over and all(one.is_over for one in self._companions)
        return code if is_over else None

    def _tick(self) -> None:
        if not self._ends:
            self.reload.tick()
            self.upgrade.tick()
        self.commands.tick()
        if self.probe is not None:
            self.probe.tick()
        self._usage.tick()
        error = self._keeping.take_error()
        if error is not None:
            self.log.event("snapshot_not_kept", error=error.strerror)
        self.lines.flush()

    def _patience(self) -> float:
        patience = min(self.supervisor.patience(), self.embedded.patience())
        now = self._clock.monotonic()
        if self._beside:
            patience = min([patience, *(max(0.0, one.due - now) for one in self._companions)])
        return min(patience, _LOOK_AGAIN) if self.reload.is_waiting else patience

    def _take(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGCHLD:
                self._reap()
            elif number in _TO_END:
                self.supervisor.stop()
            elif number == signal.SIGUSR1:
                self.logs.reopen()
            elif self._ends:
                continue  # the next gateway reads the file, and is whatever is installed
            elif number == signal.SIGHUP:
                self.reload.ask()
            else:
                self.upgrade.ask()

    def _reap(self) -> None:
        self.supervisor.reap()
        if not self._ends:
            self.reload.reap()
        for one in self._companions:
            one.reap()
        self.embedded.reap()
        self.upgrade.reap()

    # An upgrade

    def _check(self) -> Compiling:
        self._stamp = stamp_of(self._file)
        handover = encoded(self._handover_of(b""))
        return Compiling(self._file, self.reload.snapshot.version + 1, handover=handover)

    def _not_now(self, snapshot: Snapshot) -> list[str]:
        """Return why this node does not become one with this snapshot now."""
        complaints = refused(self.reload.snapshot, snapshot)
        if self.supervisor.is_renewing or self.reload.is_compiling:
            complaints.append("workers are being replaced, or a file is being read: ask again")
        return complaints

    def _become(self, compiled: Compiled) -> None:
        """Become what is installed now; OSError if this stays what it is.

        Signals that come from now on wait for the next node, and so do those not read yet.
        """
        with without_signals():
            for number in b"" if self._signals is None else self._signals.come():
                os.kill(os.getpid(), number)
            try:
                hand_over(self._handover(compiled), self._file)
            except OSError:
                self.logs.start()
                raise

    def _handover(self, compiled: Compiled) -> Handover:
        """Return what the node that this one becomes needs."""
        self.keep_for_later(compiled.sealed)
        self._keeping.wait(_LONGEST_KEEPING)
        self.lines.close()
        self.logs.stop()  # what comes from now on waits for the next thread
        return self._handover_of(compiled.data)

    def _handover_of(self, data: bytes) -> Handover:
        return Handover(
            snapshot=data,
            slots=self._slots,
            listeners=[one.fds for one in self._listening],
            probe=[] if self._probe_at is None else self._probe_at.fds,
            admin=[] if self._admin_at is None else self._admin_at.fds,
            public=self._public.fileno(),
            commands=self.commands.fd,
            lock=self._held,
            segments=self._segments.fd,
            segment=self._segment,
            logs=[self.logs.reader.fileno(), self.logs.sender.fileno()],
            children=self._children(),
            embedded=self.embedded.everybody(),
            generation=self._generation + 1,
            stamp=self._stamp,
        )

    def _children(self) -> list[Kept]:
        """Return every process that goes on, less those whose channel has ended: they end too."""
        workers = [
            kept_child(child, slot=slot, version=version)
            for slot, child, version in self.supervisor.everybody()
        ]
        beside = [kept_child(one.child, name=one.name) for one in self._companions if one.child]
        return [*workers, *beside]

    def _go_on(self, kept: Handover) -> None:
        """Take over the children of the node that this one was, and renew them."""
        beside = {one.name: one for one in self._companions}
        for one in kept.children:
            child = adopted(one)
            if one.segment >= 0:
                self._segments.keep(one.segment)
            if not one.name:
                self.supervisor.inherit(one.slot, child, one.version)
            elif one.name in beside:
                beside[one.name].renew(child)
            else:
                child.process.send_signal(signal.SIGTERM)  # nobody here knows what it is for
                child.channel.close()
        for name, pid in kept.embedded:
            self.embedded.inherit(name, Adopted(pid))
        self.embedded.begin()
        self._beside = True
        self.supervisor.reap()
        self.supervisor.renew()
        self.log.event("upgraded", version=__version__, generation=self._generation)


def _listening(listener: Listener | None, fds: list[int]) -> Listening | None:
    return None if listener is None else Listening(listener, 1, fds=fds)
