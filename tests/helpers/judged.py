"""Control with one service that two workers ask: what they tell and count, what it judges."""

from typing import Any, Final

import msgspec

from tests.helpers.known_services import ONE, OTHER, THIRD, House, seen
from tta_gateway.kernel.route import Endpoint, Outliers, Service
from tta_gateway.kernel.standing import Standing
from tta_gateway.node.judging import Judging
from tta_gateway.node.known import Known
from tta_gateway.node.penalties import Penalties
from tta_gateway.node.times import Times
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment
from tta_gateway.upstream.timing import Timings

OUTLIERS: Final = Outliers(interval=10.0, least_asked=20)
PLAYERS: Final = Service(name="players", endpoints=(ONE, OTHER, THIRD), outliers=OUTLIERS)
FAST, SLOW = 0.01, 0.2
WORKERS: Final = ("worker 7", "worker 8")


class Written:
    """The lines of a log."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def put(self, line: bytes) -> None:
        self.events.append(msgspec.json.decode(line))


class Judged(House):
    """It has judged nothing yet, and its first intervals have begun."""

    def __init__(self, service: Service = PLAYERS, live: dict[str, Standing] | None = None) -> None:
        super().__init__(service=service, live=live)
        self.log = Written()
        self.segments = [Segment() for _ in WORKERS]
        self.timings = [Timings("players", Registry(one)) for one in self.segments]
        self.times = Times(lambda: self.segments)
        log, wall = EventLog(self.log, Stamp(self.clock.wall)), self.clock.wall
        self.judging = Judging(self.services, self.times, wall=wall)
        self.penalties = Penalties(self.services, self.times, log, self.bus, wall=wall)
        self.penalties.go_on()
        self._turn = 0
        self.judging.tick(self.clock.monotonic())

    def known(self, endpoint: Endpoint = ONE) -> Known:
        return self.services.kept["players"].endpoints[endpoint.name]

    def counted(self, endpoint: Endpoint, asked: int, failed: int) -> None:
        """Let each worker tell that it has asked so often."""
        self._turn += 1
        for by in WORKERS:
            seen(self, endpoint, by=by, turn=self._turn, asked=asked, failed=failed)

    def took(self, endpoint: Endpoint, seconds: float, times: int) -> None:
        """Let each worker get so many answers after this time."""
        for one in self.timings:
            timing = one.of(endpoint.name, "/a")
            for _ in range(times):
                timing.observe(seconds)

    def sighted(self, *, penalised: bool, weight: float = 1.0, ratio: float = 1.0) -> None:
        """Let both workers tell how they see the first endpoint."""
        for by in WORKERS:
            seen(self, by=by, penalised=penalised, weight=weight, ratio=ratio)

    def elapse(self, seconds: float) -> None:
        """Let time pass, and control have a look."""
        self.clock.advance(seconds)
        self.judging.tick(self.clock.monotonic())
        self.penalties.tick()

    def written(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.log.events if one["event"] == name]
