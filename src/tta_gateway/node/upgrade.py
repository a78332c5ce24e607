"""Upgrade: the running gateway becomes the one that is installed now.

A process of its own imports all of the new code and compiles the configuration with it.  If that
fails, or the configuration would change what a process has for life, nothing happens.
"""

from collections.abc import Callable

from tta_gateway.node.complaints import few
from tta_gateway.node.probe import Health
from tta_gateway.node.reload import LONGEST, Compiled, Compiling
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog


class Upgrade:
    """What has become of the wish for a newer gateway."""

    def __init__(
        self,
        *,
        check: Callable[[], Compiling],
        refused: Callable[[Snapshot], list[str]],
        become: Callable[[Compiled], None],
        log: EventLog,
        clock: Callable[[], float],
    ) -> None:
        """Begin without such a wish.

        `check` starts the check, an OSError if it cannot be; `refused` says why the gateway does
        not become this now; `become` does not come back, or raises an OSError.
        """
        self._check = check
        self._refused = refused
        self._become = become
        self._log = log
        self._clock = clock
        self._checking: Compiling | None = None
        self._until = 0.0
        self._ends = False
        self.complaints: list[str] = []

    def status(self) -> Health:
        """Return what operators may want to know."""
        return {"checking": self._checking is not None, "refused": self.complaints}

    def ask(self) -> bool:
        """Check what is installed now; False if that is under way, or the gateway ends."""
        if self._checking is not None or self._ends:
            return False
        self.complaints = []
        self._until = self._clock() + LONGEST
        try:
            self._checking = self._check()
        except OSError as error:
            self._refuse([f"the check cannot be started: {error.strerror}"])
        return True

    def forget(self) -> None:
        """Become nothing else: the gateway ends."""
        if self._checking is not None:
            self._checking.end()
        self._checking = None
        self._ends = True

    def tick(self) -> None:
        """Look whether the check takes too long."""
        if self._checking is not None and self._clock() > self._until:
            self._until = self._clock() + LONGEST
            self._checking.end()

    def reap(self) -> None:
        """Go on once the check has ended."""
        if self._checking is None:
            return
        compiled = self._checking.result()
        if compiled is not None:
            self._checking = None
            self._take(compiled)

    def _take(self, compiled: Compiled) -> None:
        snapshot = compiled.snapshot
        complaints = compiled.complaints if snapshot is None else self._refused(snapshot)
        if snapshot is None or complaints:
            self._refuse(complaints)
            return
        try:
            self._become(compiled)
        except OSError as error:
            self._refuse([f"the new gateway cannot be started: {error.strerror}"])

    def _refuse(self, complaints: list[str]) -> None:
        self.complaints = few(complaints)
        self._log.event("upgrade_refused", complaints=self.complaints)
