"""Updates: newer snapshots, as a worker gets them from its supervisor.

Each comes as a file without a name, so that its size does not matter to the channel.  They are
applied one after the other; of those that come meanwhile only the last is.
"""

import asyncio
import os
import socket
from typing import Final, Protocol

import msgspec

from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import spawn

_MOST: Final = 16  # descriptors in one message


class Worker(Protocol):
    """Who decides from snapshots."""

    log: EventLog

    async def apply(self, snapshot: Snapshot) -> None:
        """Decide from this one from now on."""


class Updates:
    """Takes snapshots from a channel, and says there which one is in force."""

    def __init__(self, worker: Worker, channel: socket.socket) -> None:
        """Wait for the first."""
        self._worker = worker
        self._channel = channel
        self._next: bytes | None = None
        self._busy = False

    def hear(self) -> None:
        """Take what has come."""
        data, fds, _, _ = socket.recv_fds(self._channel, 4096, _MOST)
        if not data:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            return  # the supervisor is gone: the kernel tells this process to end
        for fd in fds:
            with os.fdopen(fd, "rb") as file:
                file.seek(0)
                self.take(file.read())

    def take(self, data: bytes) -> None:
        """Apply a snapshot as soon as the one before it has been."""
        self._next = data
        if not self._busy:
            self._busy = True
            spawn(self._apply(), name="update", died=self._died)

    async def _apply(self) -> None:
        while self._next is not None:
            data, self._next = self._next, None
            await self._one(data)
        self._busy = False

    async def _one(self, data: bytes) -> None:
        try:
            snapshot = decode(data)
            await self._worker.apply(snapshot)
        except (OSError, msgspec.DecodeError) as error:
            self._worker.log.event("snapshot_not_applied", error=str(error))
            return
        self._channel.send(b"applied %d" % snapshot.version)

    def _died(self, name: str, error: BaseException) -> None:
        self._busy = False
        self._worker.log.event("task_died", task=name, error=type(error).__name__)
