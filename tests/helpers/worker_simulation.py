"""A worker that has too little time, simulated: each turn of its loop takes what came in the last.

A request that is turned away costs a share of one that is served, and nothing else takes time.
"""

from dataclasses import dataclass, field
from typing import Final

from tests.helpers.admission_simulation import MIX
from tta_gateway.features.admission.pressure import Pressure

TICK: Final = 0.2
_SHORTEST: Final = 0.0002  # seconds, for a turn


@dataclass(slots=True)
class Share:
    """What became of the requests of one class."""

    offered: int = 0
    served: int = 0

    @property
    def share(self) -> float:
        return self.served / self.offered if self.offered else 1.0


@dataclass(slots=True)
class Worker:
    """Serves `capacity` in a second; time goes on with `run`."""

    capacity: float = 2500.0
    refusing: float = 0.5
    """of what serving costs"""
    pressure: Pressure = field(default_factory=Pressure)
    now: float = 0.0
    latest: float = 0.0
    """how late its loop was at most, in seconds, since `run`"""
    lag: float = 0.0
    _began: float = 0.0
    _due: float = TICK
    _looked: float = 0.0
    _worked: float = 0.0
    _left: list[float] = field(default_factory=lambda: [0.0] * len(MIX))

    def run(self, seconds: float, *, load: float) -> dict[int, Share]:
        """Return what became of what was asked in these seconds, at so many times its capacity."""
        shares = {traffic: Share() for traffic in MIX}
        end, self.latest = self.now + seconds, 0.0
        while self.now < end:
            came = load * self.capacity * (self.now - self._began)
            self._began = self.now
            took = sum(self._take(traffic, came, shares[traffic]) for traffic in MIX)
            self._worked += took
            self.now += max(took, _SHORTEST)
            if self.now >= self._due:
                self._look()
        return shares

    def _take(self, traffic: int, came: float, share: Share) -> float:
        """Return how long those of a class take."""
        due = self._left[traffic] + came * MIX[traffic]
        self._left[traffic] = due - int(due)
        refused = sum(self.pressure.turns_away(traffic) for _ in range(int(due)))
        share.offered += int(due)
        share.served += int(due) - refused
        return (int(due) - refused + refused * self.refusing) / self.capacity

    def _look(self) -> None:
        self.lag = self.now - self._due
        self.latest = max(self.latest, self.lag)
        busy = min(1.0, self._worked / (self.now - self._looked))
        self.pressure.look(busy=busy, lag=self.lag)
        self._looked, self._worked, self._due = self.now, 0.0, self.now + TICK
