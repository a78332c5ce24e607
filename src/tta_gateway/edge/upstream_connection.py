"""A connection to an endpoint: one attempt at a time, kept alive between them.

It also opens them (`Connector`).  What happens on the socket is told to the attempt; foreign
exceptions stop here and become faults with a Problem.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Final, cast

from tta_gateway.edge.climb import Climb
from tta_gateway.edge.remains import remains_of
from tta_gateway.edge.sweeper import NEVER, Sweeper
from tta_gateway.edge.tls import Tls
from tta_gateway.kernel.errors import ConnectFailed, UpstreamFault
from tta_gateway.kernel.exchange import Spliced, Tunnel
from tta_gateway.kernel.message import Fields, Response
from tta_gateway.kernel.problem import (
    INTERNAL,
    OUT_OF_SOCKETS,
    UPSTREAM_CERTIFICATE,
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    UPSTREAM_STALLED,
    UPSTREAM_TLS,
    UPSTREAM_TOTAL_TIMEOUT,
    UPSTREAM_UNAVAILABLE,
    UPSTREAM_UNRESOLVED,
    Problem,
)
from tta_gateway.kernel.route import ServiceTls
from tta_gateway.support.socket_path import short
from tta_gateway.support.tasks import spawn
from tta_gateway.upstream.attempt import Attempt, EndpointPool, gone
from tta_gateway.wire.event import Data, End, Reset
from tta_gateway.wire.http1_client import ClientCodec, Event
from tta_gateway.wire.limits import Limits

_WHOLE: Final = 2  # events: a head, and all of its body
_IDLE: Final = 60.0  # seconds that an unused connection is kept
_PARTING: Final = 5.0  # seconds for a service to end a tunnel, once it has been told
_HIGH_WATER: Final = 64 * 1024  # asyncio's own, above which a transport asks to be spared
_MOST_LOTS: Final = 5  # of chunks that are read in one turn, behind the end of a connection


class UpstreamConnection:
    """One connection to one endpoint: an `asyncio.Protocol` by its methods alone, for mypyc."""

    __slots__ = (
        "_attempt",
        "_codec",
        "_ended",
        "_eof_sent",
        "_held",
        "_other",
        "_pool",
        "_reading_on",
        "_started",
        "_sweeper",
        "_transport",
        "deadline",
    )

    def __init__(self, pool: EndpointPool, *, sweeper: Sweeper, limits: Limits) -> None:
        """Wait for a socket."""
        # For the process
        self._sweeper = sweeper
        # For the connection
        self._pool = pool
        self._codec = ClientCodec(limits)
        self._transport: asyncio.Transport = _NO_TRANSPORT
        self._other: Tunnel | None = None
        self._ended = False
        self._eof_sent = False
        self._held = False
        self._reading_on = False
        self.deadline = NEVER
        # For this exchange
        self._attempt: Attempt | None = None
        self._started = False

    @property
    def has_socket(self) -> bool:
        """Tell whether it has ever been open."""
        return self._transport is not _NO_TRANSPORT

    # What the socket tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast("asyncio.Transport", transport)
        self.deadline = self._sweeper.now + _IDLE  # until somebody uses it
        self._sweeper.watch(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes of an answer, or of a tunnel."""
        if self._other is not None:
            self._other.write(data)
            return
        attempt = self._attempt
        if attempt is None:
            self._codec.receive(data)  # nobody asked for these: they go nowhere
            self.close()
            return
        if self._started:
            self.deadline = self._sweeper.now + attempt.route.timeouts.idle
        events = self._codec.receive(data)
        if len(events) != _WHOLE or not self._took_whole(attempt, events):
            self._take(attempt, events)
        attempt.flush()
        if self._codec.behind:
            self._read_on_later()

    def _read_on_later(self) -> None:
        """Give what else has come of a body in very many chunks a turn of its own."""
        if not self._reading_on and not self._transport.is_closing():
            self._reading_on = True
            self._transport.pause_reading()
            self._sweeper.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        self._reading_on = False
        attempt = self._attempt
        if attempt is not None and self._codec.is_behind:
            if self._held:
                return  # the end of that comes back here
            self._take(attempt, self._codec.go_on())
            attempt.flush()
        if self._codec.is_behind:
            self._read_on_later()
        elif not self._held and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        """Take the end of what the service sends."""
        if self._other is not None:
            self._ended = True
            self.deadline = self._sweeper.now + _IDLE if self._eof_sent else NEVER
            self._other.write_eof()
            return not self._eof_sent
        attempt = self._attempt
        if attempt is None:
            self.close()  # now: nobody may take it from the idle ones in the meantime
            return False
        while self._codec.is_behind and self._attempt is attempt:
            self._take(attempt, self._codec.go_on())
        if self._attempt is attempt:
            self._take(attempt, self._codec.receive_eof())
        attempt.flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever uses the connection that it has gone."""
        self._sweeper.forget(self)
        if exc is not None and self._attempt is not None:
            self._hear_out(self._attempt, exc)
        other, self._other = self._other, None
        if other is not None and not (self._ended and self._eof_sent):
            other.abort()
        gone(self._pool, self)
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            problem = UPSTREAM_TLS if isinstance(exc, ssl.SSLError) else UPSTREAM_RESET
            attempt.lost(UpstreamFault(problem))
            attempt.flush()

    def _hear_out(self, attempt: Attempt, why: Exception) -> None:
        """Take what the service had said before the connection broke: it may have answered early.

        Whatever else that is, what ends with the connection is no whole answer behind a reset.
        """
        if isinstance(why, ssl.SSLError) or not attempt.may_be_answered:
            return
        transport: object = self._transport
        if isinstance(transport, Tls):
            data, ended = transport.remains()
        else:
            data, ended = remains_of(self._transport), False
        if data:
            self.data_received(data)
        lots = 0
        while self._codec.is_behind and self._attempt is attempt and lots < _MOST_LOTS:
            self._take(attempt, self._codec.go_on())
            lots += 1
        if ended and self._attempt is attempt and not self._codec.is_behind:
            self._take(attempt, self._codec.receive_eof())
        attempt.flush()

    def pause_writing(self) -> None:
        """Let the client wait: the service does not keep up."""
        if self._other is not None:
            self._other.pause_reading()
        elif self._attempt is not None:
            if not self._started:
                self.deadline = self._sweeper.now + self._attempt.route.timeouts.first_byte
            self._attempt.pause_upload()

    def resume_writing(self) -> None:
        """Let the client go on."""
        if self._other is not None:
            self._other.resume_reading()
        elif self._attempt is not None:
            upload = self._attempt.exchange.upload
            if not self._started and upload is not None and not upload.over:
                self.deadline = NEVER
            self._attempt.resume_upload()

    def on_deadline(self, now: float) -> None:
        """End a connection that nobody uses, or an answer that is late."""
        attempt, self._attempt = self._attempt, None
        self.deadline = NEVER
        if attempt is None:
            self.close()
            return
        attempt.lost(UpstreamFault(self._late(attempt, now)))
        attempt.flush()

    def _late(self, attempt: Attempt, now: float) -> Problem:
        """Return which time is over."""
        if self._started:
            return UPSTREAM_STALLED
        over = attempt.exchange.deadline <= now
        return UPSTREAM_TOTAL_TIMEOUT if over else UPSTREAM_FIRST_BYTE_TIMEOUT

    def _took_whole(self, attempt: Attempt, events: list[Event]) -> bool:
        """Take an answer that has come in one piece; False if the events are something else."""
        head, body = events
        if type(head) is not Response or type(body) is not Data:
            return False
        if not body.end or head.status < 200:
            return False
        # One call where the pieces would need eight: bench/paper.py.
        self._attempt = None
        self.deadline = self._sweeper.now + _IDLE
        reusable = self._codec.reusable and not self._transport.is_closing()
        attempt.answered_whole(head, body.data, reusable=reusable)
        return True

    def _take(self, attempt: Attempt, events: list[Event]) -> None:
        for at, event in enumerate(events):
            if type(event) is Response:
                self._begin_answer(attempt, event)
            elif type(event) is Data:
                self._take_data(attempt, event)
            elif type(event) is End:
                self._end_answer(attempt, event.trailers)
            elif type(event) is Reset:
                self._attempt = None
                attempt.lost(event.error)
            if self._other is not None:
                self._take_raw(events[at + 1 :])
                return
            if self._attempt is None:
                return

    def _take_data(self, attempt: Attempt, event: Data) -> None:
        if event.data:
            attempt.data(event.data)
        if event.end:
            self._end_answer(attempt, None)

    def _begin_answer(self, attempt: Attempt, response: Response) -> None:
        if response.status >= 200:
            self._started = True
            self.deadline = self._sweeper.now + attempt.route.timeouts.idle
        attempt.answered(response)

    def _end_answer(self, attempt: Attempt, trailers: Fields | None) -> None:
        self._attempt = None
        if self._held:
            self.resume_reading()  # whoever is next on it would hear nothing
        self.deadline = self._sweeper.now + _IDLE
        reusable = self._codec.reusable and not self._transport.is_closing()
        if trailers:
            attempt.ended(trailers, reusable=reusable)
        else:
            attempt.ended(reusable=reusable)

    def _take_raw(self, events: list[Event]) -> None:
        """Pass on what came behind a 101 in the same data."""
        for event in events:
            if isinstance(event, Data) and self._other is not None:
                self._other.write(event.data)

    # What the attempt asks

    def begin(
        self, attempt: Attempt, line: bytes, fields: bytes, framing: bytes, *, stream_id: int
    ) -> None:
        """Send a request's head."""
        self._attempt = attempt
        self._started = False
        exchange = attempt.exchange
        upload = exchange.upload
        if upload is not None and not upload.over:
            self.deadline = NEVER  # the client's time for its body comes first
        else:
            first_byte = self._sweeper.now + attempt.route.timeouts.first_byte
            deadline = exchange.deadline
            self.deadline = min(first_byte, deadline)
        head = self._codec.send_head(line, fields, framing, stream_id=stream_id)
        self._transport.write(head)

    def send_body(self, data: bytes) -> None:
        """Send a part of the request's body."""
        self._transport.write(self._codec.send_data(data))

    def end_body(self, trailers: Fields) -> None:
        """Send the end of the request's body."""
        end = self._codec.send_end(trailers)
        if end:
            self._transport.write(end)
        if not self._started and self._attempt is not None:
            now, timeouts = self._sweeper.now, self._attempt.route.timeouts
            exchange = self._attempt.exchange
            exchange.deadline = max(exchange.deadline, now + timeouts.first_byte)
            self._expect_answer(self._attempt)

    def _expect_answer(self, attempt: Attempt) -> None:
        """Give the service its time to begin an answer, within the exchange's."""
        first_byte = self._sweeper.now + attempt.route.timeouts.first_byte
        self.deadline = min(first_byte, attempt.exchange.deadline)

    def pause_reading(self) -> None:
        """Stop reading: the client does not keep up, and is given its own time for that."""
        self.deadline = NEVER
        self._held = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._attempt is not None:
            self.deadline = self._sweeper.now + self._attempt.route.timeouts.idle
        self._held = False
        if self._codec.is_behind:
            self._read_on_later()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """End the connection: whatever it still brings is nobody's."""
        self._attempt = None
        self.deadline = NEVER
        if self in self._pool.idle:
            self._pool.idle.remove(self)
        self._transport.abort()

    # One end of a tunnel

    def tunnel(self) -> Spliced:
        """Become one end of a tunnel; the client's end watches the time from now on."""
        self.deadline = NEVER
        self._attempt = None
        return self

    def splice(self, other: Tunnel) -> None:
        """Pass on to the client's end from now on."""
        self._other = other
        if self._transport.get_write_buffer_size() > _HIGH_WATER:
            other.pause_reading()  # what the client had sent already is more than it takes

    def write(self, data: bytes) -> None:
        """Send bytes of a tunnel."""
        if not self._eof_sent:
            self._transport.write(data)

    def write_eof(self) -> None:
        """Send the end of one direction; close when both are over."""
        self._eof_sent = True
        if self._ended:
            self.deadline = self._sweeper.now + _IDLE  # for what is still to be sent
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()

    def abort(self) -> None:
        """Break off."""
        self._other = None
        self._transport.abort()

    def let_go(self) -> None:
        """End this side by itself, behind what is still to be sent; the client's has gone."""
        self._other = None  # what still comes is nobody's, and ends it
        self.deadline = self._sweeper.now + _PARTING
        self.write_eof()

    def __repr__(self) -> str:
        """Say where it leads and what it does."""
        return f"<upstream {self._pool.name} {self._codec.reading.name}>"


