"""An open-loop load: requests come at random, at a rate that no answer slows down.

    python bench/open_loop.py PORT RATE:SECONDS [RATE:SECONDS …] [--ready N] [--apart]

Asks `/crisis`, `/therapeutic`, `/standard` and `/background` in their shares, pair after pair; the
line for each request on standard output is when it was due (seconds from the start), its class, its
status (0: none came within the patience), how long it took, and how late it was sent, in seconds.
Connections are kept and used again; there is one for each request under way.  So many stand ready
from the start, each used once: clients that have long been there.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Iterator
from typing import Final, cast

import uvloop
from paced import elsewhere

CLASSES: Final = ("crisis", "therapeutic", "standard", "background")
SHARES: Final = (1, 12, 47, 40)
PATIENCE: Final = 10.0
_SETTLES: Final = 4.0  # seconds, until what taking thousands in at once has cost is forgotten
_SEED: Final = 6
_MOST: Final = 8000  # connections
_AT_ONCE: Final = 50  # opened before the start
_STANDARD: Final = CLASSES.index("standard")


class Load:
    """What all connections share."""

    def __init__(self, port: int) -> None:
        """Begin without a connection."""
        self.port = port
        self.idle: list[Connection] = []
        self.open = 0
        self.lines: list[str] = []
        self.begun = 0.0
        self.under_way = 0
        self.quiet = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    def note(self, asked: float, traffic: int, status: int, now: float, *, late: float) -> None:
        """Keep what became of a request."""
        self.under_way -= 1
        if not self.under_way:
            self.quiet.set()
        due, told = asked - self.begun, now - asked
        self.lines.append(f"{due:.4f} {CLASSES[traffic]} {status} {told:.5f} {late:.5f}")

    def ask(self, traffic: int, now: float) -> None:
        """Ask, what was due then, on an idle connection or a new one."""
        self.under_way += 1
        self.quiet.clear()
        while self.idle:
            connection = self.idle.pop()
            if connection.ask(traffic, now):
                return
        if self.open >= _MOST:
            self.note(now, traffic, 0, now, late=0.0)
            return
        task = asyncio.get_running_loop().create_task(self._open(traffic, now))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _open(self, traffic: int, now: float) -> None:
        try:
            connection = await self._connection()
        except OSError:
            there = asyncio.get_running_loop().time()
            self.note(now, traffic, 0, there, late=there - now)
            return
        connection.ask(traffic, now)

    async def _connection(self) -> "Connection":
        self.open += 1
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self), "127.0.0.1", self.port
            )
        except OSError:
            self.open -= 1
            raise
        return connection

    async def prepare(self, ready: int) -> None:
        """Open so many connections, and use each once: those that have not been soon end."""
        while self.open < ready:
            more = min(_AT_ONCE, ready - self.open)
            for connection in await asyncio.gather(*(self._connection() for _ in range(more))):
                self.under_way += 1
                self.quiet.clear()
                connection.ask(_STANDARD, asyncio.get_running_loop().time())
            await self.quiet.wait()
        self.lines.clear()


class Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, load: Load) -> None:
        """Wait for the socket."""
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._asked, self._late = -1.0, 0.0
        self._traffic = 0
        self._read = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be there."""
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, traffic: int, now: float) -> bool:
        """Ask; False if the connection is no longer there."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._asked, self._traffic, self._read = now, traffic, b""
        self._late = self._loop.time() - now
        self._timer = self._loop.call_later(PATIENCE, self._transport.abort)
        self._transport.write(REQUESTS[traffic])
        return True

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        read = self._read = self._read + data if self._read else data
        end = read.find(b"\r\n\r\n")
        if end < 0:
            return
        at = read.lower().find(b"content-length:", 0, end)
        length = int(read[at + 15 : read.find(b"\r\n", at)]) if at >= 0 else 0
        if len(read) >= end + 4 + length:
            self._over(int(read[9:12]))
            self._load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note that no answer came."""
        self._transport = None
        self._load.open -= 1
        self._over(0)

    def _over(self, status: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        asked, self._asked = self._asked, -1.0
        if asked >= 0.0:
            self._load.note(asked, self._traffic, status, self._loop.time(), late=self._late)


REQUESTS: Final = [
    b"GET /%b HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\nUser-Agent: open-loop\r\n\r\n"
    % name.encode()
    for name in CLASSES
]


def arrivals(rate: float, seconds: float, chance: random.Random) -> Iterator[tuple[float, int]]:
    """Yield when each request comes, from now, and its class."""
    at = chance.expovariate(rate)
    while at < seconds:
        yield at, chance.choices(range(len(CLASSES)), SHARES)[0]
        at += chance.expovariate(rate)


async def _run(port: int, ready: int, phases: list[tuple[float, float]]) -> list[str]:
    loop, load, chance = asyncio.get_running_loop(), Load(port), random.Random(_SEED)  # noqa: S311
    if ready:
        await load.prepare(ready)
        await asyncio.sleep(_SETTLES)
    begun = load.begun = loop.time()
    for rate, seconds in phases:
        for at, traffic in arrivals(rate, seconds, chance):
            wait = begun + at - loop.time()
            if wait > 0.0005:
                await asyncio.sleep(wait)
            load.ask(traffic, begun + at)
        begun += seconds
    await load.quiet.wait()
    return load.lines


def _phase(text: str) -> tuple[float, float]:
    rate, seconds = map(float, text.split(":"))
    return rate, seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("phases", type=_phase, nargs="+", metavar="RATE:SECONDS")
    parser.add_argument("--ready", type=int, default=0, help="connections that stand ready")
    parser.add_argument("--apart", action="store_true", help="as if on a machine of its own")
    options = parser.parse_args()
    if options.apart:
        elsewhere()
    sys.stdout.write(
        "\n".join(uvloop.run(_run(options.port, options.ready, options.phases))) + "\n"
    )
