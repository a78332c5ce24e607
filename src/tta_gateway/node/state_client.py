"""A client of the store for state: made when it is first wanted, of whoever serves."""

import random
from collections.abc import Callable
from typing import Final

from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import Died
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.dial import tls_of
from tta_gateway.support.valkey.link import Way
from tta_gateway.support.valkey.topology import Store, Topology

_NAME: Final = "tta-gateway-control"


def way_to(store: Store, *, name: str, log: EventLog, died: Died) -> Way | None:
    """Return how to reach the store for state; None, told, if its certificates cannot be read.

    `name` is what who asks calls itself to the server.
    """
    try:
        tls = tls_of(store.login)
    except OSError as error:
        log.event("store_unfit", store="state", complaints=[str(error)])
        return None
    return Way(store.login, tls=tls, name=name, chance=random.random, died=died)


class StateClient:
    """Keeps a client for the store that the configuration names."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        *,
        topology: Callable[[], Topology | None],
        log: EventLog,
        died: Callable[[str, BaseException], None],
        name: str = _NAME,
    ) -> None:
        """Begin without one; `topology` is who serves, where that had to be asked.

        `name` is what it calls itself to the server.
        """
        self._snapshot = snapshot
        self.topology = topology
        self._log = log
        self._died = died
        self._name = name
        self._store: Store | None = None
        self._served: Topology | None = None
        self._client: Valkey | None = None

    def __call__(self) -> Valkey | None:
        """Return the client; None if there is no store, or its certificates cannot be read."""
        store = self._snapshot().state
        if store != self._store:
            self._renew(store)
        served = None if store is None else store.topology or self.topology()
        if self._client is not None and served is not None and served != self._served:
            self._served = served
            self._client.use(served)
        return self._client

    def close(self) -> None:
        """Ask no more, until it is called again."""
        self._renew(None)

    def _renew(self, store: Store | None) -> None:
        if self._client is not None:
            self._client.close()
        self._client, self._store, self._served = None, None, None
        if store is None:
            return
        way = way_to(store, name=self._name, log=self._log, died=self._died)
        if way is None:
            return
        tell = self._log.event
        self._client = Valkey(None, way=way, name="state", tell=tell, stale=lambda _: None)
        self._store = store
