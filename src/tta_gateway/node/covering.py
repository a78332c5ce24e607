"""Covering: a worker accepts for a slot beside its own while that has no worker.

The supervisor sends the sockets of the slot with the word `cover` and its number, and `uncover`
when somebody serves there again.  What has been accepted stays; what waits is accepted by whoever
comes.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from tta_gateway.node.child import COVER, UNCOVER
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import spawn

Serve = Callable[[int, socket.socket], Coroutine[Any, Any, asyncio.Server]]


class Covering:
    """The servers of slots that are not this worker's own."""

    def __init__(self, serve: Serve, log: EventLog) -> None:
        """Begin with none; `serve` accepts as the listener with this number does."""
        self._serve = serve
        self._log = log
        self._servers: dict[int, list[asyncio.Server]] = {}

    def take(self, word: bytes, fds: list[int]) -> bool:
        """Do what the word says; False if it is about something else."""
        if word.startswith(COVER):
            slot = int(word[len(COVER) :])
            sockets = [socket.socket(fileno=fd) for fd in fds]
            self._servers.setdefault(slot, [])
            spawn(self._cover(slot, sockets), name="cover", died=self._died)
            return True
        if word.startswith(UNCOVER):
            self._close(int(word[len(UNCOVER) :]))
            return True
        return False

    async def _cover(self, slot: int, sockets: list[socket.socket]) -> None:
        for index, sock in enumerate(sockets):
            server = await self._serve(index, sock)
            servers = self._servers.get(slot)
            if servers is None:  # it is over already
                server.close()
            else:
                servers.append(server)

    def _close(self, slot: int) -> None:
        for server in self._servers.pop(slot, []):
            server.close()

    def close(self) -> None:
        """Accept for nobody else any more."""
        for slot in list(self._servers):
            self._close(slot)

    def _died(self, name: str, error: BaseException) -> None:
        self._log.event("task_died", task=name, error=type(error).__name__)
