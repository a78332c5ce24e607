"""Attendance: this node's lease, what it hears of the others, and for whom it waits."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Final, Protocol

from tta_gateway.features.nodes import metrics
from tta_gateway.features.nodes.algorithm import (
    LEASE,
    LOOKED,
    PATIENCE,
    RENEWED,
    SURE,
    Held,
    Waiting,
    due,
    heard_until,
    may_renew,
)
from tta_gateway.features.nodes.store import Away, NodeStore, Standing
from tta_gateway.support.metrics import Registry

_AGAIN: Final = 0.1  # seconds until what could not be taken up is tried again
_ASKED: Final = 0.025  # seconds from one look at who has acknowledged to the next
NEVER: Final = -inf


class NotTaken(Exception):
    """What is new could not be read: SQL is away."""


Take = Callable[[], Awaitable[None]]
"""Reads what is new of a topic and tells the workers; NotTaken."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of telling the others.

    Nodes whose lease `lapsed` meanwhile, and those that were `behind` at the end of the wait;
    `away` says that the store could not be reached, so that nobody knows who was there, and
    `hangs` that a worker of this node has not confirmed.
    """

    lapsed: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    away: bool = False
    hangs: bool = False


ALL: Final = Outcome()


class Outside(Protocol):
    """The rest of control."""

    def monotonic(self) -> float:
        """Return seconds that only go forward."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def tell(self, until: float) -> None:
        """Tell the workers until when they may go by what they know."""

    async def confirmed(self, patience: float) -> bool:
        """Wait until all workers have taken up what they were told so far; False if time is up."""

    def event(self, name: str, **fields: object) -> None:
        """Write a line for operators."""


