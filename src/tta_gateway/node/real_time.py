"""Real time in a worker: the sockets of clients, and the hub that they talk to."""

import random
from collections.abc import Callable, Sequence
from typing import Final

from tta_gateway.features.realtime.attendant import Ports
from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.features.realtime.broker import Broker
from tta_gateway.features.realtime.codec import Codec
from tta_gateway.features.realtime.codes import NOT_AVAILABLE, SHUTDOWN, UNAVAILABLE, Disconnection
from tta_gateway.features.realtime.doorkeeper import Allowed, Caller, Returned
from tta_gateway.features.realtime.hub import Connection, Hub
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec
from tta_gateway.features.realtime.session import Terms
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.socket import Hearer, Socket, SocketTerms
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.support.clock import Clock
from tta_gateway.support.tasks import Died

JSON: Final = b"centrifuge-json"
PROTOBUF: Final = b"centrifuge-protobuf"
_IN_QUERY: Final = frozenset((b"format=protobuf", b"cf_protocol=protobuf"))


class Nothing:
    """Procedures of a gateway that has none."""

    def call(self, method: str, data: bytes, caller: Caller) -> Returned:  # noqa: ARG002 - a port
        """Say that nobody does it."""
        return NOT_AVAILABLE

    def send(self, data: bytes, caller: Caller) -> Allowed:  # noqa: ARG002 - likewise
        """Say that nobody takes it."""
        return UNAVAILABLE


class RealTime:
    """Serves the sockets of one worker; made anew where what a connection may take changes."""

    def __init__(
        self,
        bound: RealtimeBound,
        *,
        desk: HubDesk,
        broker: Broker,
        fresh: Callable[[], str],
        clock: Clock,
        died: Died,
    ) -> None:
        """Serve by these terms; `fresh` makes names that nobody has made before."""
        self.terms = SocketTerms(
            protocols=(JSON, PROTOBUF),
            largest=bound.largest,
            farewell=(SHUTDOWN.code, SHUTDOWN.reason.encode()),
        )
        terms = Terms(
            ping=bound.ping,
            pong=bound.pong,
            stale=bound.stale,
            grace=bound.grace,
            channels=bound.most_channels,
        )
        ports = Ports(
            broker=broker,
            tokens=desk,
            access=desk,
            procedures=Nothing(),
            clock=clock,
            terms=terms,
            version="tta-gateway",
        )
        self.desk: Final = desk
        self.hub: Final = Hub(ports, died=died)
        self.fresh: Final = fresh
        self._codecs: Final[dict[bool, Codec]] = {False: JsonCodec(), True: ProtobufCodec()}
        desk.end = self.hub.end
        desk.part = self.hub.part

    def adopt(self, bound: RealtimeBound, policies: Sequence[Policy]) -> None:
        """Judge by this configuration from now on."""
        self.desk.adopt(bound, policies)

    def hearer(self, exchange: Exchange) -> Hearer:
        """Return who hears the socket of this request."""
        return Client(self, exchange)

    def codec_of(self, exchange: Exchange, protocol: bytes) -> Codec:
        """Return how a client speaks: as it has said among the protocols, or in the query."""
        query = exchange.request.query or b""
        is_binary = protocol == PROTOBUF or not _IN_QUERY.isdisjoint(query.split(b"&"))
        return self._codecs[is_binary]

    def tick(self) -> None:
        """Do what the time has come for."""
        self.hub.tick()


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
            chance=random.random(),
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
