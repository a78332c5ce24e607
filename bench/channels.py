"""What a publication costs the worker that publishes it, each that hears it, and the server.

One server (the embedded Valkey's binary) on a unix socket, nothing on disk, messages of 200 bytes
with who has sent them, uvloop.  Writers publish into so many channels at once, with a key and kept
(1,000, an hour); the worker that hears follows all of them.  CPU is user + system time: of one
process that only publishes, over its publications; of another that only hears, over what it heard;
and of the server's, over the publications.  The rounds' median counts.
`python bench/channels.py [--rounds N] [--write]`
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import machine
import report
import uvloop
from process import BenchError
from valkey import running

from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Position, Publication
from tta_gateway.features.realtime.valkey_broker import ValkeyBroker
from tta_gateway.node.engine import find
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.link import Way
from tta_gateway.support.valkey.subscriber import Subscriber
from tta_gateway.support.valkey.topology import Address, Login, single

COUNT: Final = 20_000
KEPT: Final = Keeping(size=1000, seconds=3600)
SENT: Final = Publication(
    b'{"text":"' + b"x" * 188 + b'"}',
    info=ClientInfo("user-0001", "0b7c2c1e-5e9a-4f7d-9c57-3f1f2b6d6a11"),
    time=1_800_000_000_000,
)
CASES: Final = (1, 64)
_TICK: Final = os.sysconf("SC_CLK_TCK")


class Ear:
    """Counts what it hears."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.count = 0
        self.wanted = COUNT
        self.done = asyncio.Event()

    def published(self, _: str, __: Publication, ___: Position) -> None:
        """Count one."""
        self.count += 1
        if self.count == self.wanted:
            self.done.set()

    def joined(self, channel: str, info: ClientInfo) -> None:
        """Let it go."""

    def left(self, channel: str, info: ClientInfo) -> None:
        """Let it go."""

    def lost(self) -> None:
        """Let it go."""


def quiet(*_: object, **__: object) -> None:
    """Say nothing."""


async def broker(path: Path, ear: Ear) -> ValkeyBroker:
    """Return a broker that is connected."""
    way = Way(Login(), tls=None, name="bench", chance=random.random, died=quiet)
    place = single(Address(unix=str(path)))
    client = Valkey(place, way=way, name="bench", tell=quiet, stale=quiet, timeout=5.0)
    disk = Disk(lambda: None, died=quiet)
    made = ValkeyBroker(
        lambda: client, disk=disk, listener=ear, fresh=lambda: uuid.uuid4().hex, tell=quiet
    )
    following = made.following
    following.use(Subscriber(place, way=way, name="bench", tell=quiet, listener=following))
    await client.ready(5.0)
    return made


def names(channels: int, run: str) -> list[str]:
    """Return the channels of a case: others each time, since keys are known for a while."""
    return [f"session:{run}:{number}" for number in range(channels)]


async def hear(path: Path, channels: int, run: str, pipe: Connection) -> None:
    """Hear COUNT publications; tell when it may begin, and what one cost."""
    ear = Ear()
    ear.wanted = COUNT // channels * channels
    made = await broker(path, ear)
    await asyncio.gather(*(made.follow(name) for name in names(channels, run)))
    pipe.send(None)
    cpu = time.process_time()
    await ear.done.wait()
    pipe.send((time.process_time() - cpu) / ear.count * 1e6)


async def publish(path: Path, channels: int, run: str) -> tuple[float, float]:
    """Publish COUNT; return what one cost, and how many a second that were."""
    made = await broker(path, Ear())

    async def some(name: str) -> None:
        for number in range(COUNT // channels):
            await made.publish(name, SENT, keeping=KEPT, key=f"{name}{number}")

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some(name) for name in names(channels, run)))
    done = COUNT // channels * channels
    spent, took = time.process_time() - cpu, time.perf_counter() - wall
    return spent / done * 1e6, done / took


def _hear(path: Path, channels: int, run: str, pipe: Connection) -> None:
    uvloop.run(hear(path, channels, run, pipe))


def cpu_of(process: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def measure(path: Path, server: int, channels: int) -> tuple[float, float, float, float]:
    """Return µs of CPU: to publish, to hear, of the server; and publications a second."""
    run = uuid.uuid4().hex
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    ear = context.Process(target=_hear, args=(path, channels, run, theirs))
    ear.start()
    ours.recv()
    before = cpu_of(server)
    spent, rate = uvloop.run(publish(path, channels, run))
    heard = ours.recv()
    ear.join()
    return spent, heard, (cpu_of(server) - before) / COUNT * 1e6, rate


def table(found: dict[int, list[tuple[float, float, float, float]]]) -> str:
    """Return one line a case."""
    rows = []
    for channels, runs in found.items():
        costs = [
            f"{statistics.median(column):.1f} ({min(column):.1f}-{max(column):.1f})"
            for column in zip(*(run[:3] for run in runs), strict=True)
        ]
        rows.append((str(channels), *costs, f"{statistics.median(run[3] for run in runs):,.0f}"))
    head = ("channels at once", "µs CPU to publish", "to hear", "of the server", "a second")
    return report.table(head, rows=rows)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the result into RESULTS.md")
    arguments = parser.parse_args()
    found: dict[int, list[tuple[float, float, float, float]]] = {}
    try:
        with running() as (path, process):
            for number in range(arguments.rounds):
                for channels in CASES:
                    found.setdefault(channels, []).append(measure(path, process, channels))
                report.note(f"round {number + 1} of {arguments.rounds}")
    except BenchError as error:
        sys.exit(str(error))
    facts = [*machine.description(Path(tempfile.gettempdir())), ("server", str(find()))]
    drawn = table(found)
    report.say(drawn)
    if arguments.write:
        intro = (__doc__ or "").partition("\n\n")[2].partition("`python")[0]
        body = f"## What a publication costs\n\n{intro}\n{report.facts(facts)}\n\n{drawn}"
        report.save("channels", body)


if __name__ == "__main__":
    main()
