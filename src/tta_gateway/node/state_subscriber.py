"""A subscriber of the store for state: there where somebody wants one, of whoever serves."""

from collections.abc import Callable

from tta_gateway.node.state_client import way_to
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import Died
from tta_gateway.support.valkey.subscriber import Listener, Subscriber
from tta_gateway.support.valkey.topology import Store, Topology


class StateSubscriber:
    """Keeps one at the store that the configuration names."""

    def __init__(
        self,
        listener: Listener,
        begin: Callable[[Subscriber], None],
        *,
        name: str,
        topology: Callable[[], Topology | None],
        log: EventLog,
        died: Died,
    ) -> None:
        """Hear nothing yet; `begin` says to each new one what is to be heard.

        `name` is what the store calls the connection, `topology` who serves, where that had to be
        asked.
        """
        self._listener = listener
        self._begin = begin
        self._name = name
        self._topology = topology
        self._log = log
        self._died = died
        self._store: Store | None = None
        self._subscriber: Subscriber | None = None
        self.served: Topology | None = None
        """who is listened to"""

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return self._subscriber is not None

    def follow(self, snapshot: Snapshot, *, is_wanted: bool) -> None:
        """Listen where a configuration says, if anybody wants that."""
        store = snapshot.state if is_wanted else None
        if store != self._store:
            self._renew(store)
        served = None if store is None else store.topology or self._topology()
        if self._subscriber is not None and served is not None and served != self.served:
            self.served = served
            self._subscriber.use(served)

    def close(self) -> None:
        """Listen no more."""
        self._renew(None)

    def _renew(self, store: Store | None) -> None:
        if self._subscriber is not None:
            self._subscriber.close()
        self._subscriber, self._store, self.served = None, store, None
        if store is None:
            return
        way = way_to(store, name=self._name, log=self._log, died=self._died)
        if way is None:
            return
        self._subscriber = Subscriber(
            None, way=way, name="state", tell=self._log.event, listener=self._listener
        )
        self._begin(self._subscriber)
