"""The bus: whoever wants to know of events hears each of them, in the order of asking.

Within a process it is a call.  From workers to control events go as datagrams over one socket that
never blocks.  It holds a few hundred datagrams of all workers together, however small they are, so
that what is many goes together.  What control does not take at once is kept and sent later; beyond
`MOST_OWED` the oldest is lost, and counted (`DROPPED`).
"""

import socket
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import msgspec

from tta_gateway.kernel.events import Event
from tta_gateway.support.metrics import Metric

LARGEST: Final = 1 << 16  # bytes of a datagram
MOST_OWED: Final = 1000  # events that wait for control
TOGETHER: Final = 100  # events of a datagram
DROPPED: Final = Metric(
    "tta_gateway_notes_dropped_total",
    "counter",
    "Events of workers that control was never told: it took none for too long.",
)
_MOST: Final = 64  # events, about, that are taken in one turn of a loop
_FULL: Final = LARGEST - 8  # bytes of events of a datagram, without what says how many
_ARRAY: Final = b"\xdd"  # begins a list, before its length in four bytes (MessagePack, array 32)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event | list[Event]).decode
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
        self._owed: deque[bytes] = deque()
        self._dropped = 0

    def put(self, event: Event) -> None:
        """Send an event, or keep it until it is taken; nobody waits for it."""
        note = _encode(event)
        if len(note) > _FULL:
            self._dropped += 1
            return
        self._owed.append(note)
        if len(self._owed) == 1:
            self.flush()
        elif len(self._owed) > MOST_OWED:
            self._owed.popleft()
            self._dropped += 1

    def flush(self) -> None:
        """Send what is owed, as far as it is taken."""
        owed = self._owed
        while owed:
            taken = self._send(list(islice(owed, TOGETHER)))
            if not taken:
                return
            for _ in range(taken):
                owed.popleft()

    def show(self, events: Sequence[Event]) -> int:
        """Send events that are worth nothing later; return how many of them have been taken.

        Those that somebody waits for go first.
        """
        if self._owed:
            return 0
        return self._send([_encode(event) for event in events[:TOGETHER]])

    def _send(self, notes: list[bytes]) -> int:
        """Send as many of them as go together; return how many have been taken."""
        size = count = 0
        for note in notes:
            size += len(note)
            if size > _FULL:
                break
            count += 1
        try:
            self._sock.send(_ARRAY + count.to_bytes(4, "big") + b"".join(notes[:count]))
        except OSError:
            return 0
        return count

    def take_dropped(self) -> int:
        """Return how many events were lost since this was asked last."""
        lost, self._dropped = self._dropped, 0
        return lost


class NotesReader:
    """Control's end: what comes is published."""

    def __init__(self, sock: socket.socket, bus: Bus, *, misread: Callable[[str], None]) -> None:
        """Read from this socket; `misread` hears why something could not be understood."""
        self._sock = sock
        self._bus = bus
        self._misread = misread

    def hear(self) -> None:
        """Take what has come, a few at a time."""
        taken = 0
        while taken < _MOST:
            try:
                data = self._sock.recv(LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            taken += self._read(data)

    def _read(self, data: bytes) -> int:
        """Publish what a datagram holds; return how much that was, at least one."""
        try:
            said = _decode(data)
        except msgspec.DecodeError as error:  # of a worker of another version
            self._misread(str(error))
            return 1
        events = said if isinstance(said, list) else [said]  # a worker before this one says one
        for event in events:
            self._bus.publish(event)
        return max(1, len(events))


def pair() -> tuple[socket.socket, socket.socket]:
    """Return control's end and the one that all workers send to; neither ever waits."""
    reader, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for sock in (reader, sender):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * LARGEST)
        sock.setblocking(False)
    return reader, sender
