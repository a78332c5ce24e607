"""Real time in a worker: the sockets and streams of clients, and the hub that they talk to."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from secrets import token_urlsafe
from typing import Final

import msgspec

from tta_gateway.features.identity.policy import Identity
from tta_gateway.features.realtime.acknowledging import Acknowledging
from tta_gateway.features.realtime.attendant import Ports
from tta_gateway.features.realtime.bound import ACK, SEND, ChannelRule, RealtimeBound
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.codes import (
    FORCE_RECONNECT,
    SHUTDOWN,
    Disconnection,
    Help,
    Unsubscription,
)
from tta_gateway.features.realtime.emulation import Emulation
from tta_gateway.features.realtime.errand import Disconnect, Unsubscribe
from tta_gateway.features.realtime.errands import BrokerErrands, Fork
from tta_gateway.features.realtime.hub import Hub
from tta_gateway.features.realtime.kinds import Kinds
from tta_gateway.features.realtime.letterbox import Letterbox, Threshold
from tta_gateway.features.realtime.mail import Mail, Posting
from tta_gateway.features.realtime.procedures import Named, Procedure
from tta_gateway.features.realtime.public import EMULATION, HTTP_STREAM, SSE
from tta_gateway.features.realtime.publication import Publication
from tta_gateway.features.realtime.sending import Sending
from tta_gateway.features.realtime.session import Terms
from tta_gateway.features.realtime.sockets import HubSockets, terms_of
from tta_gateway.features.realtime.streams import EventStream, HttpStream, HubStreams
from tta_gateway.features.safety.bound import SafetyBound
from tta_gateway.features.safety.card import Card, encoded, lines, words
from tta_gateway.features.safety.help import Helping
from tta_gateway.kernel.events import SafetyRaised
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.stream import StreamService
from tta_gateway.kernel.verdict import NONE
from tta_gateway.node.binding import Bindings, Watch
from tta_gateway.node.channel_store import ChannelStore
from tta_gateway.node.handed_procedures import HandedProcedures
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.hub_ear import HubEar
from tta_gateway.node.hub_services import Asks, HubServices
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.node.policies import bound as bound_in
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.tasks import spawn

_encode: Final = msgspec.json.Encoder().encode
_SLICE: Final = 40  # connections, and channels that they read: each is an inquiry


class Doing:
    """Does in this worker's hub what others ask of all workers (features/realtime/errands.py)."""

    def __init__(self, hub: Hub, streams: HubStreams) -> None:
        """Do it here."""
        self._hub = hub
        self._streams = streams

    def disconnect(self, order: Disconnect) -> None:
        """End sessions."""
        why = Disconnection(order.code, order.reason)
        self._hub.disconnect(order.user, why, client=order.client, but=order.but)

    def unsubscribe(self, order: Unsubscribe) -> None:
        """Take sessions out of a channel."""
        why = Unsubscription(order.code, order.reason)
        self._hub.unsubscribe(order.user, order.channel, why, client=order.client)

    def take(self, session: str, data: bytes) -> bool:
        """Take commands of a session; False if it is not here."""
        return self._streams.take(session, data)

    def missed(self) -> None:
        """Have everybody connect again: nobody knows whom an order was about."""
        self._hub.end_all(FORCE_RECONNECT)


