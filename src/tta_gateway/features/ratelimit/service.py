"""What control does about limits: it keeps what operators say of them while the gateway runs.

That stands in a live section: every worker of this node goes by it at once, and those that start
later too; a reload and an upgrade leave it as it is.  It ends when somebody takes it back, when its
time is over, or with the gateway: what should stay belongs into the configuration.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from tta_gateway.features.ratelimit.bound import (
    OVERRIDES,
    Limit,
    Override,
    Overrides,
    RateLimitBound,
    changed,
    overrides_of,
)
from tta_gateway.features.ratelimit.store import Buckets, Owed, Settled


class Findings(Protocol):
    """Where live sections are told."""

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Say what is so from now on; None: nothing is known of it any more."""


class Limits:
    """The limits of a node, and what somebody has said of them."""

    def __init__(self, findings: Findings, buckets: Buckets, *, wall: Callable[[], float]) -> None:
        """Begin with nothing said."""
        self._findings = findings
        self._buckets = buckets
        self._wall = wall
        self.configured: tuple[Limit, ...] = ()
        self.overrides = Overrides()

    def recover(self, live: Mapping[str, msgspec.Raw]) -> None:
        """Go on with what was said to a control before this one, as far as it can be read."""
        raw = live.get(OVERRIDES)
        if raw is not None:
            try:
                self.overrides = overrides_of(raw)
            except msgspec.DecodeError:
                self.overrides = Overrides()

    def adopt(self, bound: RateLimitBound) -> None:
        """Have these limits from now on."""
        self.configured = bound.limits

    def override_of(self, handle: str) -> Override | None:
        """Return what is said of a limit, and still so."""
        found = self.overrides.limits.get(handle)
        return None if found is None or 0.0 < found.until <= self._wall() else found

    def override(self, handle: str, override: Override | None) -> None:
        """Have a limit be so from now on; None: as it is configured."""
        now = self._wall()
        kept = {
            name: one
            for name, one in self.overrides.limits.items()
            if name != handle and not 0.0 < one.until <= now
        }
        if override is not None:
            kept[handle] = override
        self.overrides = Overrides(limits=kept)
        self._findings.put(OVERRIDES, self.overrides if kept else None)

    def find(self, id: str) -> Limit | None:
        """Return the limit with this id."""
        return next((one for one in self.configured if one.id == id), None)

    def wall(self) -> float:
        """Return the time of day."""
        return self._wall()

    async def look(self, limit: Limit, key: str) -> Settled:
        """Return what all have spent of a bucket; Away."""
        return await self._buckets.look(self._owed(limit, key))

    async def reset(self, limit: Limit, key: str) -> None:
        """Have a bucket full again, at every worker of every node; Away."""
        await self._buckets.reset(self._owed(limit, key), uuid.uuid4().hex[:16].encode())

    def _owed(self, limit: Limit, key: str) -> Owed:
        if not limit.quota:
            figures = changed(limit, self.override_of(limit.handle))
            return Owed(id=limit.id, key=key, depth=figures.depth)
        number = int(self._wall() // limit.per)
        return Owed(id=limit.id, key=key, window=number, ends=(number + 1) * limit.per)
