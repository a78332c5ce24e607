"""The longest turns of the loop: what one callback does with the worst that a peer may send.

No callback may hold the loop for more than two milliseconds (ARCHITECTURE.md).  Each case feeds the
protocols over transports that are lists, as `paper.py` does, and times every callback by itself.
The last two are what a gateway is told itself: a reload that changes every one of hundreds of
services, and as many declared routes as there may be.
`python bench/turn.py [--rounds N] [--write]`
"""

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

import machine
import msgspec
import report
from paper import ANSWER, PaperTransport, snapshot
from products import BENCH

from tta_gateway.edge.client_connection import ClientConnection
from tta_gateway.edge.upstream_connection import UpstreamConnection
from tta_gateway.kernel.registered import SECTION as DECLARED
from tta_gateway.kernel.registered import Registered
from tta_gateway.kernel.route import Endpoint, Route, Service
from tta_gateway.kernel.standing import Stand, Standing, section
from tta_gateway.node.assemble_worker import Worker
from tta_gateway.snapshot.parts import (
    Live,
    Parts,
    change,
    changed,
    decode_change,
    decode_live,
    encoded,
    parted,
    revived,
)
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log import LineFile
from tta_gateway.support.metrics import Registry
from tta_gateway.wire.limits import Limits

BAR_MS: Final = 2.0
READ: Final = 256 * 1024
"""bytes that uvloop reads at once, at most"""
_GET: Final = b"GET /api/v1/players/7/characters HTTP/1.1\r\nHost: a\r\n"
_POST: Final = b"POST /api/v1/players/7/characters HTTP/1.1\r\nHost: a\r\n"
_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n\r\n"
_TINY: Final = b"1\r\nx\r\n"
_SWITCH: Final = b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
_EMPTY: Final = b"\x82\x80abcd"
_SERVICES: Final = 500
_ENDPOINTS: Final = 10
_DECLARED: Final = 5000
_MOST: Final = READ // len(_EMPTY)


def _log(path: str) -> LineFile:
    return LineFile(path or "-")


class Transport(PaperTransport):
    """A transport that can be paused, and forgets what is written."""

    def pause_reading(self) -> None:
        """Take note of nothing: the case feeds what it wants."""

    def resume_reading(self) -> None:
        """Take note of nothing."""

    def writelines(self, pieces: list[bytes]) -> None:
        """Forget."""

    def get_write_buffer_size(self) -> int:
        """Say that everything has left."""
        return 0

    def close(self) -> None:
        """End."""

    def abort(self) -> None:
        """End."""

    def can_write_eof(self) -> bool:
        """Say that one direction cannot end alone."""
        return False


class Turns:
    """A loop that keeps the callbacks, so that each can be timed: the rest is a real loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with nothing to call."""
        self._loop = loop
        self.waiting: list[Callable[[], object]] = []

    def call_soon(self, call: Callable[..., object], *args: object) -> None:
        """Keep a call for a turn of its own."""
        self.waiting.append(lambda: call(*args))

    def __getattr__(self, name: str) -> object:
        """Be the real loop in everything else."""
        return getattr(self._loop, name)


@dataclass(frozen=True, slots=True)
class Pair:
    """A client's connection and a service's, with what they are driven by."""

    turns: Turns
    client: ClientConnection
    upstream: UpstreamConnection


def pair(loop: asyncio.AbstractEventLoop) -> Pair:
    """Return connections that nothing has happened on."""
    turns = Turns(loop)
    like_a_loop = cast("asyncio.AbstractEventLoop", turns)
    worker = Worker(
        parted(snapshot(None)),
        loop=like_a_loop,
        clock=SystemClock(),
        registry=Registry(),
        logs=_log,
    )
    client = worker.client(0)
    client.connection_made(cast("asyncio.Transport", Transport()))
    pool = worker.forwarder.upstreams["up"].pools[0]
    upstream = UpstreamConnection(pool, sweeper=worker.sweeper, limits=worker.snapshot.limits)
    upstream.connection_made(cast("asyncio.Transport", Transport()))
    pool.open = 1
    pool.idle.append(upstream)
    return Pair(turns, client, upstream)


