"""A service under steady load, simulated: who is asked, and how long it takes.

Time is what the simulation says; endpoints answer as fast as they are told to, with jitter, and do
one thing after the other as `workers` of them would.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Final

from tta_gateway.kernel.route import Balance, Endpoint, Service
from tta_gateway.upstream.pool import Pool
from tta_gateway.upstream.service import Upstream

TICK: Final = 0.25
Typical = Callable[[int, float], float]
"""How long an endpoint takes at a time, in seconds, without jitter."""


class Simulation:
    """One worker's view of a service."""

    def __init__(
        self, count: int, *, took: Typical, balance: Balance = "peak_ewma", seed: int = 1
    ) -> None:
        """Begin at time 0 with so many equal endpoints."""
        endpoints = tuple(Endpoint(host="h", port=9000 + one) for one in range(count))
        self.upstream: Upstream[str, int] = Upstream(
            Service(name="players", endpoints=endpoints, balance=balance)
        )
        self.now = 0.0
        self.status = 200
        self._took = took
        self._chance = random.Random(seed)
        self._under_way: list[tuple[float, int, Pool[str, int], float]] = []
        self._number = 0
        self._tick = 0.0
        self.asked: Counter[int] = Counter()
        self.durations: list[float] = []

    def run(self, until: float, *, per_second: float) -> None:
        """Ask so often until then; what was counted before is forgotten."""
        self.asked.clear()
        self.durations.clear()
        while self.now < until:
            self.now += self._chance.expovariate(per_second)
            self._finish()
            self._ask()

    def _finish(self) -> None:
        while self._tick <= self.now:
            self._tick += TICK
            self.upstream.tick(self._tick)
        while self._under_way and self._under_way[0][0] <= self.now:
            at, _, pool, elapsed = heapq.heappop(self._under_way)
            pool.in_flight -= 1
            self.durations.append(elapsed)
            self.upstream.answered(pool, "route", self.status, elapsed, at)

    def _ask(self) -> None:
        pool = self.upstream.choose(frozenset(), self._chance.random, safe=True)
        assert pool is not None
        number = pool.endpoint.port - 9000
        self.asked[number] += 1
        pool.in_flight += 1
        elapsed = self._took(number, self.now) * self._chance.lognormvariate(0.0, 0.3)
        self._number += 1
        heapq.heappush(self._under_way, (self.now + elapsed, self._number, pool, elapsed))

    def share(self, number: int) -> float:
        """How much of what was asked one endpoint was asked."""
        return self.asked[number] / sum(self.asked.values())

    def quantile(self, share: float) -> float:
        """Within which time so many answers came, in seconds."""
        return sorted(self.durations)[int(share * len(self.durations))]
