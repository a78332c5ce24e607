"""A gateway on paper with all policies of a worker in their order, and one more in every gap.

Each of those refuses when it is its turn, in the way and for the reason that the test names.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal, TypeAlias, get_args

import msgspec
import pytest

from tests.helpers.builders import Bound
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import Open
from tests.helpers.scanned import Journal, Phrases
from tta_gateway.features.safety.bound import RouteSafety
from tta_gateway.features.safety.care import Care
from tta_gateway.features.safety.policy import Scan
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, answer_of
from tta_gateway.kernel.policy import Answer, Policy
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import NOT_FOUND, Problem
from tta_gateway.node import scanning
from tta_gateway.node.policies import Reach, policies
from tta_gateway.node.scanning import Scanning
from tta_gateway.order import ORDER
from tta_gateway.pipeline.lane import Lane
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.metrics import Registry

How: TypeAlias = Literal["refuse", "defer", "answer", "raise", "refuse later", "raise later", "die"]
HOWS: Final[tuple[How, ...]] = get_args(How)
_SNAPSHOT: Final = Snapshot(
    version=1,
    state_dir=".",
    listeners=(),
    services=(),
    routes=(),
    encryption_keys=(bytes(range(32)),),
)


def _place(kind: type[Policy]) -> int:
    return [one for one, _ in ORDER].index(kind)


FIRST: Final = _place(Care)
"""The first gap in which anything may refuse: behind what gives help."""
BEHIND: Final = len(ORDER) - 1
LANE: Final = _place(Lane)
"""The first gap in which no refusal can wait any more."""
LOOKED_AT: Final = _place(Scan)
"""The first gap behind what looks at bodies: what comes to nothing there is kept."""


class ComposedHouse:
    """The gateway; `why` and `how` say what the policy in a gap does, in the gap `where`.

    A detector of phrases takes the place of the package's.
    """

    def __init__(self, build: Open, patch: pytest.MonkeyPatch, **route: object) -> None:
        self.detector, self.journal, self.registry = Phrases(), Journal(), Registry()
        patch.setattr(scanning, "the_detector", lambda: self.detector)
        self.why, self.where = NOT_FOUND, -1
        self.how: How = "refuse"
        self.lapsed = False
        self.exchanges: list[Exchange] = []
        self.faults: list[BaseException] = []
        clock = FakeClock()
        clock.monotonic = self._time  # type: ignore[method-assign]
        reach = Reach()
        reach.scanning = Scanning(
            _SNAPSHOT,
            self.journal,
            clock=clock,
            registry=self.registry,
            spawn=lambda work: self.gateway.runner._spawn(work),
            report=lambda _, error: self.faults.append(error),
        )
        made = policies(_SNAPSHOT, registry=self.registry, lines=None, clock=clock, reach=reach)
        safety = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode="scan")))
        gaps = self._with_gaps(made)
        features = {"safety": safety}
        route = {"path": "/a", **route}
        self.gateway = build(policies=gaps, elsewhere=gaps, features=features, **route)

    def _time(self) -> float:
        return self.gateway.loop.time() if hasattr(self, "gateway") else 0.0

    def _with_gaps(self, made: Sequence[Policy]) -> list[Policy]:
        found: list[Policy] = []
        for number, policy in enumerate(made):
            found.append(policy)
            if number >= FIRST:
                found.append(Bound(on_request=self._refusing(number)))
        return found

    def _refusing(self, place: int) -> Callable[[Exchange], Answer | Awaitable[Answer]]:
        def step(exchange: Exchange) -> Answer | Awaitable[Answer]:
            if place != self.where:
                return None
            self.exchanges.append(exchange)
            if self.lapsed:
                exchange.lapsed = Principal(subject="p7", issuer="a")
            return self._later() if self.how.endswith("later") else self._now()

        return step

    def _now(self) -> Answer:
        if self.how == "die":
            raise ZeroDivisionError
        if self.how.startswith("raise"):
            raise GatewayError(self.why)
        answer = answer_of(self.why)
        return answer if self.how == "answer" else Refusal(answer, deferrable=self.how == "defer")

    async def _later(self) -> Answer:
        await asyncio.sleep(0)
        return self._now()

    def ask(self, request: bytes, *, why: Problem, how: How, where: int) -> FakeTransport:
        """Send a request that meets this."""
        self.why, self.how, self.where = why, how, where
        client = self.gateway.client()
        client.feed(request)
        self.settle()
        return client

    def settle(self) -> None:
        """Let everything go on that can."""
        for _ in range(12):
            self.gateway.loop.run_ready()

    @property
    def asked(self) -> int:
        """How often the service was asked."""
        return sum(end.sent.count(b" HTTP/1.1\r\n") for end in self.gateway.loop.opened)
