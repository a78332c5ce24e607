"""Sights: how a worker's endpoints do, told to control for who wants to look.

Those that are draining are told four times a second: so control knows when the last request has
ended there, and the endpoint may go.  All others that have something to do come by turns, so many
in a tick that neither the loop nor control is held up: of 3,000 each is told every two seconds.
What control does not take has its turn again before the others.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from tta_gateway.kernel.events import EndpointSeen, Event
from tta_gateway.support.bus import TOGETHER
from tta_gateway.upstream.attempt import EndpointPool, Upstream

_DRAINING_EACH: Final = 0.25  # seconds
_ROUND: Final = 2.0  # seconds between the beginnings of two rounds, at least
_MOST: Final = 300  # endpoints of a tick
_MOST_DRAINING: Final = 600
Place = tuple[str, EndpointPool]
"""A service and one of its endpoints."""


class Way(Protocol):
    """The way to control."""

    def show(self, events: Sequence[Event]) -> int:
        """Send what is worth nothing later; return how many have been taken."""


class Sights:
    """What of a worker's endpoints is to be told next."""

    def __init__(self, *, wall: Callable[[], float]) -> None:
        """Tell at this time of day."""
        self._wall = wall
        self._by = f"worker {os.getpid()}"
        self._turn = 0
        self._draining_due = 0.0
        self._round_due = 0.0
        self._draining: list[Place] = []
        self._round: list[Place] = []

    def tick(self, now: float, upstreams: Mapping[str, Upstream], way: Way) -> None:
        """Tell what is due."""
        if not self._draining and now >= self._draining_due:
            self._draining_due = now + _DRAINING_EACH
            self._draining = [one for one in _places(upstreams) if one[1].state == "draining"]
        if not self._round and now >= self._round_due:
            self._round_due = now + _ROUND
            self._round = [one for one in _places(upstreams) if _is_busy(one[1])]
        self._draining = self._show(self._draining, _MOST_DRAINING, way)
        if not self._draining:
            self._round = self._show(self._round, _MOST, way)

    def _show(self, places: list[Place], most: int, way: Way) -> list[Place]:
        """Tell of so many of these; return those that have not been told."""
        rest, places = places[most:], places[:most]
        while places:
            events = [self._seen(name, pool) for name, pool in places[:TOGETHER]]
            taken = way.show(events)
            for _, pool in places[:taken]:
                pool.record.tell()
            places = places[taken:]
            if taken < len(events):
                break
        return places + rest

    def _seen(self, service: str, pool: EndpointPool) -> EndpointSeen:
        self._turn += 1
        asked, failed = pool.record.untold
        return EndpointSeen(
            service=service,
            endpoint=pool.name,
            weight=pool.weight,
            ratio=pool.pace.ratio,
            in_flight=pool.under_way,
            open=pool.open,
            at=self._wall(),
            by=self._by,
            draining=pool.state == "draining",
            penalised=pool.pace.penalised,
            asked=asked,
            failed=failed,
            turn=self._turn,
        )


def _places(upstreams: Mapping[str, Upstream]) -> list[Place]:
    return [(name, pool) for name, one in upstreams.items() for pool in one.pools]


def _is_busy(pool: EndpointPool) -> bool:
    """Tell whether there is something to tell that is not told anyway."""
    has = pool.open > 0 or pool.in_flight > 0 or pool.pace.penalised or pool.record.untold[0] > 0
    return has and pool.state != "draining"
