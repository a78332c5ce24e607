"""What looking costs, on paper: a request and its answer with and without it, and a stream.

`python bench/scanning.py [--times N] [--write]`: CPU microseconds of one exchange over transports
that are lists, with the package's own detector, median of rounds.  The loop runs as it would: tasks
and turns are in it.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Final, cast

import machine
import msgspec
import report
from paper import PaperTransport
from products import BENCH

from tta_gateway.edge.sweeper import NEVER
from tta_gateway.edge.upstream_connection import UpstreamConnection
from tta_gateway.features.safety.bound import Mode, RouteSafety
from tta_gateway.features.safety.detector import LEXICON
from tta_gateway.features.safety.finding import read
from tta_gateway.features.safety.lexicon import Lexicon
from tta_gateway.kernel.route import Endpoint, Route, Service
from tta_gateway.node.assemble_worker import Worker
from tta_gateway.node.scanning import the_detector
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log import LineFile
from tta_gateway.support.metrics import Registry

TEXT: Final = (
    "Today was long, my manager was cross about the report and I could not sleep again, but then I"
    " went for a walk in the park with my sister and we talked about the summer, which did me good."
    " I still do not know whether I should stay in this job, and I would like to talk about that"
    " with you. "
)
ROUNDS: Final = 7
_CHUNKED: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_EVENTS: Final = 100
_MODES: Final[tuple[Mode, Mode]] = ("off", "scan")
_TURNS: Final = 1000
Said = Callable[[int], bytes]
Asking = Callable[[int], None]


def post(text: str) -> bytes:
    """Return a POST with a text in JSON."""
    body = msgspec.json.encode({"text": text})
    head = b"POST /chat HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def answer(number: int) -> bytes:
    """Return an answer of 300 characters that no other is like."""
    body = msgspec.json.encode({"number": number, "text": TEXT})
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def stream(_: int) -> bytes:
    """Return an answer of tokens."""
    words = (TEXT * 2).split(" ")[:_EVENTS]
    events = (
        b"data: " + msgspec.json.encode({"id": "c1", "delta": {"content": f" {word}"}}) + b"\n\n"
        for word in words
    )
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
    return _CHUNKED + chunks + b"0\r\n\r\n"


class Wire(PaperTransport):
    """One that has sent all."""

    def get_write_buffer_size(self) -> int:
        """Say that nothing waits."""
        return 0


class Path:
    """A worker with one route, a client and a service, all of paper."""

    def __init__(self, loop: asyncio.AbstractEventLoop, mode: Mode) -> None:
        """Build it."""
        self._loop = loop
        safety = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode=mode, reason="bench")))
        worker = Worker(
            parted(
                Snapshot(
                    version=1,
                    state_dir=".",
                    listeners=(Listener(host="127.0.0.1"),),
                    services=(Service(name="up", endpoints=(Endpoint(host="127.0.0.1", port=9),)),),
                    routes=(
                        Route(name="r", path="/chat", service="up", features={"safety": safety}),
                    ),
                    features={},
                )
            ),
            loop=loop,
            clock=SystemClock(),
            registry=Registry(),
            logs=lambda _: LineFile("/dev/null"),
        )
        self._side = Wire()
        self._client = worker.client(0)
        self._client.connection_made(cast("asyncio.Transport", self._side))
        pool = worker.forwarder.upstreams["up"].pools[0]
        self._up = UpstreamConnection(pool, sweeper=worker.sweeper, limits=worker.snapshot.limits)
        self._service = Wire()
        self._up.connection_made(cast("asyncio.Transport", self._service))
        pool.open = 1
        pool.idle.append(self._up)
        self._pool = pool

    def once(self, request: bytes, said: bytes) -> None:
        """Take one request there and its answer back."""
        self._loop.call_soon(self._client.data_received, request)
        self._until(lambda: bool(self._service.last))
        self._service.last = b""
        self._loop.call_soon(self._up.data_received, said)
        self._until(lambda: bool(self._pool.idle and self._client.idle_since() < NEVER))

    def _until(self, done: Callable[[], bool]) -> None:
        for _ in range(_TURNS):
            if done():
                return
            self._turn()
        raise AssertionError("the path does not lead through")

    def _turn(self) -> None:
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()


def micros(call: Asking, *, times: int) -> float:
    """Return the CPU time of one call in microseconds: the median of rounds, after one unseen."""
    found = []
    for turn in range(ROUNDS + 1):
        begun = time.process_time()
        for number in range(times):
            call(turn * times + number)
        found.append((time.process_time() - begun) / times * 1e6)
    return statistics.median(found[1:])


def main() -> None:
    """Print what it costs; with --write, into RESULTS.md too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--write", action="store_true", help="rewrite the section of RESULTS.md")
    options = parser.parse_args()
    times: int = options.times
    body = "\n\n".join(
        [
            "## What a scanned route costs, on paper",
            report.facts(machine.description(BENCH)),
            _METHOD,
            report.table(["the detector, of 300 characters", "µs"], rows=_alone(times)),
            report.table(["an exchange", "off", "scan", "more, µs"], rows=_exchanges(times)),
        ]
    )
    report.say(body)
    if options.write:
        report.save("scanning", body)


def _alone(times: int) -> list[list[str]]:
    """Return what the detector takes by itself."""
    detector = the_detector()
    lexicon = Lexicon(LEXICON.read_text(encoding="utf-8"))
    judges: list[tuple[str, Callable[[str], object]]] = [
        ("its first stage", lambda text: read(lexicon, text)),
        ("of what somebody writes", detector.of_person),
        ("of what a service says", detector.of_service),
    ]
    return [[name, f"{micros(partial(_judged, judge), times=times):.1f}"] for name, judge in judges]


def _exchanges(times: int) -> list[list[str]]:
    """Return what exchanges take without and with a look at them."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    get = b"GET /chat HTTP/1.1\r\nHost: a\r\n\r\n"
    cases: list[tuple[str, Said, Said]] = [
        ("GET, the same answer of 300 characters", lambda _: get, lambda _: answer(0)),
        ("GET, a new answer of 300 characters", lambda _: get, answer),
        ("POST of 300 characters, the same answer", lambda _: post(TEXT), lambda _: answer(0)),
        (f"POST, an answer of {_EVENTS} tokens at once", lambda _: post(TEXT), stream),
    ]
    rows = []
    for name, request, said in cases:
        off, scan = (micros(_asking(loop, mode, request, said), times=times) for mode in _MODES)
        rows.append([name, f"{off:.0f}", f"{scan:.0f}", f"{scan - off:.0f}"])
    return rows


def _judged(judge: Callable[[str], object], number: int) -> None:
    judge(f"{TEXT}{number}")


def _asking(loop: asyncio.AbstractEventLoop, mode: Mode, request: Said, said: Said) -> Asking:
    path = Path(loop, mode)
    return lambda number: path.once(request(number), said(number))


_METHOD: Final = """\
CPU time of one exchange, or of one look, the median of seven rounds: client and service are lists,
the detector is the package's own.  The turns of the bench's own loop are in it."""


if __name__ == "__main__":
    main()
