"""A service of known capacity behind a room that adapts, simulated: no clock, no sockets.

Requests come at random, in a mix of classes.  The service works at so many at once, and the others
wait in it, as in a thread pool: so what it is asked beyond that only makes it slower.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tta_gateway.features.admission.adaptive import Adaptive
from tta_gateway.features.admission.algorithm import LET_IN, Room, Waiting
from tta_gateway.features.admission.bound import AdmissionBound
from tta_gateway.features.admission.typical import Timing

MIX: Final = {0: 0.01, 1: 0.12, 2: 0.47, 3: 0.40}
TICK: Final = 0.2
_BOUND: Final = AdmissionBound()


@dataclass(slots=True)
class Tally:
    """What became of the requests of one class."""

    offered: int = 0
    answered: int = 0
    turned_away: int = 0
    took: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.answered / self.offered if self.offered else 1.0

    def quantile(self, share: float) -> float:
        return sorted(self.took)[int(share * (len(self.took) - 1))] if self.took else 0.0


class Simulation:
    """Time goes on with `run`; `rate` and what the service can do may be changed between."""

    def __init__(
        self,
        *,
        servers: int,
        takes: Callable[[random.Random], float],
        rate: float,
        mix: Mapping[int, float] = MIX,
        seed: int = 7,
        most: int = 1024,
    ) -> None:
        self.chance = random.Random(seed)
        self.servers = servers
        self.takes = takes
        self.rate = rate
        self.mix = mix
        self.now = 0.0
        self.room = Room(most, reserved=_BOUND.reserved, waiting=_BOUND.waiting)
        self.room.resize(most, short=False)
        self.adaptive = Adaptive(least=_BOUND.least, most=most)
        self.timing = Timing()
        self.tallies = {one: Tally() for one in range(4)}
        self.limits: list[tuple[float, float, float]] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._busy = 0
        self._queue: deque[Callable[[], None]] = deque()  # in the service
        self._at(TICK, self._tick)
        self._at(0.0, self._arrive)

    def run(self, seconds: float) -> dict[int, Tally]:
        """Return the tallies of these seconds alone."""
        self.tallies = {one: Tally() for one in range(4)}
        end = self.now + seconds
        while self._events[0][0] <= end:
            self.now, _, do = heapq.heappop(self._events)
            do()
        self.now = end
        return self.tallies

    def goodput(self, seconds: float) -> float:
        return sum(one.answered for one in self.tallies.values()) / seconds

    def _at(self, when: float, do: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, do))

    def _tick(self) -> None:
        self._at(self.now + TICK, self._tick)
        room = self.room
        wanted = room.wanted or room.waiting > 0
        limit = self.adaptive.look(
            self.now,
            in_flight=room.in_flight,
            peak=room.peak,
            wanted=wanted,
            relief=room.mix.relief(self.now),
        )
        adaptive = self.adaptive
        room.resize(limit, short=adaptive.is_short(self.now), ceiling=int(adaptive.ceiling))
        room.bearable = adaptive.bearable()
        room.look(TICK, self.now)
        room.fill(self.now)
        self.limits.append((self.now, min(adaptive.limit, adaptive.ceiling), adaptive.ratio))

    def _arrive(self) -> None:
        self._at(self.now + self.chance.expovariate(max(self.rate, 1e-9)), self._arrive)
        traffic = self.chance.choices(list(self.mix), list(self.mix.values()))[0]
        came, tally = self.now, self.tallies[traffic]
        tally.offered += 1
        if self.room.take(traffic):
            self._ask(came, traffic, tally)
            return

        def decided(outcome: int) -> None:
            if outcome == LET_IN:
                self._ask(came, traffic, tally)
            else:
                tally.turned_away += 1

        one = Waiting(traffic, self.now + _BOUND.patience[traffic], decided)
        if not self.room.wait(one, self.now):
            tally.turned_away += 1

    def _ask(self, came: float, traffic: int, tally: Tally) -> None:
        begun = self.now

        def answered() -> None:
            self._busy -= 1
            self._work()
            tally.answered += 1
            tally.took.append(self.now - came)
            self.adaptive.observe(self.timing, self.now - begun, begun)
            self.room.give_back(traffic)
            self.room.fill(self.now)

        self._queue.append(answered)
        self._work()

    def _work(self) -> None:
        while self._queue and self._busy < self.servers:
            self._busy += 1
            self._at(self.now + self.takes(self.chance), self._queue.popleft())