class Attendance:
    """Holds the lease."""

    def __init__(
        self,
        store: NodeStore,
        outside: Outside,
        *,
        node: str,
        topics: Mapping[str, Take],
        counts: Registry,
    ) -> None:
        """Begin without a lease; `topics` says how to take up what is told in each."""
        self._store = store
        self._outside = outside
        self._topics = topics
        self.node = node
        self.is_shared = self.is_needed = False
        self._held: Held | None = None
        self._known: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._version = self._acknowledged = 0
        self._behind_since: float | None = None
        self._looked = NEVER
        self._news = asyncio.Event()
        self._is_held = counts.child(metrics.LEASES)
        self._told = {
            one: counts.child(metrics.TOLD, one)
            for one in ("acknowledged", "lapsed", "behind", "away")
        }
        self._said = ""

    def adopt(self, *, is_shared: bool, is_needed: bool) -> None:
        """Hold a lease where others may be there, and there is something to tell them."""
        self.is_shared, self.is_needed = is_shared, is_needed
        if not is_shared or not is_needed:
            self._held = None

    @property
    def is_alone(self) -> bool:
        """Tell whether there is nobody to hear of, or nothing."""
        return not self.is_shared or not self.is_needed

    @property
    def holds(self) -> bool:
        """Tell whether the lease is held, by this machine's own clock."""
        held = self._held
        return held is not None and held.is_proved and held.ends > self._outside.monotonic()

    async def run(self) -> None:
        """Hold the lease, and take up what is told, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lasting(self.renew, RENEWED))
            group.create_task(self._lasting(self.look, LOOKED))
            group.create_task(self._take_for_ever())

    async def _lasting(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            await work()
            await self._outside.sleep(pause)

    # --- the lease -----------------------------------------------------------------------------

    async def renew(self) -> None:
        """Renew the lease once, and tell the workers until when all is well."""
        if self.is_alone:
            self._outside.tell(inf)
            self._is_held.set(1.0)
            return
        begun = self._outside.monotonic()
        if may_renew(self._behind_since, begun):
            with contextlib.suppress(Away):
                before = 0 if self._held is None else self._held.number
                number, standing = await self._store.renew(self.node, before)
                self._hold(number, standing, begun + LEASE)
        self._is_held.set(float(self.holds))
        self._tell()

    def _hold(self, number: int, standing: Standing, ends: float) -> None:
        held = self._held
        if held is None or not held.is_of(number, standing.epoch):
            self._held = held = Held(number, standing.epoch, ends)
            self._taken, self._acknowledged = {}, 0
            self._known, self._version = {}, 0
        held.ends = ends
        self._hear(standing)
        if not held.is_proved or self._is_behind:
            self._news.set()

    def _hear(self, standing: Standing) -> None:
        """Take note of what was told."""
        if self._held is None or standing.epoch != self._held.epoch:
            return
        for topic, version in standing.topics.items():
            self._known[topic] = max(version, self._known.get(topic, 0))
        self._version = max(self._version, standing.version)
        if self._is_behind and self._behind_since is None:
            self._behind_since = self._outside.monotonic()

    @property
    def _is_behind(self) -> bool:
        return self._acknowledged < self._version

    def _tell(self) -> None:
        now = self._outside.monotonic()
        until = heard_until(self._held, self._looked)
        self._outside.tell(until)
        said = "unheard" if until <= now else "held" if self.holds else "by_sql"
        if said != self._said:
            self._said = said
            self._outside.event("node_heard", how=said)

    # --- what others tell ----------------------------------------------------------------------

    def heard(self) -> None:
        """Look now: somebody has told something."""
        self._news.set()

    async def _take_for_ever(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if not self.is_alone and not await self.take():
                await self._outside.sleep(_AGAIN)
                self._news.set()

    async def take(self) -> bool:
        """Take up what was told, and acknowledge it; False if that could not be."""
        held = self._held
        if held is None:
            return True  # all of it is taken up with the next lease
        try:
            self._hear(await self._store.standing())
            version, known = self._version, dict(self._known)
            topics = due(known, self._taken) if held.is_proved else list(self._topics)
            await self._take_up(topics)
            if not await self._outside.confirmed(LEASE):
                return False
            self._taken.update({topic: known.get(topic, 0) for topic in topics})
            if not await self._store.acknowledge(self.node, held.number, version):
                self._held = self._behind_since = None  # it has ended: the next one begins anew
                return True
        except (Away, NotTaken):
            return False
        held.is_proved = True
        self._acknowledged = max(version, self._acknowledged)
        self._behind_since = self._outside.monotonic() if self._is_behind else None
        if self._is_behind:
            self._news.set()
        self._tell()
        return True

    async def _take_up(self, topics: list[str]) -> None:
        for topic in topics:
            take = self._topics.get(topic)
            if take is not None:  # a newer gateway may tell of more
                await take()

    async def look(self) -> None:
        """Without a lease that is renewed in time, ask SQL instead."""
        held, begun = self._held, self._outside.monotonic()
        if self.is_alone or (held is not None and held.is_proved and held.ends - begun > SURE):
            return
        try:
            async with asyncio.timeout(LEASE):
                await self._take_up(list(self._topics))
        except (NotTaken, TimeoutError):
            return
        self._looked = begun
        self._tell()

    # --- telling others ------------------------------------------------------------------------

    async def spread(self, topic: str) -> Outcome:
        """Have all nodes take up what was written in SQL; return once they have, or cannot harm."""
        begun = self._outside.monotonic()
        told: Standing | None = None
        if not self.is_alone:
            with contextlib.suppress(Away):
                told = await self._store.tell(topic)
        with contextlib.suppress(NotTaken):  # it was written a moment ago; it will be read soon
            await self._take_up([topic])
        hangs = not await self._outside.confirmed(PATIENCE)
        if hangs:
            self._outside.event("workers_behind", topic=topic)
        if self.is_alone:
            return Outcome(hangs=hangs)
        if told is not None:
            self._hear(told)
            self._news.set()
        outcome = await self._waited(topic, told, begun + PATIENCE)
        if outcome.lapsed:  # it may go by what SQL said just before this was written
            await self._outside.sleep(max(0.0, begun + LEASE - self._outside.monotonic()))
        self._count(topic, outcome)
        return replace(outcome, hangs=hangs)

    async def _waited(self, topic: str, told: Standing | None, until: float) -> Outcome:
        """Wait for all who hold a lease."""
        waiting, epoch = None, ""
        while told is not None:
            if waiting is None or told.epoch != epoch:
                if waiting is not None:  # it was emptied: what was told is forgotten
                    told = await self._told_again(topic)
                    if told is None:
                        break
                waiting, epoch = Waiting(self.node, told.version, told.nodes), told.epoch
            if waiting.is_over(told.nodes, age=told.age):
                return Outcome(lapsed=tuple(sorted(waiting.lapsed)))
            if self._outside.monotonic() >= until:
                return Outcome(tuple(sorted(waiting.lapsed)), tuple(sorted(waiting.behind)))
            await self._outside.sleep(_ASKED)
            told = await self._asked()
        await self._outside.sleep(max(0.0, until - self._outside.monotonic()))
        return Outcome(away=True)

    async def _asked(self) -> Standing | None:
        try:
            return await self._store.standing()
        except Away:
            return None

    async def _told_again(self, topic: str) -> Standing | None:
        try:
            return await self._store.tell(topic)
        except Away:
            return None

    def _count(self, topic: str, outcome: Outcome) -> None:
        result = (
            "away"
            if outcome.away
            else "behind"
            if outcome.behind
            else "lapsed"
            if outcome.lapsed
            else "acknowledged"
        )
        self._told[result].add()
        if outcome != ALL:
            self._outside.event(
                "nodes_not_all_told",
                topic=topic,
                lapsed=outcome.lapsed,
                behind=outcome.behind,
                store_away=outcome.away,
            )

    async def standing(self) -> Standing:
        """Return who holds a lease; Away."""
        return await self._store.standing()
