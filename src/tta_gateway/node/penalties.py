"""Penalties: the lines that say why an endpoint gets less, and that it does again (R9.5).

A line comes once for each endpoint, however many workers penalise it: when the first does, and when
none does any more.  Its times are those of when the first worker did so.  It waits for a moment, so
that its weight is what workers have given it since.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal

from tta_gateway.kernel.events import EndpointChanged, Event
from tta_gateway.node.known import Kept, Known
from tta_gateway.node.merged import Figures, Routes, since
from tta_gateway.node.services import Services
from tta_gateway.node.times import Times, beside
from tta_gateway.support.bus import Bus
from tta_gateway.support.log import EventLog
from tta_gateway.upstream.pace import EVEN

_SETTLES: Final = 2.5  # seconds, until workers have told how they see it now
_AT_LEAST: Final = 6.0  # seconds, until all workers have heard of it and said so
Place = tuple[str, str]
"""A service and one of its endpoints."""


class Penalty:
    """One: told of or not yet, until it is over, and since when."""

    def __init__(self, begun: float) -> None:
        """Begin."""
        self.stage: Literal["begun", "told", "over"] = "begun"
        self.since = begun
        self.seen: Mapping[str, Routes] = {}  # the answers for which it was given
        self.counted: dict[str, Routes] = {}  # when it was over


class Penalties:
    """Knows which endpoints are penalised by any worker, and writes the lines."""

    def __init__(
        self,
        services: Services,
        times: Times,
        log: EventLog,
        bus: Bus,
        *,
        wall: Callable[[], float],
    ) -> None:
        """Begin with those that all workers together found slow before."""
        self._services = services
        self._times = times
        self._log = log
        self._wall = wall
        self._open: dict[Place, Penalty] = {}
        bus.subscribe(self._hear)

    def go_on(self) -> None:
        """Know of those that a control before this one had told all workers of."""
        for name, kept in self._services.kept.items():
            for endpoint, known in kept.endpoints.items():
                if known.slow_since and (name, endpoint) not in self._open:
                    penalty = self._open[name, endpoint] = Penalty(self._wall())
                    penalty.stage = "told"

    def _hear(self, event: Event) -> None:
        if isinstance(event, EndpointChanged) and event.change == "penalised":
            place = (event.service, event.endpoint)
            penalty = self._open.get(place)
            if penalty is None:
                penalty = self._open[place] = Penalty(self._wall())
                penalty.seen = self._times.newest(*place)
            elif penalty.stage != "begun":  # nobody was told that it was over; all are to hear anew
                penalty.stage, penalty.since = "told", self._wall()

    def tick(self) -> None:
        """Write what is due."""
        for place, penalty in list(self._open.items()):
            kept = self._services.kept.get(place[0])
            known = None if kept is None else kept.endpoints.get(place[1])
            if kept is None or known is None:
                del self._open[place]
                continue
            self._look(kept, known, penalty)

    def _look(self, kept: Kept, known: Known, penalty: Penalty) -> None:
        now = self._wall()
        age = now - penalty.since
        service = kept.service.name
        if penalty.stage == "begun" and age >= _SETTLES:
            penalty.stage = "told"
            self._write("endpoint_slow", kept, known, penalty.seen)
            penalty.seen = {}  # all that a service has counted, for each that is penalised
        elif penalty.stage == "told" and age >= _AT_LEAST:
            if not any(one.penalised for one in known.sights(now)):
                penalty.stage, penalty.since = "over", now
                penalty.counted = dict(self._times.sums.of(service))
                self._services.heard.clear(kept, known)
        elif penalty.stage == "over" and age >= _SETTLES:
            sums = self._times.sums.of(service).items()
            seen = {name: since(one, penalty.counted.get(name, {})) for name, one in sums}
            self._write("endpoint_fast_again", kept, known, seen)
            del self._open[service, known.endpoint.name]

    def _write(self, event: str, kept: Kept, known: Known, seen: Mapping[str, Routes]) -> None:
        service, endpoint = kept.service.name, known.endpoint.name
        now = self._wall()
        here = {name: routes for name, routes in seen.items() if name in kept.endpoints}
        own, peers = beside(here, endpoint)
        self._log.event(
            event,
            service=service,
            endpoint=endpoint,
            weight=round(known.weight(now), 3),
            p99=round(own.p99, 6),
            peers_p99=round(peers.p99, 6),
            ratio=round(own.p99 / peers.p99, 2) if peers.p99 else 0.0,
            why=why(f"{service}/{endpoint}", known, now, own, peers),
        )


def why(name: str, known: Known, now: float, own: Figures, peers: Figures) -> str:
    """Return a line for people: what an endpoint's weight is, and how slow it is beside others."""
    words = [f"{name}: weight {known.weight(now):.2f}"]
    p99 = own.p99 / peers.p99 if own.answers and peers.answers else 0.0
    if p99:
        words.append(f"p99 {p99:.1f} times its peers")
    ratio = max((one.ratio for one in known.sights(now)), default=1.0)
    if p99 <= EVEN < ratio:
        words.append(f"{ratio:.1f} times as slow as its peers, or failing")
    return ", ".join(words)
