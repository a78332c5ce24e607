"""What the hub costs: CPU time, memory, and how late what is published comes.

First a worker in this process, on real sockets of a client process (hub_clients.py): memory of idle
connections, deliveries, how late they come at half load, alone and beside requests, and a storm of
clients that come back.  Then the hub alone, whose clients' sockets are lists.  The store is in
memory: what Valkey costs is not in it (bench/valkey.py).
`PYTHONPATH=. python bench/realtime.py [--idle N] [--readers N] [--sessions N] [--storm N]
[--rounds N] [--seconds N] [--write]`
"""

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final, cast

import machine
import report
import uvloop
from hub_clients import Clients

from tests.helpers.hub_house import KEEPING, KEPT, HubHouse, settle
from tests.helpers.own_sockets import Echoes
from tests.helpers.socket_worker import SocketWorker, socket_worker
from tta_gateway.features.realtime.arrivals import RATE
from tta_gateway.features.realtime.codes import Disconnection
from tta_gateway.features.realtime.hub import Connection
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.sockets import HubSockets

DATA: Final = b'{"type":"message","text":"%b"}' % (b"x" * 90)
MESSAGES: Final = 60
DELIVERY_BAR: Final = 1e6 / 60_000
"""µs, with real sockets"""
MEMORY_BAR: Final = 20_000
"""bytes a connection with one subscription, the socket and all"""
TURN_BAR: Final = 2.0
"""ms, of the median"""
LATE_BAR: Final = 50.0
"""ms, p99 at half load"""
LAG_BARS: Final = (5.0, 50.0)
"""ms, p99 and most, of the loop (architecture)"""
METHOD: Final = """\
One publication of 120 bytes to all readers, JSON; of deliveries the median of the rounds.  CPU is
user + system of the process that holds the hub; memory is what its resident size grows by: session,
subscription, a third of a channel, and the WebSocket.  Half load is the rate at which deliveries
alone would take half a processor by what they cost when nothing else is done.  How late something
comes is measured from the call that publishes it to its reading by the clients.  Their process
shares the machine; its own limit is what it would reach if its CPU were all it had.  In the storm
clients of a worker that has gone come to this one in one moment, each having missed three messages,
as SDKs do: who is turned away comes back after a pause by chance.
"""
_ASKING: Final = """\
import asyncio, os, signal, sys
port, rate, done, over = int(sys.argv[1]), int(sys.argv[2]), 0, False
async def one():
    global done
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    while not over:
        writer.write(b'GET /seen HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
        head = await reader.readuntil(b'\\r\\n\\r\\n')
        assert b' 200 ' in head.split(b'\\r\\n')[0], head
        length = head.lower().split(b'content-length:')[1].split(b'\\r\\n')[0]
        await reader.readexactly(int(length))
        done += 1
        await asyncio.sleep(20 / rate)
def end():
    print(done, flush=True)
    os._exit(0)
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    await asyncio.gather(*(one() for _ in range(20)))
asyncio.run(main())
"""
"""a process that asks for something twenty times at once, with pauses"""
Row = list[str]


