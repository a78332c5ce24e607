"""A service of endless patience: answers `?bytes=N` with N bytes, as fast as they are taken.

`python bench/streamer.py` prints its port and serves until it is ended.
"""

import asyncio
import re
import sys
from typing import Final

CHUNK: Final = b"0123456789abcdef" * 4096
STALL_SECONDS: Final = 300.0
IDLE_SECONDS: Final = 600.0
NEED: Final = re.compile(rb"[?&]bytes=(\d+)")


async def serve() -> None:
    """Listen on a port that the system chooses, print it, and answer for ever."""
    server = await asyncio.start_server(_converse, "127.0.0.1", 0)
    async with server:
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A small buffer here, so that what waits, waits in the gateway or in the kernel.
    writer.transport.set_write_buffer_limits(high=len(CHUNK))
    try:
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            await _answer(writer, size=_wanted(head))
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


def _wanted(head: bytes) -> int:
    found = NEED.search(head.partition(b"\r\n")[0])
    return int(found[1]) if found else len(CHUNK)


async def _answer(writer: asyncio.StreamWriter, *, size: int) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Length: %d\r\n\r\n" % size
    )
    for start in range(0, size, len(CHUNK)):
        writer.write(CHUNK[: size - start])
        async with asyncio.timeout(STALL_SECONDS):
            await writer.drain()


if __name__ == "__main__":
    asyncio.run(serve())
