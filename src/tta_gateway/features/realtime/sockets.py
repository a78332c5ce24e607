"""The hub's clients at WebSockets: which codec they speak, and their frames in and out.

Who names no subprotocol speaks JSON; Protocol Buffers may also be asked for in the query.  Who is
not let in hears it in a Close, not in a refusal of the handshake: an SDK would try that for ever.
"""

from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import parse_qs

from tta_gateway.features.realtime.codec import LARGEST_FRAME, Codec
from tta_gateway.features.realtime.codes import SHUTDOWN, Disconnection
from tta_gateway.features.realtime.hub import Connection, Hub
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec
from tta_gateway.features.realtime.public import PROTOCOLS
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.socket import Hearer, Socket, SocketTerms

_JSON: Final = JsonCodec()
_PROTOBUF: Final = ProtobufCodec()


class Lobby(Protocol):
    """Who is told of connections, by their ids, before the hub and behind it."""

    def came(self, client: str, opening: Exchange) -> None:
        """Know one, and the request that opened its socket."""
        ...

    def gone(self, client: str) -> None:
        """Know it no longer."""
        ...


class HubSockets:
    """The service behind the route: a client of the hub for each socket."""

    def __init__(
        self, hub: Hub, lobby: Lobby, *, fresh: Callable[[], str], chance: Callable[[], float]
    ) -> None:
        """Make clients of this hub, with ids that are `fresh`; `chance` is from 0 to 1."""
        self.terms = terms_of(LARGEST_FRAME)
        self._hub: Final = hub
        self._lobby: Final = lobby
        self._fresh: Final = fresh
        self._chance: Final = chance

    def hearer(self, exchange: Exchange) -> Hearer:
        """Return who hears the socket of this request."""
        return HubHearer(self, exchange)

    def join(self, socket: Socket, exchange: Exchange, client: "HubHearer") -> Connection:
        """Make a client of the hub of a socket that is open."""
        codec: Codec = _JSON
        if socket.protocol == PROTOCOLS[1] or asks_for_protobuf(exchange.request.query):
            codec = _PROTOBUF
        id = self._fresh()
        self._lobby.came(id, exchange)
        return self._hub.open(
            codec, client, client=id, chance=self._chance(), address=exchange.client
        )

    def leave(self, connection: Connection) -> None:
        """Take that a client has gone."""
        connection.lost()
        self._lobby.gone(connection.session.client)


class HubHearer:
    """One client: hears its socket for the hub, and is the hub's Writer."""

    def __init__(self, sockets: HubSockets, exchange: Exchange) -> None:
        """Wait for the socket to be open."""
        self._sockets: Final = sockets
        self._exchange: Final = exchange
        self._socket: Socket | None = None
        self._connection: Connection | None = None
        self._is_text = True

    def opened(self, socket: Socket) -> None:
        """Begin."""
        self._socket = socket
        self._connection = self._sockets.join(socket, self._exchange, self)
        self._is_text = not self._connection.session.codec.is_binary

    def message(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - the port's
        """Take a frame of the client, however it came: what counts is what is in it."""
        if self._connection is not None:
            self._connection.received(payload)

    def late(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - likewise
        """Have what stands in a frame listened to, and nothing of it carried out."""
        if self._connection is not None:
            self._connection.late(payload)

    def may_write(self, *, may: bool) -> None:
        """Pass on that the client does not keep up, or does again."""
        if self._connection is not None:
            self._connection.may_write(may)

    def due(self, now: float) -> None:
        """Do nothing: the hub looks at all of its clients by itself."""

    def closed(self, code: int) -> None:  # noqa: ARG002 - the port's
        """Pass on that the client has gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._sockets.leave(connection)

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        if self._socket is not None:
            self._socket.send(frame, is_text=self._is_text)

    def close(self, why: Disconnection) -> None:
        """Send the end."""
        if self._socket is not None:
            self._socket.close(why.code, why.reason.encode())

    def pause_reading(self) -> None:
        """Hear nothing for a while."""
        if self._socket is not None:
            self._socket.pause()

    def resume_reading(self) -> None:
        """Hear again."""
        if self._socket is not None:
            self._socket.resume()


def terms_of(largest: int) -> SocketTerms:
    """Return what holds for the sockets; `largest` is bytes of a message."""
    farewell = (SHUTDOWN.code, SHUTDOWN.reason.encode())
    return SocketTerms(protocols=PROTOCOLS, largest=largest, farewell=farewell)


def asks_for_protobuf(query: bytes | None) -> bool:
    """Return whether the query asks for Protocol Buffers, in either way that clients do."""
    asked = parse_qs((query or b"").decode("latin-1"), max_num_fields=None)
    return "protobuf" in asked.get("format", []) + asked.get("cf_protocol", [])
