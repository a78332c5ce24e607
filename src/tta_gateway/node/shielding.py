"""Shielding: the ward of a worker, told by control who is blocked, and telling it what it sees."""

import asyncio
import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from tta_gateway.features.identity.credential import Ambiguous, token_of
from tta_gateway.features.identity.policy import Identity
from tta_gateway.features.shield.algorithm import Score, cause_of
from tta_gateway.features.shield.bound import SECTION, Blocks, blocks_of
from tta_gateway.features.shield.ward import KNOWN_ONE, NOBODY, UNPROVED, Ward
from tta_gateway.kernel.events import Event, SourceBlocked, SourceSeen, SourcesSeen
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.policy import Answer, Policy
from tta_gateway.node.sections import Sections
from tta_gateway.support.clock import Clock
from tta_gateway.support.metrics import Registry

_TOLD_EACH: Final = 5  # ticks: about a second
_MOST_TOLD: Final = 100  # sources
_API_KEY: Final = b"x-api-key"


def _unheard(_: Event) -> None:
    """Stand where nobody is told."""


class Shielding:
    """Has the ward, whatever configuration is in force."""

    def __init__(
        self,
        registry: Registry,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Clock,
        sections: Sections,
    ) -> None:
        """Begin with nobody suspected."""
        self.ward = Ward(
            registry=registry,
            clock=clock.monotonic,
            chance=random.random,
            wall=clock.wall,
            future=self._future,
        )
        self.ward.shown = self.shown
        self.ward.blocked = self._blocked
        self.tell: Callable[[Event], None] = _unheard
        self._loop = loop
        self._clock = clock
        self._sections = sections
        self._by = f"worker {os.getpid()}"
        self._identity: Identity | None = None
        self._raw: msgspec.Raw | None = None
        self._lifted: dict[str, float] = {}  # those that have been forgiven
        self._ticks = 0

    def look_by(self, policies: Sequence[Policy]) -> None:
        """Know tokens by what the policy of identity among these has proved."""
        for policy in policies:
            if isinstance(policy, Identity):
                self._identity = policy

    def follow(self, live: Mapping[str, msgspec.Raw]) -> None:
        """Go by the blocks that control tells now; where it tells none, by none of its."""
        raw = live.get(SECTION)
        if raw == self._raw:
            return
        self._raw = raw
        said = self._sections.read(SECTION, raw, blocks_of) or Blocks()
        ahead = self._clock.monotonic() - self._clock.wall()
        self.ward.hear(
            {one.source: one.until + ahead for one in said.blocks},
            {one.source: one.strikes for one in said.blocks},
            [one for one, at in said.lifted.items() if self._lifted.get(one) != at],
        )
        self._lifted = said.lifted

    def tick(self) -> None:
        """Do what is due."""
        self.ward.tick()
        self._ticks += 1
        if self._ticks % _TOLD_EACH:
            return
        seen = self.ward.untold(_MOST_TOLD)
        if seen:
            told = tuple(_seen(one) for one in seen)
            self.tell(SourcesSeen(seen=told, at=self._clock.wall(), by=self._by))

    def _blocked(self, score: Score) -> None:
        now = self._clock.wall()
        self.tell(
            SourceBlocked(
                source=score.name,
                until=now + score.until - self._clock.monotonic(),
                strikes=score.strikes,
                cause=cause_of(score.counts),
                at=now,
                by=self._by,
            )
        )

    def shown(self, exchange: Exchange) -> int:
        """Return whether a request shows a token or a certificate, and one that is proved."""
        request, identity = exchange.request, self._identity
        if exchange.peer.shown is not None and exchange.peer.shown.chain:
            return KNOWN_ONE
        try:
            token = token_of(request) or request.get(_API_KEY)
        except Ambiguous:
            return NOBODY
        if token is None and identity is not None and identity.cookie is not None:
            token = identity.cookie.shown(exchange)
        if token is None:
            return UNPROVED if request.upgrade == b"websocket" and request.query else NOBODY
        return KNOWN_ONE if identity is not None and identity.knows(token) else UNPROVED

    def _future(self) -> "asyncio.Future[Answer]":
        return self._loop.create_future()


def _seen(score: Score) -> SourceSeen:
    points = score.untold_points
    return SourceSeen(source=score.name, counts=tuple(score.told()), points=points)
