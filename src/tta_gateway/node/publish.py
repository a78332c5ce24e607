"""Publish: the newest snapshot to every process that decides from it, mostly as what has changed.

Who has taken nothing for long is not given more than `MOST` bytes to catch up with: nothing is kept
for it, and when it speaks again it gets all of it, once.
"""

from typing import Final

from tta_gateway.node.child import Child, give
from tta_gateway.snapshot.parts import CHANGE, WHOLE, change, decode_parts, encoded
from tta_gateway.support.log import EventLog

MOST: Final = 8 * 2**20


class Publisher:
    """Knows what each process has been given."""

    def __init__(self, data: bytes, log: EventLog) -> None:
        """Begin with the snapshot that processes start with."""
        self.data = data
        self._parts = decode_parts(data)
        self._log = log
        self._given: dict[int, tuple[int, int]] = {}  # by process: version, and bytes not applied

    def begin(self, child: Child) -> None:
        """Take note of a process that has been started with the newest snapshot."""
        self._given[child.process.pid] = (self._parts.version, 0)

    def forget(self, pid: int) -> None:
        """Take note of a process that has ended."""
        self._given.pop(pid, None)

    def publish(self, data: bytes, children: list[Child]) -> None:
        """Give all of them a newer snapshot; who starts from now on begins with it."""
        before, self._parts = self._parts, decode_parts(data)
        self.data = data
        difference = encoded(change(before, self._parts))
        for child in children:
            version, owed = self._given.get(child.process.pid, (-1, 0))
            if owed + len(difference) > MOST:
                self._lag(child)
            elif version == before.version:
                self._give(child, CHANGE, difference, owed)
            elif not owed:
                self._give(child, WHOLE, data, 0)

    def heard(self, child: Child, version: int, *, behind: bool) -> None:
        """Take a process's word which version it decides from: all is sent if it has fallen behind.

        `behind` says that it could not make sense of what it was given last.
        """
        if child.process.pid not in self._given:
            return  # it decides nothing from snapshots, or leaves
        given, owed = self._given[child.process.pid]
        if behind or (given < 0 and version != self._parts.version):
            self._give(child, WHOLE, self.data, 0)
        elif version >= given:
            self._given[child.process.pid] = (given, 0)
        else:
            self._given[child.process.pid] = (given, owed)

    def _give(self, child: Child, kind: bytes, data: bytes, owed: int) -> None:
        try:
            give(child, kind, data)
        except OSError as error:  # it has died, or hears nothing: it will say when it does
            self._log.event("worker_not_told", pid=child.process.pid, error=error.strerror)
            self._given[child.process.pid] = (-1, owed)
            return
        self._given[child.process.pid] = (self._parts.version, owed + len(data))

    def _lag(self, child: Child) -> None:
        """Give it nothing more until it speaks."""
        self._log.event("worker_lags", pid=child.process.pid)
        self._given[child.process.pid] = (-1, self._given[child.process.pid][1])
