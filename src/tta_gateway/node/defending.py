"""Defending: control's part of the shield, and how nodes tell each other whom they keep out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from tta_gateway.features.nodes.bound import NodesBound
from tta_gateway.features.shield.bound import SECTION, Block, ShieldBound, blocks_of
from tta_gateway.features.shield.service import Shield
from tta_gateway.features.shield.store import Away, BlockStore
from tta_gateway.features.shield.valkey_store import ValkeyStore
from tta_gateway.kernel.events import Event
from tta_gateway.node.banning import Banning, Shelf
from tta_gateway.node.findings import Findings
from tta_gateway.node.sections import Sections
from tta_gateway.node.state_client import StateClient
from tta_gateway.snapshot.parts import Parts, bound_of
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.quiet import Quiet

_TICK: Final = 0.25  # seconds: two of it, at most, until another node keeps out who is so here
_QUIET: Final = 60.0  # seconds between two words that the store is away


class Outside:
    """The rest of control, as the shield sees it."""

    def __init__(self, findings: Findings, bus: Bus, log: EventLog, clock: Clock) -> None:
        """Pass on to these."""
        self._bus = bus
        self._log = log
        self.put = findings.put
        self.wall: Callable[[], float] = clock.wall

    def publish(self, event: Event) -> None:
        """Tell all of control."""
        self._bus.publish(event)

    def event(self, name: str, **fields: object) -> None:
        """Write a line of the log."""
        self._log.event(name, **fields)


class Defending:
    """All of it in this process."""

    def __init__(
        self,
        outside: Outside,
        *,
        client: StateClient,
        shelf: Shelf,
        counts: Registry,
        monotonic: Callable[[], float],
    ) -> None:
        """Begin without a configuration."""
        self.shield = Shield(outside, counts)
        self.store: BlockStore = ValkeyStore(client)
        self.banning = Banning(outside, self.shield, shelf, monotonic=monotonic)
        self._outside = outside
        self._monotonic = monotonic
        self._quiet = Quiet(_QUIET)
        self._is_shared = False
        self._unlifted: list[str] = []

    def recover(self, live: Mapping[str, msgspec.Raw], sections: Sections) -> None:
        """Go on with what a control before this one has kept."""
        found = sections.read(SECTION, live.get(SECTION), blocks_of)
        if found is not None:
            self.shield.recover(found)
        self.banning.recover(live, sections)

    def adopt(self, parts: Parts) -> None:
        """Go by this configuration."""
        self.shield.adopt(bound_of(parts, "shield", ShieldBound))
        self.banning.adopt()
        self._is_shared = bound_of(parts, "nodes", NodesBound).shared

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look after it, for ever."""
        while True:
            try:
                if self._is_shared:
                    await self.exchange()
                else:
                    self.shield.unshared.clear()
            finally:
                self.shield.tick()  # whatever becomes of the exchange: blocks end, workers are told
            await sleep(_TICK)

    async def exchange(self) -> None:
        """Tell the other nodes what is new here, and take what is new there.

        While the store is away this node goes by its own; what is new waits for it.
        """
        shield = self.shield
        try:
            while self._unlifted:
                source = self._unlifted[0]
                await self.store.lift(source, shield.wall())
                if source in self._unlifted:  # else another exchange has told it meanwhile
                    self._unlifted.remove(source)
            new = list(shield.unshared.values())
            if new:
                await self.store.share(new, shield.wall())
            for one in new:
                if shield.unshared.get(one.source) is one:
                    del shield.unshared[one.source]
            shield.merge(*await self.store.taken(shield.wall()))
        except Away as error:
            if self._quiet.is_due("away", now=self._monotonic()):
                self._outside.event("shield_not_shared", error=str(error))

    # What administrators ask

    def blocks(self) -> list[Block]:
        """Return who is kept out."""
        return self.shield.blocks()

    def suspects(self, most: int) -> list[tuple[str, float, str]]:
        """Return the worst of the others."""
        return self.shield.suspects(most)

    async def keep_out(self, source: str, *, lasts: float, cause: str, by: str) -> Block:
        """Keep somebody out."""
        made = self.shield.block(source, lasts=lasts, cause=cause, by=by)
        self.banning.ban(made)
        if self._is_shared:
            await self.exchange()
        await self.banning.wait()
        return made

    async def let_in(self, source: str, *, by: str) -> bool:
        """Let somebody in, on all nodes."""
        found = self.shield.lift(source, by=by)
        self.banning.lift(source, by=by)
        if self._is_shared:
            self._unlifted.append(source)
            await self.exchange()
        await self.banning.wait()
        return found

    def is_kept(self, block: Block) -> bool:
        """Tell whether a block outlives a full stop of the gateway."""
        return self.banning.is_kept(block)

    def is_read(self) -> bool:
        """Tell whether it is known whom administrators kept out before the last start."""
        return self.banning.is_known
