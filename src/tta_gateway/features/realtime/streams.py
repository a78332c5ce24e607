"""The hub's clients without a WebSocket: what they are told streams in the answer to a request.

What they send comes in requests of their own (emulation.py), to whichever worker, and shows a
secret that stands in the answer to their connect.  The end is a message, then the answer's end.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from tta_gateway.features.realtime.codec import LARGEST_FRAME, Codec
from tta_gateway.features.realtime.codes import SHUTDOWN, TOO_MANY, Disconnection
from tta_gateway.features.realtime.hub import Connection, Hub
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.problems import NO_COMMANDS, TOO_LARGE
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec
from tta_gateway.features.realtime.sockets import Lobby
from tta_gateway.features.realtime.stream_wire import (
    Framing,
    as_it_is,
    commands_in,
    events,
    lines,
)
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import RequestHead, Response, answer_of
from tta_gateway.kernel.stream import Stream
from tta_gateway.support.clock import Clock

BINARY: Final = b"application/octet-stream"
_JSON: Final = JsonCodec()
_PROTOBUF: Final = ProtobufCodec()
_REMEMBERED: Final = 10.0  # seconds that a session is known that we have ended
_A_FRAME: Final = 64  # bytes that one which waits takes besides its own
_IN_A_TURN: Final = 16  # frames that came while nobody listened


class Way:
    """How an answer streams."""

    def __init__(self, codec: Codec, content_type: bytes, framing: Framing) -> None:
        """Speak this, under this name."""
        self.codec: Final = codec
        self.content_type: Final = content_type
        self._framing: Final = framing
        self._frame = self._framed = b""

    def framed(self, frame: bytes) -> bytes:
        """Return a frame as a part of the answer: that of the last one, if it is the same."""
        # What goes to a thousand answers is one object, and is made once, as of sockets.
        if frame is not self._frame:
            self._frame, self._framed = frame, self._framing(frame)
        return self._framed


_LINES: Final = Way(_JSON, b"application/x-ndjson", lines)
_EVENTS: Final = Way(_JSON, b"text/event-stream; charset=utf-8", events)
_BINARY: Final = Way(_PROTOBUF, BINARY, as_it_is)


class HubStreams:
    """The sessions of a worker whose answers stream, by their secrets."""

    def __init__(
        self,
        hub: Hub,
        lobby: Lobby,
        *,
        fresh: Callable[[], str],
        secret: Callable[[], str],
        chance: Callable[[], float],
        clock: Clock,
    ) -> None:
        """Make clients of this hub, with ids that are `fresh` and secrets that nobody guesses."""
        self.node = ""
        """what this worker is called, where sessions are handed what they send"""
        self.largest = LARGEST_FRAME
        """bytes that a client may send at once"""
        self._hub: Final = hub
        self._lobby: Final = lobby
        self._fresh: Final = fresh
        self._secret: Final = secret
        self._chance: Final = chance
        self._clock: Final = clock
        self._open: Final[dict[str, HubStream]] = {}
        self._ended: Final[deque[tuple[float, str]]] = deque()
        self._known: Final[set[str]] = set()

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def begin(self, stream: Stream, commands: bytes, way: Way) -> None:
        """Begin a session with the commands that a request has brought."""
        if not commands:
            stream.answer(answer_of(NO_COMMANDS))
        elif len(commands) > self.largest:
            stream.answer(answer_of(TOO_LARGE))
        else:
            stream.begin(_head(way), HubStream(self, stream, way, commands))

    def join(self, client: "HubStream", exchange: Exchange, way: Way) -> Connection:
        """Make a client of the hub of an answer that has begun."""
        id = self._fresh()
        self._lobby.came(id, exchange)
        connection = self._hub.open(
            way.codec, client, client=id, chance=self._chance(), address=exchange.client
        )
        session = connection.session
        session.secret, session.node = self._secret(), self.node
        self._open[session.secret] = client
        return connection

    def take(self, session: str, data: bytes) -> bool:
        """Take what a session sends; False if nobody knows it.

        Of one that we have ended a moment ago it is too late to say more: its answer says why.
        """
        client = self._open.get(session)
        if client is not None:
            client.take(data)
            return True
        self._forget_some()
        return session in self._known

    def end(self, client: str, why: Disconnection) -> None:
        """End a session."""
        self._hub.end(client, why)

    def ended(self, connection: Connection) -> None:
        """Take that we have ended a session."""
        secret = connection.session.secret
        if self._open.pop(secret, None) is not None:
            self._known.add(secret)
            self._ended.append((self._clock.monotonic() + _REMEMBERED, secret))
            self._forget_some()

    def leave(self, connection: Connection) -> None:
        """Take that a client has gone."""
        self._open.pop(connection.session.secret, None)
        connection.lost()
        self._lobby.gone(connection.session.client)

    def most_held(self) -> int:
        """Return how many bytes of what a client sends may wait for its turn."""
        return self._hub.terms.queue

    def _forget_some(self) -> None:
        now = self._clock.monotonic()
        while self._ended and self._ended[0][0] <= now:
            self._known.discard(self._ended.popleft()[1])


class HubStream:
    """One client: is the hub's Writer, and hears how its answer fares."""

    def __init__(self, streams: HubStreams, stream: Stream, way: Way, commands: bytes) -> None:
        """Wait for the answer's head to have left."""
        self._streams: Final = streams
        self._stream: Final = stream
        self._way: Final = way
        self._commands = commands
        self._connection: Connection | None = None
        self._is_paused = False
        self._goes_on = False  # a turn of the loop is to come
        self._held: deque[bytes] = deque()
        self._size = 0

    # How the answer fares

    def opened(self) -> None:
        """Begin."""
        self._connection = self._streams.join(self, self._stream.exchange, self._way)
        commands, self._commands = self._commands, b""
        self._connection.received(commands)

    def may_write(self, *, may: bool) -> None:
        """Pass on that the client does not keep up, or does again."""
        if self._connection is not None:
            self._connection.may_write(may)

    def leave(self) -> None:
        """Say that the gateway goes."""
        if self._connection is not None:
            self._streams.end(self._connection.session.client, SHUTDOWN)

    def closed(self) -> None:
        """Pass on that the client has gone, or has been told the end."""
        connection, self._connection = self._connection, None
        self._held.clear()
        if connection is not None:
            self._streams.leave(connection)

    # What the client sends

    def take(self, data: bytes) -> None:
        """Take commands; those that come faster than they are carried out wait, within bounds."""
        if self._connection is None:
            return
        if not self._is_paused and not self._held:
            self._connection.received(data)
            return
        self._held.append(data)
        self._size += len(data) + _A_FRAME
        if self._size > self._streams.most_held():
            self._streams.end(self._connection.session.client, TOO_MANY)

    def _go_on(self) -> None:
        """Carry out some of what has waited."""
        self._goes_on = False
        for _ in range(_IN_A_TURN):
            if self._is_paused or not self._held or self._connection is None:
                return
            data = self._held.popleft()
            self._size -= len(data) + _A_FRAME
            self._connection.received(data)
        self._go_on_later()

    def _go_on_later(self) -> None:
        if self._held and not self._goes_on:
            self._goes_on = True
            asyncio.get_running_loop().call_soon(self._go_on)

    # What the hub does (Writer)

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        self._stream.send(self._way.framed(frame))

    def close(self, why: Disconnection) -> None:
        """Send the end."""
        if self._connection is not None:
            self._streams.ended(self._connection)
        self._stream.send(self._way.framed(self._way.codec.disconnected(why)))
        self._stream.end()

    def pause_reading(self) -> None:
        """Have what comes wait for a while."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Go on with it."""
        self._is_paused = False
        self._go_on_later()


