"""The experiment of slow and dead endpoints: `python bench/endpoints.py` (R6.3, R6.4, R9.5).

Three equal endpoints under steady load; one becomes twenty times as slow, and then as fast as
before; then one is killed, and comes back.  All with defaults.
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import answer
import machine
import process
import report
from process import BenchError
from products import BENCH, filled

from tta_gateway.support.clock import SystemClock
from tta_gateway.support.tasks import spawn

TOOK: Final = 0.004  # seconds an answer
RATE: Final = 400.0  # requests a second
CLIENTS: Final = 64
HEALTHY: Final = 10.0  # seconds
ADAPTS: Final = 5.0
SLOW: Final = 25.0
RECOVERS: Final = 15.0
DEAD: Final = 20.0
BACK: Final = 60.0

METHOD: Final = f"""\
Three services, {TOOK * 1000:g} ms an answer, behind the shipped command with two workers and its
defaults, no health checks; {RATE:g} requests a second at random moments over {CLIENTS} keep-alive
connections.  Shares are of the answers by which endpoint gave them; times are from a request to
the end of its answer, as the client sees them; all on the same two cores.
"""


class Asked:
    """What came of one request: when it was sent, how long it took, who answered; 0: nobody."""

    __slots__ = ("at", "port", "took")

    def __init__(self, at: float, took: float, port: int) -> None:
        """Keep it."""
        self.at, self.took, self.port = at, took, port


class Load:
    """Steady load over kept connections."""

    def __init__(self, port: int) -> None:
        """Begin without connections."""
        self._port = port
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue()
        )
        self._lots = Random(1)  # noqa: S311 - not a secret
        self.asked: list[Asked] = []

    async def connect(self) -> None:
        """Open the connections."""
        for _ in range(CLIENTS):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def run(self, seconds: float) -> None:
        """Ask for so long."""
        end = time.perf_counter() + seconds
        due = time.perf_counter()
        while (now := time.perf_counter()) < end:
            due += self._lots.expovariate(RATE)
            if due > now:
                await asyncio.sleep(due - now)
            spawn(self._ask(), name="ask", died=_died)

    async def _ask(self) -> None:
        reader, writer = await self._free.get()
        begun = time.perf_counter()
        try:
            writer.write(answer.request_for("/a"))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            port = int(body) if head.startswith(b"HTTP/1.1 200") else 0
        except (OSError, asyncio.IncompleteReadError, ValueError):
            port = 0
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.asked.append(Asked(begun, time.perf_counter() - begun, port))
        self._free.put_nowait((reader, writer))

    def between(self, begin: float, end: float) -> list[Asked]:
        """Return what was sent then."""
        return [one for one in self.asked if begin <= one.at < end]


def _died(_: str, error: BaseException) -> None:
    raise BenchError(f"a client died: {error!r}")


def share(asked: list[Asked], port: int) -> float:
    """Return how much of it one endpoint answered."""
    return sum(one.port == port for one in asked) / max(1, len(asked))


def p99(asked: list[Asked]) -> float:
    """Return within which time 99 of 100 answers came, in milliseconds."""
    return sorted(one.took for one in asked)[int(0.99 * len(asked))] * 1000


def since(asked: list[Asked], port: int, *, begin: float, reaches: float) -> float:
    """Return the seconds until the endpoint's share of a second reached that."""
    moment = begin
    while moment < begin + BACK:
        if share([one for one in asked if moment <= one.at < moment + 1.0], port) >= reaches:
            return moment + 1.0 - begin
        moment += 0.1
    raise BenchError(f"the share of {port} never reached {reaches:.0%}")


