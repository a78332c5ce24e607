"""Valkeys: a worker's clients of the node's stores, which ask whoever serves at the moment.

One server is known from the configuration.  Who serves for Sentinels or a cluster is found out by
control and comes as a live section, named by `serves`; until it has come nothing can be asked.
Without a store traffic goes on: whoever uses one says what he does without it.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from tta_gateway.node.sections import Sections
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Metric, Registry
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.dial import tls_of
from tta_gateway.support.valkey.fitness import Purpose
from tta_gateway.support.valkey.link import Way
from tta_gateway.support.valkey.topology import Served, Store, Topology

CONNECTED: Final = Metric(
    "tta_gateway_store_connected", "gauge", "Workers that can ask a store.", ("store",)
)
_NAME: Final = "tta-gateway-worker"
_PURPOSES: Final[tuple[Purpose, ...]] = ("state", "cache")
_served = msgspec.msgpack.Decoder(Served)


def serves(purpose: Purpose) -> str:
    """Return the name of the live section that says who serves a store."""
    return f"store/{purpose}"


class Valkeys:
    """Keeps a client for each store that the configuration has."""

    def __init__(
        self,
        *,
        registry: Registry,
        log: EventLog,
        chance: Callable[[], float],
        died: Callable[[str, BaseException], None],
    ) -> None:
        """Begin with none."""
        self._log = log
        self._sections = Sections(log)
        self._chance = chance
        self._died = died
        self._stores: dict[Purpose, Store] = {}
        self._told: dict[Purpose, Topology] = {}
        self._connected = {one: registry.child(CONNECTED, one) for one in _PURPOSES}
        self.clients: dict[Purpose, Valkey] = {}

    def adopt(self, snapshot: Snapshot, live: Mapping[str, msgspec.Raw]) -> None:
        """Ask these stores from now on, and those who serve them.

        OSError if OpenSSL refuses the authorities of one: then that store stays what it was.
        """
        named: dict[Purpose, Store | None] = {"state": snapshot.state, "cache": snapshot.cache}
        for purpose, store in named.items():
            topology = self._who(purpose, store, live)
            if store != self._stores.get(purpose):
                self._renew(purpose, store, topology)
            elif topology is not None and topology != self._told.get(purpose):
                self._told[purpose] = topology
                self.clients[purpose].use(topology)

    def _who(
        self, purpose: Purpose, store: Store | None, live: Mapping[str, msgspec.Raw]
    ) -> Topology | None:
        """Return who serves a store, as far as it is known."""
        if store is None or store.topology is not None:
            return None if store is None else store.topology
        name = serves(purpose)
        served = self._sections.read(name, live.get(name), _served.decode)
        return served.topology if served is not None and served.of == store.named else None

    def _renew(self, purpose: Purpose, store: Store | None, topology: Topology | None) -> None:
        made = None if store is None else self._client(purpose, store, topology)
        before = self.clients.pop(purpose, None)
        if before is not None:
            before.close()
        self._stores.pop(purpose, None)
        self._told.pop(purpose, None)
        if made is not None and store is not None:
            self.clients[purpose] = made
            self._stores[purpose] = store
        if topology is not None:
            self._told[purpose] = topology

    def _client(self, purpose: Purpose, store: Store, topology: Topology | None) -> Valkey:
        way = Way(
            store.login, tls=tls_of(store.login), name=_NAME, chance=self._chance, died=self._died
        )
        tell = self._log.event
        return Valkey(topology, way=way, name=purpose, tell=tell, stale=lambda _: None)

    def topology(self, purpose: Purpose) -> Topology | None:
        """Return who serves a store, as far as that is known."""
        return self._told.get(purpose)

    def tick(self) -> None:
        """Count which can be asked."""
        for purpose, child in self._connected.items():
            client = self.clients.get(purpose)
            child.set(1.0 if client is not None and client.is_open else 0.0)

    def close(self) -> None:
        """Ask no more."""
        for client in self.clients.values():
            client.close()
