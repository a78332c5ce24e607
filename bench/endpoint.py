"""One endpoint of `bench/endpoints.py`: `endpoint.py PORT SECONDS`.

SIGUSR1 makes it twenty times as slow, SIGUSR2 as fast as before.  Each answer says on which port it
was given.
"""

import asyncio
import signal
import sys

import uvloop

_SLOWER = 20


class Pace:
    """How long it takes, in seconds."""

    def __init__(self, seconds: float) -> None:
        """Begin as fast as it is."""
        self.seconds = seconds
        self._usual = seconds

    def slow(self) -> None:
        """Become slow."""
        self.seconds = self._usual * _SLOWER

    def usual(self) -> None:
        """Become as fast as before."""
        self.seconds = self._usual


class Service(asyncio.Protocol):
    """One connection: requests without bodies, one after the other."""

    def __init__(self, port: int, pace: Pace) -> None:
        """Answer at that pace."""
        self._pace = pace
        body = b"%d" % port
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that has ended."""
        loop = asyncio.get_running_loop()
        for _ in range(data.count(b"\r\n\r\n")):
            loop.call_later(self._pace.seconds, self._say)

    def _say(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._answer)


async def _serve(port: int, seconds: float) -> None:
    loop, pace = asyncio.get_running_loop(), Pace(seconds)
    loop.add_signal_handler(signal.SIGUSR1, pace.slow)
    loop.add_signal_handler(signal.SIGUSR2, pace.usual)
    server = await loop.create_server(lambda: Service(port, pace), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