class HttpStream:
    """Answers with lines of JSON, or Protocol Buffers: `POST /connection/http_stream`."""

    def __init__(self, streams: HubStreams) -> None:
        """Begin sessions there."""
        self._streams: Final = streams

    def asked(self, stream: Stream, body: bytes) -> None:
        """Begin one."""
        way = _BINARY if is_binary(stream.exchange.request) else _LINES
        self._streams.begin(stream, body, way)


class EventStream:
    """Answers with events: `GET /connection/sse`."""

    def __init__(self, streams: HubStreams) -> None:
        """Begin sessions there."""
        self._streams: Final = streams

    def asked(self, stream: Stream, body: bytes) -> None:  # noqa: ARG002 - a GET has none
        """Begin one; who wants the head alone has it."""
        request = stream.exchange.request
        if request.method == b"HEAD":
            stream.answer(Response(200, _head(_EVENTS).fields))
            return
        self._streams.begin(stream, commands_in(request.query), _EVENTS)


def is_binary(request: RequestHead) -> bool:
    """Tell whether a body is of Protocol Buffers."""
    said = request.get(b"content-type") or b""
    return said.partition(b";")[0].strip().lower() == BINARY


def _head(way: Way) -> Response:
    """Return the head of an answer that nobody between may keep, or hold back."""
    fields = [
        (b"content-type", way.content_type),
        (b"cache-control", b"no-store, no-transform"),
        (b"x-accel-buffering", b"no"),
    ]
    return Response(200, fields, None)