class RealTime:
    """Serves the sockets of one worker, where the configuration wants any."""

    def __init__(
        self,
        store: ChannelStore,
        inquiries: Inquiries,
        services: HubServices,
        *,
        fresh: Callable[[], str],
        chance: Callable[[], float],
        clock: Clock,
    ) -> None:
        """Serve nobody yet; `fresh` makes names that nobody has made before."""
        self.desk: Final = HubDesk(inquiries, wall=clock.wall, services=services)
        self._services = services
        self._handed = HandedProcedures(self.desk, inquiries, services)
        self._store = store
        self._clock, self._fresh, self._chance = clock, fresh, chance
        self._died = died = store.died
        self._threshold: Final = Threshold(self.desk)
        self._ear = self._ears(services)
        self._care = ""
        self.ports: Final = self._ports(fresh)
        """what the hub asks, for other members of the worker (node/binding.py)"""
        self.hub: Final = Hub(self.ports, died=died, chance=chance)
        self.sockets: Final = HubSockets(self.hub, self.desk, fresh=fresh, chance=chance)
        self.desk.end, self.desk.part = self.hub.end, self.hub.part
        self.desk.give = self.hub.help
        self.hub.helps = self.desk.helps
        self.desk.known = self.hub.known
        self._letterbox: Final = self._letters()
        fork = Fork(self._letterbox)
        self._streams = HubStreams(
            self.hub, self.desk, fresh=fresh, secret=token_urlsafe, chance=chance, clock=clock
        )
        fork.errands = self._errands = self._orders(fresh())
        store.ear.listener = fork
        self._is_on = self._hears = self._begins = self._was_away = False
        self._channels: tuple[ChannelRule, ...] = ()
        self._kinds = Kinds(())

    def _orders(self, worker: str) -> BrokerErrands:
        """Return what does what services want done at this worker."""
        self._streams.node = worker
        return BrokerErrands(
            self._store.broker,
            worker=worker,
            doer=Doing(self.hub, self._streams),
            tell=self._store.log.event,
            died=self._died,
        )

    def _ears(self, services: HubServices) -> HubEar:
        """Return who listens to clients, and has the hub give them the card."""
        return HubEar(
            services.listener,
            self.desk,
            give=lambda client, card, level: self.hub.help(client, card, level),
            clock=self._clock.monotonic,
            pseudonym=services.pseudonym,
            died=self._died,
        )

    def bindings(self, watch: Watch) -> Bindings:
        """Return what binds sockets of services to channels."""
        return Bindings(
            hub=self.hub,
            lobby=self.desk,
            ports=self.ports,
            watch=watch,
            fresh=self._fresh,
            chance=self._chance,
            died=self._died,
        )

    def _letters(self) -> Letterbox:
        """Return what gives letters to whoever is connected."""
        made = Letterbox(
            self.hub,
            self._store.boxes.plain,
            is_open=lambda: self._threshold.has_inboxes,
            monotonic=self._clock.monotonic,
            tell=self._store.log.event,
            died=self._died,
        )
        self.hub.entered = made.entered
        return made

    def _ports(self, fresh: Callable[[], str]) -> Ports:
        """Return what the hub asks: what is published has mail, and everybody an inbox."""
        store, clock = self._store, self._clock
        mail = Mail(store.boxes, kinds=lambda: self._kinds, fresh=fresh, wall=clock.wall)
        broker = Posting(store.broker, mail)
        own: dict[str, Procedure] = {
            SEND: Sending(self._threshold, broker),
            ACK: Acknowledging(
                store.boxes.plain,
                is_open=lambda: self._threshold.has_inboxes,
                may=self.desk.may_acknowledge,
            ),
        }
        return Ports(
            broker=broker,
            tokens=self._threshold,
            access=self._threshold,
            procedures=Named(own, self._handed),
            clock=clock,
            terms=Terms(),
            version="tta-gateway",
            ear=self._ear,
        )

    @property
    def streams(self) -> Mapping[str, StreamService]:
        """Return what answers where clients have no socket, by the names that routes bear."""
        return {
            HTTP_STREAM: HttpStream(self._streams),
            SSE: EventStream(self._streams),
            EMULATION: Emulation(self._streams, self._errands, died=self._died),
        }

    def adopt(
        self,
        bound: RealtimeBound,
        policies: Sequence[Policy],
        snapshot: Snapshot,
        asks: Asks | None = None,
    ) -> None:
        """Judge by this configuration from now on, and have services asked by `asks`."""
        safety = bound_in(snapshot, "safety", SafetyBound)
        self._ear.helping = helping = Helping(safety)
        self.desk.help = lambda opening: _help_of(helping.card_of(opening, NONE))
        self._services.told = frozenset(safety.told)
        self._care = bound.care
        self._services.asks = asks
        self.desk.adopt(bound, policies)
        self._handed.adopt(bound.procedures, policies)
        for one in policies:
            if isinstance(one, Identity):
                self.desk.proved = one.principal_of
        if self._is_on and bound.connect is None:
            self.hub.end_all(SHUTDOWN)
        self._is_on = bound.connect is not None
        if self._threshold.has_inboxes is not (bound.inbox is not None):
            self._threshold.has_inboxes = bound.inbox is not None
            self.hub.end_all(FORCE_RECONNECT)  # whoever comes again has one, or none any more
        if bound.channels != self._channels:
            self._channels, self._kinds = bound.channels, Kinds(bound.channels)
            self._ask_again(self.desk.clients())
        self._store.follow(snapshot, is_wanted=self._is_on)
        self.sockets.terms = terms_of(bound.largest)
        self._streams.largest = bound.largest
        self.hub.terms = Terms(
            ping=bound.ping,
            pong=bound.pong,
            stale=bound.stale,
            grace=bound.grace,
            channels=bound.most_channels,
            queue=bound.queue,
        )

    def tell_care(self, event: SafetyRaised) -> None:
        """Tell the care team's channel at once, where there is one, without what was said.

        That they have heard is the guard's to see to: what is lost here is told by it all the same.
        """
        if self._is_on and self._care:
            spawn(self._tell_care(self._care, event), name="care channel", died=self._died)

    async def _tell_care(self, channel: str, event: SafetyRaised) -> None:
        rules = self._threshold.rules(channel)
        if rules is None:
            return
        with contextlib.suppress(Away):  # the guard tells by other ways
            said = Publication(_encode(event))
            await self._store.broker.publish(channel, said, keeping=rules.keeping)

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
        self._letterbox.tick()
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


def _help_of(card: Card) -> Help:
    """Return help as the hub's protocol has room for it."""
    return Help(encoded(card), words(card), lines(card))
