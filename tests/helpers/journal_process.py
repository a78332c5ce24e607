"""A process that keeps records in a journal and says which of them are durable.

    python -m tests.helpers.journal_process FOLDER SLOT FIRST COUNT SIZE

It gives COUNT records (0: for ever), some of them at a time, numbered from FIRST on, each of SIZE
bytes or a few more; and writes a line `kept N` once N is durable, `refused N` if it is not to be.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path
from typing import Final

from tests.helpers.journals import RING
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.journal.disk import SystemDisk
from tta_gateway.support.journal.slot import Slot
from tta_gateway.support.journal.wake import Ringer
from tta_gateway.support.journal.writer import Writer
from tta_gateway.support.metrics import Registry

AT_ONCE: Final = 8


def payload(number: int, size: int) -> bytes:
    """What the record with this number holds: who reads it sees that it is whole."""
    head = b"%d " % number
    return head + bytes((number + at) % 251 for at in range(size + number % 13))


def number_of(data: bytes, size: int) -> int:
    """The number of a record; AssertionError if it is not just what was written."""
    number = int(data.partition(b" ")[0])
    assert data == payload(number, size)
    return number


def _say(word: str) -> None:
    os.write(1, word.encode() + b"\n")


async def _main(folder: Path, slot: int, first: int, count: int, size: int) -> None:
    clock, ringer = SystemClock(), Ringer(folder)
    writer = Writer(
        Slot(
            folder,
            slot,
            keys=RING,
            disk=SystemDisk(),
            clock=clock,
            trouble=lambda what, why: _say(f"trouble {what}: {why}"),
        ),
        loop=asyncio.get_running_loop(),
        clock=clock,
        registry=Registry(),
        wake=ringer.ring,
        failed=lambda what: _say(f"fault {what}"),
    )
    writer.start()
    numbers = iter(range(first, first + count)) if count else itertools.count(first)

    async def give() -> None:
        for number in numbers:
            kept = await writer.put(lambda number=number: payload(number, size))  # type: ignore[misc]
            _say(f"{'kept' if kept else 'refused'} {number}")

    _say("begins")
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(give())
    writer.close(10.0)
    ringer.close()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
