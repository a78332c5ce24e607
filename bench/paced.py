"""A frugal load: requests at a steady pace, encoded before, over connections that are kept.

Each request goes out when it is due, over a connection that is free, or else over another one; what
stands in a queue here would be the load's own doing.  An answer's time counts from when its request
was written.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, cast

import uvloop
from process import BenchError

from tta_gateway.support.clock import SystemClock

_PATIENCE: Final = 20.0  # seconds for the last answers
_MOST: Final = 400  # connections: an address may have 512
_BROKEN: Final = 0
monotonic: Final = SystemClock().monotonic


@dataclass
class Heard:
    """What one kind of request has come to; status 0 stands for a connection that broke off."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    told_when: int = 0
    """How many of the answers said when to come back."""

    def take(self, status: int, head: bytes, seconds: float) -> None:
        """Take an answer."""
        self.seconds.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.told_when += b"\r\nretry-after:" in head

    def at(self, share: float) -> float:
        """Return the time within which this share was answered, in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[int(len(ordered) * share)] * 1e3


_CHUNKED: Final = b"transfer-encoding: chunked"
_LAST: Final = b"0\r\n\r\n"


class _Asker(asyncio.Protocol):
    """One connection: asks one request at a time."""

    def __init__(self, free: "list[_Asker]", heard: Heard) -> None:
        self._free, self._heard = free, heard
        self._transport: asyncio.Transport
        self._data, self._began = b"", 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # it is one of TCP

    def ask(self, request: bytes) -> None:
        self._began = monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        lower = head.lower()
        length = lower.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0) or (_CHUNKED in lower and not body.endswith(_LAST)):
            return
        self._heard.take(int(head[9:12]), lower, monotonic() - self._began)
        self._data, self._began = b"", 0.0
        if b"connection: close" in lower:
            self._transport.close()
        else:
            self._free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._began:
            self._heard.take(_BROKEN, b"", monotonic() - self._began)
        elif self in self._free:
            self._free.remove(self)
        self._began = 0.0
        self.ended.set_result(None)

    async def answered(self) -> None:
        """Wait for the answer that is under way, if one is."""
        while self._began > 0:  # noqa: ASYNC110 - an event would cost each request
            await asyncio.sleep(0.01)

    def close(self) -> None:
        self._transport.close()


async def ask(port: int, requests: Iterator[bytes], *, pace: int, seconds: float) -> Heard:
    """Ask so many times a second, whatever becomes of it, and close every connection behind it."""
    heard, free, made = Heard(), [], []
    if not pace:
        return heard
    loop = asyncio.get_running_loop()

    async def another() -> _Asker:
        _, asker = await loop.create_connection(lambda: _Asker(free, heard), "127.0.0.1", port)
        made.append(asker)
        return asker

    free.extend([await another() for _ in range(4)])
    begun = monotonic()
    for number in range(int(pace * seconds)):
        await asyncio.sleep(max(0.0, begun + number / pace - monotonic()))
        if not free and len(made) >= _MOST:
            raise BenchError(f"more than {_MOST} requests are under way at once")
        asker = free.pop() if free else await another()
        asker.ask(next(requests))
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*(one.answered() for one in made))
    for one in made:
        one.close()
    await asyncio.gather(*(one.ended for one in made))
    return heard


def elsewhere(pid: int = 0) -> bool:
    """Have a process run as if it had a machine of its own: it waits for no other.

    False where the system does not allow it; its waits count as the gateway's then.
    """
    try:
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
    except (AttributeError, OSError):
        return False
    return True


run = uvloop.run
