"""A service of known capacity: `python bench/capacity.py PORT SERVERS SECONDS [OTHERWISE]`.

It works at so many requests at once, each for so many seconds, and has the others wait in the order
in which they came, as a pool of threads does.  With 0 seconds it answers at once.  On SIGUSR1 each
takes so many seconds otherwise, and on the next as many as before.
"""

import asyncio
import signal
import sys
from collections import deque
from typing import Final, cast

import uvloop

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Pool:
    """What all connections share."""

    def __init__(self, servers: int, seconds: float, otherwise: float) -> None:
        """Begin idle."""
        self.free = servers
        self.seconds = seconds
        self._otherwise = otherwise
        self.waiting: deque[Connection] = deque()

    def change(self) -> None:
        """Take the other time from now on."""
        self.seconds, self._otherwise = self._otherwise, self.seconds

    def ask(self, connection: "Connection") -> None:
        """Answer on this connection, when its turn has come and the work is done."""
        if self.seconds == 0.0:
            connection.answer()
        elif self.free:
            self.free -= 1
            asyncio.get_running_loop().call_later(self.seconds, self._done, connection)
        else:
            self.waiting.append(connection)

    def _done(self, connection: "Connection") -> None:
        self.free += 1
        connection.answer()
        if self.waiting:
            self.ask(self.waiting.popleft())


class Connection(asyncio.Protocol):
    """One client's; a request ends with its head."""

    def __init__(self, pool: Pool) -> None:
        """Wait for requests."""
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take requests."""
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            self._read = self._read[end + 4 :]
            self._pool.ask(self)

    def answer(self) -> None:
        """Answer a request, if the client is still there."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(ANSWER)


async def _serve(port: int, servers: int, seconds: float, otherwise: float) -> None:
    pool = Pool(servers, seconds, otherwise)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, pool.change)
    server = await loop.create_server(lambda: Connection(pool), "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[-1])))