def longest(one: Pair, calls: list[Callable[[], object]]) -> float:
    """Make these calls and all that comes of them; return the longest, in milliseconds."""
    spent = [_timed(call) for call in calls]
    while one.turns.waiting:
        spent.append(_timed(one.turns.waiting.pop(0)))
    return max(spent) * 1e3


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def cases(loop: asyncio.AbstractEventLoop) -> Iterator[tuple[str, Callable[[], float]]]:
    """Give each case a name, and what makes it happen afresh and returns its longest callback."""
    flood = _TINY * (READ // len(_TINY))
    fields = b"".join(b"X-%03d: %b\r\n" % (number, b"v" * 290) for number in range(96))
    pipelined = (_GET + b"\r\n") * 40

    def received(data: bytes) -> float:
        one = pair(loop)
        return longest(one, [lambda: one.client.data_received(data)])

    def answered(data: bytes) -> float:
        one = pair(loop)
        one.client.data_received(_GET + b"\r\n")
        return longest(one, [lambda: one.upstream.data_received(data)])

    def through_a_tunnel(data: bytes) -> float:
        one = pair(loop)
        one.client.data_received(_GET + _SWITCH)
        one.upstream.data_received(b"HTTP/1.1 101 Switching Protocols\r\n" + _SWITCH)
        return longest(one, [lambda: one.client.data_received(data)])

    yield "a request's body in one-byte chunks", lambda: received(_POST + _CHUNKED + flood)
    yield (
        "an answer's body in one-byte chunks",
        lambda: answered(b"HTTP/1.1 200 OK\r\n" + _CHUNKED + flood),
    )
    yield "a head of 32 KiB in 97 fields", lambda: received(_GET + fields + b"\r\n")
    yield (
        "a target of 8 KiB",
        lambda: received(_GET.replace(b"characters", b"characters?" + b"%41=b&" * 1300) + b"\r\n"),
    )
    yield "40 requests at once", lambda: received(pipelined)
    yield (
        "an answer of 256 KiB",
        lambda: answered(
            ANSWER.replace(b"Content-Length: 500", b"Content-Length: %d" % READ) + b"x" * READ
        ),
    )
    yield "256 KiB of WebSocket frames without payload", lambda: through_a_tunnel(_EMPTY * _MOST)


def own_cases(loop: asyncio.AbstractEventLoop) -> Iterator[tuple[str, Callable[[], float]]]:
    """Likewise, of what a worker is told by its own gateway."""
    yield (
        f"a reload that changes {_SERVICES} services of {_ENDPOINTS} endpoints",
        lambda: reloaded(loop),
    )
    yield f"{_DECLARED} routes that services declare", lambda: redeclared(loop)


def reloaded(loop: asyncio.AbstractEventLoop) -> float:
    """Change every service, each with an idle connection to each endpoint and a standing.

    What comes of the connections that are closed is a callback for each.
    """
    like_a_loop = cast("asyncio.AbstractEventLoop", Turns(loop))
    worker = Worker(many(1), loop=like_a_loop, clock=SystemClock(), registry=Registry(), logs=_log)
    for upstream in worker.forwarder.upstreams.values():
        for pool in upstream.pools:
            connection = UpstreamConnection(pool, sweeper=worker.sweeper, limits=Limits())
            connection.connection_made(cast("asyncio.Transport", Transport()))
            pool.open = 1
            pool.idle.append(connection)
    with calm_collector():
        data = encoded(change(many(1), many(2)))
        return max(stepped(worker, lambda: changed(worker.parts, decode_change(data)))) * 1e3


def redeclared(loop: asyncio.AbstractEventLoop) -> float:
    """Have services declare many routes."""
    like_a_loop = cast("asyncio.AbstractEventLoop", Turns(loop))
    worker = Worker(many(1), loop=like_a_loop, clock=SystemClock(), registry=Registry(), logs=_log)
    routes = tuple(
        Route(name=f"GET /d/{number}", path=f"/d/{number}", methods=("GET",), service="s1")
        for number in range(_DECLARED)
    )
    section = msgspec.Raw(msgspec.msgpack.encode(Registered(routes=routes)))
    data = encoded(Live(sections={DECLARED: section}))
    with calm_collector():
        return max(stepped(worker, lambda: revived(worker.parts, decode_live(data)))) * 1e3


def stepped(worker: Worker, read: Callable[[], Parts]) -> Iterator[float]:
    """Have a worker take up what it reads, and yield how long each turn of that has taken."""
    begun = time.perf_counter()
    work = worker.apply(read())
    yield time.perf_counter() - begun
    over = False
    while not over:
        begun = time.perf_counter()
        try:
            work.send(None)
        except StopIteration:
            over = True
        yield time.perf_counter() - begun


@contextmanager
def calm_collector() -> Iterator[None]:
    """Have the garbage collector be as in a worker (node/worker_main.py)."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 1_000_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def many(version: int) -> Parts:
    """Return a configuration of many services, whose ports go by the version."""
    endpoints = {
        number: tuple(
            Endpoint(host="10.0.0.1", port=version * 1000 + number + one)
            for one in range(_ENDPOINTS)
        )
        for number in range(_SERVICES)
    }
    parts = parted(
        msgspec.structs.replace(
            snapshot(None),
            version=version,
            services=tuple(
                Service(name=f"s{number}", endpoints=one) for number, one in endpoints.items()
            ),
            routes=tuple(
                Route(name=f"/s{number}", path=f"/s{number}", service=f"s{number}")
                for number in endpoints
            ),
        )
    )
    live = {
        section(f"s{number}"): msgspec.Raw(
            msgspec.msgpack.encode(Standing(endpoints=tuple(Stand(endpoint=each) for each in one)))
        )
        for number, one in endpoints.items()
    }
    return msgspec.structs.replace(parts, live=live)


def main() -> None:
    """Print the longest callback of each case; with --write, into RESULTS.md too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=51)
    parser.add_argument("--write", action="store_true", help="rewrite the section of RESULTS.md")
    arguments = parser.parse_args()
    loop = asyncio.new_event_loop()
    rows: list[list[str]] = []
    bars = []
    for who, some in (("a peer sends", cases(loop)), ("a worker is told", own_cases(loop))):
        worst = 0.0
        for name, case in some:
            spent = [case() for _ in range(arguments.rounds)]
            median = statistics.median(spent)
            worst = max(worst, median)
            rows.append([name, f"{median:.2f}", f"{max(spent):.2f}"])
        bar = (
            f"whatever {who}, no callback holds the loop for more than {BAR_MS:g} ms, in the median"
        )
        bars.append([bar, f"{'met' if worst <= BAR_MS else 'not met'}: {worst:.2f} ms"])
    loop.close()
    body = "\n\n".join(
        [
            "## The longest turns of the loop",
            report.facts(machine.description(BENCH)),
            _METHOD,
            report.table(
                ["what a peer sends, or a worker is told", "ms, median", "ms, most"], rows=rows
            ),
            report.table(["bar", "result"], rows=bars),
        ]
    )
    report.say(body)
    if arguments.write:
        report.save("turn", body)


_METHOD = """\
The longest callback of each case, over transports that are lists; the median and the most of all
rounds.  On a shared machine the most is mostly another process's doing.  Of the declared routes it
is the garbage collector's, which looks at what has been made of them twice on the way."""


if __name__ == "__main__":
    main()
