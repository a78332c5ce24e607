"""Publish: the newest snapshot to every process that decides from it, mostly as what has changed.

What control finds out of the world (snapshot/parts.py: live sections) goes the same way.

Who has taken nothing for long is not given more than `MOST` bytes to catch up with: nothing is kept
for it, and when it speaks again it gets all of it, once.
"""

from dataclasses import dataclass
from typing import Final

from tta_gateway.node.child import Child, give
from tta_gateway.snapshot.parts import (
    CHANGE,
    LIVE,
    WHOLE,
    Live,
    change,
    decode_parts,
    encoded,
    revived,
    shared,
)
from tta_gateway.support.log import EventLog

MOST: Final = 8 * 2**20


@dataclass(slots=True)
class Debt:
    """What a process has been given: the version, bytes not applied yet, and whether all of it.

    Version -1 is one that is to be given nothing until it speaks.
    """

    version: int
    owed: int = 0
    whole: bool = False


class Publisher:
    """Knows what each process has been given."""

    def __init__(self, data: bytes, log: EventLog, *, live: Live | None = None) -> None:
        """Begin with the snapshot that processes start with, and with what was known before."""
        self._parts = revived(decode_parts(data), live or Live())
        self._data: bytes | None = None
        self._log = log
        self._given: dict[int, Debt] = {}  # by process

    @property
    def data(self) -> bytes:
        """Return all that there is to know, as a process that starts needs it."""
        if self._data is None:
            self._data = encoded(self._parts)
        return self._data

    @property
    def live(self) -> Live:
        """Return what control has found out so far."""
        return Live(sections=self._parts.live)

    def begin(self, child: Child) -> None:
        """Take note of a process that has been started with the newest snapshot."""
        self._given[child.process.pid] = Debt(self._parts.version)

    def forget(self, pid: int) -> None:
        """Take note of a process that has ended."""
        self._given.pop(pid, None)

    def publish(self, data: bytes, children: list[Child]) -> None:
        """Give all of them a newer snapshot; who starts from now on begins with it."""
        before = self._parts
        self._parts = revived(decode_parts(data), self.live)
        self._data = None
        difference = encoded(change(before, self._parts))
        for child in children:
            self._tell(child, CHANGE, difference, since=before.version)

    def revive(self, live: Live, children: list[Child]) -> None:
        """Give all of them newer live sections; who starts from now on begins with them."""
        self._parts = revived(self._parts, live)
        self._data = None
        theirs = shared(live)
        if theirs == Live():
            return
        for child in children:
            self._tell(child, LIVE, encoded(theirs), since=self._parts.version)

    def _tell(self, child: Child, kind: bytes, data: bytes, *, since: int) -> None:
        """Give it what has changed if it has what was before, and all of it if it has not."""
        debt = self._given.setdefault(child.process.pid, Debt(-1))
        if debt.owed and debt.owed + len(data) > MOST:
            self._log.event("worker_lags", pid=child.process.pid)
            debt.version = -1
        elif debt.version == since:
            self._give(child, kind, data)
        elif not debt.owed:
            self._give(child, WHOLE, self.data)

    def heard(self, child: Child, version: int, *, behind: bool) -> None:
        """Take a process's word which version it decides from: all is sent if it has fallen behind.

        `behind` says that it could not make sense of what it was given last.
        """
        debt = self._given.get(child.process.pid)
        if debt is None:
            return  # it decides nothing from snapshots, or leaves
        if behind and debt.whole:
            self._log.event("worker_understands_nothing", pid=child.process.pid)
        elif behind or debt.version < 0:
            self._give(child, WHOLE, self.data)
        elif version >= debt.version:
            debt.owed = 0

    def _give(self, child: Child, kind: bytes, data: bytes) -> None:
        debt = self._given[child.process.pid]
        try:
            give(child.channel, kind, data)
        except OSError as error:  # it has died, or hears nothing: it will say when it does
            self._log.event("worker_not_told", pid=child.process.pid, error=error.strerror)
            debt.version = -1
            return
        whole = kind == WHOLE
        owed = len(data) if whole else debt.owed + len(data)
        self._given[child.process.pid] = Debt(self._parts.version, owed, whole)
