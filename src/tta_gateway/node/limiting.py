"""Limiting: what a worker keeps of limits, whatever its configuration, and whom it tells of it.

It outlives every snapshot, so that a reload gives nobody a full bucket.
"""

import asyncio
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tta_gateway.features.ratelimit.algorithm import Rate, health
from tta_gateway.features.ratelimit.bound import (
    OVERRIDES,
    Overrides,
    RateLimitBound,
    overrides_of,
)
from tta_gateway.features.ratelimit.metrics import FORGOTTEN, KEYS, SCALE
from tta_gateway.features.ratelimit.tally import Table, Tally
from tta_gateway.features.ratelimit.valkey_store import ValkeyStore
from tta_gateway.node.sections import Sections
from tta_gateway.node.settling import Settling
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import spawn
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.fitness import Purpose
from tta_gateway.upstream.attempt import Upstream

_ENOUGH: Final = 20  # answers, of which a share that fails says something


class Limiting:
    """A worker's tally, with its ways to all others who count."""

    def __init__(
        self,
        sections: Sections,
        log: EventLog,
        *,
        clock: Clock,
        registry: Registry,
        clients: Mapping[Purpose, Valkey],
        died: Callable[[str, BaseException], None],
    ) -> None:
        """Begin with nothing spent; nobody is told before it is open."""
        self._sections = sections
        self._log = log
        self._registry = registry
        self._raw: msgspec.Raw | None = None
        self._ticked = clock.monotonic()
        self._failing: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.tally = Tally(monotonic=clock.monotonic, wall=clock.wall, chance=random.random)
        self.store = ValkeyStore(
            lambda: clients.get("state"), monotonic=clock.monotonic, wall=clock.wall
        )
        self.settling = Settling(
            self.tally,
            self.store,
            number=os.getpid(),
            registry=registry,
            spawn=lambda work: spawn(work, name="limits", died=died),
        )

    def open(self, loop: asyncio.AbstractEventLoop, state: Path) -> None:
        """Begin to tell the others; a worker that finds no way to its neighbours goes on alone."""
        neighbours = self.settling.neighbours
        try:
            loop.add_reader(neighbours.open(state), neighbours.hear)
        except OSError as error:
            self._log.event("limits_without_neighbours", error=str(error))
        self._round(loop)

    def _round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self.settling.pause, self._round, loop)
        self.settling.round()

    def close(self) -> None:
        """Tell the others for the last time."""
        if self._timer is not None:
            self._timer.cancel()
            self.settling.round()
        neighbours = self.settling.neighbours
        if neighbours.descriptor >= 0:
            asyncio.get_running_loop().remove_reader(neighbours.descriptor)
        neighbours.close()

    def follow(self, live: Mapping[str, msgspec.Raw]) -> None:
        """Go by what somebody has said of limits, where that is something new."""
        raw = live.get(OVERRIDES)
        if raw == self._raw:
            return
        self._raw = raw
        found = self._sections.read(OVERRIDES, raw, overrides_of)
        self.tally.override(Overrides() if found is None else found)

    def retain(self, bound: RateLimitBound) -> None:
        """Forget the limits that are not configured any more."""
        self.tally.retain(frozenset(one.id for one in bound.limits))

    def tick(self, upstreams: Mapping[str, Upstream]) -> None:
        """Do what is due now and then."""
        now = self.tally.monotonic()
        elapsed, self._ticked = now - self._ticked, now
        for service in {one.limit.adaptive for one in self.tally.tables.values()} - {""}:
            upstream = upstreams.get(service)
            if upstream is not None:
                self.tally.adapt(service, self._health(service, upstream), elapsed)
        self.tally.tick()
        self.settling.look(now)
        for table in self.tally.tables.values():
            self._count(table)

    def _health(self, service: str, upstream: Upstream) -> float:
        """Return how much of its limits a service can bear, by what this worker sees of it."""
        pools = [one for one in upstream.pools if one.state != "draining"]
        good = sum(one.state in ("up", "unproved") and not one.ejected for one in pools)
        asked = sum(one.record.asked for one in pools)
        if asked >= _ENOUGH:  # counts begin anew with each interval: until then the last one stands
            self._failing[service] = sum(one.record.failed for one in pools) / asked
        return health(good / len(pools) if pools else 0.0, self._failing.get(service, 0.0))

    def _count(self, table: Table) -> None:
        handle = table.limit.handle
        child = self._registry.child
        child(KEYS, handle).set(float(len(table.order)))
        if table.forgotten:
            child(FORGOTTEN, handle).add(table.forgotten)
            table.forgotten = 0
        if table.limit.adaptive and isinstance(table.measure, Rate):
            child(SCALE, handle).set(table.measure.scale)