_NO_TRANSPORT: Final = asyncio.Transport()


def _nobody_hears(service: str, endpoint: str, why: str) -> None:
    """Stand where nobody keeps a log."""


# Of ours, not of the service: no descriptor, port or buffer is left.
_OUT_OF_SOCKETS: Final = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
)


def _why_not_open(error: OSError, service: str) -> ConnectFailed:
    """Return whose fault it is that no connection came about."""
    if isinstance(error, socket.gaierror):
        return _unresolved(service)
    if error.errno in _OUT_OF_SOCKETS:
        return ConnectFailed(OUT_OF_SOCKETS)
    return ConnectFailed(UPSTREAM_REFUSED, f"`{service}` refuses connections.")


def _why_not_encrypted(error: ssl.SSLError, service: str) -> ConnectFailed:
    """Return whose fault it is that no TLS came about; the event says more than clients hear."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectFailed(UPSTREAM_CERTIFICATE, f"`{service}` shows one that is not accepted.")
    return ConnectFailed(UPSTREAM_TLS, f"`{service}` and the gateway did not agree on TLS.")


def _unresolved(service: str) -> ConnectFailed:
    return ConnectFailed(UPSTREAM_UNRESOLVED, f"`{service}` has no address.")


class SocketConnector:
    """Opens connections with the loop, each in a task that ends when it is open or has failed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        sweeper: Sweeper,
        limits: Limits,
        died: Callable[[str, BaseException], None],
        refused: Callable[[str, str, str], None] = _nobody_hears,
    ) -> None:
        """Keep what a connection needs.

        `refused` hears of TLS that did not come about: the service, its endpoint, and why; of TLS
        that did, it hears without a reason.
        """
        self._loop = loop
        self._sweeper = sweeper
        self.limits = limits
        self._died = died
        self._refused = refused
        self._contexts: Mapping[ServiceTls, ssl.SSLContext] = {}
        self._before: Mapping[ServiceTls, ssl.SSLContext] = {}

    def adopt(self, contexts: Mapping[ServiceTls, ssl.SSLContext]) -> None:
        """Speak TLS by these from now on; what is under way may still need those before them."""
        self._before, self._contexts = self._contexts, contexts

    def open(self, attempt: Attempt, *, timeout: float) -> None:
        """Open a connection to the attempt's endpoint."""
        spawn(self._open(attempt, timeout), name="connect", died=self._died)

    async def _open(self, attempt: Attempt, timeout: float) -> None:  # noqa: ASYNC109 - a deadline
        pool = attempt.pool
        service = attempt.upstream.service.name
        connection = UpstreamConnection(pool, sweeper=self._sweeper, limits=self.limits)
        try:
            async with asyncio.timeout(timeout):
                await self._connect(attempt, connection)
        except TimeoutError:
            if connection.has_socket:
                pool.open += 1  # too late: its own end will be counted as well
            detail = f"`{service}` did not accept a connection within {timeout:g} s."
            attempt.connect_failed(ConnectFailed(UPSTREAM_CONNECT_TIMEOUT, detail))
        except ssl.SSLError as error:
            self._refused(service, pool.name, _reason(error))
            attempt.connect_failed(_why_not_encrypted(error, service))
        except OSError as error:
            attempt.connect_failed(_why_not_open(error, service))
        except Exception as error:  # noqa: BLE001 - nobody else would end the exchange
            attempt.connect_failed(self._why_not(error, service))
        else:
            attempt.connected(connection)
        attempt.flush()

    def _why_not(self, error: Exception, service: str) -> ConnectFailed:
        """Return what no socket tells: a name that is none, or a fault of ours."""
        if isinstance(error, ConnectFailed):
            return error
        if isinstance(error, UnicodeError):
            return _unresolved(service)
        self._died("connect", error)
        return ConnectFailed(INTERNAL)

    async def _connect(self, attempt: Attempt, connection: UpstreamConnection) -> None:
        endpoint = attempt.pool.endpoint
        if endpoint.tls:
            await self._connect_encrypted(attempt, connection)
            return
        protocol = cast("asyncio.Protocol", connection)  # it has all the methods of one
        if endpoint.unix:
            with short(endpoint.unix) as path:
                await self._loop.create_unix_connection(lambda: protocol, path)
        else:
            await self._loop.create_connection(lambda: protocol, endpoint.host, endpoint.port)

    async def _connect_encrypted(self, attempt: Attempt, connection: UpstreamConnection) -> None:
        """Open a connection and shake hands: `connect` is the time for both."""
        endpoint, tls = attempt.pool.endpoint, attempt.upstream.service.tls
        assert tls is not None  # settings: every service with an `https://` endpoint has it
        context = self._contexts.get(tls) or self._before.get(tls)
        if context is None:  # two configurations have come since the request did
            raise ConnectFailed(UPSTREAM_UNAVAILABLE)
        over: asyncio.Future[None] = self._loop.create_future()
        name = tls.server_name or endpoint.server_name
        climb = Climb(context, inner=connection, server_name=name, over=over)
        protocol = cast("asyncio.Protocol", climb)
        try:
            await self._loop.create_connection(lambda: protocol, endpoint.host, endpoint.port)
            await over
        except BaseException:
            climb.give_up()
            raise
        self._refused(attempt.upstream.service.name, attempt.pool.name, "")


def _reason(error: ssl.SSLError) -> str:
    """Return why TLS did not come about, in the words of OpenSSL."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    reason = getattr(error, "reason", None)  # of those that OpenSSL raises
    return str(reason or (error.args[-1] if error.args else ""))
