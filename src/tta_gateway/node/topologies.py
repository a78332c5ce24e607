"""Topologies: control asks, again and again, who serves a store, and tells the workers.

Only Sentinels and the nodes of a cluster need be asked.  While none of them answers, workers keep
to those who served last: that is what control knows best.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tta_gateway.node.findings import Findings
from tta_gateway.node.valkeys import serves
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.valkey.fitness import Purpose
from tta_gateway.support.valkey.topology import Served, Store, Topology

PAUSE: Final = 1.0  # seconds between two questions
Ask = Callable[[Store], Awaitable[Topology]]


class Topologies:
    """Who serves each store, as far as it is known."""

    def __init__(
        self, findings: Findings, log: EventLog, *, ask: Ask, chance: Callable[[], float]
    ) -> None:
        """Begin without having asked."""
        self._findings = findings
        self._log = log
        self._ask = ask
        self._chance = chance
        self._told: dict[Purpose, Topology] = {}

    async def watch(self, snapshot: Callable[[], Snapshot]) -> None:
        """Ask for the stores that the snapshot in force names, for ever."""
        while True:
            await self.look(snapshot())
            await asyncio.sleep(PAUSE * (0.9 + 0.2 * self._chance()))

    async def look(self, snapshot: Snapshot) -> None:
        """Ask once."""
        named: dict[Purpose, Store | None] = {"state": snapshot.state, "cache": snapshot.cache}
        for purpose, store in named.items():
            if store is None or store.topology is not None:
                self._findings.put(serves(purpose), None)
                self._told.pop(purpose, None)
                continue
            topology = await self._answer(store)
            if topology is not None:
                self._tell(purpose, store, topology)

    def told(self, purpose: Purpose) -> Topology | None:
        """Return who serves a store, where that had to be asked; None if nobody has said so yet."""
        return self._told.get(purpose)

    async def _answer(self, store: Store) -> Topology | None:
        """Return what is answered; None whatever goes wrong: node/stores.py says so."""
        try:
            return await self._ask(store)
        except Exception:  # noqa: BLE001 - nobody else would ask again
            return None

    def _tell(self, purpose: Purpose, store: Store, topology: Topology) -> None:
        self._findings.put(serves(purpose), Served(store.named, topology))
        if topology != self._told.get(purpose):
            self._told[purpose] = topology
            addresses = [str(one) for one in topology.addresses]
            self._log.event("store_served", store=purpose, by=addresses)
