"""A transport without a socket: the test is the other end of it.

It keeps asyncio's promises: `connection_lost` comes once, in a turn of its own, behind everything
that was to be sent; no data comes while reading is paused, or once it is closing; and when more
than `HIGH_WATER` bytes wait, the protocol is told to pause.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from typing import Any, Final, Protocol, cast

HIGH_WATER: Final = 64 * 1024
_NUMBERS: Final = count(1000)


class Soon(Protocol):
    """A loop, as far as a transport needs one."""

    def call_soon(self, call: Callable[..., object], *args: object) -> object:
        """Call at the next turn."""


class FakeSocket:
    """A socket that keeps the options it is given."""

    def __init__(self, family: int) -> None:
        """Begin without any option."""
        self.family = family
        self.options: list[tuple[int, int, bytes]] = []
        self._number = next(_NUMBERS)
        self.taken = 0
        """bytes that the peer's system has acknowledged"""

    def fileno(self) -> int:
        """Return a number that no other of these has."""
        return self._number

    def setsockopt(self, level: int, name: int, value: bytes) -> None:
        """Keep an option."""
        self.options.append((level, name, value))

    def getsockopt(self, level: int, name: int, size: int) -> bytes:
        """Tell how much was taken, as Linux does."""
        assert (level, name) == (socket.IPPROTO_TCP, socket.TCP_INFO)
        return (bytes(120) + self.taken.to_bytes(8, sys.byteorder))[:size]

    @contextlib.contextmanager
    def holding(self, data: bytes) -> Iterator[None]:
        """Have a descriptor that these bytes can be read from, and then an end."""
        before, self._number = self._number, os.memfd_create("remains")
        try:
            os.write(self._number, data)
            os.lseek(self._number, 0, os.SEEK_SET)
            yield
        finally:
            os.close(self._number)
            self._number = before


class FakeTransport:
    """One connection.  `sent` is all that the other end has received."""

    def __init__(
        self,
        loop: Soon,
        *,
        peername: object = ("192.0.2.7", 40000),
        family: int = socket.AF_INET,
    ) -> None:
        """Begin open, with an other end that takes everything at once."""
        self._loop = loop
        self._peername = peername
        self.protocol: Any = None  # whose connection it is
        self._waiting: list[Callable[[], None]] = []
        self._unsent = b""
        self._stuck = False
        self._paused_writing = False
        self._closing = False
        self.socket: FakeSocket | None = FakeSocket(family)
        self.sent = b""
        self.writes: list[bytes] = []
        self.reading = True
        self.ended = False
        self.aborted = False
        self.lost = False

    # What the test does

    @property
    def was_reset(self) -> bool:
        """Tell whether the end was a reset, that nobody takes for a regular one."""
        options = self.socket.options if self.socket is not None else []
        names = [(level, name) for level, name, _ in options]
        return self.aborted and names == [(socket.SOL_SOCKET, socket.SO_LINGER)]

    def connect(self, protocol: asyncio.Protocol) -> None:
        """Be the connection of this protocol."""
        self.protocol = protocol
        protocol.connection_made(cast("asyncio.Transport", self))

    def take(self) -> bytes:
        """Return what has been received since the last time."""
        sent, self.sent = self.sent, b""
        return sent

    def feed(self, *pieces: bytes) -> None:
        """Send bytes to the protocol, each piece by itself."""
        for piece in pieces:
            self._arrives(partial(self.protocol.data_received, piece))

    def end(self) -> None:
        """Send the end of this direction."""
        self._arrives(self._end)

    def lose(self, remains: bytes = b"") -> None:
        """Be cut off, as by a reset of the other end: what it sent before has not been read."""
        self._closing = True
        assert self.socket is not None
        with self.socket.holding(remains):
            self._lose(BrokenPipeError() if remains else ConnectionResetError())

    def get_stuck(self) -> None:
        """Take nothing from now on."""
        self._stuck = True

    def get_unstuck(self) -> None:
        """Take everything that waits, and go on."""
        self._stuck = False
        self._deliver()

    # What the protocol asks

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        """Be another's connection from now on."""
        self.protocol = protocol

    def write(self, data: bytes) -> None:
        """Send bytes."""
        assert not self.ended  # as asyncio's own, which raises here
        if self._closing:
            return
        self.writes.append(data)
        self._unsent += data
        self._deliver()
        if len(self._unsent) > HIGH_WATER and not self._paused_writing:
            self._paused_writing = True
            self.protocol.pause_writing()

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Send pieces."""
        self.write(b"".join(pieces))

    def can_write_eof(self) -> bool:
        """Say that one direction can end before the other."""
        return True

    def write_eof(self) -> None:
        """Send the end of this direction."""
        self.ended = True

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        return len(self._unsent)

    def is_closing(self) -> bool:
        """Tell whether the end has begun."""
        return self._closing

    def close(self) -> None:
        """End behind everything that waits."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._close)

    def abort(self) -> None:
        """End now."""
        self._unsent = b""
        self._closing = self.aborted = True
        self._loop.call_soon(self._lose, None)

    def pause_reading(self) -> None:
        """Let what comes wait."""
        self.reading = False

    def resume_reading(self) -> None:
        """Take what has come, in a turn of its own."""
        if not self.reading and not self._closing:
            self.reading = True
            self._loop.call_soon(self._catch_up)

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Tell who is at the other end, or the socket."""
        return {"peername": self._peername, "socket": self.socket}.get(name, default)

    def _arrives(self, what: Callable[[], None]) -> None:
        self._waiting.append(what)
        self._catch_up()

    def _catch_up(self) -> None:
        while self._waiting and self.reading and not self._closing:
            self._waiting.pop(0)()

    def _end(self) -> None:
        if not self.protocol.eof_received():
            self.close()

    def _deliver(self) -> None:
        if self._stuck:
            return
        sent, self._unsent = self._unsent, b""
        self.sent += sent
        if self._paused_writing:
            self._paused_writing = False
            self.protocol.resume_writing()
        if self._closing:
            self._loop.call_soon(self._lose, None)

    def _close(self) -> None:
        if not self._unsent:
            self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(error)
