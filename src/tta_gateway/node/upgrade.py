"""Upgrade: the running gateway becomes the one that is installed now.

A process of its own imports all of the new code and compiles the configuration with it.  If that
fails, or the configuration would change what a process has for life, nothing happens.
"""

from collections.abc import Callable
from pathlib import Path

from tta_gateway.node.handover import Handover, hand_over
from tta_gateway.node.probe import Health
from tta_gateway.node.reload import Compiled, Compiling, refused
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog


class Upgrade:
    """What has become of the wish for a newer gateway."""

    def __init__(
        self,
        file: Path,
        *,
        in_force: Callable[[], Snapshot],
        compiling: Callable[[Path, int], Compiling],
        log: EventLog,
        become: Callable[[Compiled], Handover],
        hand_over: Callable[[Handover, Path], None] = hand_over,
    ) -> None:
        """Begin without such a wish; `become` tells what is handed over with what was compiled."""
        self._file = file
        self._in_force = in_force
        self._start = compiling
        self._log = log
        self._become = become
        self._hand_over = hand_over
        self._compiling: Compiling | None = None
        self.complaints: list[str] = []

    def status(self) -> Health:
        """Return what operators may want to know."""
        return {"checking": self._compiling is not None, "refused": self.complaints}

    def ask(self) -> bool:
        """Check what is installed now; False if that is under way."""
        if self._compiling is not None:
            return False
        self.complaints = []
        try:
            self._compiling = self._start(self._file, self._in_force().version + 1)
        except OSError as error:
            self._refuse([f"the check cannot be started: {error.strerror}"])
        return True

    def reap(self) -> None:
        """Go on once the check has ended."""
        if self._compiling is None:
            return
        compiled = self._compiling.result()
        if compiled is not None:
            self._compiling = None
            self._take(compiled)

    def _take(self, compiled: Compiled) -> None:
        if compiled.snapshot is None:
            self._refuse(compiled.complaints)
            return
        complaints = refused(self._in_force(), compiled.snapshot)
        if complaints:
            self._refuse(complaints)
            return
        try:
            self._hand_over(self._become(compiled), self._file)
        except OSError as error:
            self._refuse([f"the new gateway cannot be started: {error.strerror}"])

    def _refuse(self, complaints: list[str]) -> None:
        self.complaints = complaints
        self._log.event("upgrade_refused", complaints=complaints)
