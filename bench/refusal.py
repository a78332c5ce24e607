"""What it costs a worker to turn a request away for want of time, beside what serving one does.

    python bench/refusal.py

On paper, without sockets (see bench/paper.py): CPU time in microseconds, median of the rounds.  The
less refusing costs, the more can be asked before those in need wait: what is refused is paid first.
"""

import argparse
import asyncio
import statistics
from collections.abc import Callable
from typing import Final, cast

import msgspec
from paper import ANSWER, REQUEST, PaperTransport, micros, snapshot

from tta_gateway.edge.upstream_connection import UpstreamConnection
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.safety.bound import RouteSafety
from tta_gateway.kernel.route import Breaker
from tta_gateway.node.assemble_worker import Worker
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.build import form
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log import LineFile
from tta_gateway.support.metrics import Registry

TURNED_AWAY: Final = 2.0  # pressure: of standard requests too, all but a few


class Paths:
    """A worker with one route of class `standard`, and one client of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Assemble it."""
        raw = msgspec.Raw(msgspec.msgpack.encode(RouteAdmission(traffic="standard")))
        safety = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode="off", helps=False)))
        known = snapshot(Breaker())
        route = msgspec.structs.replace(
            known.routes[0], features={"admission": raw, "safety": safety}
        )
        self.worker = Worker(
            parted(msgspec.structs.replace(known, routes=(route,))),
            loop=loop,
            clock=SystemClock(),
            registry=Registry(),
            logs=lambda path: LineFile(path or "-"),
        )
        self._client, self.side = self.worker.client(0), PaperTransport()
        self._client.connection_made(cast("asyncio.Transport", self.side))
        self._pool = self.worker.forwarder.upstreams["up"].pools[0]
        self._upstream = UpstreamConnection(
            self._pool, sweeper=self.worker.sweeper, limits=self.worker.snapshot.limits
        )
        self._upstream.connection_made(cast("asyncio.Transport", PaperTransport()))
        self._pool.open = 1
        self._pool.idle.append(self._upstream)

    def ask(self) -> None:
        """Have one request served, or turned away."""
        self._client.data_received(REQUEST)
        if not self._pool.idle:
            self._upstream.data_received(ANSWER)


def main() -> None:
    """Print what each costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--times", type=int, default=5000)
    options = parser.parse_args()
    loop = asyncio.new_event_loop()
    paths = Paths(loop)
    pressure = paths.worker.admitting.rooms.pressure
    found: dict[float, list[float]] = {0.0: [], TURNED_AWAY: []}
    for _ in range(options.rounds):
        for level, figures in found.items():
            pressure.level = level
            figures.append(micros(cast("Callable[[], None]", paths.ask), times=options.times))
    loop.close()
    served, refused = (statistics.median(figures) for figures in found.values())
    print(f"the gateway's path: {form()}")
    print(f"served: {served:.1f} µs, turned away: {refused:.1f} µs (of which 3 in 100 are served)")
    print(f"{refused / served:.2f} of it, without system calls: serving makes twice as many")


if __name__ == "__main__":
    main()
