"""Addresses: every socket at which a node is reached.

They are the supervisor's as long as it lives, and go on in the one that it becomes.
"""

import socket
from pathlib import Path

from tta_gateway.kernel.own import SOCKET as PUBLIC
from tta_gateway.node.commands import SOCKET
from tta_gateway.node.handover import Handover
from tta_gateway.node.listening import Listening, close_all, unix_for_us
from tta_gateway.snapshot.model import Listener, Snapshot


class Addresses:
    """Where clients, probes and operators come, and where processes of the node meet."""

    def __init__(self, snapshot: Snapshot, slots: int, kept: Handover | None = None) -> None:
        """Bind, or go on with what is `kept`; an OSError names what cannot be had."""
        folder = Path(snapshot.state_dir)
        fds = kept.listeners if kept is not None else [[] for _ in snapshot.listeners]
        self.listening = [
            Listening(listener, slots, fds=own)
            for listener, own in zip(snapshot.listeners, fds, strict=True)
        ]
        self.probe = _listening(snapshot.probe, kept.probe if kept is not None else [])
        self.admin = _listening(snapshot.admin, kept.admin if kept is not None else [])
        self.public = unix_for_us(folder / PUBLIC, -1 if kept is None else kept.public)
        self.commands = unix_for_us(folder / SOCKET, -1 if kept is None else kept.commands)

    def lines(self) -> list[str]:
        """Return what a person is told, a line an address."""
        lines = [f"ready: {one.url}\n" for one in self.listening]
        if self.admin is not None:
            lines.append(f"admin: {self.admin.url}\n")
        if self.probe is not None:
            lines.append(f"probe: {self.probe.url}\n")
        return lines

    def of(self, slot: int) -> list[socket.socket]:
        """Return the sockets of a slot, one a listener."""
        return [one.of(slot) for one in self.listening]

    def close(self) -> None:
        """Take no more connections; who answers at `probe` and `commands` closes them."""
        close_all(self.listening)
        if self.admin is not None:
            self.admin.close()
        self.public.close()


def _listening(listener: Listener | None, fds: list[int]) -> Listening | None:
    return None if listener is None else Listening(listener, 1, fds=fds)


def fds_of(listening: Listening | None) -> list[int]:
    """Return the descriptors of an address that need not be there."""
    return [] if listening is None else listening.fds
