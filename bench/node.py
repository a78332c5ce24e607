"""The benchmark of a node: `python bench/node.py` measures what its processes cost and share.

One worker beside two, in turns, on both cores; ten thousand clients that are there and ask nothing;
memory at rest; the time until a worker serves; and how late the loop was meanwhile.
"""

import argparse
import json
import os
import resource
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final
from urllib.request import urlopen

import answer
import cpu
import load
import machine
import process
import report
from process import BenchError, Daemon
from products import BENCH, TARGET, UPSTREAM, filled, launch

ROUNDS: Final = 7
SECONDS: Final = 3
IDLE: Final = 10_000
CONNECTIONS: Final = 256
MIB: Final = 1 << 20
READY_SECONDS: Final = 40.0

METHOD: Final = """\
The node is the shipped command with its defaults: workers, control, guard and what else it starts.
Load (wrk, 1 thread, 64 keep-alive connections) and service (nginx) share the two cores with it.
CPU is user + system time of the whole process tree over the requests.  Memory is PSS
(smaps_rollup), in which shared pages count once.  Loop lag is what `/metrics` tells after all of
it: how much later than due a timer was, five times a second in each worker, on a machine where the
load takes the cores too.
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    daemon: Daemon
    port: int
    probe: int
    admin: int
    started: float
    """seconds from the command to the first answer"""

    def processes(self) -> dict[str, list[int]]:
        """Return the ids of its processes by kind."""
        kinds: dict[str, list[int]] = {}
        for stat in cpu.tree(self.daemon.pid):
            words = (cpu.PROC / str(stat.pid) / "cmdline").read_text().split("\0")
            kind = next((word for word in words if "_main" in word or "valkey" in word), words[0])
            kinds.setdefault(kind.rpartition(".")[2].removesuffix("_main"), []).append(stat.pid)
        return kinds

    @property
    def workers(self) -> list[int]:
        """Return the ids of its workers."""
        return self.processes()["worker"]


def main() -> int:
    """Measure, print, and write the section."""
    options = _options()
    resource.setrlimit(resource.RLIMIT_NOFILE, (_most_files(), _most_files()))
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)
        about = machine.description(folder)
        upstream = launch(UPSTREAM, folder=folder, core=process.two_cores()[1])
        stack.callback(process.stop, upstream.daemon)
        answered = lambda: answer.answers(upstream.port)  # noqa: E731 - a word
        process.await_ready(upstream.daemon, answered, folder=upstream.folder, seconds=20)
        nodes = {
            count: _started(count, folder=folder, upstream=upstream.port, stack=stack)
            for count in (1, 2)
        }
        rows, bars = _measured(nodes, options)
    parts = [
        report.facts(about),
        report.table(("what", "value"), rows=rows),
        report.table(("bar", "result"), rows=bars),
    ]
    report.say("\n\n".join(parts))
    if options.write or options.rounds >= ROUNDS:
        report.save("node", "\n\n".join(["## A node", METHOD.strip(), *parts]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--idle", type=int, default=IDLE)
    parser.add_argument("--write", action="store_true", help="write RESULTS.md all the same")
    return parser.parse_args()


def _most_files() -> int:
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65_536)


def _started(workers: int, *, folder: Path, upstream: int, stack: ExitStack) -> Node:
    home = folder / f"node-{workers}"
    home.mkdir()
    port, probe, admin = process.free_ports(3)
    values = {"folder": home, "upstream_port": upstream, "port": port, "workers": workers}
    values |= {"probe_port": probe, "admin_port": admin}
    words = {name: str(value) for name, value in values.items()}
    (home / "gateway.yaml").write_text(
        filled((BENCH / "node.yaml").read_text(), values=words, variant="bare")
    )
    begun = time.perf_counter()
    cores = ",".join(map(str, process.two_cores()))
    command = [sys.executable, "-m", "tta_gateway", "run", "-c", str(home / "gateway.yaml")]
    daemon = process.start(command, core=cores, folder=home, environment={})
    stack.callback(process.stop, daemon)
    process.await_ready(daemon, lambda: answer.answers(port), folder=home, seconds=READY_SECONDS)
    took = time.perf_counter() - begun
    if not process.wait_until(lambda: "degraded" not in _ready(probe), seconds=READY_SECONDS):
        raise BenchError(f"not complete: {_ready(probe)}")
    process.wait_until_idle(daemon, seconds=20)
    return Node(daemon, port, probe, admin, took)


def _ready(probe: int) -> Mapping[str, object]:
    with urlopen(f"http://127.0.0.1:{probe}/readyz") as said:
        return dict(json.load(said))


Rows = list[tuple[str, str]]


def _measured(nodes: Mapping[int, Node], options: argparse.Namespace) -> tuple[Rows, Rows]:
    two = nodes[2]
    at_rest = {kind: sum(map(_pss, pids)) for kind, pids in two.processes().items()}
    rest = sum(at_rest.values())
    ones, twos, ratios, rates = _turns(nodes, options.rounds)
    low, high = _shares(two)
    rise = _idle(nodes[1], options.idle)
    again = _successor(two)
    alone, lag = _lag(nodes[1]), _lag(two)
    rows = [
        ("until the node answers", f"{two.started:.2f} s"),
        ("until a worker that was killed has a successor that serves", f"{again:.2f} s"),
        (
            "memory at rest, two workers",
            f"{rest / MIB:.0f} MiB: "
            + ", ".join(f"{kind} {size / MIB:.0f}" for kind, size in sorted(at_rest.items())),
        ),
        ("CPU a request, one worker", f"{median(ones):.1f} µs"),
        ("CPU a request, two workers", f"{median(twos):.1f} µs"),
        ("requests/s of one worker, load on the other core", f"{median(rates):,.0f}"),
        (f"{CONNECTIONS} connections on two workers", f"{low:.0%} and {high:.0%}"),
        (f"{options.idle:,} idle connections at one worker", f"+{rise / MIB:.0f} MiB"),
        *(
            (f"loop lag of {who}", f"{within:.2%} of looks within 5 ms, {above:.0f} above 50 ms")
            for who, (within, above) in (("one worker", alone), ("two workers", lag))
        ),
    ]
    ratio = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    bars = [
        ("two workers <= 1.15 x the CPU a request of one", _word(median(ratios) <= 1.15, ratio)),
        ("share of a worker 40-60 %", _word(low >= 0.4, f"{low:.0%}-{high:.0%}")),
        ("10,000 idle connections <= 150 MB", _word(rise <= 150e6, f"{rise / 1e6:.0f} MB")),
        ("node at rest <= 250 MB", _word(rest <= 250e6, f"{rest / 1e6:.0f} MB")),
        ("worker start <= 1 s", _word(again <= 1.0, f"{again:.2f} s")),
        ("one worker's loop lag p99 <= 5 ms", _within(alone)),
        ("two workers' loop lag p99 <= 5 ms", _within(lag)),
        ("loop lag never > 50 ms", _word(alone[1] + lag[1] == 0, f"{alone[1] + lag[1]:.0f} above")),
    ]
    return rows, bars


def _within(lag: tuple[float, float]) -> str:
    return _word(lag[0] >= 0.99, f"{lag[0]:.2%} within 5 ms")


def _word(is_met: bool, value: str) -> str:
    return f"{'met' if is_met else 'not met'}: {value}"


def _turns(
    nodes: Mapping[int, Node], rounds: int
) -> tuple[list[float], list[float], list[float], list[float]]:
    core = process.two_cores()[1]
    ones, twos, ratios, rates = [], [], [], []
    for number in range(rounds):
        cost = {}
        for count in ((1, 2), (2, 1))[number % 2]:
            node = nodes[count]
            load.put_on(node.port, core=core, seconds=1)
            before = cpu.cpu_seconds(node.daemon.pid)
            seen = load.put_on(node.port, core=core, seconds=SECONDS)
            time.sleep(0.3)
            cost[count] = (cpu.cpu_seconds(node.daemon.pid) - before) * 1e6 / seen.requests
            if seen.socket_errors or seen.bad_statuses:
                raise BenchError(f"{seen.socket_errors} errors, {seen.bad_statuses} bad answers")
            if count == 1:
                rates.append(seen.requests * 1e6 / seen.microseconds)
        ones.append(cost[1])
        twos.append(cost[2])
        ratios.append(cost[2] / cost[1])
        report.note(f"round {number + 1}: {cost[1]:.1f} and {cost[2]:.1f} µs")
    return ones, twos, ratios, rates


def _shares(node: Node) -> tuple[float, float]:
    before = [_sockets(pid) for pid in node.workers]
    with ExitStack() as stack:
        clients = _clients(node.port, CONNECTIONS, stack)
        _each_asks(clients)
        counts = [_sockets(pid) - start for pid, start in zip(node.workers, before, strict=True)]
    shares = sorted(count / sum(counts) for count in counts)
    return shares[0], shares[-1]


def _sockets(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _idle(node: Node, count: int) -> float:
    (worker,) = node.workers
    before = _pss(worker)
    with ExitStack() as stack:
        clients = _clients(node.port, count, stack)
        _each_asks(clients)
        time.sleep(2)
        rise = _pss(worker) - before
        _each_asks(clients[:100])  # they are still served
    return rise


def _clients(port: int, count: int, stack: ExitStack) -> list[socket.socket]:
    clients = []
    for number in range(count):
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        clients.append(client)
        if number % 200 == 0:
            time.sleep(0.02)
    return clients


def _each_asks(clients: list[socket.socket]) -> None:
    request = answer.request_for(TARGET)
    for begin in range(0, len(clients), 64):
        some = clients[begin : begin + 64]
        with selectors.DefaultSelector() as selector:
            for client in some:
                client.sendall(request)
                selector.register(client, selectors.EVENT_READ)
            left = len(some)
            while left:
                found = selector.select(10)
                if not found:
                    raise BenchError(f"{left} of {len(some)} clients were not answered")
                for key, _ in found:
                    if not key.fileobj.recv(1 << 16).startswith(b"HTTP/1.1 200"):
                        raise BenchError("a client got another answer than 200")
                    selector.unregister(key.fileobj)
                    left -= 1


def _pss(pid: int) -> int:
    for line in (cpu.PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise BenchError(f"process {pid} has no memory")


def _successor(node: Node) -> float:
    took = []
    for _ in range(5):
        victim = node.workers[0]
        os.kill(victim, signal.SIGKILL)
        begun = time.perf_counter()
        process.wait_until(lambda gone=victim: _is_replaced(node, gone), seconds=5)
        process.wait_until(lambda: _ready(node.probe)["workers"] == ["serving"] * 2, seconds=5)
        took.append(time.perf_counter() - begun)
        time.sleep(1)
    return median(took)


def _is_replaced(node: Node, gone: int) -> bool:
    """Tell whether a successor has begun; before, `/readyz` may not know yet that one has gone."""
    workers = node.workers
    return gone not in workers and len(workers) == 2


def _lag(node: Node) -> tuple[float, float]:
    """Return the share of looks that were at most 5 ms late, and how many were 50 ms late."""
    with urlopen(f"http://127.0.0.1:{node.admin}/metrics") as page:
        text = page.read().decode()
    count = {
        line.partition('le="')[2].partition('"')[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("tta_gateway_loop_lag_seconds_bucket")
    }
    return count["0.005"] / count["+Inf"], count["+Inf"] - count["0.05"]


if __name__ == "__main__":
    process.run(main)
