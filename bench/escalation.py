"""Escalation: from a report until it is durable, and until the first tool of people has it.

    PYTHONPATH=src:. python -m bench.escalation [FOLDER] [--storm]

A gateway runs with a webhook on loopback; reports of people who have no incident yet are written
into its journal, one after the other.  With `--storm` control is killed again and again meanwhile.
The folder must stand on the disk that is meant.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import uvloop

from bench.journal import Lines, report
from tests.helpers.alert_receiver import Call, Receiver
from tests.helpers.escalated import escalated
from tests.helpers.slow import companion_of, wait_until
from tta_gateway.node.reporting import Reporting
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load
from tta_gateway.support.clock import Stamp, SystemClock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

COUNT: Final = 300
_SLOT: Final = 9000
_PAUSE: Final = 0.02  # seconds between two reports
_KILLED_EACH: Final = 0.3  # seconds


class Timed(list[Call]):
    """Calls, and when each came."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.at: dict[str, float] = {}

    def append(self, call: Call) -> None:
        """Take a call."""
        now = time.time()  # noqa: TID251 - a measurement
        self.at.setdefault(call.json["incident"]["person"], now)
        super().append(call)


async def write(file: Path) -> tuple[dict[str, float], list[float]]:
    """Write reports; return when each began, and how long each took to be durable."""
    clock, begun, took = SystemClock(), dict[str, float](), list[float]()
    log = EventLog(Lines(), Stamp(clock.wall))
    reporting = Reporting(asyncio.get_running_loop(), clock=clock, registry=Registry(), log=log)
    reporting.open(compile_snapshot(load(file, {}).settings, 1), _SLOT)
    for number in range(COUNT):
        one = msgspec.structs.replace(report(number), person=f"gateway/{number}", level=3)
        begun[one.person] = one.at
        at = time.perf_counter()
        assert await reporting.put(one, "x" * 300)
        took.append(time.perf_counter() - at)
        await asyncio.sleep(_PAUSE)
    reporting.close()
    return begun, took


def storm(pid: int, over: threading.Event) -> None:
    """Kill control again and again."""
    while not over.wait(_KILLED_EACH):
        control = companion_of(pid, "control")
        if control is not None:
            os.kill(control, signal.SIGKILL)


def said(name: str, seconds: list[float]) -> str:
    """Return a line of figures."""
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    figures = f"p50 {p50 * 1e3:7.2f} ms  p99 {p99 * 1e3:7.2f} ms  max {ordered[-1] * 1e3:7.2f} ms"
    return f"{name:24} {figures}  ({len(ordered)})"


def main(folder: Path, *, stormy: bool) -> None:
    """Measure in a folder."""
    with TemporaryDirectory(dir=folder, prefix="escalation_") as name, Receiver() as pager:
        calls = pager.calls = Timed()
        contacts = {"pager": {"webhook": {"url": pager.url}}}
        with escalated(Path(name), {"contacts": contacts}) as one:
            over = threading.Event()
            killer = threading.Thread(target=storm, args=(one.gateway.process.pid, over))
            if stormy:
                killer.start()
            begun, took = uvloop.run(write(Path(name) / "gateway.yaml"))
            wait_until(lambda: len(calls.at) == COUNT, 30.0)
            over.set()
            if stormy:
                killer.join()
    print(said("until durable", took))
    taken = {one.json["incident"]["person"]: one.json["incident"]["opened_at"] for one in calls}
    moments = {person: datetime.fromisoformat(text).timestamp() for person, text in taken.items()}
    print(said("until guard has it", [moments[person] - at for person, at in begun.items()]))
    print(said("until told", [calls.at[person] - at for person, at in begun.items()]))
    print(f"told more than once: {len(calls) - len(calls.at)}; never: {COUNT - len(calls.at)}")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--storm"]
    main(Path(words[0]) if words else Path.cwd(), stormy="--storm" in sys.argv)
