"""Succession: how a node becomes the gateway that is installed now (node/upgrade.py says when)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tta_gateway.node.handover import Handover, encoded, hand_over
from tta_gateway.node.in_force import InForce
from tta_gateway.node.ledger import Ledger
from tta_gateway.node.log_path import path_of
from tta_gateway.node.reload import Compiled, Compiling, Reload, refused
from tta_gateway.node.signals import Signals, without_signals
from tta_gateway.node.supervisor import Supervisor
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.file_stamp import FileStamp, stamp_of

LONGEST_KEEPING: Final = 1.0  # seconds, for a disk
Leave = Callable[[bytes, FileStamp | None], Handover]


class Succession:
    """Checks what would be handed over, and hands it over."""

    def __init__(
        self,
        file: Path,
        *,
        leave: Leave,
        ledger: Ledger,
        supervisor: Supervisor,
        reload: Reload,
        in_force: InForce,
    ) -> None:
        """Become nothing yet.

        `leave` returns all of the node with a snapshot for the next, and the stamp of its file.
        """
        self._file = file
        self._leave = leave
        self._ledger = ledger
        self._supervisor = supervisor
        self._reload = reload
        self._in_force = in_force
        self._stamp: FileStamp | None = None
        self.signals: Signals | None = None

    def check(self) -> Compiling:
        """Start to try what is installed now."""
        self._stamp = stamp_of(self._file)
        handover = encoded(self._leave(b"", self._stamp))
        before = self._reload.snapshot
        return Compiling(
            self._file, before.version + 1, known_log=path_of(before), handover=handover
        )

    def not_now(self, snapshot: Snapshot) -> list[str]:
        """Return why this node does not become one with this snapshot now."""
        complaints = refused(self._reload.snapshot, snapshot)
        if self._supervisor.is_renewing or self._reload.is_compiling:
            complaints.append("workers are being replaced, or a file is being read: ask again")
        return complaints

    def become(self, compiled: Compiled) -> None:
        """Become what is installed now; OSError if this stays what it is.

        Signals that come from now on wait for the next node, and so do those not read yet.
        """
        with without_signals():
            for number in b"" if self.signals is None else self.signals.come():
                os.kill(os.getpid(), number)
            try:
                hand_over(self._handover(compiled), self._file)
            except OSError:
                self._ledger.logs.start()
                raise

    def _handover(self, compiled: Compiled) -> Handover:
        """Return what the node that this one becomes needs."""
        self._in_force.keep_for_later(compiled.sealed)
        self._in_force.wait(LONGEST_KEEPING)
        self._ledger.close()
        return self._leave(compiled.data, self._stamp)
