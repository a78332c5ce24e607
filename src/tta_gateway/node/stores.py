"""Stores: what control knows of the Valkeys or Redises that the operator has named.

Each is asked at the start, and with every configuration that names another, whether it is fit for
what it is to hold.  One that is not is told of, and nothing more: traffic does not depend on it.
"""

from collections.abc import Mapping
from typing import Final

from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.valkey.discovery import discover, inspect
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.fitness import Purpose, complaints
from tta_gateway.support.valkey.topology import Store

NAME: Final = "tta-gateway-control"
Words = Mapping[str, list[str]]


class Stores:
    """Asks them, and remembers what there was to say."""

    def __init__(self, log: EventLog) -> None:
        """Begin without having asked."""
        self._log = log
        self._asked: dict[Purpose, Store] = {}
        self.complaints: dict[Purpose, list[str]] = {}

    async def look(self, snapshot: Snapshot) -> None:
        """Ask those that have not been asked; an embedded one is as it should be."""
        named: dict[Purpose, Store | None] = {"state": snapshot.state, "cache": snapshot.cache}
        for purpose, store in named.items():
            if store is None or store.embedded:
                self.complaints.pop(purpose, None)
                self._asked.pop(purpose, None)
            elif self._asked.get(purpose) != store:
                self._asked[purpose] = store
                self._take(purpose, await _words(purpose, store))

    def _take(self, purpose: Purpose, said: list[str]) -> None:
        self.complaints[purpose] = said
        if said:
            self._log.event("store_unfit", store=purpose, complaints=said)


async def _words(purpose: Purpose, store: Store) -> list[str]:
    """Return what is wrong with a store, one sentence each."""
    try:
        topology = await discover(store, name=NAME)
        info, settings = await inspect(store, topology, name=NAME)
    except (Unavailable, Refused, OSError) as error:
        return [f"{purpose}: it could not be asked: {error}"]
    return complaints(purpose, info, settings)
