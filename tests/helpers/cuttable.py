"""A line to a server that a test can cut as a partition does: nothing passes, nobody is told.

What was sent meanwhile arrives when the line is mended, as TCP has it.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Final, Self

from tests.helpers.clients import PATIENCE

_PIECE: Final = 1 << 16


class Cuttable:
    """Leads to a loopback port for as long as its `with` block lasts."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._whole = asyncio.Event()
        self._whole.set()
        self._passing: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def drop(self) -> None:
        """Break all connections at both ends, as a device does that loses its network."""

        def cancel() -> None:
            for one in self._passing:
                one.cancel()

        self._loop.call_soon_threadsafe(cancel)

    def cut(self) -> None:
        """Have nothing pass from now on."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Have everything pass again."""
        self._loop.call_soon_threadsafe(self._whole.set)

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
        for _ in range(10):  # who was just let in comes a turn later, and is closed in another
            for task in self._passing:
                task.cancel()
            # asyncio's own that take somebody in are not cancelled: they would leave a socket open
            under_way = asyncio.all_tasks() - {asyncio.current_task()}
            if under_way:
                await asyncio.wait(under_way, timeout=1.0)
            await asyncio.sleep(0)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on, and break off behind that, also where the task ends before its first step."""
        task = asyncio.ensure_future(self._pass(reader, writer))
        self._passing.add(task)

        def over(_: object) -> None:
            self._passing.discard(task)
            writer.transport.abort()

        task.add_done_callback(over)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, to_there = await asyncio.open_connection("127.0.0.1", self._target)
            ways = [self._pump(reader, to_there), self._pump(there, writer)]
            pumps = [asyncio.ensure_future(one) for one in ways]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                await self._whole.wait()  # nor does the end of a connection pass
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                to_there.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
