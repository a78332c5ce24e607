"""Real time in a worker: the sockets of clients, and the hub that they talk to."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from tta_gateway.features.identity.policy import Identity
from tta_gateway.features.realtime.attendant import Ports
from tta_gateway.features.realtime.bound import ChannelRule, RealtimeBound
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.codes import (
    FORCE_RECONNECT,
    NOT_AVAILABLE,
    SHUTDOWN,
    UNAVAILABLE,
    Disconnection,
    Unsubscription,
)
from tta_gateway.features.realtime.doorkeeper import Allowed, Caller, Returned
from tta_gateway.features.realtime.errand import Disconnect, Unsubscribe
from tta_gateway.features.realtime.errands import BrokerErrands, Fork
from tta_gateway.features.realtime.hub import Hub
from tta_gateway.features.realtime.session import Terms
from tta_gateway.features.realtime.sockets import HubSockets, terms_of
from tta_gateway.kernel.policy import Policy
from tta_gateway.node.channel_store import ChannelStore
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.tasks import spawn

_SLICE: Final = 40  # connections, and channels that they read: each is an inquiry


class Nothing:
    """Procedures of a gateway that has none."""

    def call(self, method: str, data: bytes, caller: Caller) -> Returned:  # noqa: ARG002 - a port
        """Say that nobody does it."""
        return NOT_AVAILABLE

    def send(self, data: bytes, caller: Caller) -> Allowed:  # noqa: ARG002 - likewise
        """Say that nobody takes it."""
        return UNAVAILABLE


class Doing:
    """Does in this worker's hub what others ask of all workers (features/realtime/errands.py)."""

    def __init__(self, hub: Hub) -> None:
        """Do it here."""
        self._hub = hub

    def disconnect(self, order: Disconnect) -> None:
        """End sessions."""
        why = Disconnection(order.code, order.reason)
        self._hub.disconnect(order.user, why, client=order.client, but=order.but)

    def unsubscribe(self, order: Unsubscribe) -> None:
        """Take sessions out of a channel."""
        why = Unsubscription(order.code, order.reason)
        self._hub.unsubscribe(order.user, order.channel, why, client=order.client)

    def take(self, session: str, data: bytes) -> bool:  # noqa: ARG002 - no session speaks so yet
        """Say that it is not here."""
        return False

    def missed(self) -> None:
        """Have everybody connect again: nobody knows whom an order was about."""
        self._hub.end_all(FORCE_RECONNECT)


class RealTime:
    """Serves the sockets of one worker, where the configuration wants any."""

    def __init__(
        self,
        store: ChannelStore,
        inquiries: Inquiries,
        *,
        fresh: Callable[[], str],
        chance: Callable[[], float],
        clock: Clock,
    ) -> None:
        """Serve nobody yet; `fresh` makes names that nobody has made before."""
        self.desk: Final = HubDesk(inquiries, wall=clock.wall)
        self._store = store
        self._clock = clock
        self._died = died = store.died
        ports = Ports(
            broker=store.broker,
            tokens=self.desk,
            access=self.desk,
            procedures=Nothing(),
            clock=clock,
            terms=Terms(),
            version="tta-gateway",
        )
        self.hub: Final = Hub(ports, died=died, chance=chance)
        self.sockets: Final = HubSockets(self.hub, self.desk, fresh=fresh, chance=chance)
        self.desk.end, self.desk.part = self.hub.end, self.hub.part
        fork = Fork(self.hub)
        self._errands = BrokerErrands(
            store.broker, worker=fresh(), doer=Doing(self.hub), tell=store.log.event, died=died
        )
        fork.errands = self._errands
        store.ear.listener = fork
        self._is_on = self._hears = self._begins = self._was_away = False
        self._channels: tuple[ChannelRule, ...] = ()

    def adopt(self, bound: RealtimeBound, policies: Sequence[Policy], snapshot: Snapshot) -> None:
        """Judge by this configuration from now on."""
        self.desk.adopt(bound, policies)
        for one in policies:
            if isinstance(one, Identity):
                self.desk.proved = one.principal_of
        if self._is_on and bound.connect is None:
            self.hub.end_all(SHUTDOWN)
        self._is_on = bound.connect is not None
        if bound.channels != self._channels:
            self._channels = bound.channels
            self._ask_again(self.desk.clients())
        self._store.follow(snapshot, is_wanted=self._is_on)
        self.sockets.terms = terms_of(bound.largest)
        self.hub.terms = Terms(
            ping=bound.ping,
            pong=bound.pong,
            stale=bound.stale,
            grace=bound.grace,
            channels=bound.most_channels,
            queue=bound.queue,
        )

    def close(self) -> None:
        """Hear no more of the store."""
        self._store.close()

    def _ask_again(self, clients: list[str]) -> None:
        """Have what is read judged by other rules, a part in a turn of the loop."""
        asked = 0
        while clients and asked < _SLICE:
            asked += 1 + self.desk.ask_again(clients.pop())
        if clients:
            asyncio.get_running_loop().call_soon(self._ask_again, clients)

    def tick(self, snapshot: Snapshot) -> None:
        """Do what the time has come for."""
        if not self._is_on:
            return
        self._store.follow(snapshot, is_wanted=True)
        self._store.tick(self._clock.monotonic())
        self.hub.tick()
        if not self._hears and not self._begins:
            self._begins = True
            spawn(self._begin(), name="errands", died=self._died)

    async def _begin(self) -> None:
        """Hear what is asked of all workers; again with the next tick where nobody can."""
        try:
            await self._errands.start()
            self._hears = True
            if self._was_away:  # what was asked meanwhile is not known
                self.hub.end_all(FORCE_RECONNECT)
        except Away:
            self._was_away = True
        finally:
            self._begins = False
