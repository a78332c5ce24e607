"""The bus: whoever wants to know of events hears each of them, in the order of asking.

Within a process it is a call.  From workers to control events go as datagrams over one socket that
never blocks: what control does not take in time is lost, and counted (`Notes.dropped`).
"""

import socket
from collections.abc import Callable
from typing import Final

import msgspec

from tta_gateway.kernel.events import Event

LARGEST: Final = 1 << 16  # bytes of an event
_MOST: Final = 64  # events that are taken in one turn of a loop
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode
Hear = Callable[[Event], None]


class Bus:
    """Passes events on."""

    def __init__(self) -> None:
        """Begin with nobody who listens."""
        self._hear: list[Hear] = []

    def subscribe(self, hear: Hear) -> None:
        """Have somebody hear every event from now on."""
        self._hear.append(hear)

    def publish(self, event: Event) -> None:
        """Tell everybody who listens."""
        for hear in self._hear:
            hear(event)


class Notes:
    """A worker's end of the way to control."""

    def __init__(self, sock: socket.socket) -> None:
        """Send over this socket."""
        self._sock = sock
        self.dropped = 0

    def put(self, event: Event) -> None:
        """Send an event; nobody waits for it."""
        try:
            self._sock.send(_encode(event))
        except OSError:
            self.dropped += 1


class NotesReader:
    """Control's end: what comes is published."""

    def __init__(self, sock: socket.socket, bus: Bus, *, misread: Callable[[str], None]) -> None:
        """Read from this socket; `misread` hears why something could not be understood."""
        self._sock = sock
        self._bus = bus
        self._misread = misread

    def hear(self) -> None:
        """Take what has come, a few at a time."""
        for _ in range(_MOST):
            try:
                data = self._sock.recv(LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            try:
                event = _decode(data)
            except msgspec.DecodeError as error:  # of a worker of another version
                self._misread(str(error))
                continue
            self._bus.publish(event)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return control's end and the one that all workers send to; neither ever waits."""
    reader, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for sock in (reader, sender):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * LARGEST)
        sock.setblocking(False)
    return reader, sender
