"""The benchmark of TLS: `python bench/tls.py` measures handshakes and requests beside nginx.

A full handshake each time (P-256, TLS 1.3, no resumption), made by `openssl s_time`; requests over
64 keep-alive connections, by wrk.  While clients reconnect, one that is connected already asks
again and again, and the loop itself tells how late it was (`tta_gateway_loop_lag_seconds`).
"""

import argparse
import re
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import answer
import cpu
import load
import machine
import process
import report
import trustme
from answer import HEADERS_FILE
from process import BenchError
from products import BENCH, PEERS, TARGET, UPSTREAM, Product, Running, launch

ROUNDS: Final = 7
SECONDS: Final = 2
RECONNECTS: Final = 5000
IDLE: Final = 10_000
CROWD: Final = 8
"""clients that reconnect at once"""
READY_SECONDS: Final = 40.0
IDLE_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 0.002

METHOD: Final = """\
Each product is pinned to one core, the service and the clients to the other.  CPU is user + system
time of the product's whole process tree over the requests that wrk counted, or over the handshakes
that `openssl s_time -new` counted; products take turns, medians count.  Both have one ECDSA
certificate (P-256) and keep an access log.
"""


@dataclass(slots=True)
class Figures:
    """What one product has shown, in microseconds of CPU, round by round."""

    request: list[float] = field(default_factory=list)
    handshake: list[float] = field(default_factory=list)


PRODUCTS: Final = (
    Product(
        name="gateway",
        title="TTA Gateway",
        program=f"path:{sys.executable}",
        arguments=("-m", "tta_gateway", "run", "-c", "@folder@/gateway-tls.yaml"),
        templates=(BENCH / "gateway-tls.yaml",),
        version=("-m", "tta_gateway", "--version"),
        variant="log",
        ports=("port", "admin_port"),
    ),
    Product(
        name="nginx",
        title="nginx",
        program="debian:nginx",
        arguments=("-c", "@folder@/nginx-tls.conf", "-p", "@folder@", "-e", "stderr"),
        templates=(PEERS / "nginx-tls.conf",),
        version=("-v",),
        variant="log",
    ),
)


