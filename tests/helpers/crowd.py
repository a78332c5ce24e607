"""A crowd: hundreds of clients of several kinds at once, who count everything that goes wrong.

They run in one thread of their own.  Lost is what a client of today would show its user: a request
that was sent and got no whole answer, a status that is not 200, a WebSocket that sends back
something else.  Nobody is lost who has been told that an answer was the last, or whose idle
connection ends before anything is asked on it.

Who is sent away so goes home, in a crowd before a gateway that ends; to be refused a connection is
no loss then.  In a crowd that `returns` everybody comes back at once, and must be let in.

What is done with requests is counted in `tests/helpers/load.py`.
"""

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Final, Self

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

_PATIENCE: Final = 15.0
_BETWEEN: Final = 0.002
"""Seconds between two who begin: hundreds at once are another test."""
_HEAD: Final = b"GET %b HTTP/1.1\r\nHost: gateway.test\r\n%b\r\n"
_CLOSE: Final = b"Connection: close\r\n"
KEPT, FRESH, PATIENT, TUNNEL = KINDS = ("kept", "fresh", "patient", "tunnel")
Visit = Callable[[], Awaitable[None]]


@dataclass
class Tally:
    """What has become of requests and WebSockets."""

    answered: Counter[str] = field(default_factory=Counter)
    """By kind of client."""
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
    """Clients of a port, from entering its `with` block on."""

    def __init__(
        self,
        port: int,
        target: bytes = b"/",
        *,
        returns: bool = False,
        body: bytes | None = None,
    ) -> None:
        """Begin with nobody; every answer must have this body, if one is named."""
        self.tally = Tally()
        self._port = port
        self._target = target
        self._returns = returns
        self._body = body
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    # Who comes

    def keep_alive(self, count: int, *, pause: float = 0.05) -> None:
        """Let so many ask again and again on one connection, until it is said to be the last."""
        self._run(self._begin([lambda: self._stay(pause)] * count))

    def newcomers(self, count: int, *, pause: float = 0.05) -> None:
        """Let so many ask again and again, each time on a new connection."""
        self._run(self._begin([lambda: self._come_again(FRESH, self._target, pause)] * count))

    def patient(self, count: int, target: bytes) -> None:
        """Let so many ask for what takes its time, each time on a new connection."""
        self._run(self._begin([lambda: self._come_again(PATIENT, target, 0.0)] * count))

    def web_sockets(self, count: int, path: str, *, pause: float = 0.05) -> None:
        """Let so many talk through a WebSocket that echoes; return when all of them do."""
        opened = [asyncio.Event() for _ in range(count)]
        self._run(self._begin([self._talker(path, event, pause) for event in opened]))
        self._run(self._all_of(opened))

    # How it ends

    def wait(self, patience: float = _PATIENCE) -> Tally:
        """Wait until every client has been sent away; return what became of them."""
        self._run(self._end(patience))
        return self.tally

    def stop(self) -> Tally:
        """Let everybody ask no more and leave; return what became of them."""
        self._loop.call_soon_threadsafe(self._over.set)
        return self.wait()

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * _PATIENCE)

    async def _begin(self, visits: list[Visit]) -> None:
        for visit in visits:
            self._tasks.append(self._loop.create_task(self._watched(visit)))
            await asyncio.sleep(_BETWEEN)

    async def _all_of(self, events: list[asyncio.Event]) -> None:
        async with asyncio.timeout(_PATIENCE):
            for event in events:
                await event.wait()

    async def _end(self, patience: float) -> None:
        done, late = await asyncio.wait(self._tasks, timeout=patience)
        self.tally.lost += ["still there"] * len(late)
        for task in done:
            task.result()

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What each does

    async def _watched(self, visit: Visit) -> None:
        """Come once, or again and again until all is over."""
        while True:
            try:
                await visit()
            except ConnectionRefusedError as error:
                self.tally.refused += 1
                if self._returns:
                    self.tally.lost.append(repr(error))
            except (OSError, EOFError, TimeoutError, WebSocketException) as error:
                self.tally.lost.append(repr(error))
            if not self._returns or self._over.is_set():
                return

    async def _think(self, pause: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), pause * (0.5 + random.random()))

    async def _stay(self, pause: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while not self._over.is_set() and await self._ask(reader, writer, KEPT):
                await self._think(pause)
                if reader.at_eof():
                    self.tally.ended += 1
                    return
        finally:
            writer.close()

    async def _come_again(self, kind: str, target: bytes, pause: float) -> None:
        while not self._over.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                await self._ask(reader, writer, kind, target=target, fields=_CLOSE)
            finally:
                writer.close()
            await self._think(pause)

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        kind: str,
        *,
        target: bytes = b"",
        fields: bytes = b"",
    ) -> bool:
        """Ask once; False if the answer was the last on this connection."""
        writer.write(_HEAD % (target or self._target, fields))
        async with asyncio.timeout(_PATIENCE):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
        if not head.startswith(b"http/1.1 200 ") or self._body not in (None, body):
            self.tally.lost.append(f"{kind}: {head.decode()}{body[:100]!r}")
        self.tally.answered[kind] += 1
        is_last = b"\r\nconnection: close\r\n" in head
        self.tally.last += is_last
        return not is_last

    def _talker(self, path: str, opened: asyncio.Event, pause: float) -> Visit:
        return lambda: self._talk(path, opened, pause)

    async def _talk(self, path: str, opened: asyncio.Event, pause: float) -> None:
        url = f"ws://127.0.0.1:{self._port}{path}"
        async with connect(url, compression=None, proxy=None, open_timeout=_PATIENCE) as socket:
            opened.set()
            with contextlib.suppress(ConnectionClosed):
                while not self._over.is_set():
                    message = "x" * random.randrange(2000)
                    await socket.send(message)
                    if await asyncio.wait_for(socket.recv(), _PATIENCE) != message:
                        self.tally.lost.append("another message came back")
                    self.tally.answered[TUNNEL] += 1
                    await self._think(pause)
                return  # it is ours to close
        received = socket.protocol.close_rcvd
        self.tally.codes[received.code if received is not None else None] += 1
