"""Leases of nodes in memory, with a clock that a test moves; away or emptied if it says so."""

import itertools

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.nodes.algorithm import LEASE, Seen
from tta_gateway.features.nodes.store import Away, Standing

_numbers = itertools.count(1)


class MemoryNodes:
    """Does what the port promises."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.is_away = False
        self.empty()
        self.born -= LEASE  # it has been there for long

    def empty(self) -> None:
        """Forget all."""
        self.epoch = f"store {next(_numbers)}"
        self.born = self.clock.monotonic()
        self.version = self.fence = 0
        self.topics: dict[str, int] = {}
        self.held: dict[str, tuple[int, float, int]] = {}

    def _ask(self) -> None:
        if self.is_away:
            raise Away("as the test says")
        now = self.clock.monotonic()
        self.held = {name: one for name, one in self.held.items() if one[1] > now}

    async def renew(self, node: str, number: int) -> tuple[int, Standing]:
        self._ask()
        known, _, acknowledged = self.held.get(node, (0, 0.0, 0))
        if not known or known != number:
            self.fence += 1
            known, acknowledged = self.fence, 0
        self.held[node] = known, self.clock.monotonic() + LEASE, acknowledged
        return known, await self.standing()

    async def tell(self, topic: str) -> Standing:
        self._ask()
        self.version += 1
        self.topics[topic] = self.version
        return await self.standing()

    async def acknowledge(self, node: str, number: int, version: int) -> bool:
        self._ask()
        known, ends, before = self.held.get(node, (0, 0.0, 0))
        if not known or known != number:
            return False
        self.held[node] = known, ends, max(before, version)
        return True

    async def standing(self) -> Standing:
        self._ask()
        now = self.clock.monotonic()
        nodes = [
            Seen(name, number=number, acknowledged=acknowledged, left=ends - now)
            for name, (number, ends, acknowledged) in self.held.items()
        ]
        return Standing(self.epoch, now - self.born, self.version, dict(self.topics), nodes)
