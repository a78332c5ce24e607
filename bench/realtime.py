"""What the hub costs: CPU time a delivery and a command, and memory for each connection.

First the hub alone, whose clients' sockets are lists; then a worker in this process, on real
sockets of one client process, which throws away what it is told.  The store is in memory: what
Valkey costs is not in it (bench/valkey.py).
`PYTHONPATH=. python bench/realtime.py [--sockets N] [--rounds N] [--write]`
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final, cast

import machine
import report
import uvloop

from tests.helpers.hub_house import KEEPING, HubHouse, settle
from tests.helpers.own_sockets import Echoes
from tests.helpers.socket_worker import SocketWorker, socket_worker
from tta_gateway.features.realtime.codes import Disconnection
from tta_gateway.features.realtime.hub import Connection
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.sockets import HubSockets
from tta_gateway.wire.socket_codec import TEXT, framed

DATA: Final = b'{"type":"message","text":"%b"}' % (b"x" * 90)
MESSAGES: Final = 60
DELIVERY_BAR: Final = 1e6 / 60_000
"""µs, with real sockets"""
MEMORY_BAR: Final = 20_000
"""bytes a connection with one subscription, the socket and all"""
MASK: Final = b"\x11\x80\xff\x44"
_ASK: Final = (
    b"GET /hub HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
METHOD: Final = """\
One publication of 120 bytes to all readers of a channel, JSON, 60 times a round; median of the
rounds.  CPU is user + system of the process that holds the hub; memory is what its resident size
grows by: session, subscription and, with sockets, the WebSocket.  The process that holds the other
ends shares the machine.
"""


class Count:
    """A client's socket that counts what it is given."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.frames = 0

    def write(self, frame: bytes) -> None:
        """Count."""
        self.frames += bool(frame)

    def close(self, why: Disconnection) -> None:
        """Nobody is closed here."""
        raise AssertionError(why)

    def pause_reading(self) -> None:
        """Nobody asks much."""

    def resume_reading(self) -> None:
        """Nobody asks much."""


