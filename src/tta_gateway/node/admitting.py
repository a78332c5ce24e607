"""Admitting: the rooms of a worker, told a few times a second how its services and itself do."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tta_gateway.features.admission.rooms import Rooms
from tta_gateway.kernel.policy import Answer
from tta_gateway.node.at_risk import AtRisk
from tta_gateway.node.in_session import InSession
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.run_queue import RunQueue
from tta_gateway.upstream.attempt import Upstream

_RARELY: Final = 50  # ticks


class Admitting:
    """Has the rooms, whatever configuration is in force."""

    def __init__(
        self, registry: Registry, loop: asyncio.AbstractEventLoop, *, clock: Callable[[], float]
    ) -> None:
        """Begin with none; `clock` is monotonic, in seconds."""
        self.rooms = Rooms(
            registry=registry,
            clock=clock,
            chance=random.random,
            future=self._future,
            extent=self._extent,
        )
        self.in_session = InSession(self.rooms.sessions, number=os.getpid(), clock=clock)
        self.at_risk = AtRisk(clock)
        self._risks = InSession(
            self.at_risk.open, number=os.getpid(), clock=clock, folder="at_risk"
        )
        self.rooms.incident = self.at_risk.includes
        self._loop = loop
        self._clock = clock
        self._looked = clock()
        self._queue = RunQueue()
        self._spent = self._claimed()
        self._upstreams: Mapping[str, Upstream] = {}
        self._ticks = 0

    def open(self, state: Path, log: EventLog) -> None:
        """Begin to hear of sessions at other workers; without a way to these go on alone."""
        try:
            self.in_session.open(self._loop, state)
            self._risks.open(self._loop, state)
        except OSError as error:
            log.event("sessions_without_neighbours", error=str(error))

    def close(self) -> None:
        """Hear of nothing any more."""
        self.in_session.close(self._loop)
        self._risks.close(self._loop)

    def tick(self, upstreams: Mapping[str, Upstream], *, lag: float, behind: float) -> None:
        """Do what is due; the loop was so late, and whoever asks is behind by so much, seconds."""
        now, spent = self._clock(), self._claimed()
        busy = (spent - self._spent) / max(1e-3, now - self._looked)
        self._looked, self._spent, self._upstreams = now, spent, upstreams
        self._ticks += 1
        if self._ticks % _RARELY == 0:
            self.rooms.retain(frozenset(upstreams))
        self.in_session.tick()
        self.at_risk.tick()
        self._risks.tick()
        self.rooms.tick(busy=busy, lag=lag, behind=behind)

    def _claimed(self) -> float:
        """Return the seconds for which there was something to do, done or waiting for a processor.

        A worker beside others that are busy too gets less than a whole processor: what it uses
        never shows that it has no time left, and that it is late does not either.
        """
        return time.process_time() + self._queue.waited()

    def _future(self) -> "asyncio.Future[Answer]":
        return self._loop.create_future()

    def _extent(self, service: str) -> tuple[int, int]:
        """Return how many endpoints of a service are asked, and how much each may be."""
        upstream = self._upstreams.get(service)
        if upstream is None:
            return 0, 0
        limits = upstream.service.limits
        return len(upstream.open), min(limits.in_flight, limits.connections + limits.pending)
