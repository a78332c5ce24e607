"""Sockets of the gateway's own: a WebSocket that no service stands behind, but a part of itself.

To the client's connection it is the other end of a tunnel, so that limits, times, the log and the
end are the same as for every tunnel.  To whoever hears it, it is the port of `kernel/socket.py`.
"""

from collections.abc import Callable
from typing import Final

from tta_gateway.edge.departures import Departures
from tta_gateway.edge.sweeper import NEVER, Sweeper
from tta_gateway.kernel.exchange import Exchange, Tunnel
from tta_gateway.kernel.message import answer_of
from tta_gateway.kernel.plan import Runner
from tta_gateway.kernel.problem import OWN_UNAVAILABLE
from tta_gateway.kernel.socket import Hearer, SocketService
from tta_gateway.wire.socket_codec import (
    BINARY,
    TEXT,
    Broken,
    Close,
    Message,
    Pong,
    SocketEvent,
    SocketLimits,
    framed,
)
from tta_gateway.wire.socket_endpoint import LOST, SocketEndpoint
from tta_gateway.wire.socket_handshake import Opening, opening, refused

_SWITCHED: Final = 101
_FAULT: Final = 1011  # RFC 6455 7.4.1: something here that nobody expected
_FAULT_REASON: Final = b"a fault of the gateway: connect again"
_LEAVING: Final = b"the gateway is going away: connect again"
_MOST_LATE: Final = 100
"""Messages behind the end that are listened to."""
Report = Callable[[Exchange, BaseException], None]


class OwnSockets:
    """Opens the sockets of one worker, each at the service that its route names."""

    def __init__(self, sweeper: Sweeper, runner: Runner, report: Report) -> None:
        """Serve nothing yet; `report` hears of faults of those who hear sockets."""
        self.sweeper = sweeper
        self.runner = runner
        self.report = report
        self.departures = Departures(sweeper.loop)
        self._services: dict[str, SocketService] = {}
        self._payload = b""
        self._opcode = 0
        self._frame = b""

    def serve(self, name: str, service: SocketService) -> None:
        """Have this service hear the sockets of routes with this name."""
        self._services[name] = service

    def open(self, exchange: Exchange) -> None:
        """Stand at the end of a plan: open the socket, or say why it does not open."""
        route = exchange.plan.route
        service = None if route is None else self._services.get(route.socket)
        if service is None:
            self.runner.respond(exchange, answer_of(OWN_UNAVAILABLE))
            return
        refusal = refused(exchange.request)
        if refusal is not None:
            self.runner.respond(exchange, refusal)
            return
        terms = service.terms
        opened = opening(
            exchange.request,
            fields=exchange.upstream_fields,
            protocols=terms.protocols,
            deflates=terms.deflates,
        )
        socket = OwnSocket(self, service, exchange, opened)
        exchange.attempt = socket
        if self.runner.respond(exchange, opened.response):
            socket.resume_answer()

    def frame_of(self, payload: bytes, opcode: int) -> bytes:
        """Return a message's frame: that of the last one, if it is the same."""
        # What goes to a thousand sockets is one object, and is framed once: bench/web_socket.py.
        if payload is not self._payload or opcode != self._opcode:
            self._frame = framed(opcode, payload)
            self._payload, self._opcode = payload, opcode
        return self._frame


