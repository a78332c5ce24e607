"""A companion: a process beside the workers, kept alive and never in the way of traffic.

It is started once the workers serve, replaced when it dies (node/slot.py says when), and asked to
end after them: what they still do may need it.
"""

import selectors
import signal
from collections.abc import Callable
from typing import Final, Protocol

from tta_gateway.node.child import Child, Said, hear
from tta_gateway.node.slot import LONGEST_PAUSE, NEVER, Slot, State
from tta_gateway.support.log import EventLog

_LONGEST_END: Final = 5.0  # seconds
Spawn = Callable[[], Child]


class Owner(Protocol):
    """Whose companion it is."""

    def left(self, child: Child) -> None:
        """It has ended."""

    def heard(self, child: Child, said: Said) -> None:
        """It says a word about the version that it decides from."""


class Companion:
    """Keeps one process."""

    def __init__(
        self,
        name: str,
        *,
        spawn: Spawn,
        selector: selectors.BaseSelector,
        clock: Callable[[], float],
        log: EventLog,
        owner: Owner,
    ) -> None:
        """Begin without it."""
        self.name = name
        self.longest = LONGEST_PAUSE
        """seconds, at most, until another one is started"""
        self._slot = Slot(0)
        self._spawn = spawn
        self._selector = selector
        self._clock = clock
        self._log = log
        self._owner = owner
        self.child: Child | None = None
        self._until = NEVER
        self._renewed = False  # whether one that was there before is to make room

    @property
    def state(self) -> State:
        """Return how it is."""
        return self._slot.state

    @property
    def is_over(self) -> bool:
        """Tell whether there is nothing left of it."""
        return self.child is None

    @property
    def due(self) -> float:
        """Return when it is to be started next."""
        return self._slot.due

    def start_due(self) -> None:
        """Start it if it is due; end one that hangs."""
        now = self._clock()
        child = self.child
        if child is not None and (self._slot.is_late(now) or now > self._until):
            self._until = now + _LONGEST_END if now > self._until else self._until
            self._log.event(f"{self.name}_hangs")
            child.process.kill()
        if self._slot.due <= now:
            self._start(now)

    def _start(self, now: float) -> None:
        self._slot.start(now)
        try:
            child = self._spawn()
        except OSError as error:
            self._slot.end(now)
            self._log.event(f"{self.name}_not_started", error=error.strerror)
            return
        self.child = child
        self._selector.register(child.channel, selectors.EVENT_READ, lambda: self._hear(child))

    def _hear(self, child: Child) -> None:
        said = hear(child)
        if said is None:
            self._selector.unregister(child.channel)
            child.channel.close()
            return  # its end is told by a signal
        self._owner.heard(child, said)
        if said.word == b"ready" and child is self.child:
            self._slot.serve()

    def _hear_out(self, child: Child) -> None:
        """Take the last words of one that has ended: what it has found out outlives it."""
        while child.channel.fileno() >= 0 and (said := hear(child)) is not None:
            self._owner.heard(child, said)

    def renew(self, child: Child) -> None:
        """Take this one for it, and have it end: a new one follows."""
        self.child = child
        if child.channel.fileno() >= 0:
            self._selector.register(child.channel, selectors.EVENT_READ, lambda: self._hear(child))
        self._slot.start(self._clock())
        self._until = self._clock() + _LONGEST_END
        self._renewed = True
        child.process.send_signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self.child is not None:
            self.child.process.send_signal(number)

    def reap(self) -> None:
        """Take note of it if it has ended."""
        child = self.child
        if child is None or child.process.poll() is None:
            return
        self._hear_out(child)
        self.child = None
        self._owner.left(child)
        asked = self._slot.state is State.LEAVING
        self._until = NEVER
        if self._renewed and not asked:
            self._renewed, self._slot = False, Slot(0)
            return
        self._slot.end(self._clock(), longest=self.longest)
        if not asked:
            status = child.process.returncode or 0
            self._log.event(f"{self.name}_died", status=128 - status if status < 0 else status)

    def stop(self) -> None:
        """Ask it to end; after a while it is ended."""
        self._slot.leave()
        if self.child is not None:
            self._until = self._clock() + _LONGEST_END
            self.child.process.send_signal(signal.SIGTERM)
