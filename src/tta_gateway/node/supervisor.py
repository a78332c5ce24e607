"""The supervisor keeps a worker in every slot, hands them newer snapshots, and renews them.

The first worker goes ahead of the others: what it cannot do ends the start.  Later one that dies is
replaced, whatever it died of (node/slot.py says when).  To renew the workers is to start a second
one in a slot, at the same sockets, and to let the first leave once the second serves: slot by slot.
"""

import selectors
import signal
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from tta_gateway.node.child import Child, Said, hear, tell_last, uncover
from tta_gateway.node.probe import Health
from tta_gateway.node.slot import FORSAKEN, LONGEST_START, Slot, State
from tta_gateway.support.log import EventLog

_LOOK: Final = 1.0  # seconds between two looks where nothing happens
_OVERTIME: Final = 10.0  # seconds beyond the grace of a drain: then it hangs
_ASKED: Final = (signal.SIGTERM, signal.SIGINT)
RESTART: Final = signal.SIGUSR2
"""Tells a worker to leave to a successor: its sockets are told that the service restarts."""
Spawn = Callable[[int], Child]


class Owner(Protocol):
    """Whose workers they are."""

    def introduce(self) -> None:
        """All serve, for the first time."""

    def let_go(self) -> None:
        """They are asked to end, and no others follow."""

    def left(self, child: Child) -> None:
        """A worker has ended."""

    def beats(self, child: Child) -> int:
        """Return how often a worker has shown that it lives."""

    def cover(self, child: Child, slot: int) -> None:
        """Have a worker accept for a slot that has none."""

    def heard(self, child: Child, said: Said) -> None:
        """A child says which version it decides from, or what it has found out."""


