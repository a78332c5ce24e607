"""The other end of bench/realtime.py: a process of clients of the hub, which does as it is told.

It opens WebSockets from many addresses of this machine, recovers a channel at each, comes back as
SDKs do where it is turned away, and tells how late what it hears is.
"""

import asyncio
import multiprocessing
import os
import random
import re
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final, cast

import uvloop

from tta_gateway.wire.socket_codec import TEXT, framed

_MASK: Final = b"\x11\x80\xff\x44"
_ASK: Final = (
    b"GET /hub HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_JOIN: Final = (
    '{"id":1,"connect":{"token":"t"}}\n'
    '{"id":2,"subscribe":{"channel":"%s","recover":true,"epoch":"1","offset":0}}'
)
_AT: Final = re.compile(rb'"at":"(\d{16})"')
_AT_ONCE: Final = 200  # connections under way
_OF_AN_ADDRESS: Final = 500
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 20.0  # of SDKs


class Client(asyncio.Protocol):
    """One of them."""

    def __init__(self, crowd: "Crowd", number: int, channel: str) -> None:
        """Begin to connect."""
        self._crowd: Final = crowd
        self._number: Final = number
        self._channel: Final = channel
        self._heard = b""
        self.reads = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket, and behind it for all the rest."""
        self.transport = cast("asyncio.Transport", transport)
        join = (_JOIN % self._channel).encode()
        self.transport.write(_ASK + framed(TEXT, join, mask=_MASK))

    def data_received(self, data: bytes) -> None:
        """Take answers, and then what is published."""
        if self.reads:
            self._crowd.heard(data)
            return
        self._heard += data
        if b'"subscribe":' in self._heard:
            self.reads = True
            self._crowd.came(self._number, recovered=b'"recovered":true' in self._heard)
            self._heard = b""

    def connection_lost(self, _: Exception | None) -> None:
        """Come back."""
        self._crowd.lost(self._number, self)


class Crowd:
    """All of them; each channel has `of_a_channel` readers."""

    def __init__(self, port: int) -> None:
        """Be nobody yet."""
        self._port: Final = port
        self._clients: Final[dict[int, Client]] = {}
        self._names: Final[dict[int, str]] = {}
        self._tries: Final[dict[int, int]] = {}
        self._missing: set[int] = set()
        self._arrived = asyncio.Event()
        self._under_way = asyncio.Semaphore(_AT_ONCE)
        self.unrecovered = self.turned_away = self.deliveries = 0
        self.late: list[int] | None = None

    async def open(self, names: list[str]) -> None:
        """Have one more client read each of these channels."""
        first = len(self._names)
        for number, name in enumerate(names, first):
            self._names[number] = name
        await self._come(range(first, first + len(names)))

    async def _come(self, numbers: range) -> None:
        if not numbers:
            return
        self._missing = set(numbers)
        self._arrived.clear()
        self._tries.clear()
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(self._connect(number))
        await self._arrived.wait()

    async def _connect(self, number: int) -> None:
        here = f"127.0.0.{2 + number // _OF_AN_ADDRESS % 250}"
        client = Client(self, number, self._names[number])
        self._clients[number] = client
        async with self._under_way:
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: client, "127.0.0.1", self._port, local_addr=(here, 0)
                )
            except ConnectionRefusedError:
                os._exit(1)  # the worker is no more

    def came(self, number: int, *, recovered: bool) -> None:
        """Count who reads."""
        self._missing.discard(number)
        self.unrecovered += not recovered
        if not self._missing:
            self._arrived.set()

    def heard(self, data: bytes) -> None:
        """Take note of how late it is."""
        if self.late is not None:
            now = time.monotonic_ns() // 1000
            found = [now - int(at) for at in _AT.findall(data)]
            self.late += found
            self.deliveries += len(found)

    def lost(self, number: int, client: Client) -> None:
        """Have somebody come back after a pause, as an SDK does."""
        if self._clients.get(number) is not client:
            return
        self.turned_away += 1
        tries = self._tries[number] = self._tries.get(number, -1) + 1
        pause = random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries))  # noqa: S311
        loop = asyncio.get_running_loop()
        loop.call_later(pause, lambda: loop.create_task(self._connect(number)))


async def _obey(port: int, pipe: Connection) -> None:
    crowd, loop = Crowd(port), asyncio.get_running_loop()
    while True:
        what, told = await loop.run_in_executor(None, pipe.recv)
        begun, cpu = time.perf_counter(), time.process_time()
        if what == "open":
            await crowd.open(told)
        else:
            crowd.late, crowd.deliveries = [], 0
        pipe.send(
            {
                "seconds": time.perf_counter() - begun,
                "cpu": time.process_time() - cpu,
                "unrecovered": crowd.unrecovered,
                "turned_away": crowd.turned_away,
            }
        )
        if what == "listen":
            await loop.run_in_executor(None, pipe.recv)
            pipe.send((sorted(crowd.late or []), time.process_time() - cpu))


def _main(port: int, pipe: Connection) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_obey(port, pipe))


class Clients:
    """The process of them, as who holds the worker sees it."""

    def __init__(self, port: int) -> None:
        """Start it; they connect to this port."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_main, args=(port, theirs), daemon=True)
        self._process.start()

    async def do(self, what: str, told: object = None) -> Any:  # noqa: ANN401 - a bench
        """Have it do something, and return what it tells then."""
        self._pipe.send((what, told))
        return await self._answer()

    async def late(self, publishing: Callable[[], Any]) -> tuple[list[int], float]:
        """Return how late all was that was heard, in µs, and the CPU that it took to hear it."""
        await self.do("listen")
        await publishing()
        await asyncio.sleep(0.3)
        self._pipe.send("told")
        found: tuple[list[int], float] = await self._answer()
        return found

    async def _answer(self) -> Any:  # noqa: ANN401 - likewise
        return await asyncio.get_running_loop().run_in_executor(None, self._pipe.recv)

    def end(self) -> None:
        """End it."""
        self._process.terminate()
