"""Real time in a worker: the sockets of clients, and the hub that they talk to."""

from collections.abc import Callable, Sequence
from typing import Final

from tta_gateway.features.identity.policy import Identity
from tta_gateway.features.realtime.attendant import Ports
from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.codec import Codec
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
from tta_gateway.features.realtime.hub import Connection, Hub
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec
from tta_gateway.features.realtime.public import PROTOCOLS
from tta_gateway.features.realtime.session import Terms
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.socket import Hearer, Socket, SocketTerms
from tta_gateway.node.channel_store import ChannelStore
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock
from tta_gateway.support.tasks import spawn

PROTOBUF: Final = b"centrifuge-protobuf"
_FAREWELL: Final = (SHUTDOWN.code, SHUTDOWN.reason.encode())
_IN_QUERY: Final = frozenset((b"format=protobuf", b"cf_protocol=protobuf"))


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
        self.chance: Final = chance
        self.desk: Final = HubDesk(inquiries, wall=clock.wall)
        self.fresh: Final = fresh
        self.terms = SocketTerms(protocols=PROTOCOLS, farewell=_FAREWELL)
        self._store = store
        self._clock = clock
        self._died = died = store.died
        self._codecs: Final[dict[bool, Codec]] = {False: JsonCodec(), True: ProtobufCodec()}
        ports = Ports(
            broker=store.broker,
            tokens=self.desk,
            access=self.desk,
            procedures=Nothing(),
            clock=clock,
            terms=Terms(),
            version="tta-gateway",
        )
        self.hub: Final = Hub(ports, died=died)
        self.desk.end, self.desk.part = self.hub.end, self.hub.part
        fork = Fork(self.hub)
        self._errands = BrokerErrands(
            store.broker, worker=fresh(), doer=Doing(self.hub), tell=store.log.event, died=died
        )
        fork.errands = self._errands
        store.ear.listener = fork
        self._is_on = self._hears = self._begins = False

    def adopt(self, bound: RealtimeBound, policies: Sequence[Policy], snapshot: Snapshot) -> None:
        """Judge by this configuration from now on."""
        self.desk.adopt(bound, policies)
        for one in policies:
            if isinstance(one, Identity):
                self.desk.proved = one.principal_of
        self._is_on = bound.connect is not None
        self._store.follow(snapshot, is_wanted=self._is_on)
        self.terms = SocketTerms(protocols=PROTOCOLS, largest=bound.largest, farewell=_FAREWELL)
        self.hub.terms = Terms(
            ping=bound.ping,
            pong=bound.pong,
            stale=bound.stale,
            grace=bound.grace,
            channels=bound.most_channels,
            queue=bound.queue,
        )

    def hearer(self, exchange: Exchange) -> Hearer:
        """Return who hears the socket of this request."""
        return Client(self, exchange)

    def codec_of(self, exchange: Exchange, protocol: bytes) -> Codec:
        """Return how a client speaks: as it has said among the protocols, or in the query."""
        query = exchange.request.query or b""
        is_binary = protocol == PROTOBUF or not _IN_QUERY.isdisjoint(query.split(b"&"))
        return self._codecs[is_binary]

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
        except Away:
            pass
        finally:
            self._begins = False


class Client:
    """One socket, between the edge and the hub."""

    __slots__ = ("_client", "_connection", "_exchange", "_is_text", "_owner", "_socket")

    def __init__(self, owner: RealTime, exchange: Exchange) -> None:
        """Wait for the socket."""
        self._owner = owner
        self._exchange = exchange
        self._client = owner.fresh()
        self._is_text = True
        self._socket: Socket | None = None
        self._connection: Connection | None = None

    # --- what the edge says ---

    def opened(self, socket: Socket) -> None:
        """Begin."""
        self._socket = socket
        codec = self._owner.codec_of(self._exchange, socket.protocol)
        self._is_text = not codec.is_binary
        self._owner.desk.came(self._client, self._exchange)
        self._connection = self._owner.hub.open(
            codec,
            self,
            client=self._client,
            chance=self._owner.chance(),
            address=self._exchange.client,
        )

    def message(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - the codec looks
        """Take a frame."""
        if self._connection is not None:
            self._connection.received(payload)

    def may_write(self, *, may: bool) -> None:
        """Take whether the client keeps up."""
        if self._connection is not None:
            self._connection.may_write(may)

    def due(self, now: float) -> None:
        """Nothing: the hub looks at the time for all."""

    def closed(self, code: int) -> None:  # noqa: ARG002 - whatever it was
        """Let go of it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.lost()
        self._owner.desk.gone(self._client)

    # --- what the hub says ---

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        if self._socket is not None:
            self._socket.send(frame, is_text=self._is_text)

    def close(self, why: Disconnection) -> None:
        """Send the end."""
        if self._socket is not None:
            self._socket.close(why.code, why.reason.encode())

    def pause_reading(self) -> None:
        """Take nothing more for now."""
        if self._socket is not None:
            self._socket.pause()

    def resume_reading(self) -> None:
        """Go on."""
        if self._socket is not None:
            self._socket.resume()
