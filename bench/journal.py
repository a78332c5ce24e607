"""The journal: records a second, how long one takes until it is durable, and what it costs.

    python -m bench.journal [FOLDER]

The folder must stand on the disk that is meant; a temporary one of this folder is taken without it.
The parts of a report (sealing evidence, a data key, a vault) are measured apart, in microseconds of
CPU.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from tta_gateway.kernel.incident import Report
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.reporting import FOLDER, Reporting
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Stamp, SystemClock
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.journal.reader import Reader
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

TEXT: Final = "x" * 300
ROUNDS: Final = 5
RING: Final = Ring([bytes(range(32))])
LENGTHS: Final = (1, 16, 128)
"""so many reports are under way at once"""
RECORDS: Final = 4000


class Lines:
    """A log that nobody reads."""

    def put(self, line: bytes) -> None:
        """Print it: nothing should be told of in a measurement."""
        print(line.decode())


def report(number: int, people: int = 100) -> Report:
    """Return a report as a worker makes it, of one of so many people."""
    return Report(
        id=f"019a-{number}",
        at=time.time(),  # noqa: TID251 - a measurement
        person=f"person-{number % people}",
        identity="verified",
        level=2,
        categories=("self_harm",),
        rules=("a.1", "b.2"),
        version="1",
        source="request",
        route="POST /api/v1/chat",
        service="chat",
        correlation="0123456789abcdef",
        delivered=True,
    )


def a_snapshot(state: Path) -> Snapshot:
    """Return a configuration with a key, and its state there."""
    return Snapshot(
        version=1,
        state_dir=str(state),
        listeners=(),
        services=(),
        routes=(),
        encryption_keys=(bytes(range(32)),),
        volatile_journal=True,
    )


async def puts(state: Path, at_once: int, people: int = 100) -> str:
    """Have reports put, so many at once; return what that took, in words.

    Of more than a hundred people the others are new: a key is made for each.
    """
    clock = SystemClock()
    log = EventLog(Lines(), Stamp(clock.wall))
    reporting = Reporting(asyncio.get_running_loop(), clock=clock, registry=Registry(), log=log)
    reporting.open(a_snapshot(state), 0)
    for number in range(100):  # keys of people, segments
        assert await reporting.put(report(number), TEXT)
    numbers, took = iter(range(RECORDS)), list[float]()

    async def give() -> None:
        for number in numbers:
            begun = time.perf_counter()
            assert await reporting.put(report(number, people), TEXT)
            took.append(time.perf_counter() - begun)

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(give() for _ in range(at_once)))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    reporting.close()
    took.sort()
    return (
        f"{at_once:4} at once, {people:4} people: {RECORDS / seconds:8.0f} a second, until durable "
        f"p50 {took[RECORDS // 2] * 1e3:6.2f} ms  p99 {took[RECORDS * 99 // 100] * 1e3:6.2f} ms  "
        f"max {took[-1] * 1e3:6.2f} ms, CPU {cpu / RECORDS * 1e6:4.0f} us"
    )


def cost(name: str, work: Callable[[], object], times: int = 20_000) -> None:
    """Print what a call costs: the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - begun) / times)
    print(f"{name:34} {best * 1e6:6.2f} us")


def parts(state: Path) -> None:
    """Print what the parts of a report cost."""
    store = KeyStore(state, RING)
    envelope, vault, data = Envelope(store), Vault(RING), TEXT.encode()
    sealed = envelope.seal(data, person="ana", purpose="evidence", about="1")
    kept = vault.seal(data, owner="session:1")
    bound = {"purpose": "evidence", "about": "1"}
    cost("evidence sealed, 300 bytes", partial(envelope.seal, data, person="ana", **bound))
    cost("evidence opened", partial(envelope.open, sealed, **bound))
    cost("publication sealed, 300 bytes", partial(vault.seal, data, owner="session:1"))
    cost("publication opened", partial(vault.open, kept, owner="session:1"))
    people = iter(range(10**9))
    begun = time.perf_counter()
    for _ in range(300):
        store.of(f"new-{next(people)}")
    each = (time.perf_counter() - begun) / 300
    print(f"{'a key for somebody new':34} {each * 1e6:6.0f} us, on the disk")
    store.close()


def reading(state: Path) -> None:
    """Print how fast all of it is read."""
    reader = Reader(state / FOLDER, ring_of(a_snapshot(state)), trouble=print)
    marks: dict[str, int] = {}
    begun, count = time.process_time(), 0
    while records := reader.read(marks):
        count += len(records)
        marks.update((one.segment, one.end) for one in records)
    print(f"{'a record read':34} {(time.process_time() - begun) / count * 1e6:6.2f} us ({count})")
    reader.close()


def main(folder: Path) -> None:
    """Measure in a folder."""
    with TemporaryDirectory(dir=folder, prefix="journal_") as name:
        state = Path(name)
        for at_once in LENGTHS:
            print(uvloop.run(puts(state, at_once)))
        print(uvloop.run(puts(state, LENGTHS[-1], RECORDS)))
        reading(state)
        parts(state)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
