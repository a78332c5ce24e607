"""Updates: newer snapshots, as a process gets them from its supervisor: whole, or what has changed.

Each comes as a file without a name, so that its size does not matter to the channel.  They are
applied one after the other; of those that come meanwhile only the last is.  A change that does not
lead from the version that is here is answered with a word: then all of it follows.  One that cannot
be applied, for whatever reason, is told of, and keeps nobody from the next.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from tta_gateway.node.child import LAST
from tta_gateway.node.life import tell
from tta_gateway.snapshot.parts import (
    CHANGE,
    LIVE,
    Parts,
    changed,
    decode_change,
    decode_live,
    decode_parts,
    revived,
)
from tta_gateway.support.log import EventLog
from tta_gateway.support.places import places
from tta_gateway.support.tasks import spawn

_MOST: Final = 64  # descriptors in one message


class Worker(Protocol):
    """Who decides from snapshots."""

    log: EventLog

    async def apply(self, parts: Parts) -> None:
        """Decide from this one from now on."""


class Updates:
    """Takes snapshots from a channel, and says there which one is in force."""

    def __init__(
        self,
        worker: Worker,
        channel: socket.socket,
        parts: Parts,
        *,
        orphaned: int,
        other: Callable[[bytes, list[int]], bool] = lambda _, __: False,
    ) -> None:
        """Wait for the first that follows these parts.

        `other` takes words about other things; `orphaned` is the signal that ends this process
        when nobody is at the other end any more.
        """
        self.is_last = False  # whether none follows this process
        self._orphaned = orphaned
        self._other = other
        self._worker = worker
        self._channel = channel
        channel.setblocking(False)
        self._known = parts  # the newest that has come
        self._next: Parts | None = None
        self._busy = False

    def hear(self) -> None:
        """Take what has come."""
        try:
            data, fds, flags, _ = socket.recv_fds(self._channel, 4096, _MOST)
        except BlockingIOError:
            return
        except ConnectionResetError:  # the supervisor has died with words of ours unread
            data, fds, flags = b"", [], 0
        if not data:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            os.kill(os.getpid(), self._orphaned)
            return
        if flags & socket.MSG_CTRUNC:  # no descriptor was left for what was sent
            for fd in fds:
                os.close(fd)
            tell(self._channel, b"behind %d" % self._known.version)
            return
        if data == LAST:
            self.is_last = True
        elif not self._other(data, fds):
            self._read(data, fds)

    def hear_all(self) -> None:
        """Take everything that has come by now."""
        with contextlib.suppress(OSError):
            while self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                self.hear()

    def _read(self, data: bytes, fds: list[int]) -> None:
        for fd in fds:
            with os.fdopen(fd, "rb") as file:
                file.seek(0)
                self.take(data, file.read())

    def take(self, kind: bytes, data: bytes) -> None:
        """Apply a snapshot, or a change, as soon as the one before it has been."""
        try:
            if kind == CHANGE:
                self._known = changed(self._known, decode_change(data))
            elif kind == LIVE:
                self._known = revived(self._known, decode_live(data))
            else:
                self._known = decode_parts(data)
        except (ValueError, msgspec.DecodeError) as error:
            self._worker.log.event("snapshot_not_read", error=str(error))
            tell(self._channel, b"behind %d" % self._known.version)
            return
        self._next = self._known
        if not self._busy:
            self._busy = True
            spawn(self._apply(), name="update", died=self._died)

    async def _apply(self) -> None:
        while self._next is not None:
            parts, self._next = self._next, None
            await self._one(parts)
        self._busy = False

    async def _one(self, parts: Parts) -> None:
        try:
            await self._worker.apply(parts)
        except (OSError, msgspec.DecodeError) as error:
            self._worker.log.event("snapshot_not_applied", error=str(error))
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours; what has come since may be well
            fault = f"{type(error).__name__} at {places(error)}"
            self._worker.log.event("snapshot_not_applied", error=fault)
            return
        tell(self._channel, b"applied %d" % parts.version)

    def _died(self, name: str, error: BaseException) -> None:
        self._busy = False
        self._worker.log.event("task_died", task=name, error=type(error).__name__)
