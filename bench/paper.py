"""The path on paper: bytes through the protocols, over transports that are lists.

It measures the Python cost of a request alone, steady to a few per cent, and what each policy costs
by leaving it out.  `python bench/paper.py [--rounds N]`; the run beside the peers decides.
"""

import argparse
import asyncio
import cProfile
import pstats
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import cast

import machine
import msgspec
import report
from products import BENCH

from tta_gateway import order
from tta_gateway.edge.upstream_connection import UpstreamConnection
from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.features.security_headers.bound import SecurityHeadersBound
from tta_gateway.kernel.route import Breaker, Endpoint, Route, Service
from tta_gateway.node import assemble_worker, policies
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log import LineFile
from tta_gateway.support.metrics import Registry

REQUEST = (
    b"GET /api/v1/players/7/characters HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36\r\n"
    b"Accept: application/json\r\nAccept-Language: en-GB,en;q=0.7\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\nAuthorization: Bearer " + b"x" * 180 + b"\r\n"
    b"Origin: http://localhost:3000\r\nReferer: http://localhost:3000/\r\nCookie: a=b; c=d\r\n"
    b"X-Client: web\r\nCache-Control: no-cache\r\nSec-Fetch-Mode: cors\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 19:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: 500\r\nConnection: keep-alive\r\n"
    b'Cache-Control: no-store\r\nX-Kind: b\r\nETag: "abc"\r\n\r\n' + b"x" * 500
)
_FEATURES = {
    "access_log": AccessLogBound(path="/dev/null"),
    "security_headers": SecurityHeadersBound(
        add=(
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ),
        remove=("server", "x-powered-by"),
    ),
}


def _log(path: str) -> LineFile:
    return LineFile(path or "-")


class PaperTransport:
    """A transport that keeps the last bytes written."""

    def __init__(self) -> None:
        """Begin open."""
        self.last = b""

    def write(self, data: bytes) -> None:
        """Keep the bytes."""
        self.last = data

    def is_closing(self) -> bool:
        """Say that it is open."""
        return False

    def get_extra_info(self, name: str) -> object:
        """Give an address, and nothing else."""
        return ("127.0.0.1", 5000) if name == "peername" else None


def snapshot(breaker: Breaker | None) -> Snapshot:
    """Return a configuration with one service and one route."""
    features = {
        name: msgspec.Raw(msgspec.msgpack.encode(bound)) for name, bound in _FEATURES.items()
    }
    return Snapshot(
        version=1,
        state_dir=".",
        listeners=(Listener(host="127.0.0.1"),),
        services=(Service(name="up", endpoints=(Endpoint(host="127.0.0.1", port=9),)),),
        routes=(
            Route(
                name="api",
                path="/api/v1/players/{player_id}/characters",
                service="up",
                breaker=breaker,
            ),
        ),
        features=features,
    )


_BREAKER = "the breaker, closed"


def path_of(loop: asyncio.AbstractEventLoop, left_out: str = "") -> Callable[[], None]:
    """Return a function that takes one request to an upstream and its answer back."""
    kept = order.ORDER
    changed = tuple(pair for pair in kept if pair[0].__name__ != left_out)
    policies.ORDER = changed  # type: ignore[misc] - one policy less, for this worker
    try:
        worker = assemble_worker.Worker(
            parted(snapshot(None if left_out == _BREAKER else Breaker())),
            loop=loop,
            clock=SystemClock(),
            registry=Registry(),
            logs=_log,
        )
    finally:
        policies.ORDER = kept  # type: ignore[misc]
    client, client_side = worker.client(0), PaperTransport()
    client.connection_made(cast("asyncio.Transport", client_side))
    pool = worker.forwarder.upstreams["up"].pools[0]
    upstream = UpstreamConnection(
        pool,
        sweeper=worker.sweeper,
        limits=worker.snapshot.limits,
    )
    upstream.connection_made(cast("asyncio.Transport", PaperTransport()))
    pool.open = 1
    pool.idle.append(upstream)

    def once() -> None:
        client.data_received(REQUEST)
        upstream.data_received(ANSWER)

    once()
    if b" 200 OK\r\n" not in client_side.last or len(pool.idle) != 1:
        raise AssertionError(f"the path does not lead through: {client_side.last!r}")
    return once


def micros(call: Callable[[], None], *, times: int) -> float:
    """Return the CPU time of one call in microseconds, mean over many."""
    begun = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begun) / times * 1e6


def costs(loop: asyncio.AbstractEventLoop, *, rounds: int, times: int) -> list[list[str]]:
    """Return rows of what the whole path costs, and what each policy does by leaving it out."""
    # Not those whose facts others need: without them the order is refused.
    left_out = [kind.__name__ for kind, _ in order.ORDER if not kind.gives] + [_BREAKER]
    paths = {name: path_of(loop, name) for name in ["", *left_out]}
    seen: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds):
        for name, path in paths.items():
            seen[name].append(micros(path, times=times))
    whole = seen.pop("")
    rows = [["the whole path", f"{statistics.median(whole):.1f}", f"{min(whole):.1f}"]]
    for name, figures in seen.items():
        each = [with_it - without for with_it, without in zip(whole, figures, strict=True)]
        kind = name if name == _BREAKER else f"policy {name}"
        rows.append([kind, f"{statistics.median(each):.1f}", ""])
    return rows


def profile(loop: asyncio.AbstractEventLoop, *, times: int) -> list[list[str]]:
    """Return the functions with the most time of their own, as shares of the whole path.

    cProfile makes calls dearer than work inside them, so that the shares show where calls are.
    """
    path = path_of(loop)
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(times):
        path()
    profiler.disable()
    shares: Counter[tuple[str, str]] = Counter()
    entries = cast(
        "dict[tuple[str, int, str], tuple[int, int, float]]", pstats.Stats(profiler).stats
    )  # type: ignore[attr-defined]
    for (file, _, name), (_, _, own, *_) in entries.items():
        place = file.rsplit("tta_gateway/", 1)[-1].removeprefix(f"{BENCH.parent}/")
        shares[name, place if file.endswith(".py") else ""] += own
    whole = sum(shares.values())
    return [[*key, f"{own / whole:.1%}"] for key, own in shares.most_common(_LARGEST)]


_LARGEST = 30


def main() -> None:
    """Print what a request costs in Python, and where; with --write, into RESULTS.md too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--times", type=int, default=5000)
    parser.add_argument("--write", action="store_true", help="rewrite the section of RESULTS.md")
    arguments = parser.parse_args()
    loop = asyncio.new_event_loop()
    rows = costs(loop, rounds=arguments.rounds, times=arguments.times)
    where = profile(loop, times=arguments.times)
    loop.close()
    facts = machine.description(BENCH)
    body = "\n\n".join(
        [
            "## What each part costs, on paper",
            report.facts(facts),
            _METHOD,
            report.table(["part", "µs, median", "µs, least"], rows=rows),
            report.table(["function", "file", "share of its own"], rows=where),
        ]
    )
    report.say(body)
    if arguments.write:
        report.save("paper", body)


_METHOD = """\
Request and answer bytes through the protocols over transports that are lists: the Python cost
alone, without a socket.  A policy's cost is the whole path's less that of the path without it."""


if __name__ == "__main__":
    main()