def main() -> int:
    """Measure, print, and write the section; 0 if the loop was never held for too long."""
    options = _options()
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)  # nginx's workers are another user's
        _certify(folder)
        own, other = process.two_cores()
        upstream = _started(UPSTREAM, folder=folder, core=other, stack=stack)
        running = [
            _started(product, folder=folder, core=own, stack=stack, upstream_port=upstream.port)
            for product in PRODUCTS
        ]
        figures = {one.product.name: Figures() for one in running}
        for number in range(options.rounds):
            for one in running[number % 2 :] + running[: number % 2]:
                _measure(one, figures[one.product.name], core=other, seconds=options.seconds)
                report.note(f"round {number}: {one.product.name} {figures[one.product.name]}")
        before = _looks(running[0])
        waits = _reconnect(running[0], core=other, count=options.reconnects)
        after = _looks(running[0])
        lag = {bound: after[bound] - before[bound] for bound in after}
        rise = _idle(running[0], options.idle)
        about = [*machine.description(folder), *machine.versions(PRODUCTS, load=True)]
        return _publish(figures, waits, lag, rise=rise, about=about, options=options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each measurement")
    parser.add_argument("--reconnects", type=int, default=RECONNECTS)
    parser.add_argument("--idle", type=int, default=IDLE, help="connections that ask nothing")
    parser.add_argument(
        "--write", action="store_true", help="write RESULTS.md even if the run is not a full one"
    )
    return parser.parse_args()


def _certify(folder: Path) -> None:
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    key = folder / "server.pem.key"
    key.touch(mode=0o600)
    issued.private_key_pem.write_to_path(str(key))


def _started(
    product: Product, *, folder: Path, core: int, stack: ExitStack, upstream_port: int = 0
) -> Running:
    running = launch(product, folder=folder, core=core, upstream_port=upstream_port)
    stack.callback(process.stop, running.daemon)
    is_ready = answer.answers if product is UPSTREAM else _answers
    process.await_ready(
        running.daemon,
        lambda: is_ready(running.port),
        folder=running.folder,
        seconds=READY_SECONDS,
    )
    process.wait_until_idle(running.daemon, seconds=IDLE_SECONDS)
    return running


def _answers(port: int) -> bool:
    try:
        with _connected(port) as client:
            client.sendall(answer.request_for(TARGET))
            return client.recv(15) == b"HTTP/1.1 200 OK"
    except OSError:
        return False


@cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _connected(port: int) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _context().wrap_socket(sock)


def _measure(running: Running, figures: Figures, *, core: int, seconds: int) -> None:
    pid, port = running.daemon.pid, running.port
    before = cpu.cpu_seconds(pid)
    seen = _requests(port, core=core, seconds=seconds)
    time.sleep(0.3)
    figures.request.append((cpu.cpu_seconds(pid) - before) * 1e6 / seen)
    before = cpu.cpu_seconds(pid)
    done = _handshakes(port, core=core, seconds=seconds)
    time.sleep(0.3)
    figures.handshake.append((cpu.cpu_seconds(pid) - before) * 1e6 / done)


def _requests(port: int, *, core: int, seconds: int) -> int:
    address = f"https://127.0.0.1:{port}{TARGET}"
    sizes = f"-t1 -c{load.CONNECTIONS} -d{seconds}s --timeout 10s".split()
    script = ["-s", str(BENCH / "request.lua"), address, "--", str(HEADERS_FILE)]
    pinned = [process.find_program("taskset"), "--cpu-list", str(core)]
    command = [*pinned, process.find_program("wrk"), *sizes, *script]
    seen = load.parsed(process.output_of(command, seconds=seconds + load.GRACE_SECONDS))
    if seen.socket_errors or seen.bad_statuses or not seen.requests:
        raise BenchError(f"not every request was answered: {seen}")
    return seen.requests


def _crowd(port: int, *, core: int, seconds: int, size: int) -> "list[subprocess.Popen[str]]":
    """Start clients that connect anew, again and again."""
    pinned = [process.find_program("taskset"), "--cpu-list", str(core)]
    where = ["-connect", f"127.0.0.1:{port}", "-new", "-time", str(seconds)]
    command = [*pinned, process.find_program("openssl"), "s_time", *where]
    out, err = subprocess.PIPE, subprocess.STDOUT
    return [
        subprocess.Popen(command, stdout=out, stderr=err, text=True)  # noqa: S603 - openssl
        for _ in range(size)
    ]


def _handshakes(port: int, *, core: int, seconds: int) -> int:
    """Return how many handshakes one client has made."""
    (one,) = _crowd(port, core=core, seconds=seconds, size=1)
    return _count(one.communicate(timeout=seconds + 60)[0])


def _count(said: str) -> int:
    found = re.search(r"^(\d+) connections in \d+ real seconds", said, re.MULTILINE)
    if found is None:
        raise BenchError(f"openssl did not end well: {said.strip()[-200:]}")
    return int(found[1])


def _reconnect(running: Running, *, core: int, count: int) -> tuple[int, list[float]]:
    """Return how many clients have connected anew, and what one that stayed has waited, in ms."""
    done, waits = 0, list[float]()
    with _connected(running.port) as client:
        while done < count:
            crowd = _crowd(running.port, core=core, seconds=2, size=CROWD)
            while any(one.poll() is None for one in crowd):
                waits.append(_wait(client))
                time.sleep(PAUSE_SECONDS)
            done += sum(_count(one.communicate()[0]) for one in crowd)
    return done, waits


def _idle(running: Running, count: int) -> int:
    """Return by how many bytes so many idle connections make the product larger."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    before = _memory(running)
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(_connected(running.port))
            _wait(client)
        time.sleep(1)
        return _memory(running) - before


def _memory(running: Running) -> int:
    """Return the PSS of the product's whole process tree, in bytes."""
    total = 0
    for stat in cpu.tree(running.daemon.pid):
        for line in (cpu.PROC / str(stat.pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def _looks(running: Running) -> dict[str, float]:
    """Return how often the loop has been so late or less, by seconds."""
    with urlopen(f"http://127.0.0.1:{running.ports['admin_port']}/metrics") as page:
        text = page.read().decode()
    return {
        line.partition('le="')[2].partition('"')[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("tta_gateway_loop_lag_seconds_bucket")
    }


def _wait(client: ssl.SSLSocket) -> float:
    begun = time.perf_counter()
    client.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
    if not client.recv(65536).startswith(b"HTTP/1.1 200"):
        raise BenchError("a client that was connected has lost its connection")
    return (time.perf_counter() - begun) * 1000


def _publish(
    figures: dict[str, Figures],
    reconnected: tuple[int, list[float]],
    lag: dict[str, float],
    *,
    rise: int,
    about: Sequence[tuple[str, str]],
    options: argparse.Namespace,
) -> int:
    done, waits = reconnected
    ordered = sorted(waits)
    p99, most = ordered[int(len(ordered) * 0.99)], ordered[-1]
    held = lag["0.005"] >= 0.99 * lag["+Inf"] and lag["+Inf"] == lag["0.05"]
    rows = [
        "| | µs CPU a request | µs CPU a handshake | handshakes/s a core |",
        "|---|---|---|---|",
    ]
    for product in PRODUCTS:
        seen = figures[product.name]
        request, shaken = statistics.median(seen.request), statistics.median(seen.handshake)
        rows.append(f"| {product.title} | {request:.0f} | {shaken:.0f} | {1e6 / shaken:.0f} |")
    ours, theirs = (figures[name] for name in ("gateway", "nginx"))
    ratio = statistics.median(
        [mine / other for mine, other in zip(ours.request, theirs.request, strict=True)]
    )
    rows.append("")
    rows.append(f"A request costs {ratio:.2f} times what it costs nginx (median of the rounds).")
    rows.append("")
    rows.append(
        f"While {done} clients connected anew, {CROWD} at a time, one that was connected waited for"
        f" an answer: p50 {statistics.median(waits):.2f} ms, p99 {p99:.2f} ms, at most {most:.2f}"
        f" ms, of {len(waits)}; it shares a core with them, which is in these figures."
    )
    rows.append("")
    rows.append(
        f"The loop itself was looked at {lag['+Inf']:.0f} times meanwhile, five times a second:"
        f" {lag['0.005'] / lag['+Inf']:.1%} within 5 ms, {lag['+Inf'] - lag['0.05']:.0f} above 50"
        f" (bars: 99 %, none): **{'met' if held else 'not met'}**."
    )
    rows.append("")
    rows.append(
        f"{options.idle:,} idle connections make the product {rise / 1e6:.0f} MB larger (PSS),"
        f" {rise / options.idle / 1024:.1f} KiB each."
    )
    body = "\n".join(["## TLS", "", METHOD, report.facts(about), "", *rows])
    report.say(body)
    if options.write or (options.rounds >= ROUNDS and options.reconnects >= RECONNECTS):
        report.save("tls", body)
    return 0 if held else 1


if __name__ == "__main__":
    process.run(main)