def main() -> int:
    """Run it, print, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    options = parser.parse_args()
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        rows, bars = asyncio.run(_measured(folder, stack))
        parts = [
            report.facts(machine.description(folder)),
            report.table(("what", "value"), rows=rows),
            report.table(("bar", "result"), rows=bars),
        ]
    report.say("\n\n".join(parts))
    if options.write:
        report.save(
            "endpoints", "\n\n".join(["## Slow and dead endpoints", METHOD.strip(), *parts])
        )
    return 0


Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Moments:
    """When what was done; `killed` by the time of day."""

    healthy: float
    turned: float
    fast: float
    killed: float
    risen: float


async def _measured(folder: Path, stack: ExitStack) -> tuple[Rows, Rows]:
    ports = process.free_ports(6)
    services = {port: _service(port, stack) for port in ports[:3]}
    log = _gateway(folder, ports, stack)
    load = Load(ports[3])
    await load.connect()
    await load.run(3.0)
    slow, dead = ports[0], ports[1]
    healthy = time.perf_counter()
    await load.run(HEALTHY)
    turned = time.perf_counter()
    services[slow].send_signal(signal.SIGUSR1)
    await load.run(SLOW)
    fast = time.perf_counter()
    services[slow].send_signal(signal.SIGUSR2)
    await load.run(RECOVERS)
    killed = SystemClock().wall()
    services[dead].kill()
    await load.run(DEAD)
    risen = time.perf_counter()
    services[dead] = _service(dead, stack)
    await load.run(BACK)
    await asyncio.sleep(0.5)
    moments = Moments(healthy, turned, fast, killed, risen)
    return _seen(load, log, moments, slow=slow, dead=dead)


def _seen(load: Load, log: Path, at: Moments, *, slow: int, dead: int) -> tuple[Rows, Rows]:
    usual = load.between(at.healthy, at.turned)
    adapted = load.between(at.turned + ADAPTS, at.fast)
    lost = [one for one in load.between(at.healthy, at.risen + BACK) if not one.port]
    ejected = _first(log, "endpoint_ejected", at.killed)
    recovered = since(load.asked, slow, begin=at.fast, reaches=0.25)
    again = since(load.asked, dead, begin=at.risen, reaches=0.30)
    low, ratio = share(adapted, slow), p99(adapted) / p99(usual)
    rows = [
        ("p99 of all, healthy", f"{p99(usual):.1f} ms"),
        ("share of the slow one in the first 5 s", f"{_percent(load, at.turned, slow)}"),
        ("share of the slow one from then on", f"{low:.3%}"),
        ("p99 of all from then on", f"{p99(adapted):.1f} ms"),
        ("until the slow one has its share again", f"{recovered:.1f} s"),
        ("from a killed endpoint to no new requests (5 failures, ejected)", f"{ejected:.2f} s"),
        ("from its return to its full share (30 s ejected, slow start)", f"{again:.1f} s"),
        ("requests lost in all of it", f"{len(lost)} of {len(load.asked):,}"),
    ]
    bars = [
        ("share of the slow one < 0.5 % within 5 s", _word(low < 0.005, f"{low:.3%}")),
        ("p99 from then on < 2 x the healthy one", _word(ratio < 2, f"{ratio:.2f} x")),
        ("its share returns within 10 s", _word(recovered <= 10, f"{recovered:.1f} s")),
        ("nothing is lost", _word(not lost, f"{len(lost)} lost")),
    ]
    return rows, bars


def _percent(load: Load, turned: float, port: int) -> str:
    return f"{share(load.between(turned, turned + ADAPTS), port):.2%}"


def _first(log: Path, event: str, after: float) -> float:
    """Return how many seconds behind a moment an event was logged first."""
    for line in log.read_text().splitlines():
        if f'"{event}"' in line:
            at = _wall(json.loads(line)["ts"])
            if at >= after - 0.01:
                return at - after
    raise BenchError(f"no {event}: {log.read_text()[-500:]}")


def _wall(text: str) -> float:
    moment = time.strptime(text.partition(".")[0], "%Y-%m-%dT%H:%M:%S")
    return time.mktime(moment) - time.timezone + float("0." + text.partition(".")[2].rstrip("Z"))


def _word(is_met: bool, value: str) -> str:
    return f"{'met' if is_met else 'not met'}: {value}"


def _service(port: int, stack: ExitStack) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(BENCH / "endpoint.py"), str(port), str(TOOK)]
    started = subprocess.Popen(command)  # noqa: S603 - our own
    stack.callback(started.wait)
    stack.callback(started.kill)
    if not process.wait_until(lambda: answer.answers(port), seconds=10):
        raise BenchError("a service does not answer")
    return started


def _gateway(folder: Path, ports: list[int], stack: ExitStack) -> Path:
    one, other, third, port, probe, admin = (str(each) for each in ports)
    values = {"one": one, "other": other, "third": third, "port": port, "folder": str(folder)}
    values |= {"probe_port": probe, "admin_port": admin}
    file = folder / "gateway.yaml"
    file.write_text(filled((BENCH / "endpoints.yaml").read_text(), values=values, variant="bare"))
    command = [sys.executable, "-m", "tta_gateway", "run", "-c", str(file)]
    cores = ",".join(map(str, process.two_cores()))
    daemon = process.start(command, core=cores, folder=folder, environment={})
    stack.callback(process.stop, daemon)
    process.await_ready(daemon, lambda: answer.answers(int(port)), folder=folder, seconds=40)
    return folder / process.OUTPUT


if __name__ == "__main__":
    process.run(main)