class OwnSocket:
    """One of them: an end of a tunnel, and the `Socket` of its hearer.

    `said` is to hear that a Close of ours has gone out.  Until the answer's head has left it stands
    in the place of an attempt, so that a client that goes meanwhile is given up.
    """

    __slots__ = (
        "_client",
        "_code",
        "_early",
        "_endpoint",
        "_events",
        "_farewell",
        "_gone",
        "_hearer",
        "_late",
        "_paused",
        "_ponged",
        "_reads_on",
        "_service",
        "_sockets",
        "deadline",
        "exchange",
        "protocol",
        "said",
    )

    def __init__(
        self, sockets: OwnSockets, service: SocketService, exchange: Exchange, opened: Opening
    ) -> None:
        """Wait for the answer to leave."""
        terms = service.terms
        self.exchange = exchange
        self.protocol = opened.protocol
        self.deadline = NEVER
        self.said: Callable[[], None] = _nobody
        self._sockets = sockets
        self._service = service
        self._farewell = terms.farewell
        limits = SocketLimits(frame=terms.largest, message=terms.largest)
        self._endpoint = SocketEndpoint(limits=limits, agreed=opened.agreed)
        self._client: Tunnel | None = None
        self._hearer: Hearer | None = None
        self._early = b""  # what came before there was anybody to hear it
        self._events: list[SocketEvent] = []  # read, and not told yet
        self._paused = False
        self._ponged: Callable[[bytes], None] | None = None
        self._reads_on = False
        self._gone = False
        self._code = 0  # of the Close of ours
        self._late = 0

    def __repr__(self) -> str:
        """Say what it is and how far it has come."""
        return f"<own socket {self.protocol.decode()} {self._endpoint.closed}>"

    # In the place of an attempt

    def cancel(self) -> None:
        """Give up: the client has gone, or hears something else."""
        self._gone = True

    def pause_answer(self) -> None:
        """Wait: an answer of one head has nothing to pause."""

    def fall_behind(self) -> None:
        """Wait: no policy takes what is said here first."""

    def catch_up(self) -> None:
        """Go on: nothing has waited."""

    def resume_answer(self) -> None:
        """Begin: the head has left."""
        exchange = self.exchange
        exchange.attempt = None
        response = exchange.response
        if self._gone or response is None or response.status != _SWITCHED:
            return  # a policy has answered something else
        self._client = client = exchange.origin.open_tunnel(self)
        self._sockets.sweeper.watch(self)
        try:
            hearer = self._service.hearer(exchange)
            self._hearer = hearer
            hearer.opened(self)
        except Exception as error:  # noqa: BLE001 - the client hears that it is our fault
            self._fault(error)
        early, self._early = self._early, b""
        if early:
            self.write(early)
        self._flush(client)
        if self._endpoint.closed:
            self.said()  # the gateway goes already

    # The end of a tunnel that the client's connection knows

    def splice(self, other: Tunnel) -> None:
        """Know the client's end, which `open_tunnel` has returned already."""

    def write(self, data: bytes) -> None:
        """Take what the client has sent."""
        if self._client is None:
            self._early += data
            return
        self._tell(self._endpoint.receive(data))

    def write_eof(self) -> None:
        """Take the end of a client that has said no Close, or all that it had to say."""
        self._leave()

    def pause_reading(self) -> None:
        """Take note that the client does not read."""
        self._endpoint.hold()
        self._may_write(may=False)

    def resume_reading(self) -> None:
        """Take note that it does again."""
        self._endpoint.release()
        self._flush(self._client)
        self._may_write(may=True)

    def _may_write(self, *, may: bool) -> None:
        if self._hearer is not None and not self._endpoint.closed:
            try:
                self._hearer.may_write(may=may)
            except Exception as error:  # noqa: BLE001 - the client hears that it is our fault
                self._fault(error)

    def abort(self) -> None:
        """Break off."""
        self._leave()

    def let_go(self) -> None:
        """End by itself; the client has gone."""
        self._leave()

    # What the client's connection asks of a WebSocket

    def leave(self, code: int) -> None:
        """Say that the gateway goes."""
        if self._farewell is not None:
            self.close(*self._farewell)
        else:
            self.close(code, _LEAVING)

    def client_gone(self, *, in_order: bool) -> None:  # noqa: ARG002 - as of a tunnel
        """Take note that the connection is no more."""
        self._leave()

    def _leave(self) -> None:
        """Have the hearer told in a turn of its own: thousands may go in one moment."""
        if not self._gone:
            self._gone = True
            self._endpoint.stop()
            self._sockets.departures.see_out(self)

    def give_way(self) -> None:
        """Tell of the end, and end the client's half."""
        self._over(self._code or LOST)

    # What the hearer asks

    def send(self, payload: bytes, *, is_text: bool) -> None:
        """Send a message."""
        endpoint = self._endpoint
        if endpoint.is_plain:
            frame = self._sockets.frame_of(payload, TEXT if is_text else BINARY)
            endpoint.send_frame(frame)
        else:
            endpoint.send(payload, is_text=is_text)
        self._flush(self._client)

    def ping(self, payload: bytes = b"") -> None:
        """Ask for a sign of life."""
        self._endpoint.ping(payload)
        self._flush(self._client)

    def hear_pongs(self, hearer: Callable[[bytes], None]) -> None:
        """Have what each Pong repeats heard there."""
        self._ponged = hearer

    def close(self, code: int, reason: bytes) -> None:
        """Say why this ends, once, and wait for the client's Close."""
        if self._endpoint.closed:
            return
        self._code = code
        self._endpoint.close(code, reason)
        client = self._client
        if client is not None:
            self._flush(client)
            self.said()
            self._paused = False
            self._go_on_later()

    def pause(self) -> None:
        """Read the client no further."""
        if not self._paused and not self._endpoint.closed:
            self._paused = True
            if self._client is not None:
                self._client.pause_reading()

    def resume(self) -> None:
        """Go on with what has been read, and then with the client."""
        if self._paused:
            self._paused = False
            self._go_on_later()

    def wake_at(self, when: float) -> None:
        """Call `due` then."""
        self.deadline = when

    def on_deadline(self, now: float) -> None:
        """Tell that it is time."""
        self.deadline = NEVER
        if self._hearer is not None and not self._endpoint.closed:
            try:
                self._hearer.due(now)
            except Exception as error:  # noqa: BLE001 - the client hears that it is our fault
                self._fault(error)

    # What has come

    def _tell(self, events: list[SocketEvent]) -> None:
        """Have the hearer hear this, as far as it does not pause."""
        if self._events:
            self._events += events
        else:
            self._heed(events)
        client = self._client
        self._flush(client)
        if self._endpoint.is_behind or (self._events and not self._paused):
            if client is not None:
                client.pause_reading()
            self._go_on_later()

    def _heed(self, events: list[SocketEvent]) -> None:
        endpoint, hearer = self._endpoint, self._hearer
        for told, event in enumerate(events, start=1):
            if endpoint.heed(event):
                if type(event) is Message and hearer is not None:
                    try:
                        hearer.message(event.data, is_text=event.is_text)
                    except Exception as error:  # noqa: BLE001 - the client hears that it is our fault
                        self._fault(error)
                elif type(event) is Pong:
                    self._hear_pong(event.data)
                elif isinstance(event, (Close, Broken)):
                    self._ended_by(event.code)
                    return
            else:
                self._hear_late(event)
            if self._paused:
                self._events = events[told:]
                return

    def _hear_late(self, event: SocketEvent) -> None:
        """Have the hearer listen to what comes behind the end: it is nobody's to carry out."""
        hearer = self._hearer
        if type(event) is Message and hearer is not None and self._late < _MOST_LATE:
            self._late += 1
            try:
                hearer.late(event.data, is_text=event.is_text)
            except Exception as error:  # noqa: BLE001 - it has had its Close
                self._sockets.report(self.exchange, error)

    def _hear_pong(self, payload: bytes) -> None:
        ponged = self._ponged
        if ponged is not None:
            try:
                ponged(payload)
            except Exception as error:  # noqa: BLE001 - the client hears that it is our fault
                self._fault(error)

    def _go_on_later(self) -> None:
        """Read on in a turn of the loop of its own."""
        if not self._reads_on:
            self._reads_on = True
            self._sockets.sweeper.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._reads_on = False
        client = self._client
        if self._is_held() or self._gone or client is None:
            return
        events, self._events = self._events, []
        self._tell(events or self._endpoint.go_on())
        if not self._is_held():
            client.resume_reading()

    def _is_held(self) -> bool:
        """Tell whether the client is not to be read now: the hearer pauses, or is behind."""
        return self._paused or self._reads_on

    def _fault(self, error: BaseException) -> None:
        """Report a fault of whoever hears; the client may come again."""
        self._sockets.report(self.exchange, error)
        self.close(_FAULT, _FAULT_REASON)

    def _ended_by(self, code: int) -> None:
        """End the connection: each side has had the other's Close, or cannot be understood."""
        self._flush(self._client)
        self._endpoint.stop()
        self.said()
        self._over(self._code or code)

    def _over(self, code: int) -> None:
        """Tell of the end, once."""
        self._sockets.sweeper.forget(self)
        events, self._events = self._events, []
        for event in events:
            self._hear_late(event)
        hearer, self._hearer = self._hearer, None
        client, self._client = self._client, None
        self._ponged = None
        self.said = _nobody
        if client is not None:
            client.write_eof()
        if hearer is not None:
            try:
                hearer.closed(code)
            except Exception as error:  # noqa: BLE001 - there is nobody left to tell
                self._sockets.report(self.exchange, error)

    def _flush(self, client: Tunnel | None) -> None:
        """Write what has been gathered."""
        if client is not None and self._endpoint.out:
            client.write(self._endpoint.taken())


def _nobody() -> None:
    """Stand where nobody hears yet."""