class Supervisor:
    """Keeps workers."""

    def __init__(
        self,
        slots: int,
        *,
        spawn: Spawn,
        clock: Callable[[], float],
        log: EventLog,
        owner: Owner,
    ) -> None:
        """Begin without workers; `spawn` starts one for a slot."""
        self.slots = [Slot(number) for number in range(slots)]
        self.selector = selectors.DefaultSelector()
        self.grace = 0.0  # seconds that a worker may take to leave
        self._spawn = spawn
        self._clock = clock
        self._log = log
        self._owner = owner
        self._workers: dict[int, Child] = {}
        self._successors: dict[int, tuple[Child, float]] = {}  # and until when it must serve
        self._leaving: list[tuple[Child, float]] = []  # and until when it must have left
        self._covered: dict[int, Child] = {}  # slots without a worker, and who accepts for them
        self._renewing: list[int] = []  # slots
        self._refusal = ""  # why the last renewal was broken off
        self._tried = False  # whether any worker has served
        self._served = False  # whether all have
        self._ending = False
        self._until = float("inf")  # when all must have ended
        self._code = 0

    # What operators see

    def health(self) -> tuple[bool, Health]:
        """Return whether the node serves, and how its workers are."""
        serving = sum(slot.state is State.SERVING for slot in self.slots)
        ready = serving > 0 and not self._ending
        states = [slot.state.value for slot in self.slots]
        deaths = sum(slot.deaths for slot in self.slots)
        versions = [slot.version for slot in self.slots]
        return ready, {"workers": states, "versions": versions, "deaths": deaths}

    def renewal(self) -> Health:
        """Return how far the renewal of the workers has come."""
        pids = {number: child.process.pid for number, child in sorted(self._workers.items())}
        return {
            "renewing": len(self._renewing),
            "leaving": len(self._leaving),
            "pids": list(pids.values()),
            "broken_off": self._refusal,
        }

    @property
    def code(self) -> int | None:
        """Return the exit status, or None while there is something to keep."""
        left = self._workers or self._successors or self._leaving or not self._ending
        return None if left else self._code

    # What it does

    def start_due(self) -> None:
        """Start a worker in every slot where one is due, and end those that hang.

        At the beginning the first goes ahead: what it cannot do the others need not try.
        """
        now = self._clock()
        for slot in self.slots:
            child = self._workers.get(slot.number)
            if child is None:
                continue
            if slot.is_late(now) or slot.is_silent(self._owner.beats(child), now):
                self._hangs(slot.number, child)
        for slot in self.slots if self._tried else self.slots[:1]:
            if slot.due <= now:
                self._start(slot, now)
        self._end_late(now)
        self._cover(now)
        self._renew_next(now)

    def patience(self) -> float:
        """Return how long nothing need be done, in seconds."""
        due = min(slot.due for slot in (self.slots if self._tried else self.slots[:1]))
        if any(slot.state in (State.EMPTY, State.STARTING) for slot in self.slots):
            return min(FORSAKEN / 2, max(0.0, due - self._clock()))
        return min(_LOOK, max(0.0, due - self._clock()))

    def _hangs(self, number: int, child: Child) -> None:
        self._log.event("worker_hangs", slot=number)
        child.process.kill()

    def _end_late(self, now: float) -> None:
        """End who takes longer than it may."""
        if now > self._until:
            self._until = now + _OVERTIME
            for child in self._everybody():
                self._hangs(-1, child)
        for at, (child, until) in enumerate(self._leaving):
            if now > until:
                self._hangs(-1, child)
                self._leaving[at] = (child, now + _OVERTIME)
        for number, (child, until) in list(self._successors.items()):
            if now > until:
                self._hangs(number, child)
                self._successors[number] = (child, now + _OVERTIME)

    def _start(self, slot: Slot, now: float) -> None:
        try:
            child = self._spawn(slot.number)
        except OSError as error:
            if not self._tried:
                raise
            slot.start(now)  # no process or descriptor is to be had: as if it had died at once
            slot.end(now)
            self._log.event("worker_not_started", slot=slot.number, error=error.strerror)
            return
        self.adopt(slot.number, child)
        slot.start(now)

    def adopt(self, number: int, child: Child) -> None:
        """Take this worker for the one of a slot, and hear what it says."""
        self._workers[number] = child
        if child.channel.fileno() >= 0:
            self._listen(number, child)

    def inherit(self, number: int, child: Child, version: int) -> None:
        """Take a worker that serves already, or one that leaves (-1).

        This process has become another since it began.
        """
        if number < 0:
            self._leaving.append((child, self._clock() + self.grace + _OVERTIME))
            return
        self._tried = self._served = True
        slot = self.slots[number]
        slot.start(self._clock())
        slot.serve()
        slot.version = version
        self.adopt(number, child)

    def _listen(self, number: int, child: Child) -> None:
        slot = self.slots[number]
        self.selector.register(child.channel, selectors.EVENT_READ, lambda: self._hear(slot, child))

    def _hear(self, slot: Slot, child: Child) -> None:
        """Take a worker's word that it serves a version, or the end of its words."""
        said = hear(child)
        if said is None:
            self.selector.unregister(child.channel)
            child.channel.close()
            return  # it has died: its end is told by a signal
        word, version = said.word, said.version
        self._owner.heard(child, said)
        if word == b"ready" and slot.number in self._successors:
            self._succeed(slot, child)
        if word == b"leaving":
            self._leaves(slot, child)
        if self._workers.get(slot.number) is child:
            slot.version = version
            if word == b"ready":
                self._serves(slot)

    def _cover(self, now: float) -> None:
        """Have a sibling accept where nobody has for a while: people wait in that queue."""
        for slot in self.slots:
            if not self._served or self._ending or not slot.is_forsaken(now):
                continue
            sibling = self._covered.get(slot.number)
            if sibling is not None and sibling.process.poll() is None:
                continue
            serving = [self._workers[one.number] for one in self.slots if self._is_well(one)]
            if serving:
                sibling = serving[slot.number % len(serving)]
                self._covered[slot.number] = sibling
                self._owner.cover(sibling, slot.number)

    def _is_well(self, slot: Slot) -> bool:
        """Tell whether a slot's worker serves, and has not died a moment ago."""
        serves = slot.state is State.SERVING
        return serves and self._workers[slot.number].process.poll() is None

    def _leaves(self, slot: Slot, child: Child) -> None:
        """Let another follow a worker that somebody else has asked to end."""
        if self._ending or self._workers.get(slot.number) is not child:
            return
        del self._workers[slot.number]
        self._covered = {one: by for one, by in self._covered.items() if by is not child}
        self._log.event("worker_leaves", slot=slot.number)
        self._leaving.append((child, self._clock() + self.grace + _OVERTIME))
        slot.leave_to_next(self._clock())
        self._promote(slot)

    def _serves(self, slot: Slot) -> None:
        slot.serve()
        sibling = self._covered.pop(slot.number, None)
        if sibling is not None:
            uncover(sibling, slot.number)
        self._tried = True
        if not self._served and all(one.state is State.SERVING for one in self.slots):
            self._served = True
            self._owner.introduce()

    def children(self) -> list[Child]:
        """Return every worker that may want a newer snapshot."""
        return [*self._workers.values(), *(child for child, _ in self._successors.values())]

    def leaving(self) -> list[Child]:
        """Return every worker that finishes what is under way while another serves."""
        return [child for child, _ in self._leaving]

    # Renewing

    @property
    def is_renewing(self) -> bool:
        """Tell whether workers are being replaced."""
        return bool(self._renewing)

    def renew(self) -> bool:
        """Begin to replace every worker by a new one; False if that is under way, or too early."""
        if self._renewing or self._ending or not self._served:
            return False
        self._refusal = ""
        self._renewing = [slot.number for slot in self.slots]
        return True

    def _renew_next(self, now: float) -> None:
        """Start a successor in the next slot, if none is on its way."""
        if not self._renewing or self._successors or self._ending:
            return
        number = self._renewing[0]
        if self.slots[number].state is not State.SERVING:
            if self.slots[number].state is State.EMPTY:
                self._renewing.pop(0)  # whoever comes next in it is new
            return
        try:
            child = self._spawn(number)
        except OSError as error:
            self._break_off(f"a worker could not be started: {error.strerror}")
            return
        self._successors[number] = (child, now + LONGEST_START)
        self._listen(number, child)

    def _succeed(self, slot: Slot, child: Child) -> None:
        """Put a successor that serves in the place of the worker before it, which leaves."""
        if self._ending or self._successors.get(slot.number, (None, 0.0))[0] is not child:
            return
        del self._successors[slot.number]
        self._renewing.remove(slot.number)
        before = self._workers.pop(slot.number, None)
        if before is not None:
            self._covered = {one: by for one, by in self._covered.items() if by is not before}
            before.process.send_signal(RESTART)
            self._leaving.append((before, self._clock() + self.grace + _OVERTIME))
        self._workers[slot.number] = child
        slot.start(self._clock())
        if not self._renewing:
            self._log.event("workers_renewed")

    def _break_off(self, why: str) -> None:
        """Leave the workers that are there: the new ones are no better."""
        self._renewing = []
        self._refusal = why
        self._log.event("renewal_broken_off", error=why)

    # Ends

    def reap(self) -> None:
        """Take note of every worker that has ended."""
        for slot in (*self.slots, *self.slots):  # again: a successor in its place may have, too
            child = self._workers.get(slot.number)
            if child is not None and child.process.poll() is not None:
                del self._workers[slot.number]
                self._owner.left(child)
                self._ended(slot, child.process.returncode or 0)
        self._leaving = [one for one in self._leaving if not self._has_gone(one[0])]
        for number, (child, _) in list(self._successors.items()):
            if self._has_gone(child):
                del self._successors[number]
                if self._ending:
                    continue
                status = child.process.returncode
                self._break_off(f"a new worker ended with {status} before it served")

    def _has_gone(self, child: Child) -> bool:
        if child.process.poll() is None:
            return False
        self._owner.left(child)
        return True

    def _ended(self, slot: Slot, code: int) -> None:
        slot.end(self._clock())
        status = 128 - code if code < 0 else code
        if self._ending:
            asked = -code in _ASKED  # before it could say that it had heard
            self._code = max(self._code, 0 if asked else status)
            return
        if not self._tried:
            self._code = status or 1
            self.stop()
            return
        followed = self._promote(slot)
        due = round(slot.due - self._clock(), 2)
        due = 0.0 if followed else max(0.0, due)
        self._log.event("worker_died", slot=slot.number, status=status, next_in=due)

    def _promote(self, slot: Slot) -> bool:
        """Let the successor that is on its way take a slot that has none; False without one."""
        successor = self._successors.pop(slot.number, None)
        if successor is None:
            return False
        self._workers[slot.number] = successor[0]
        self._renewing.remove(slot.number)
        slot.start(self._clock())
        return True

    def stop(self) -> None:
        """Ask every worker to finish what is under way and end."""
        if not self._ending:
            self._ending = True
            self._owner.let_go()
        self._renewing = []
        for slot in self.slots:
            slot.leave()
        self._until = self._clock() + self.grace + _OVERTIME
        for child in self._everybody():
            tell_last(child)
            child.process.send_signal(signal.SIGTERM)

    def _everybody(self) -> Iterable[Child]:
        pairs = (*self._successors.values(), *self._leaving)
        return [*self._workers.values(), *(child for child, _ in pairs)]

    def everybody(self) -> list[tuple[int, Child, int]]:
        """Return who serves, with slot and version, and who leaves (-1): for who takes over."""
        serving = [
            (number, child, self.slots[number].version) for number, child in self._workers.items()
        ]
        return [*serving, *((-1, child, 0) for child, _ in self._leaving)]
