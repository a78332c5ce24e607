"""A crowd of clients that ask on and on, each in its own way, and count what they lose.

They run in one thread of their own.  Nobody is lost who is refused a new connection, who has been
told that an answer was the last, or whose idle connection ends before anything is asked on it.
"""

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

_PATIENCE: Final = 15.0
_HEAD: Final = b"GET %b HTTP/1.1\r\nHost: gateway.test\r\n%b\r\n"


@dataclass
class Tally:
    """What has become of requests and WebSockets."""

    answered: int = 0
    lost: list[str] = field(default_factory=list)
    """Each with what happened; no entry is allowed."""
    refused: int = 0
    last: int = 0
    """Answers that said that they were the last."""
    ended: int = 0
    """Connections that ended before anything was asked."""
    codes: Counter[int | None] = field(default_factory=Counter)
    """With which WebSockets were closed; None is no Close at all."""


class Crowd:
    """Clients of a port, from entering its `with` block until each has been sent away."""

    def __init__(self, port: int, target: bytes = b"/") -> None:
        self.tally = Tally()
        self._port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def keep_alive(self, count: int) -> None:
        """Let so many ask again and again on one connection, until it is said to be the last."""
        self._run(self._begin([self._ask_on() for _ in range(count)]))

    def newcomers(self, count: int) -> None:
        """Let so many ask again and again, each time on a new connection, until it is refused."""
        self._run(self._begin([self._come_again() for _ in range(count)]))

    def web_sockets(self, count: int, path: str) -> None:
        """Let so many talk through a WebSocket that echoes; return when all of them do."""
        opened = [asyncio.Event() for _ in range(count)]
        self._run(self._begin([self._talk(path, event) for event in opened]))
        self._run(self._all_of(opened))

    def wait(self, patience: float = _PATIENCE) -> Tally:
        """Wait until every client has been sent away; return what became of them."""
        self._run(self._end(patience))
        return self.tally

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * _PATIENCE)

    async def _begin(self, clients: list[Coroutine[None, None, None]]) -> None:
        self._tasks += [self._loop.create_task(self._watched(one)) for one in clients]

    async def _all_of(self, events: list[asyncio.Event]) -> None:
        async with asyncio.timeout(_PATIENCE):
            for event in events:
                await event.wait()

    async def _end(self, patience: float) -> None:
        _, late = await asyncio.wait(self._tasks, timeout=patience)
        self.tally.lost += ["still there"] * len(late)

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watched(self, client: Coroutine[None, None, None]) -> None:
        try:
            await client
        except ConnectionRefusedError:
            self.tally.refused += 1
        except (OSError, EOFError, TimeoutError) as error:
            self.tally.lost.append(repr(error))

    async def _ask_on(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while await self._ask(reader, writer, b""):
                await asyncio.sleep(random.uniform(0.0, 0.1))
                if reader.at_eof():
                    self.tally.ended += 1
                    return
        finally:
            writer.close()

    async def _come_again(self) -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                await self._ask(reader, writer, b"Connection: close\r\n")
            finally:
                writer.close()
            await asyncio.sleep(random.uniform(0.0, 0.1))

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fields: bytes
    ) -> bool:
        """Ask once; False if the answer was the last on this connection."""
        writer.write(_HEAD % (self._target, fields))
        async with asyncio.timeout(_PATIENCE):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        if not head.startswith(b"http/1.1 200 "):
            self.tally.lost.append(head.decode())
        self.tally.answered += 1
        is_last = b"\r\nconnection: close\r\n" in head
        self.tally.last += is_last
        return not is_last

    async def _talk(self, path: str, opened: asyncio.Event) -> None:
        url = f"ws://127.0.0.1:{self._port}{path}"
        async with connect(url, compression=None) as socket:
            opened.set()
            with contextlib.suppress(ConnectionClosed):
                while True:
                    message = "x" * random.randrange(2000)
                    await socket.send(message)
                    if await socket.recv() != message:
                        self.tally.lost.append("another message came back")
                    await asyncio.sleep(random.uniform(0.0, 0.1))
        received = socket.protocol.close_rcvd
        self.tally.codes[received.code if received is not None else None] += 1