class Lag:
    """How late the loop is, in ms; measured every 5 ms."""

    def __init__(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self.found: list[float] = []
        self._again()

    def _again(self) -> None:
        self._due = self._loop.time() + 0.005
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self.found.append(max(0.0, (self._loop.time() - self._due) * 1000))
        self._again()

    def end(self) -> tuple[float, float]:
        """Return p99 and the most."""
        self._timer.cancel()
        found = sorted(self.found)
        return found[len(found) * 99 // 100], found[-1]


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
    sizes = {"idle": 10_000, "readers": 1000, "sessions": 1000, "storm": 5000}
    for name, size in {**sizes, "rounds": 7, "seconds": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--write", action="store_true", help="rewrite the section of RESULTS.md")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.set_threshold(5_000, 20, 1_000_000)  # as in workers
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        # First of all: what others have freed would be taken again.
        rows, bars = runner.run(_at_a_worker(options))
        rows += runner.run(_storm(options.storm, 3))
        rows += runner.run(_storm(options.storm, options.storm))
        alone = runner.run(_alone(options.readers, options.rounds))
        crowd, worst = runner.run(_crowd(10 * options.readers, options.rounds))
        small = runner.run(_small(options.rounds))
        command = runner.run(_commands())
    rows += [
        [f"a delivery to {options.readers:,} readers, the hub alone", f"{alone:.2f} µs"],
        [
            f"the longest turn of a message to {10 * options.readers:,} readers, the hub alone",
            f"{crowd:.2f} ms, at most {worst:.2f} ms",
        ],
        ["a delivery to 3 readers, the hub alone", f"{small:.2f} µs"],
        ["a call that is answered at once, the hub alone", f"{command:.2f} µs"],
    ]
    bars.append([f"the longest turn is of {TURN_BAR:.0f} ms", _verdict(crowd, TURN_BAR)])
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


async def _crowd(readers: int, rounds: int) -> tuple[float, float]:
    """Return what CPU the longest turns of a very large crowd take, in ms: median, and the most."""
    house = HubHouse()
    _joined(house, readers, lambda _: "a")
    for _ in range(20):
        await settle()
    gc.collect()
    gc.freeze()
    hub, longest = house.hub, [0.0]

    def timed(turn: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            begun = time.thread_time()
            turn()
            longest[-1] = max(longest[-1], time.thread_time() - begun)

        return run

    for name in ("_give_some", "_write_some"):
        setattr(hub, name, timed(getattr(hub, name)))
    for _ in range(max(20, 3 * rounds)):
        house.store.put("a", DATA, KEEPING)
        for _ in range(readers // 2000 + 1):
            await settle()
        longest.append(0.0)
    gc.unfreeze()
    found = [each * 1000 for each in longest[:-1]]
    return statistics.median(found), max(found)


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


@contextlib.asynccontextmanager
async def _worker(
    house: HubHouse, upstream: int = 0
) -> AsyncIterator[tuple[SocketWorker, Clients]]:
    """Run a worker that serves this hub, and a process of clients."""
    numbers = iter(range(10**9))
    service = HubSockets(
        house.hub, house, fresh=lambda: f"c{next(numbers):035}", chance=lambda: 0.5
    )
    with tempfile.TemporaryDirectory() as folder:
        services = {"hub": cast("Echoes", service)}
        async with socket_worker(Path(folder), services, upstream=upstream) as worker:
            clients = Clients(worker.port)
            try:
                yield worker, clients
            finally:
                clients.end()


async def _at_a_worker(options: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """Measure what goes on with sockets; return what was found, and the bars."""
    house, readers, three = HubHouse(), options.readers, 3 * options.sessions
    idle = [f"i{number // 3}" for number in range(options.idle)]
    sessions = [f"s{number // 3}" for number in range(three)]
    house.door.channels |= dict.fromkeys([*idle, *sessions], KEPT)
    with _endpoint() as upstream:
        async with _worker(house, upstream) as (worker, clients):
            await clients.do("open", ["a"] * min(50, readers))
            memory = await _memory(clients, idle)
            report.note(f"opening {readers:,} readers, and {three:,} of sessions")
            await clients.do("open", ["a"] * (readers - min(50, readers)))
            await clients.do("open", sessions)
            of_one, of_many = f"{readers:,} readers", f"{options.sessions:,} sessions of 3"
            one = _Deliveries(house, clients, ["a"], readers, name=of_one)
            many = _Deliveries(house, clients, sorted(set(sessions)), 3, name=of_many)
            for each in (one, many):
                report.note(f"delivering to {each.name}")
                each.cost = statistics.median([await each.at_once() for _ in range(options.rounds)])
                await each.at_half_load(options.seconds)
            beside = _Deliveries(house, clients, ["a"], readers, name=f"{of_one}, beside requests")
            beside.cost = one.cost
            report.note(f"delivering to {beside.name}")
            begun = time.perf_counter()
            async with _requests(worker.port) as answered:
                await beside.at_half_load(options.seconds)
            rate = len(answered) / (time.perf_counter() - begun)
    rows = [
        [f"an idle connection of {len(idle):,}, one subscription each", f"{memory:,.0f} bytes"],
        *(row for each in (one, many, beside) for row in each.rows()),
        [f"{beside.name}: requests", f"{rate:,.0f} a second"],
    ]
    return rows, _bars(memory, one, many, beside)


async def _memory(clients: Clients, names: list[str]) -> float:
    """Return how many bytes a connection takes that reads one of these channels."""
    report.note(f"opening {len(names):,} idle connections")
    gc.collect()
    before = _resident()
    await clients.do("open", names)
    gc.collect()
    return (_resident() - before) / len(names)


def _bars(
    memory: float, one: "_Deliveries", many: "_Deliveries", beside: "_Deliveries"
) -> list[Row]:
    p99, most = LAG_BARS
    return [
        [f"a delivery takes at most {DELIVERY_BAR:.1f} µs", _verdict(one.cost, DELIVERY_BAR)],
        [f"a connection takes at most {MEMORY_BAR:,} bytes", _verdict(memory, MEMORY_BAR)],
        *[
            [
                f"{each.name}: at half load p99 at most {LATE_BAR:.0f} ms",
                _verdict(each.p99, LATE_BAR),
            ]
            for each in (one, many)
        ],
        [f"{beside.name}: the loop is late by p99 {p99:.0f} ms", _verdict(beside.lag[0], p99)],
        [f"{beside.name}: the loop is late by {most:.0f} ms", _verdict(beside.lag[1], most)],
    ]


class _Deliveries:
    """Messages to so many readers in each of some channels."""

    def __init__(
        self,
        house: HubHouse,
        clients: Clients,
        channels: list[str],
        readers: int,
        *,
        name: str,
    ) -> None:
        self.name = name
        self._house = house
        self._clients = clients
        self._channels = channels
        self._readers = readers
        self.cost = self.p99 = 0.0
        self.lag = (0.0, 0.0)
        self._found: list[str] = []

    async def at_once(self) -> float:
        """Publish to all; return µs of CPU for each delivery."""
        messages = max(MESSAGES, len(self._channels))
        begun = time.process_time()
        for number in range(messages):
            self._house.store.put(self._channels[number % len(self._channels)], DATA, KEEPING)
            if number % 20 == 0 or len(self._channels) == 1:
                await settle()
        await settle()
        await asyncio.sleep(0.1)
        return (time.process_time() - begun) / (messages * self._readers) * 1e6

    async def at_half_load(self, seconds: float) -> None:
        """Publish at half of the rate that the cost says; see how late it comes."""
        rate = 0.5e6 / (self.cost * self._readers)
        lag, cpu, begun = Lag(), time.process_time(), time.perf_counter()
        late, theirs = await self._clients.late(lambda: self._publish(rate, seconds))
        took, spent = time.perf_counter() - begun, time.process_time() - cpu
        self.lag = lag.end()
        self.p99 = late[len(late) * 99 // 100] / 1000 if late else float("inf")
        self._found = [
            f"{len(late) / seconds:,.0f} deliveries a second, {100 * spent / took:.0f} % CPU",
            f"p50 {late[len(late) // 2] / 1000:.1f} ms, p99 {self.p99:.1f} ms" if late else "none",
            f"p99 {self.lag[0]:.1f} ms, most {self.lag[1]:.1f} ms",
            f"{len(late) / theirs:,.0f} deliveries a second",
        ]

    async def _publish(self, rate: float, seconds: float) -> None:
        loop, channels = asyncio.get_running_loop(), self._channels
        period = max(0.005, 1 / rate)
        due, done, number = loop.time(), 0.0, 0
        end = due + seconds
        while due < end:
            done += rate * period
            while number < done:
                data = b'{"at":"%016d","text":"%b"}' % (time.monotonic_ns() // 1000, b"x" * 80)
                self._house.store.put(channels[number % len(channels)], data, KEEPING)
                number += 1
            due += period
            await asyncio.sleep(max(0.0, due - loop.time()))

    def rows(self) -> list[Row]:
        """Return what was found."""
        cost = f"{self.cost:.2f} µs, {1e6 / self.cost:,.0f} a second"
        what = ["half load", "they come", "the loop is late by", "the clients' own limit"]
        costs = [] if "beside" in self.name else [["a delivery, with sockets", cost]]
        found = [[each, told] for each, told in zip(what, self._found, strict=True)]
        return [[f"{self.name}: {each}", told] for each, told in (*costs, *found)]


@contextlib.contextmanager
def _endpoint() -> Iterator[int]:
    """Run a service that answers at once, and return its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    beside = str(Path(__file__).with_name("endpoint.py"))
    with subprocess.Popen([sys.executable, beside, str(port), "0"]) as service:  # noqa: S603
        try:
            yield port
        finally:
            service.terminate()


@contextlib.asynccontextmanager
async def _requests(port: int, rate: int = 500) -> AsyncIterator[list[float]]:
    """Ask the same worker for something so often a second; return when each was answered."""
    answered: list[float] = []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ASKING, str(port), str(rate), stdout=subprocess.PIPE
    )
    try:
        await asyncio.sleep(0.5)
        yield answered
    finally:
        process.terminate()
        out, _ = await process.communicate()
        answered += [0.0] * int(out or b"0")


@contextlib.asynccontextmanager
async def _passing(house: HubHouse) -> AsyncIterator[None]:
    """Let time pass in the house as it does here."""
    loop = asyncio.get_running_loop()

    async def go_on() -> None:
        now = loop.time()
        while True:
            await asyncio.sleep(0.005)
            before, now = now, loop.time()
            house.clock.advance(now - before)

    task = loop.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()


async def _storm(count: int, of_a_channel: int) -> list[Row]:
    """Have clients of another worker, which has gone, come back to one that knows none of them."""
    house = HubHouse(arrivals=RATE)
    names = [f"s{number // of_a_channel}" for number in range(count)]
    house.door.channels |= dict.fromkeys(names, KEPT)
    for name in set(names):
        for _ in range(3):
            house.store.put(name, DATA, KEEPING)
    async with _worker(house) as (_, clients), _passing(house):
        report.note(f"a storm of {count:,} to {len(set(names)):,} channels")
        lag, cpu = Lag(), time.process_time()
        told = await clients.do("open", names)
        spent = time.process_time() - cpu
        worst = lag.end()
    asked = house.broker.asked
    in_all = f"a storm of {count:,} to {len(set(names)):,} channels"
    found = {
        "all are back after": f"{told['seconds']:.1f} s",
        "CPU for each": f"{spent / count * 1e6:.0f} µs",
        "turned away on the way": f"{told['turned_away']:,}",
        "not recovered": f"{told['unrecovered']:,}",
        "reads of the store": f"{asked.count('history'):,}",
        "the loop is late by": f"p99 {worst[0]:.1f} ms, most {worst[1]:.1f} ms",
        "the clients' own limit": f"{count / told['cpu']:,.0f} a second",
    }
    return [[f"{in_all}: {what}", that] for what, that in found.items()]


def _resident() -> int:
    """Return how much memory this process has, and none of those that it has started."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    raise SystemExit(main())
