"""Attending: where leases of nodes meet the rest of control."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from tta_gateway.features.nodes.bound import NodesBound
from tta_gateway.features.nodes.service import Attendance, NotTaken, Outcome, Take
from tta_gateway.features.nodes.valkey_store import CHANNEL, ValkeyStore
from tta_gateway.node.degraded import say
from tta_gateway.node.state_channel import StateChannel
from tta_gateway.node.state_client import StateClient
from tta_gateway.node.taking import Taking
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, base_of, bound_of
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

REVOCATIONS: Final = "revocations"
"""The topic of tokens and keys that count no more."""
CARE: Final = "care"
"""The topic of who cares for whom, and of broken glass."""
_TICK: Final = 0.2  # seconds


def words_of(outcome: Outcome) -> list[str]:
    """Return what an answer says of who was not told in time."""
    said = []
    if outcome.away:
        said.append("nodes-not-reached")
    if outcome.lapsed:
        said.append(f"nodes-lapsed={len(outcome.lapsed)}")
    if outcome.behind:
        said.append(f"nodes-behind={len(outcome.behind)}")
    if outcome.hangs:
        said.append("workers-behind")
    return said


class Outside:
    """The rest of control, as attendance sees it."""

    def __init__(self, taking: Taking, log: EventLog, clock: Clock) -> None:
        """Pass on to these."""
        self.tell = taking.tell
        self.confirmed = taking.confirmed
        self.event = log.event
        self.monotonic = clock.monotonic

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Attending:
    """All of it in this process."""

    def __init__(
        self,
        client: StateClient,
        taking: Taking,
        *,
        topics: Mapping[str, Take],
        log: EventLog,
        clock: Clock,
        counts: Registry,
    ) -> None:
        """Begin without a configuration."""
        self._snapshot: Snapshot | None = None
        self.attendance = Attendance(
            ValkeyStore(client),
            Outside(taking, log, clock),
            node=uuid.uuid4().hex,
            topics=topics,
            counts=counts,
        )
        self._channel = StateChannel(
            CHANNEL, self.attendance.heard, topology=client.topology, log=log, died=self._died
        )
        self._log = log

    def adopt(self, parts: Parts, *, is_needed: bool) -> None:
        """Go by this configuration; it is needed where anything can be revoked."""
        self._snapshot = base_of(parts)
        shared = bound_of(parts, "nodes", NodesBound).shared
        self.attendance.adopt(is_shared=shared, is_needed=is_needed)

    async def run(self) -> None:
        """Hold the lease, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.attendance.run())
            group.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            if self._snapshot is not None:
                self._channel.tick(self._snapshot, is_wanted=not self.attendance.is_alone)
            await asyncio.sleep(_TICK)

    def spreading(self, topic: str) -> Callable[[], Awaitable[None]]:
        """Return what has all nodes take up what was written, and the answer say who has not."""

        async def spread() -> None:
            for word in words_of(await self.attendance.spread(topic)):
                say(word)

        return spread

    def _died(self, name: str, error: BaseException) -> None:
        self._log.event("task_died", task=name, error=type(error).__name__)


def taken(work: Callable[[], Awaitable[None]], *away: type[Exception]) -> Take:
    """Return work that reads what is new, and says in one way that it could not."""

    async def take() -> None:
        try:
            await work()
        except away as error:
            raise NotTaken(str(error)) from error

    return take
