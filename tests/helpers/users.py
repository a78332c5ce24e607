"""A crowd: hundreds of clients of four kinds at once, who count everything that goes wrong.

What counts as lost is what a client of today would show its user: a connection that is refused, a
request that was sent and got no whole answer, a status that is not 2xx, a tunnel that ends without
the code of an end that was meant.  A connection that the gateway closes while nothing is asked on
it is opened anew, as every client does.
"""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Self

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.helpers.busy_service import BODY

_PATIENCE: Final = 30.0
_MEANT: Final = (1001, 1012)


@dataclass(slots=True)
class Tally:
    """What the crowd has seen."""

    answered: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    ends: Counter[int] = field(default_factory=Counter)


class Crowd:
    """Clients of a gateway, from `begin` to `end`."""

    def __init__(self, port: int, *, kept: int, fresh: int, tunnels: int, slow: int) -> None:
        self._port = port
        self._kinds = {
            self._keep: kept,
            self._freshen: fresh,
            self._tunnel: tunnels,
            self._wait: slow,
        }
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.tally = Tally()

    async def __aenter__(self) -> Self:
        for kind, count in self._kinds.items():
            for _ in range(count):
                self._tasks.append(asyncio.create_task(kind()))
                await asyncio.sleep(0.002)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks), _PATIENCE)

    async def _think(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds * (0.5 + random.random()))

    async def _keep(self) -> None:
        """Ask on one connection for as long as it is open."""
        while not self._over.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as error:
                self.tally.lost.append(f"kept: connect: {error!r}")
                continue
            with contextlib.suppress(ConnectionError):
                while not self._over.is_set() and not reader.at_eof():
                    if not await self._ask(reader, writer, "kept", "/fast"):
                        break
                    await self._think(0.25)
            writer.close()

    async def _freshen(self) -> None:
        """Ask on a new connection each time."""
        while not self._over.is_set():
            await self._once("fresh", "/fast")
            await self._think(0.5)

    async def _wait(self) -> None:
        while not self._over.is_set():
            await self._once("slow", "/slow")

    async def _once(self, kind: str, path: str) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            self.tally.lost.append(f"{kind}: connect: {error!r}")
            return
        await self._ask(reader, writer, kind, path, more=b"connection: close\r\n")
        writer.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        kind: str,
        path: str,
        more: bytes = b"",
    ) -> bool:
        """Ask; tell whether the connection may be asked again."""
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nhost: a\r\n".encode() + more + b"\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
            fields = head.lower()
            length = int(fields.partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
            body = await asyncio.wait_for(reader.readexactly(length), _PATIENCE)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.tally.lost.append(f"{kind}: {error!r}")
            return False
        status = head.split(b" ", 2)[1]
        if status != b"200" or body != BODY.encode():
            self.tally.lost.append(f"{kind}: {status.decode()} with {len(body)} bytes")
            return False
        self.tally.answered[kind] += 1
        return b"\r\nconnection: close" not in fields

    async def _tunnel(self) -> None:
        """Send and hear on a WebSocket; open it anew when it ends as meant."""
        while not self._over.is_set():
            try:
                async with connect(
                    f"ws://127.0.0.1:{self._port}/ws", proxy=None, open_timeout=_PATIENCE
                ) as socket:
                    while not self._over.is_set():
                        await socket.send("hello")
                        assert await asyncio.wait_for(socket.recv(), _PATIENCE) == "hello"
                        self.tally.answered["tunnel"] += 1
                        await self._think(1.0)
            except ConnectionClosed as error:
                code = error.rcvd.code if error.rcvd else 1006
                self.tally.ends[code] += 1
                if code not in _MEANT:
                    self.tally.lost.append(f"tunnel: {error!r}")
            except (OSError, WebSocketException, TimeoutError) as error:
                self.tally.lost.append(f"tunnel: {error!r}")
