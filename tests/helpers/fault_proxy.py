"""A line to a service that can be made bad: slow, sliced, cut after so many bytes, or silent.

It stands between the gateway and the service, and passes bytes on in a thread of its own.
"""

import asyncio
import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import Final, Self

from tests.helpers.clients import PATIENCE, RESET

_PIECE: Final = 1 << 16
_APART: Final = 0.001
"""Seconds between two slices, else they would arrive together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What becomes of the bytes that a service sends on one connection."""

    latency: float = 0.0
    """Seconds that each piece is late."""
    slices: int = _PIECE
    """Bytes that are passed on at a time, each by itself."""
    cut_after: int | None = None
    """Bytes behind which the connection ends."""
    with_reset: bool = False
    """How it ends then; in order otherwise."""
    silent: bool = False
    """Whether it is open and nothing ever comes of it."""


GOOD: Final = Line()


class FaultProxy:
    """Leads to a loopback port for as long as its `with` block lasts; `line` may be changed."""

    def __init__(self, target: int) -> None:
        self.line = GOOD
        self.accepted = 0
        self.open = 0
        """How many connections from the gateway are open now."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._listener)
        await self._stop.wait()
        server.close()
        for _ in range(3):  # asyncio's own tasks take in who has come: else a socket stays open
            await asyncio.sleep(0)
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = self.line
        self.accepted += 1
        self.open += 1
        try:
            with contextlib.suppress(ConnectionError):
                await (self._say_nothing(reader) if line.silent else self._pass(reader, writer))
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _say_nothing(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(_PIECE):
            pass

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on both ways, until the way back ends."""
        from_service, to_service = await asyncio.open_connection("127.0.0.1", self._target)
        there = asyncio.ensure_future(_pump(reader, to_service))
        try:
            await self._way_back(from_service, writer)
        finally:
            there.cancel()
            to_service.transport.abort()

    async def _way_back(
        self, from_service: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        passed = 0
        while data := await from_service.read(_PIECE):
            line = self.line
            await asyncio.sleep(line.latency)
            left = len(data) if line.cut_after is None else line.cut_after - passed
            for at in range(0, min(left, len(data)), line.slices):
                writer.write(data[at : min(at + line.slices, left)])
                await writer.drain()
                await asyncio.sleep(_APART if line.slices < _PIECE else 0.0)
            passed += len(data)
            if left <= len(data) and line.cut_after is not None:
                await self._end(writer, with_reset=line.with_reset)
                return
        await self._end(writer, with_reset=False)

    async def _end(self, writer: asyncio.StreamWriter, *, with_reset: bool) -> None:
        sock = writer.get_extra_info("socket")
        if with_reset:
            await asyncio.sleep(0.001)  # else the reset could overtake what was sent
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
            return
        writer.close()
        await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
