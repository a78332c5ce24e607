"""Writes reports into the journal of a gateway, as one of its workers would."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tta_gateway.kernel.incident import Report
from tta_gateway.node.reporting import Reporting
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load
from tta_gateway.support.clock import Stamp, SystemClock
from tta_gateway.support.log import EventLog, LineFile
from tta_gateway.support.metrics import Registry

SLOT = 9000
"""no worker's"""


def report(file: Path, reports: Sequence[Report], text: str = "") -> None:
    """Write them all; each is durable then."""
    snapshot = compile_snapshot(load(file, {}).settings, 1)

    async def write() -> None:
        log = EventLog(LineFile(str(file.with_name("reporter.log"))), Stamp(SystemClock.wall))
        made = Reporting(
            asyncio.get_running_loop(), clock=SystemClock(), registry=Registry(), log=log
        )
        made.open(snapshot, SLOT)
        try:
            assert all(await asyncio.gather(*(made.put(one, text) for one in reports)))
        finally:
            made.close()

    asyncio.run(write())
