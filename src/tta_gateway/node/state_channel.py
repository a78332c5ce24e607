"""A channel of the store for state, as control hears it: of whoever serves at the moment."""

import random
from collections.abc import Callable
from typing import Final

from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.valkey.dial import tls_of
from tta_gateway.support.valkey.link import Way
from tta_gateway.support.valkey.subscriber import Subscriber
from tta_gateway.support.valkey.topology import Store, Topology

_NAME: Final = "tta-gateway-control"


class StateChannel:
    """Listens at the store that the configuration names."""

    def __init__(
        self,
        channel: bytes,
        heard: Callable[[], None],
        *,
        topology: Callable[[], Topology | None],
        log: EventLog,
        died: Callable[[str, BaseException], None],
    ) -> None:
        """Hear nothing yet; `heard` is called when there is something, or something was missed."""
        self._channel = channel
        self._heard = heard
        self._topology = topology
        self._log = log
        self._died = died
        self._store: Store | None = None
        self._served: Topology | None = None
        self._subscriber: Subscriber | None = None

    def tick(self, snapshot: Snapshot, *, is_wanted: bool) -> None:
        """Listen where a configuration says, if anybody wants that."""
        store = snapshot.state if is_wanted else None
        if store != self._store:
            self._renew(store)
        served = None if store is None else store.topology or self._topology()
        if self._subscriber is not None and served is not None and served != self._served:
            self._served = served
            self._subscriber.use(served)

    def _renew(self, store: Store | None) -> None:
        if self._subscriber is not None:
            self._subscriber.close()
        self._subscriber, self._store, self._served = None, store, None
        if store is None:
            return
        try:
            tls = tls_of(store.login)
        except OSError as error:
            self._log.event("store_unfit", store="state", complaints=[str(error)])
            return
        way = Way(store.login, tls=tls, name=_NAME, chance=random.random, died=self._died)
        self._subscriber = Subscriber(
            None, way=way, name="state", tell=self._log.event, listener=self
        )
        self._subscriber.subscribe(self._channel)

    # What the subscriber tells

    def heard(self, channel: bytes, message: bytes) -> None:  # noqa: ARG002 - the port's
        """Take what has been published."""
        self._heard()

    def joined(self, name: bytes) -> None:  # noqa: ARG002 - likewise
        """Something may have been missed."""
        self._heard()

    def parted(self) -> None:
        """Nothing is heard: the next renewal of the lease tells what is new."""
