"""An honest crowd before a service that is slow for lack of a processor, simulated.

People ask, wait for their answer, think, and ask again: there are never more requests than people.
Some keep to a worker, some come to another each time, and a few ask for what takes seconds.  The
service does one thing at a time, in turn, and now and then stands still, as others have its
processor.  Workers are replaced, and what was asked through one that leaves is still in the
service when its successor begins.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Final

from tests.helpers.admission_simulation import TICK
from tta_gateway.features.admission.adaptive import Adaptive
from tta_gateway.features.admission.algorithm import LET_IN, Room, Waiting
from tta_gateway.features.admission.bound import AdmissionBound
from tta_gateway.features.admission.typical import Timing
from tta_gateway.kernel.traffic import THERAPEUTIC

ALL_ALIKE: Final = {THERAPEUTIC: 1.0}
_BOUND: Final = AdmissionBound()
_MOST: Final = 1024
_SLOW: Final = 5.0


class SimulatedWorker:
    """A worker that knows nothing yet."""

    def __init__(self) -> None:
        self.room = Room(_MOST, reserved=_BOUND.reserved, waiting=_BOUND.waiting)
        self.room.resize(_MOST, short=False)
        self.adaptive = Adaptive(least=_BOUND.least, most=_MOST)
        self.timing = Timing()
        self.has_left = False


class CrowdSimulation:
    """Time goes on with `run`; `takes` may be changed between, and workers replaced."""

    def __init__(
        self,
        *,
        takes: float,
        kept: int = 200,
        fresh: int = 200,
        patient: int = 10,
        stalls: float = 0.0,
        mix: Mapping[int, float] = ALL_ALIKE,
        seed: int = 7,
    ) -> None:
        """Begin; a request takes that long on average, and `stalls` come so often in a second."""
        self.chance = random.Random(seed)
        self.takes = takes
        self.stalls = stalls
        self.mix = mix
        self.now = 0.0
        self.workers = [SimulatedWorker(), SimulatedWorker()]
        self.answered: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()
        self.took: list[float] = []
        self.limits: list[tuple[float, float]] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._queue: deque[Callable[[], None]] = deque()  # in the service
        self._is_busy = False
        self._stalled_until = 0.0
        people = [("kept", 0.25)] * kept + [("fresh", 0.5)] * fresh + [("patient", 0.0)] * patient
        for at, (kind, pause) in enumerate(people):
            self._at(at * 0.002, Person(self, kind, pause).ask)
        self._at(TICK, self._tick)
        self._at(0.0, self._stall)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._events[0][0] <= end:
            self.now, _, do = heapq.heappop(self._events)
            do()
        self.now = end

    def replace(self, number: int) -> None:
        """Let another worker take the place of one, which ends what it has begun."""
        self.workers[number].has_left = True
        self.workers[number] = SimulatedWorker()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self._at(self.now + seconds, do)

    def ask(self, do: Callable[[], None]) -> None:
        """Have the service do something, in turn."""
        self._queue.append(do)
        self._work()

    def _at(self, when: float, do: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, do))

    def _tick(self) -> None:
        self.after(TICK, self._tick)
        for worker in self.workers:
            room, adaptive = worker.room, worker.adaptive
            wanted = room.wanted or room.waiting > 0
            limit = adaptive.look(
                self.now,
                in_flight=room.in_flight,
                peak=room.peak,
                wanted=wanted,
                relief=room.mix.relief(self.now),
            )
            room.resize(limit, short=adaptive.is_short(self.now), ceiling=int(adaptive.ceiling))
            room.bearable = adaptive.bearable()
            room.look(TICK, self.now)
            room.fill(self.now)
            self.limits.append((self.now, min(adaptive.limit, adaptive.ceiling)))

    def _stall(self) -> None:
        if self.stalls:
            self.after(self.chance.expovariate(self.stalls), self._stall)
            lasts = self.chance.expovariate(1.0 / 0.3)
            self._stalled_until = max(self._stalled_until, self.now + lasts)

    def _work(self) -> None:
        if self._queue and not self._is_busy:
            self._is_busy = True
            begins = max(0.0, self._stalled_until - self.now)
            takes = self.takes * self.chance.lognormvariate(-0.08, 0.4)
            self.after(begins + takes, self._done)

    def _done(self) -> None:
        self._is_busy = False
        self._queue.popleft()()
        self._work()


class Person:
    """One of the crowd."""

    def __init__(self, crowd: CrowdSimulation, kind: str, pause: float) -> None:
        self._crowd = crowd
        self._kind = kind
        self._pause = pause
        self._worker = crowd.chance.choice(crowd.workers)
        self._traffic = crowd.chance.choices(list(crowd.mix), list(crowd.mix.values()))[0]

    def ask(self) -> None:
        crowd = self._crowd
        if self._kind != "kept" or self._worker.has_left:
            self._worker = crowd.chance.choice(crowd.workers)
        worker, came, traffic = self._worker, crowd.now, self._traffic
        if worker.room.take(traffic):
            self._go(worker, came)
            return

        def decided(outcome: int) -> None:
            if outcome == LET_IN:
                self._go(worker, came)
            else:
                self._refused()

        one = Waiting(traffic, came + _BOUND.patience[traffic], decided)
        if not worker.room.wait(one, came):
            self._refused()

    def _refused(self) -> None:
        self._crowd.refused[self._traffic] += 1
        self._again()

    def _go(self, worker: SimulatedWorker, came: float) -> None:
        crowd, begun = self._crowd, self._crowd.now

        def answered() -> None:
            crowd.answered[self._traffic] += 1
            crowd.took.append(crowd.now - came)
            worker.adaptive.observe(worker.timing, crowd.now - begun, begun)
            worker.room.give_back(self._traffic)
            worker.room.fill(crowd.now)
            self._again()

        if self._kind == "patient":  # it sleeps there, and then takes its turn
            crowd.after(_SLOW, lambda: crowd.ask(answered))
        else:
            crowd.ask(answered)

    def _again(self) -> None:
        self._crowd.after(self._pause * (0.5 + self._crowd.chance.random()), self.ask)
