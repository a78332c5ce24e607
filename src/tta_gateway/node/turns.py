"""Turns: the loop of a supervisor, in which each part of a node gets its due."""

import contextlib
import selectors
import signal
from dataclasses import dataclass
from typing import Final

from tta_gateway.node.beside import Beside
from tta_gateway.node.front_desk import FrontDesk
from tta_gateway.node.in_force import InForce
from tta_gateway.node.ledger import Ledger
from tta_gateway.node.reload import Reload
from tta_gateway.node.signals import Signals
from tta_gateway.node.succession import LONGEST_KEEPING
from tta_gateway.node.supervisor import Supervisor
from tta_gateway.node.upgrade import Upgrade
from tta_gateway.support.places import places

_TO_END: Final = (signal.SIGTERM, signal.SIGINT)
_LOOK_AGAIN: Final = 0.1  # seconds, at a file that is being written


@dataclass(slots=True, kw_only=True)
class Turns:
    """The parts that have something to do in a turn; `ends` once the next gateway may start."""

    supervisor: Supervisor
    beside: Beside
    reload: Reload
    upgrade: Upgrade
    desk: FrontDesk
    in_force: InForce
    ledger: Ledger
    ends: bool = False

    def run(self, signals: Signals) -> int:
        """Turn until all is over; return the exit status."""
        selector = self.supervisor.selector
        selector.register(signals.fd, selectors.EVENT_READ, lambda: self._take(signals.come()))
        while (code := self._code()) is None:
            self.supervisor.start_due()
            self.beside.start_due()
            for key, _ in selector.select(self._patience()):
                self._hear(key, selector, keep=key.fileobj == signals.fd)
            self._tick()
        self.in_force.wait(LONGEST_KEEPING)
        self.ledger.close()
        return code

    def _hear(
        self, key: selectors.SelectorKey, selector: selectors.BaseSelector, *, keep: bool
    ) -> None:
        """Take what has come; a fault of ours there is told, and ends nobody.

        Who made it come is heard no more, or it would come again at once; all but signals.
        """
        try:
            key.data()
        except Exception as error:  # noqa: BLE001 - the node is more than one of its parts
            self.ledger.log.event("turn_failed", error=type(error).__name__, where=places(error))
            if not keep:
                with contextlib.suppress(KeyError, ValueError):  # it has been let go of already
                    selector.unregister(key.fileobj)

    def _code(self) -> int | None:
        """Return the exit status, once the workers have ended, and then their companions."""
        code = self.supervisor.code
        if code is None:
            return None
        self.beside.stop()
        return code if self.beside.is_over else None

    def _patience(self) -> float:
        patience = min(self.supervisor.patience(), self.beside.patience())
        return min(patience, _LOOK_AGAIN) if self.reload.is_waiting else patience

    def _tick(self) -> None:
        if not self.ends:
            self.reload.tick()
            self.upgrade.tick()
        self.desk.tick()
        self.in_force.tick()
        self.ledger.tick()

    def _take(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGCHLD:
                self._reap()
            elif number in _TO_END:
                self.supervisor.stop()
            elif number == signal.SIGUSR1:
                self.ledger.logs.reopen()
            elif self.ends:
                continue  # the next gateway reads the file, and is whatever is installed
            elif number == signal.SIGHUP:
                self.reload.ask()
            else:
                self.upgrade.ask()

    def _reap(self) -> None:
        self.supervisor.reap()
        if not self.ends:
            self.reload.reap()
        self.beside.reap()
        self.upgrade.reap()
