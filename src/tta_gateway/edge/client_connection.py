"""A client's connection: bytes in, exchanges out, answers back.

It is the origin of its exchanges.  One exchange is under way at a time; what is pipelined behind it
waits in the codec, and at most eight requests of it are read ahead.  The only `except Exception` of
the path are the runner's; here an unexpected one would end the connection, and is reported.
"""

import asyncio
import socket
import struct
from dataclasses import replace
from typing import Final, cast

from tta_gateway.edge.body_pace import LEAST_RATE, BodyPace
from tta_gateway.edge.entrance import Entrance, network_of
from tta_gateway.edge.legs import Ending, Legs, agreed_on, ending
from tta_gateway.edge.own_stream import OwnStream
from tta_gateway.edge.splice import Splice, spliced
from tta_gateway.edge.sweeper import NEAR, NEVER
from tta_gateway.edge.uptake import taken_through
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.exchange import Exchange, Spliced, Tunnel
from tta_gateway.kernel.message import NO_FIELDS, Fields, RequestHead, Response
from tta_gateway.kernel.peer import Peer, Shown
from tta_gateway.kernel.problem import (
    BODY_TOO_LARGE,
    CONNECTIONS_EXCEEDED,
    REQUEST_TIMEOUT,
    Problem,
)
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.kernel.upload import Upload
from tta_gateway.upstream.way import client_of
from tta_gateway.wire.event import Data, End, Reset
from tta_gateway.wire.http1_server import DONE, HEAD, Event, ServerCodec

_READ_AHEAD: Final = 8  # requests
_READ_AHEAD_BYTES: Final = 64 * 1024
_OTHER_HALF: Final = 1.0  # seconds for an idle client to end its half, when ours has ended
_SWITCHED: Final = 101
_ABORT: Final = struct.pack("ii", 1, 0)
_LARGE: Final = 16 * 1024
_HELD: Final = 16 * 1024  # bytes that wait for a later turn


