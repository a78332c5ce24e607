"""Who is let in at the moment at which a worker is asked to leave, on the loop that workers run."""

import asyncio
import socket
import threading
from typing import Any, cast

import msgspec
import pytest
import uvloop

from tests.helpers.clients import PATIENCE
from tests.unit.node.test_worker_main import Diary
from tta_gateway.kernel.timing import ClientTimeouts
from tta_gateway.node.doors import Doors
from tta_gateway.node.worker_main import Farewell, _drain

pytestmark = pytest.mark.e2e


class Guests:
    """Those who are connected; each asks, gets an answer, and leaves."""

    def __init__(self) -> None:
        self._there = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def count(self, change: int) -> None:
        self._there += change
        if self._there:
            self._empty.clear()
        else:
            self._empty.set()

    def drain(self, _: int, *, seconds: float) -> None:
        pass

    def hurry(self) -> None:
        pass

    async def emptied(self) -> None:
        await self._empty.wait()


class Guest(asyncio.Protocol):
    """One of them."""

    def __init__(self, guests: Guests) -> None:
        self._guests = guests

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._guests.count(1)
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, _: bytes) -> None:
        self._transport.write(b"served")
        self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self._guests.count(-1)


async def _leave_as_one_knocks(listening: socket.socket, client: socket.socket) -> None:
    """Connect in one turn of the loop, so that the next accepts, in which the worker leaves."""
    loop = asyncio.get_running_loop()
    guests, farewell = Guests(), Farewell(loop)
    doors = Doors(loop, [listening], [lambda: Guest(guests)])
    await doors.open()
    await asyncio.sleep(0.01)

    def knock() -> None:
        client.connect(listening.getsockname())
        farewell.ask(15)

    loop.call_soon(knock)
    await farewell.asked
    worker: Any = Diary(leave_by_themselves=True)
    worker.snapshot = msgspec.structs.replace(
        worker.snapshot, client_timeouts=ClientTimeouts(drain=PATIENCE)
    )
    worker.guests = guests
    await _drain(worker, doors, farewell, is_last=False)


def test_it_is_served() -> None:
    """Red without the turn of the loop that node/worker_main.py, _drain, waits for."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        client.settimeout(PATIENCE)
        threading.Timer(0.2, client.send, (b"asks",)).start()
        uvloop.run(_leave_as_one_knocks(listening.dup(), client))
        assert client.recv(100) == b"served"
