"""Assemble a node: the only code that knows everything of the supervisor's process."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

import msgspec

from tta_gateway import __version__
from tta_gateway.node import away, lock
from tta_gateway.node.addresses import Addresses, fds_of
from tta_gateway.node.beside import Beside
from tta_gateway.node.child import Child, Said
from tta_gateway.node.companion import Companion
from tta_gateway.node.embedded import Embedded
from tta_gateway.node.findings import AGAIN
from tta_gateway.node.front_desk import FrontDesk
from tta_gateway.node.handover import Handover, adopted, kept_child
from tta_gateway.node.in_force import InForce
from tta_gateway.node.keeping import Keeping
from tta_gateway.node.ledger import Ledger
from tta_gateway.node.log_path import path_of
from tta_gateway.node.looking import Looking
from tta_gateway.node.offspring import Offspring
from tta_gateway.node.operators import Operators
from tta_gateway.node.reload import Compiling, Reload, Watches
from tta_gateway.node.signals import Signals
from tta_gateway.node.succession import Succession
from tta_gateway.node.supervisor import Supervisor
from tta_gateway.node.turns import Turns
from tta_gateway.node.upgrade import Upgrade
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.parts import LIVE, Live, decode_live
from tta_gateway.support.clock import Clock
from tta_gateway.support.file_stamp import FileStamp, stamp_of

_GUARD_PAUSE: Final = 0.5  # seconds: somebody in need may wait for the next guard


class Node:
    """The parts of a supervisor's process, and what they have of each other."""

    def __init__(
        self, file: Path, data: bytes, *, clock: Clock, out: TextIO, kept: Handover | None = None
    ) -> None:
        """Bind, or go on with what is `kept`; an OSError names what cannot be had."""
        self.snapshot = decode(data)
        self._file = file
        self._out = out
        self._clock = clock.monotonic
        self._generation = 0 if kept is None else kept.generation
        folder = Path(self.snapshot.state_dir)
        self._held = lock.take(folder) if kept is None else kept.lock
        self.ledger = Ledger(clock, kept)
        self.log = self.ledger.log
        self._slots = self.snapshot.workers or len(os.sched_getaffinity(0))
        if kept is not None:
            self._slots = kept.slots
        self.addresses = Addresses(self.snapshot, self._slots, kept)
        live = None if kept is None else Live(sections=kept.live)
        self.offspring = Offspring(data, addresses=self.addresses, ledger=self.ledger, live=live)
        self._keep(folder)
        self._decide(folder, None if kept is None else kept.stamp)
        self._answer()
        if kept is not None:
            self._go_on(kept)

    # What it is made of

    def _keep(self, folder: Path) -> None:
        self.supervisor = Supervisor(
            self._slots, spawn=self.offspring.worker, clock=self._clock, log=self.log, owner=self
        )
        self.supervisor.grace = self.snapshot.client_timeouts.drain
        guard = self._companion("guard", self.offspring.guard)
        guard.longest = _GUARD_PAUSE
        companions = [guard]
        if self.addresses.admin is not None:
            companions.append(self._companion("control", self.offspring.control))
        embedded = Embedded(
            self.snapshot.embedded,
            state_dir=folder,
            selector=self.supervisor.selector,
            clock=self._clock,
            log=self.log,
        )
        self.beside = Beside(companions, embedded, clock=self._clock)

    def _companion(self, name: str, spawn: Callable[[], Child]) -> Companion:
        return Companion(
            name,
            spawn=spawn,
            selector=self.supervisor.selector,
            clock=self._clock,
            log=self.log,
            owner=self,
        )

    def _decide(self, folder: Path, stamp: FileStamp | None) -> None:
        self.in_force = InForce(
            Keeping(folder),
            offspring=self.offspring,
            supervisor=self.supervisor,
            beside=self.beside,
            log=self.log,
        )
        looking = Looking(clock=self._clock, log=self.log)
        # At the start it has just been read: whatever it is on does not hang.
        self._watches = Watches(self._file, stamp or stamp_of(self._file), looking)
        self._watches.adopt(self.snapshot.secret_files)
        self.reload = Reload(
            self.snapshot,
            watch=self._watches,
            compiling=self._compile,
            clock=self._clock,
            log=self.log,
            accepted=self._adopt,
        )
        self.succession = Succession(
            self._file,
            leave=self._handover_of,
            ledger=self.ledger,
            supervisor=self.supervisor,
            reload=self.reload,
            in_force=self.in_force,
        )
        self.upgrade = Upgrade(
            check=self.succession.check,
            refused=self.succession.not_now,
            become=self.succession.become,
            log=self.log,
            clock=self._clock,
        )

    def _compile(self, version: int) -> Compiling:
        return Compiling(self._file, version, known_log=path_of(self.reload.snapshot))

    def _answer(self) -> None:
        self.operators = Operators(
            self._file,
            generation=self._generation,
            supervisor=self.supervisor,
            beside=self.beside,
            reload=self.reload,
            upgrade=self.upgrade,
        )
        selector = self.supervisor.selector
        self.desk = FrontDesk(self.addresses, selector, clock=self._clock, operators=self.operators)
        self.turns = Turns(
            supervisor=self.supervisor,
            beside=self.beside,
            reload=self.reload,
            upgrade=self.upgrade,
            desk=self.desk,
            in_force=self.in_force,
            ledger=self.ledger,
        )

    def _adopt(self, data: bytes, sealed: bytes) -> None:
        self._watches.adopt(self.reload.snapshot.secret_files)
        self.in_force.adopt(self.reload.snapshot, data, sealed)

    # Its life

    def keep_for_later(self, sealed: bytes) -> None:
        """Keep the snapshot in force on disk, for a start without a good configuration."""
        self.in_force.keep_for_later(sealed)

    def run(self, signals: Signals) -> int:
        """Turn until all is over; return the exit status."""
        self.succession.signals = signals
        return self.turns.run(signals)

    def introduce(self) -> None:
        """Say where it is reached: all workers serve."""
        self._out.writelines(self.addresses.lines())
        self._out.flush()
        self.in_force.warn(self.snapshot)
        self.beside.begin()

    def let_go(self) -> None:
        """Make room for the next gateway, which may start while this one finishes."""
        self.turns.ends = True
        self.addresses.close()
        self.desk.close()
        self.upgrade.forget()
        self.reload.end()
        self.beside.let_go()
        os.close(self._held)

    def left(self, child: Child) -> None:
        """Let another process count where one has ended."""
        self.offspring.left(child)

    def beats(self, child: Child) -> int:
        """Return how often a worker has shown that it lives."""
        return self.offspring.beats(child)

    def cover(self, child: Child, slot: int) -> None:
        """Have a worker accept for a slot that has none."""
        self.offspring.cover(child, slot)

    def heard(self, child: Child, said: Said) -> None:
        """Send what a process has missed, or take what control has found out.

        Nobody but the control that there is is believed, its last words included: the next begins
        with what was known then.
        """
        if said.word not in (LIVE, away.WORD):
            self.offspring.heard(child, said)
        elif not self.beside.is_control(child):
            return
        elif said.word == LIVE:
            self._revive(child, said.data)
        else:
            self.beside.hear_away(child, away.names(said.version))

    def _revive(self, child: Child, data: bytes) -> None:
        try:
            live = decode_live(data)
        except msgspec.MsgspecError as error:  # no descriptor was left for it, or another version's
            self.log.event("finding_not_read", error=str(error))
            if not data:
                with contextlib.suppress(OSError):  # it does not hear, or has died: another follows
                    child.channel.send(AGAIN)
            return
        guard = [one for one in self.beside.listeners() if not self.beside.is_control(one)]
        workers = [*self.supervisor.children(), *self.supervisor.leaving(), *guard]
        self.offspring.revive(live, workers)

    def _handover_of(self, data: bytes, stamp: FileStamp | None) -> Handover:
        """Return all of it; children whose channel has ended are left out of it: they end too."""
        workers = [
            kept_child(child, slot=slot, version=version)
            for slot, child, version in self.supervisor.everybody()
        ]
        return Handover(
            live=dict(self.offspring.live.sections),
            snapshot=data,
            slots=self._slots,
            listeners=[one.fds for one in self.addresses.listening],
            probe=fds_of(self.addresses.probe),
            admin=fds_of(self.addresses.admin),
            public=self.addresses.public.fileno(),
            commands=self.addresses.commands.fileno(),
            lock=self._held,
            segments=self.ledger.segments.fd,
            segment=self.ledger.segment,
            logs=self.ledger.logs_fds,
            notes=self.ledger.notes_fds,
            children=[*workers, *self.beside.children()],
            embedded=self.beside.servers(),
            generation=self._generation + 1,
            stamp=stamp,
        )

    def _go_on(self, kept: Handover) -> None:
        """Take over the children of the node that this one was, and renew them."""
        for one in kept.children:
            child = adopted(one)
            if one.segment >= 0:
                self.ledger.segments.keep(one.segment)
            if one.name:
                self.beside.inherit(one.name, child)
            else:
                self.supervisor.inherit(one.slot, child, one.version)
        self.beside.go_on(kept)
        self.supervisor.reap()
        self.supervisor.renew()
        self.log.event("upgraded", version=__version__, generation=self._generation)