class ClientConnection:
    """One client: an `asyncio.Protocol` by its methods alone, so that it can be compiled."""

    __slots__ = (
        "_codec",
        "_entrance",
        "_exchange",
        "_group",
        "_held",
        "_legs",
        "_lingering",
        "_out",
        "_pace",
        "_parting",
        "_peer",
        "_reading",
        "_reading_on",
        "_splice",
        "_taken",
        "_taken_at",
        "_timeouts",
        "_transport",
        "_watched",
        "_writable",
        "deadline",
        "named",
        "refusal",
        "shown",
        "unnamed",
    )

    def __init__(self, entrance: Entrance) -> None:
        """Wait for a socket."""
        # For the process
        self._entrance = entrance
        self._timeouts = entrance.timeouts
        # For the connection
        self._codec = ServerCodec(entrance.limits)
        self._transport: asyncio.Transport = _NO_TRANSPORT
        self._peer = _NOBODY
        self._group = ""  # what it counts as
        self._splice: Splice | None = None  # what it is a tunnel to
        self._legs: Legs | None = None  # what is agreed on with its two sides
        self._parting = False  # a Close of ours has gone out: the client's is awaited
        self._out: list[bytes] = []
        self._held = b""  # came while others were taken up: it waits for its turn
        self._reading = True
        self._reading_on = False
        self._writable = True
        self._lingering = False
        self._taken = 0  # of what was sent, when its deadline was set
        self._taken_at = 0.0
        self._watched = -1  # the descriptor, while nobody reads it and its peer may go
        self.deadline = NEVER
        self.named: tuple[str, int] | None = None  # who it is, where a proxy has said so
        self.unnamed = False  # whether a proxy has named nobody: what is claimed is not its word
        self.refusal: Problem | None = None  # what it hears, whatever it asks
        self.shown: Shown | None = None  # its certificates, where services are asked for them
        # For this request
        self._pace: BodyPace | None = None
        self._exchange: Exchange | None = None

    # What the socket tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections already."""
        entrance = self._entrance
        self._transport = cast("asyncio.Transport", transport)
        name = self.named or transport.get_extra_info("peername")
        address, port = (name[0], name[1]) if isinstance(name, tuple) else ("", 0)
        proxy = entrance.is_proxy(address)
        trusted = proxy and not self.unnamed
        scheme = b"https" if entrance.is_encrypted and self.refusal is None else b"http"
        self._peer = Peer(address, port=port, scheme=scheme, trusted=trusted)
        self._peer.shown = self.shown
        if not proxy and not entrance.has_doorway and not entrance.ward.meets(address):
            self._cut()
            return
        self.deadline = entrance.sweeper.now + self._timeouts.header
        entrance.sweeper.watch_calmly(self)
        self._group = "" if proxy else network_of(address)
        if entrance.guests.admit(self, self._group, now=entrance.sweeper.now):
            if self.refusal is not None:
                self._turn_back(self.refusal)
            elif entrance.guests.draining:
                self.drain()
            return
        if not entrance.guests.turn_away(self, now=entrance.sweeper.now):
            self._cut()  # so many are being refused that words would cost more than they are worth
            return
        self._turn_back(CONNECTIONS_EXCEEDED)

    def _turn_back(self, problem: Problem) -> None:
        """Answer before anything is asked, and end."""
        self._codec.closing = True
        self._refuse(ClientFault(problem))
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Take bytes of requests, or of a tunnel."""
        if self._splice is not None:
            self._pass_on(self._splice, data)
            return
        if self._exchange is None and self._entrance.guests.arrivals.is_full():
            self._hold(data)
        else:
            self._receive(data)

    def take_up(self) -> None:
        """Take what was held back for a turn of the loop with room for it."""
        held, self._held = self._held, b""
        if held:
            self._receive(held)

    def _hold(self, data: bytes) -> None:
        """Hold back what has come while nothing was under way."""
        if not self._held:
            entrance = self._entrance
            entrance.guests.arrivals.wait(self, entrance.traffic_of(data))
        self._held += data
        if len(self._held) > _HELD:
            self.take_up()

    def _receive(self, data: bytes) -> None:
        if self._lingering:
            return
        codec = self._codec
        events = codec.receive(data)
        if events:
            self._take(events)
        if codec.waiting:
            if not self._read_on_later():
                self._limit_read_ahead()
        elif codec.reading is HEAD and not codec.is_idle and not events:
            self._expect_head()
        if self._out:
            self.flush()

    def eof_received(self) -> bool:
        """Take the client's end: in a tunnel half of it, else the client has gone."""
        if self._splice is None:
            self.take_up()
            if self._exchange is not None:
                self._cut()  # half an answer that ends with the connection would look whole
                return False
            if self._entrance.is_encrypted:
                return False  # a TLS transport ends with its client's half: nothing can wait
            self._entrance.guests.departures.see_out(self)
            return True
        return self._splice.client_ended()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give up what was under way."""
        entrance = self._entrance
        entrance.sweeper.forget(self)
        self._unwatch()
        entrance.guests.leave(self, self._group)
        self._out.clear()
        self._held = b""
        splice, self._splice = self._splice, None  # no cycle is left for the collector
        if splice is not None:
            splice.client_gone()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.aborted = splice is None
            if exchange.attempt is not None:
                exchange.attempt.cancel()
            entrance.runner.finish(exchange)
            exchange.attempt = None

    def pause_writing(self) -> None:
        """Let whoever produces wait: the client does not keep up."""
        self._writable = False
        self._expect_uptake(self._entrance.sweeper.now)
        if self._splice is not None:
            self._splice.other.pause_reading()
        elif self._exchange is None:
            self._pause_reading()  # it asks on, and takes no answers: they would pile up here
        elif self._exchange.attempt is not None:
            self._exchange.attempt.pause_answer()

    def resume_writing(self) -> None:
        """Let whoever produces go on."""
        self._writable = True
        if self._splice is not None:
            if self._parting:
                self._part()
            self._touch_tunnel()
            self._splice.other.resume_reading()
        elif self._exchange is not None:
            self.deadline = NEVER
            self._await_body()
            if self._exchange.attempt is not None:
                self._exchange.attempt.resume_answer()
        else:
            self._resume_requests()

    def _resume_requests(self) -> None:
        """Go on with what stood still while the client did not take the answers it had."""
        now, timeouts = self._entrance.sweeper.now, self._timeouts
        if self._transport.is_closing():
            self._expect_uptake(now)
        elif self._lingering:
            self.deadline = now + timeouts.linger
        else:
            self.deadline = now + self._idle()
            self._next()

    def on_deadline(self, now: float) -> None:
        """End a connection that is idle, late or stuck."""
        exchange = self._exchange
        if not self._writable or self._transport.is_closing():
            if not self._takes_on(now):
                self._entrance.ward.slow(self._of_itself())
                self._cut()
            return
        if self._held:
            self.deadline = now + self._timeouts.header  # ours is the delay: look again
            return
        if self._lingering or self._codec.is_idle or self._splice is not None:
            if self._entrance.guests.draining and self._ended_our_half(now):
                return
            self._expect_uptake(now)  # of what is still to be sent
            self._transport.close()
            return
        if exchange is not None and exchange.suspended:
            self.deadline = now + self._timeouts.header  # a policy thinks: look again
            return
        self.deadline = NEVER
        if exchange is None:
            self._refuse(ClientFault(REQUEST_TIMEOUT))
        else:
            self._give_up(exchange, ClientFault(REQUEST_TIMEOUT))
        self.flush()

    def _expect_uptake(self, now: float) -> None:
        """Give the client a while to take what it is sent."""
        self._taken, self._taken_at = taken_through(self._transport), now
        self.deadline = now + self._timeouts.write_stalled

    def _takes_on(self, now: float) -> bool:
        """Give it another while if it has taken enough in this one, though not all that waits."""
        taken, since = self._taken, self._taken_at
        self._expect_uptake(now)
        return self._taken - taken >= max(1.0, LEAST_RATE * (now - since))

    def _of_itself(self) -> str:
        """Return the address that answers for what this does; empty for a proxy's."""
        return self._peer.address if self._group else ""

    # Draining

    def drain(self) -> None:
        """End behind what is under way, or behind one more answer, or after a while."""
        splice = self._splice
        if splice is not None:
            if splice.web_socket is not None:
                splice.web_socket.leave(self._entrance.guests.close_code)
            else:
                self._touch_tunnel()
        elif self._exchange is not None:
            attempt = self._exchange.attempt
            if isinstance(attempt, OwnStream):
                attempt.leave()
        elif self._codec.is_idle and self._writable:
            self.deadline = min(self.deadline, self._entrance.sweeper.now + self._idle())
        self._entrance.sweeper.hasten(self)

    def comes_back(self) -> bool:
        """Tell whether its client connects again at once: it holds a WebSocket or a stream."""
        exchange, splice = self._exchange, self._splice
        if splice is not None and splice.web_socket is not None:
            return True
        return exchange is not None and isinstance(exchange.attempt, OwnStream)

    def is_in_need(self) -> bool:
        """Tell whether what is under way is of somebody who may be at risk."""
        return self._exchange is not None and self._exchange.traffic == CRISIS

    def _idle(self) -> float:
        """Return how long a client may leave the connection unused."""
        timeouts = self._timeouts
        return timeouts.idle_linger if self._entrance.guests.draining else timeouts.keep_alive

    def _ended_our_half(self, now: float) -> bool:
        """End our half of a connection that is idle; False if there is nothing left to end.

        Whoever asks in this very moment then sees an end in order, and no reset.
        """
        transport, splice = self._transport, self._splice
        if self._lingering or self._parting or not transport.can_write_eof():
            return False
        if splice is not None and splice.eof_sent:
            return False
        self.deadline = now + _OTHER_HALF
        if splice is not None:
            splice.other.write_eof()
            self.write_eof()
        else:
            self._lingering = self._codec.closing = True
            transport.write_eof()
        return True

    def idle_since(self) -> float:
        """Return when the wait for a request began, or NEVER where something is under way."""
        codec, timeouts = self._codec, self._timeouts
        if self._exchange is not None or not codec.is_idle or self._lingering or self._held:
            return NEVER
        if self._transport.is_closing() or self._transport.get_write_buffer_size():
            return NEVER  # an answer is still to leave
        return self.deadline - (timeouts.keep_alive if codec.requested else timeouts.header)

    def give_way(self) -> None:
        """End an idle connection: its place goes to another."""
        self._codec.closing = True
        self._transport.close()

    # Requests

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if type(event) is RequestHead:
                self._begin(event)
            elif type(event) is Data:
                self._take_data(event)
            elif type(event) is End:
                self._take_end(event)
            elif type(event) is Reset:
                self._take_reset(event)

    def _begin(self, head: RequestHead) -> None:
        entrance = self._entrance
        destination, params = entrance.directory.find(head)
        plan = destination.plan
        exchange = Exchange(head, origin=self, peer=self._peer, plan=plan, started=entrance.clock())
        if params:
            exchange.params = params
        if destination.rewrites:
            exchange.upstream_path = destination.upstream_path(params, head.path)
        if self._peer.trusted and head.forwarding:
            exchange.client = client_of(
                self._peer.address, head.forwarding, is_proxy=entrance.is_proxy
            )
        self._exchange = exchange
        self.deadline = NEVER
        if head.length and not self._expect_body(exchange, head):
            exchange.plan = replace(plan, forward=self._refuse_body)
        entrance.runner.begin(exchange)

    def _expect_body(self, exchange: Exchange, head: RequestHead) -> bool:
        """Prepare for the request's body; False if it is too large by its stated length."""
        route = exchange.plan.route
        limit = route.max_body if route else 0
        self._pace = BodyPace(self._entrance.sweeper.now)
        exchange.upload = Upload(self, limit=limit, keep=route.replay_body if route else 0)
        self._await_body()
        return head.length <= limit or route is None

    def _refuse_body(self, exchange: Exchange) -> None:
        """Stand at the end of a plan in place of the service."""
        self._entrance.runner.fail(exchange, ClientFault(BODY_TOO_LARGE))

    def _await_body(self) -> None:
        """Give the client its time for the next part of the body, while it is read at all."""
        exchange, pace = self._exchange, self._pace
        if exchange is None or pace is None or exchange.upload is None or exchange.upload.over:
            return
        if self._reading and self._writable:
            route = exchange.plan.route
            idle = route.timeouts.body_idle if route else self._timeouts.header
            now, received = self._entrance.sweeper.now, exchange.upload.received
            self.deadline = pace.due(now, idle=idle, received=received)
            if self.deadline < now + NEAR:
                self._entrance.sweeper.hasten(self)

    def _take_data(self, event: Data) -> None:
        exchange = self._exchange
        if exchange is None or exchange.upload is None:
            return
        upload = exchange.upload
        if exchange.response is not None and exchange.attempt is None:
            return  # answered already: what still comes is read and thrown away
        if not upload.feed(event.data):
            if exchange.plan.route is not None:
                self._give_up(exchange, ClientFault(BODY_TOO_LARGE))
            return
        if event.end:
            self._upload_over(upload, NO_FIELDS)
        else:
            self._await_body()

    def _take_end(self, event: End) -> None:
        if self._exchange is not None and self._exchange.upload is not None:
            self._upload_over(self._exchange.upload, event.trailers)

    def _upload_over(self, upload: Upload, trailers: Fields) -> None:
        if self._writable:
            self.deadline = NEVER
        upload.end(trailers)

    def _take_reset(self, event: Reset) -> None:
        if self._exchange is not None:
            self._give_up(self._exchange, event.error)
        elif not self._lingering and not self._transport.is_closing():
            self._refuse(event.error, event.origin)  # else its request has had the last answer

    def _give_up(self, exchange: Exchange, error: GatewayError) -> None:
        """Answer the client's fault while an exchange is under way, or cut if it is too late."""
        if exchange.attempt is not None:
            exchange.attempt.cancel()
        self._codec.closing = True
        self._entrance.runner.fail(exchange, error)

    def _refuse(self, error: GatewayError, page: bytes | None = None) -> None:
        """Answer a request that could not even be read; `page` is the Origin it seems to name."""
        entrance = self._entrance
        head = RequestHead(self._codec.requested)
        if page is not None:
            head.fields = [(b"origin", page)]
        plan = entrance.directory.malformed.plan
        exchange = Exchange(head, origin=self, peer=self._peer, plan=plan, started=entrance.clock())
        exchange.error = error
        self._exchange = exchange
        self.deadline = NEVER
        entrance.runner.begin(exchange)

    def _expect_head(self) -> None:
        """Give the client a while for the rest of a head, counted from its first byte."""
        now = self._entrance.sweeper.now
        self.deadline = min(self.deadline, now + self._timeouts.header)

    def _read_on_later(self) -> bool:
        """Give what else has come of a body in very many chunks a turn of its own, if it has."""
        if not self._codec.is_behind:
            return False
        if not self._reading_on:
            self._reading_on = True
            self._pause_reading()
            self._entrance.loop.call_soon(self._read_on)
        return True

    def _read_on(self) -> None:
        self._reading_on = False
        exchange, codec = self._exchange, self._codec
        if exchange is None or not codec.is_behind or self._transport.is_closing():
            return
        if exchange.upload is not None and exchange.upload.is_paused:
            return  # the end of that comes back here
        self._take(codec.go_on())
        if not self._read_on_later():
            self._resume_reading()
            self._await_body()
            self._limit_read_ahead()
        self.flush()

    def _limit_read_ahead(self) -> None:
        waiting = self._codec.waiting
        if len(waiting) > _READ_AHEAD_BYTES or waiting.count(b"\r\n\r\n") >= _READ_AHEAD:
            self._pause_reading()

    # The origin's part: answers

    def send_interim(self, response: Response) -> None:
        """Pass on a 1xx answer at once: the client may be waiting for it."""
        self._out.append(self._codec.send_interim(response))

    def send_head(self, response: Response) -> None:
        """Send the answer's head, and its body where the answer has one of its own."""
        codec = self._codec
        closes = response.problem is not None and response.problem.closes
        if self.shown is not None and self.shown.parting:
            closes = True
        entrance = self._entrance
        if response.local:
            response.add(b"date", entrance.date())
        if self._exchange is not None and self._exchange.request.upgrade == b"websocket":
            told = self._socket_head(self._exchange, response)
            if told is not None:
                self._end_socket(told)
                return
        self._out.append(codec.send_head(response, last=closes or entrance.guests.draining))
        body = response.body
        if body is not None:
            if body and response.status not in (204, 304):
                self._out.append(codec.send_data(body))
                exchange = self._exchange
                if exchange is not None:
                    exchange.sent = len(body)
            self.send_end()

    def _socket_head(self, exchange: Exchange, response: Response) -> Ending | None:
        """Agree on what a WebSocket that is looked into needs; or return how it is refused."""
        if response.status != _SWITCHED:
            return ending(exchange, response)
        if exchange.plan.message and not response.local:
            self._legs = agreed_on(exchange, response)
        return None

    def _end_socket(self, told: Ending) -> None:
        """Open a WebSocket, end it, and wait a moment for the client's Close."""
        codec = self._codec
        self._out += [codec.send_head(told.response), told.close]
        codec.closing = True
        codec.waiting = b""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.sent = len(told.close)
            self._entrance.runner.finish(exchange)
            exchange.attempt = None
        self._linger()

    def send_data(self, data: bytes) -> None:
        """Send a part of the answer's body."""
        self._out.append(self._codec.send_data(data))

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        """End the answer, and with it the exchange."""
        codec = self._codec
        end = codec.send_end(trailers)
        if end:
            self._out.append(end)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._entrance.runner.finish(exchange)
            exchange.attempt = None  # no cycle is left for the collector
        if codec.closing:
            self._close()
            return
        if self._writable:
            self.deadline = self._entrance.sweeper.now + self._idle()
        if codec.waiting:
            self._entrance.loop.call_soon(self._next)
            return
        codec.next_request()
        if not self._writable:
            self._pause_reading()
        elif not self._reading:
            self._resume_reading()

    def _next(self) -> None:
        """Take the request that was pipelined behind the last; each in a turn of its own."""
        codec = self._codec
        if self._exchange is not None or not self._writable or self._transport.is_closing():
            return  # what is under way comes back to it
        if codec.reading is DONE:
            self._take(codec.next_request())
        if not self._read_on_later() and not codec.waiting:
            self._resume_reading()
            if codec.reading is HEAD and not codec.is_idle:
                self._expect_head()
        self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        out = self._out
        if not out:
            return
        self._out = []
        if self._transport.is_closing() and not self._lingering:
            return
        # One write an answer, but no copy of large pieces: bench/paper.py, `flush`.
        if len(out) == 1:
            self._transport.write(out[0])
        elif len(out[-1]) < _LARGE:
            self._transport.write(b"".join(out))
        else:
            self._transport.writelines(out)

    def abort(self) -> None:
        """Break off what is under way; where nothing is, end."""
        if self._exchange is not None:
            self._cut()
        else:
            self._transport.abort()

    def dismiss(self, code: int, reason: bytes) -> None:
        """End what goes on: a WebSocket by a Close, behind the frame under way."""
        splice = self._splice
        if splice is None or splice.web_socket is None:
            self.abort()
            return
        self._part()
        splice.web_socket.close(code, reason)

    def _cut(self) -> None:
        """End the connection with a reset, so that nobody takes a part for the whole."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self._out.clear()
        self._transport.abort()

    def _close(self) -> None:
        """End the connection; where the client still sends, listen on so that it can read."""
        codec = self._codec
        self.flush()
        if codec.reading is DONE and not codec.waiting:
            self._expect_uptake(self._entrance.sweeper.now)  # of what is still to be sent
            self._transport.close()
            return
        self._linger()

    def _linger(self) -> None:
        """Say no more, and listen for a while, so that the client can read what was said."""
        self.flush()
        self._lingering = True
        self._codec.waiting = b""
        if self._writable:
            self.deadline = self._entrance.sweeper.now + self._timeouts.linger
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume_reading()

    # The origin's part: flow

    def pause_upload(self) -> None:
        """Stop reading the request's body: the service does not keep up."""
        self.deadline = NEVER if self._writable else self.deadline
        if self._pace is not None:
            self._pace.pause(self._entrance.sweeper.now)
        self._pause_reading()
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.is_closing():
            self._watched = sock.fileno()
            self._entrance.guests.hangups.watch(self._watched, self._hung_up)

    def resume_upload(self) -> None:
        """Go on reading the request's body."""
        self._unwatch()
        self._resume_reading()
        if self._pace is not None:
            self._pace.resume(self._entrance.sweeper.now)
        self._await_body()

    def _unwatch(self) -> None:
        if self._watched >= 0:
            self._entrance.guests.hangups.forget(self._watched, self._hung_up)
            self._watched = -1

    def _hung_up(self) -> None:
        """Take the client's end while it is not read: nobody waits for the answer any more."""
        self._watched = -1
        if self._exchange is not None:
            self._cut()

    def _pause_reading(self) -> None:
        if self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.upload is not None and exchange.upload.is_paused:
            return  # whatever else would go on: the service still cannot keep up
        if self._read_on_later():
            return
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def open_tunnel(self, other: Spliced) -> Tunnel:
        """Splice with the upstream's end; what the client has sent already goes first."""
        exchange = self._exchange
        assert exchange is not None  # it is the one that asked for the change
        splice, here = spliced(
            self,
            other,
            exchange=exchange,
            entrance=self._entrance,
            legs=self._legs,
            said=self._part,
        )
        self._splice = splice
        waiting, self._codec.waiting = self._codec.waiting, b""
        self.flush()
        self._touch_tunnel()
        if waiting:
            self._pass_on(splice, waiting)
        self._resume_reading()
        if self._entrance.guests.draining:
            self.drain()
        return here

    # One end of a tunnel

    def write(self, data: bytes) -> None:
        """Send bytes of a tunnel."""
        splice = self._splice
        if splice is None or splice.eof_sent:
            return
        if self._exchange is not None:
            self._exchange.sent += len(data)
        self._touch_tunnel()
        self._transport.write(data)

    def write_eof(self) -> None:
        """Send the end of one direction; close when both are over."""
        splice = self._splice
        if splice is None:
            return
        splice.eof_sent = True
        if splice.ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()

    def pause_reading(self) -> None:
        """Stop reading: the other end of the tunnel cannot keep up."""
        self._pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._resume_reading()

    def _pass_on(self, splice: Splice, data: bytes) -> None:
        """Send what the client has sent through the tunnel."""
        self._touch_tunnel()
        if self._exchange is not None:
            self._exchange.received += len(data)
        splice.other.write(data)

    def _touch_tunnel(self) -> None:
        """Note that the tunnel is in use."""
        exchange, splice = self._exchange, self._splice
        if self._parting or not self._writable or exchange is None or exchange.plan.route is None:
            return
        idle = exchange.plan.route.timeouts.tunnel_idle
        if self._entrance.guests.draining and (splice is None or splice.web_socket is None):
            idle = min(idle, self._timeouts.idle_linger)
        self.deadline = self._entrance.sweeper.now + idle
        if idle < NEAR:
            self._entrance.sweeper.hasten(self)

    def _part(self) -> None:
        """Leave the client a moment to answer the Close that it has had."""
        self._parting = True
        if self._writable:
            self.deadline = self._entrance.sweeper.now + self._timeouts.linger

    def __repr__(self) -> str:
        """Say who it is and what it is doing."""
        return f"<client {self._peer.address}:{self._peer.port} {self._exchange!r}>"


_NO_TRANSPORT: Final = asyncio.Transport()
_NOBODY: Final = Peer("", port=0, scheme=b"http", trusted=False)