def main() -> int:
    """Measure, print, and write the section if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="rewrite the section of RESULTS.md")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        # First of all: what others have freed would be taken again.
        memory, delivery = runner.run(_at_a_worker(options.sockets, options.rounds))
        alone = runner.run(_alone(options.sockets, options.rounds))
        small = runner.run(_small(options.rounds))
        command = runner.run(_commands())
    rows = [
        [f"a delivery to {options.sockets:,} readers, the hub alone", f"{alone:.2f} µs"],
        ["a delivery to 3 readers, the hub alone", f"{small:.2f} µs"],
        ["a call that is answered at once, the hub alone", f"{command:.2f} µs"],
        [f"a delivery to {options.sockets:,} readers, with sockets", f"{delivery:.2f} µs"],
        ["a connection with one subscription, with its socket", f"{memory:,.0f} bytes"],
    ]
    bars = [
        [f"a delivery takes at most {DELIVERY_BAR:.1f} µs", _verdict(delivery, DELIVERY_BAR)],
        [f"a connection takes at most {MEMORY_BAR:,} bytes", _verdict(memory, MEMORY_BAR)],
    ]
    with tempfile.TemporaryDirectory() as folder:
        about = machine.description(Path(folder))
    parts = ["## The hub", report.facts(about), METHOD, report.table(["what", "costs"], rows=rows)]
    body = "\n\n".join([*parts, report.table(["bar", "result"], rows=bars)])
    report.say(body)
    if options.write:
        report.save("realtime", body)
    return 0


def _verdict(found: float, bar: float) -> str:
    return f"{'met' if found <= bar else 'not met'}: {found:,.2f}"


def _joined(house: HubHouse, count: int, channels: Callable[[int], str]) -> list[Count]:
    """Let so many clients read a channel each."""
    writers = [Count() for _ in range(count)]
    for number, writer in enumerate(writers):
        client = house.hub.open(JsonCodec(), writer, client=f"c{number:035}", chance=0.5)
        _join(client, channels(number))
    return writers


def _join(client: Connection, channel: str) -> None:
    ask = b'{"id":1,"connect":{"token":"t"}}\n{"id":2,"subscribe":{"channel":"%b"}}'
    client.received(ask % channel.encode())


async def _alone(readers: int, rounds: int) -> float:
    """Return µs for each delivery."""
    house = HubHouse()
    writers = _joined(house, readers, lambda _: "a")
    await settle()
    spent = []
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(MESSAGES):
            house.store.put("a", DATA, KEEPING)
            await settle()
        spent.append((time.process_time() - begun) / MESSAGES / readers * 1e6)
    assert writers[0].frames > MESSAGES * rounds
    return statistics.median(spent)


async def _small(rounds: int) -> float:
    """Return µs for each delivery in a thousand channels of three."""
    house = HubHouse()
    house.door.channels |= {f"s{number}": house.door.channels["a"] for number in range(1000)}
    _joined(house, 3000, lambda number: f"s{number // 3}")
    for _ in range(5):
        await settle()
    spent = []
    for _ in range(rounds):
        begun = time.process_time()
        for number in range(1000):
            house.store.put(f"s{number}", DATA, KEEPING)
        await settle()
        spent.append((time.process_time() - begun) / 3000 * 1e6)
    return statistics.median(spent)


async def _commands() -> float:
    """Return µs for each call that is answered in the turn in which it comes."""
    house = HubHouse()
    (writer,) = _joined(house, 1, lambda _: "a")
    await settle()
    connection = next(iter(house.hub._connections.values()))  # noqa: SLF001 - it is the only one
    call = b'{"id":3,"rpc":{"method":"echo","data":%b}}' % DATA
    begun = time.process_time()
    for _ in range(20_000):
        connection.received(call)
    assert writer.frames > 20_000
    return (time.process_time() - begun) / 20_000 * 1e6


async def _at_a_worker(sockets: int, rounds: int) -> tuple[float, float]:
    """Return bytes for each client with its socket, and µs for each delivery."""
    house = HubHouse()
    numbers = iter(range(10**9))
    service = HubSockets(
        house.hub, house, fresh=lambda: f"c{next(numbers):035}", chance=lambda: 0.5
    )
    with tempfile.TemporaryDirectory() as folder:
        services = {"hub": cast("Echoes", service)}
        async with socket_worker(Path(folder), services) as worker:
            first = await _hold(worker, house, 50)
            before = _resident()
            ends = await _hold(worker, house, sockets)
            memory = (_resident() - before) / sockets
            spent = [await _deliver(house, sockets + 50) for _ in range(rounds)]
            ends.set()
            first.set()
            return memory, statistics.median(spent)


def _resident() -> int:
    """Return how much memory this process has, and none of those that it has started."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def _hold(worker: SocketWorker, house: HubHouse, count: int) -> Event:
    """Have another process read a channel so many times until the event is set."""
    context = multiprocessing.get_context("spawn")
    ends = context.Event()
    context.Process(target=_read, args=(worker.port, count, ends), daemon=True).start()
    channels = house.hub._channels  # noqa: SLF001 - nobody else knows how many read
    found = channels.find("a")
    wanted = count + (found.count() if found else 0)
    while (found := channels.find("a")) is None or found.count() < wanted:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    return ends


async def _deliver(house: HubHouse, readers: int) -> float:
    """Publish to all; return µs of CPU for each delivery."""
    begun = time.process_time()
    for _ in range(MESSAGES):
        house.store.put("a", DATA, KEEPING)
        await settle()
    return (time.process_time() - begun) / (MESSAGES * readers) * 1e6


def _read(port: int, count: int, ends: Event) -> None:
    """Open sockets, read the channel at each, and throw away what comes."""
    selector = selectors.DefaultSelector()
    join = b'{"id":1,"connect":{"token":"t"}}\n{"id":2,"subscribe":{"channel":"a"}}'
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(_ASK)
        assert b" 101 " in sock.recv(1 << 16)
        sock.sendall(framed(TEXT, join, mask=MASK))
        selector.register(sock, selectors.EVENT_READ, sock)
    while not ends.is_set():
        for key, _ in selector.select(0.2):
            with contextlib.suppress(ConnectionError):
                key.data.recv(1 << 16)


if __name__ == "__main__":
    raise SystemExit(main())
