"""A flood from many addresses of the loopback network, with honest people beside it.

The flood is open loop: a connection is begun at its time, however the last ones fare, and sends
what is no HTTP.  People ask with a token, each from an address of their own, and count.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_PATIENCE: Final = 5.0  # seconds
_NO_HTTP: Final = b"GET / HTTP/9.9\r\nHo st: a\r\n\r\n"


@dataclass(slots=True)
class Told:
    """What became of it."""

    attempts: int = 0
    cut: int = 0
    asked: int = 0
    answered: int = 0
    lines: Counter[bytes] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)


def flood(
    port: int,
    *,
    addresses: int,
    people: int,
    seconds: float,
    rate: float,
    token: Callable[[str], str],
) -> Told:
    """Attack for so many seconds with so many connections a second; return what became of all."""
    told = Told()

    async def work() -> None:
        over = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(_attack(port, addresses, rate, over, told))
            for one in range(people):
                group.create_task(_person(port, one, over, token(f"p{one}"), told))

    asyncio.run(work())
    return told


async def _attack(port: int, addresses: int, rate: float, over: float, told: Told) -> None:
    begun, sent = time.monotonic(), 0
    async with asyncio.TaskGroup() as group:
        while (now := time.monotonic()) < over:
            while sent < (now - begun) * rate:
                one = sent % addresses
                source = f"127.66.{one // 250}.{1 + one % 250}"
                group.create_task(_hostile(port, source, told))
                sent += 1
            await asyncio.sleep(0.005)


async def _hostile(port: int, source: str, told: Told) -> None:
    told.attempts += 1
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(source, 0)
            )
            with contextlib.closing(writer):
                for _ in range(4):
                    writer.write(_NO_HTTP)
                await reader.read(100)
    except OSError:
        told.cut += 1


async def _person(port: int, one: int, over: float, token: str, told: Told) -> None:
    source = f"127.88.{one}.1"
    head = f"GET /guarded/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    await asyncio.sleep(one * 0.01)
    while time.monotonic() < over:
        told.asked += 1
        begun = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, local_addr=(source, 0)
                )
                with contextlib.closing(writer):
                    writer.write(head)
                    line = await reader.readline()
                    told.answered += line.startswith(b"HTTP/1.1 200")
                    told.lines[line] += 1
        except (OSError, TimeoutError):
            continue
        finally:
            told.took.append(time.monotonic() - begun)
            await asyncio.sleep(0.2)
