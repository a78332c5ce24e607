"""The attempt loop: one exchange to one of a service's endpoints, again where that is safe.

An Attempt is one try.  The edge opens connections and calls the attempt when something happens on
one (`connected`, `connect_failed`, `answered`, `data`, `ended`, `lost`); the attempt answers the
exchange, tries again, or gives up.  A connection that was idle and turns out to be dead costs no
try: the request goes to a fresh one unseen, where it may be repeated at all.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from tta_gateway.kernel.errors import ConnectFailed, GatewayError, UpstreamFault
from tta_gateway.kernel.exchange import Exchange, Spliced, Tunnel
from tta_gateway.kernel.message import CHUNKED, NO_FIELDS, Fields, Response, answer_of, lines_of
from tta_gateway.kernel.plan import Runner
from tta_gateway.kernel.problem import (
    LOOP,
    OUT_OF_SOCKETS,
    UPSTREAM_BUSY,
    UPSTREAM_GARBAGE,
    UPSTREAM_INCOMPLETE,
    UPSTREAM_RESET,
    UPSTREAM_TOTAL_TIMEOUT,
    UPSTREAM_UNAVAILABLE,
)
from tta_gateway.kernel.route import Route, Service
from tta_gateway.upstream import way
from tta_gateway.upstream.balance import Chance, balancer
from tta_gateway.upstream.pool import Decision, Pool
from tta_gateway.upstream.redirect import public_location
from tta_gateway.upstream.retry import may_repeat, within_budget


class Connection(Protocol):
    """A connection to an endpoint, as an attempt uses it."""

    def begin(
        self, attempt: "Attempt", line: bytes, fields: bytes, framing: bytes, *, stream_id: int
    ) -> None:
        """Send a request's head; what comes of it is told to the attempt."""

    def send_body(self, data: bytes) -> None:
        """Send a part of the request's body."""

    def end_body(self, trailers: Fields) -> None:
        """Send the end of the request's body."""

    def pause_reading(self) -> None:
        """Stop reading the answer."""

    def resume_reading(self) -> None:
        """Go on reading the answer."""

    def tunnel(self) -> Spliced:
        """Become one end of a tunnel."""

    def close(self) -> None:
        """End the connection: it cannot be used again."""


class Connector(Protocol):
    """Opens connections."""

    def open(self, attempt: "Attempt", *, timeout: float) -> None:
        """Open one to the attempt's endpoint; call its `connected` or `connect_failed`."""


EndpointPool = Pool[Connection, "Attempt"]


class Upstream:
    """A service at work: its endpoints' pools, and how many requests and retries are under way."""

    def __init__(self, service: Service) -> None:
        """Begin with every endpoint unused."""
        self.service = service
        self.pools: list[EndpointPool] = [
            Pool(endpoint, service.limits) for endpoint in service.endpoints
        ]
        self.balancer = balancer(service.balance)
        self.host = service.host.encode()
        own = [pool.authority.lower() for pool in self.pools]
        self.own = frozenset([*own, self.host.lower()] if self.host else own)
        self.active = 0
        self.retrying = 0

    def choose(self, tried: frozenset[str], chance: Chance) -> EndpointPool | None:
        """Return the endpoint to ask: untried while there is one, with room while there is one."""
        pools = self.pools
        if len(pools) == 1:
            return pools[0]
        if not pools:
            return None
        if tried:
            pools = [pool for pool in pools if pool.name not in tried] or pools
        chosen = self.balancer.choose(pools, chance)
        if not chosen.is_full:
            return chosen
        roomy = [pool for pool in pools if not pool.is_full]
        return self.balancer.choose(roomy, chance) if roomy else chosen


class Forwarder:
    """Forwards the exchanges of one worker."""

    def __init__(
        self,
        services: Mapping[str, Service],
        *,
        connector: Connector,
        runner: Runner,
        chance: Chance,
        clock: Callable[[], float],
    ) -> None:
        """Keep what a try needs; `clock` is monotonic, in seconds."""
        self.name = b"tta-gateway-%08x" % int(chance() * 2**32)
        self.via = b"via: 1.1 %b\r\n" % self.name
        self.upstreams = {name: Upstream(service) for name, service in services.items()}
        self.connector = connector
        self.runner = runner
        self.chance = chance
        self.clock = clock

    def forward(self, exchange: Exchange) -> None:
        """Send the exchange to its route's service."""
        route = exchange.plan.route
        assert route is not None  # only plans of routes to a service end here
        said = exchange.request.forwarding
        if said is not NO_FIELDS and self._has_been_here(said):
            self.runner.respond(exchange, answer_of(LOOP))
            return
        upstream = self.upstreams[route.service]
        upstream.active += 1
        exchange.deadline = exchange.started + route.timeouts.total
        self.try_once(exchange, route, upstream, tried=_NONE)

    def _has_been_here(self, said: Fields) -> bool:
        """Tell whether this gateway stands on the way already (RFC 9110 7.6.3)."""
        return any(name == b"via" and self.name in value for name, value in said)

    def try_once(
        self, exchange: Exchange, route: Route, upstream: Upstream, *, tried: frozenset[str]
    ) -> None:
        """Make one try at an endpoint that the balancer chooses."""
        pool = upstream.choose(tried, self.chance)
        if pool is None:
            upstream.active -= 1
            detail = f"The service `{route.service}` has no endpoint."
            self.runner.respond(exchange, answer_of(UPSTREAM_UNAVAILABLE, detail))
            return
        exchange.tries += 1
        exchange.endpoint = pool.name
        Attempt(self, exchange, route, upstream, pool, tried).start()

    def give_back(self, pool: EndpointPool, connection: Connection) -> None:
        """Let a connection serve whoever has waited longest, or keep it."""
        if pool.waiting:
            pool.waiting.popleft().reuse(connection)
        else:
            pool.idle.append(connection)

    def gone(self, pool: EndpointPool, connection: Connection) -> None:
        """Take note that a connection has ended; somebody may have waited for its place."""
        pool.forget(connection)
        self.open_for_waiting(pool)

    def open_for_waiting(self, pool: EndpointPool) -> None:
        """Open connections for those who have waited longest, while there is room for one."""
        while pool.waiting and pool.open < pool.limits.connections:
            pool.waiting.popleft().open_now()

    def expire(self, now: float) -> None:
        """End the wait of those whose time is over: no connection has a deadline for them."""
        for upstream in self.upstreams.values():
            for pool in upstream.pools:
                for waiting in [one for one in pool.waiting if one.exchange.deadline <= now]:
                    waiting.expired()


_NONE: frozenset[str] = frozenset()
# Something of an answer has come, or there is no sense in another try.
_FINAL = (UPSTREAM_GARBAGE, UPSTREAM_INCOMPLETE, OUT_OF_SOCKETS)


class Attempt:
    """One try of one exchange at one endpoint."""

    __slots__ = (
        "_answered",
        "_begun",
        "_connection",
        "_method",
        "_over",
        "_paused",
        "_pending",
        "_reached",
        "_reused",
        "_status",
        "_tried",
        "exchange",
        "forwarder",
        "pool",
        "route",
        "upstream",
    )

    def __init__(
        self,
        forwarder: Forwarder,
        exchange: Exchange,
        route: Route,
        upstream: Upstream,
        pool: EndpointPool,
        tried: frozenset[str],
    ) -> None:
        """Bind a try to everything it touches; `start` begins it."""
        self.forwarder = forwarder
        self.exchange = exchange
        self.route = route
        self.upstream = upstream
        self.pool = pool
        self._tried = tried
        self._method = exchange.request.method
        if route.rewrite.method:
            self._method = route.rewrite.method.encode()
        self._connection: Connection | None = None
        self._reused = False
        self._reached = False
        self._answered = False
        self._begun = False
        self._status = 0  # the service's own, whatever a policy makes of it
        self._over = False
        self._paused = False
        self._pending: list[bytes | Fields] | None = None
        exchange.attempt = self
        pool.in_flight += 1
        if tried:
            upstream.retrying += 1

    # Getting a connection

    def start(self) -> None:
        """Use an idle connection, open one, wait for one, or refuse."""
        pool = self.pool
        if pool.idle and pool.in_flight <= pool.limits.in_flight:
            self._reused = True
            self._send(pool.idle.pop())
            return
        decision = pool.decide()
        if decision is Decision.OPEN:
            self.open_now()
        elif decision is Decision.WAIT:
            pool.waiting.append(self)
        else:
            self._settle()
            detail = f"`{self.route.service}` has as much as it may have in flight."
            self.forwarder.runner.respond(self.exchange, answer_of(UPSTREAM_BUSY, detail))

    def open_now(self) -> None:
        """Open a connection for this try."""
        left = self.exchange.deadline - self.forwarder.clock()
        if left <= 0:
            self._fail(UpstreamFault(UPSTREAM_TOTAL_TIMEOUT))
            return
        self.pool.open += 1
        self.forwarder.connector.open(self, timeout=min(self.route.timeouts.connect, left))

    def connected(self, connection: Connection) -> None:
        """Use the connection that has been opened, or leave it to the pool if nobody wants it."""
        if self._over:
            self.forwarder.give_back(self.pool, connection)
            return
        self._send(connection)

    def reuse(self, connection: Connection) -> None:
        """Use a connection that has served others."""
        self._reused = True
        self._send(connection)

    def connect_failed(self, error: ConnectFailed) -> None:
        """Try elsewhere: nothing has been sent."""
        self.pool.open -= 1
        self.forwarder.open_for_waiting(self.pool)
        if not self._over:
            self._fail(error)

    def expired(self) -> None:
        """Wait no longer for a connection: the exchange's time is over."""
        self.pool.waiting.remove(self)
        self._fail(UpstreamFault(UPSTREAM_TOTAL_TIMEOUT))

    # Sending

    def _send(self, connection: Connection) -> None:
        exchange = self.exchange
        self._connection = connection
        connection.begin(
            self,
            self._line(),
            self._lines(),
            self._framing(),
            stream_id=exchange.request.stream_id,
        )
        self._reached = True
        if exchange.upload is not None:
            exchange.upload.attach(connection)

    def _line(self) -> bytes:
        request = self.exchange.request
        method = self._method
        path = self.exchange.upstream_path
        if path is None:
            return method + b" " + request.target
        if request.query is not None:
            return method + b" " + path + b"?" + request.query
        return method + b" " + path

    def _lines(self) -> bytes:
        """Return the lines of the fields: the client's own, and the way here."""
        exchange = self.exchange
        request, fields = exchange.request, exchange.upstream_fields
        host = self.upstream.host or request.host or self.pool.authority
        lines = b"host: %b\r\n%b%b%b" % (
            host,
            self._via(request.forwarding),
            request.lines() if fields is None else lines_of(fields),
            way.lines(
                exchange.peer,
                host=request.host or host,
                said=request.forwarding,
                client=exchange.client,
            ),
        )
        for field in exchange.extra:
            lines += b"%b: %b\r\n" % field
        return lines

    def _via(self, said: Fields) -> bytes:
        """Return the Via lines: who else has passed the request on, and this gateway."""
        ours = self.forwarder.via
        if said is NO_FIELDS:
            return ours
        return b"".join([b"via: %b\r\n" % value for name, value in said if name == b"via"]) + ours

    def _framing(self) -> bytes:
        """Return the lines that frame the request: nothing in them is the client's to choose."""
        request = self.exchange.request
        if not request.length and self._method in _BODYLESS and request.upgrade is None:
            return b""  # the usual request, in one look
        lines = b""
        if request.length == CHUNKED:
            lines = b"transfer-encoding: chunked\r\n"
        elif request.length or self._method in _EXPECT_BODY:
            lines = b"content-length: %d\r\n" % request.length
        if request.expects_continue:
            lines += b"expect: 100-continue\r\n"
        if request.upgrade is not None and self._may_switch(request.upgrade):
            lines += b"connection: upgrade\r\nupgrade: %b\r\n" % request.upgrade
        return lines

    def _may_switch(self, protocol: bytes | None) -> bool:
        """Tell whether the service has been asked to change to this protocol."""
        return protocol is not None and protocol.decode("latin-1") in self.route.upgrade

    # What comes back

    def answered(self, response: Response) -> None:
        """Take the head of an answer, interim or final."""
        exchange = self.exchange
        if response.status < 200:
            if response.status != 101:
                self._begun = True
                exchange.origin.send_interim(response)
                return
            if not self._may_switch(exchange.request.upgrade):
                detail = "It changed to a protocol that it had not been asked for."
                self.lost(UpstreamFault(UPSTREAM_GARBAGE, detail))
                return
        self._answered = True
        self._status = response.status
        exchange.first_byte_at = self.forwarder.clock()
        if response.status in _WITH_LOCATION:
            self._publish_location(response)
        if not self.forwarder.runner.respond(exchange, response):
            self._hold()
        elif response.status == 101 and not self._over:
            self._tunnel()

    def answered_whole(self, response: Response, body: bytes, *, reusable: bool) -> None:
        """Take an answer that has come in one piece: the connection is free before it leaves."""
        if self._over:
            return  # whoever took the head of it has given up
        exchange = self.exchange
        self._status = response.status
        self._let_go(reusable=reusable)
        exchange.attempt = None
        exchange.first_byte_at = self.forwarder.clock()
        if response.status in _WITH_LOCATION:
            self._publish_location(response)
        response.body = body
        self.forwarder.runner.respond(exchange, response)

    def _hold(self) -> None:
        """Keep what comes of the answer until its head has left: a policy is waiting."""
        assert self._connection is not None  # the answer came on it
        self._pending = []
        self._connection.pause_reading()

    def _publish_location(self, response: Response) -> None:
        request, own = self.exchange.request, self.upstream.own
        public = way.public_origin(self.exchange.peer, host=request.host, said=request.forwarding)
        prefix = self.route.rewrite.strip_prefix.encode()
        response.fields = [
            (name, public_location(value, own=own, public=public, prefix=prefix))
            if name == b"location"
            else (name, value)
            for name, value in response.fields
        ]

    def _tunnel(self) -> Tunnel:
        """Splice the two sides; return the client's end."""
        connection = self._connection
        assert connection is not None  # the answer came on it
        self._settle()
        end = connection.tunnel()
        client = self.exchange.origin.open_tunnel(end)
        end.splice(client)
        return client

    def data(self, data: bytes) -> None:
        """Take a part of the answer's body."""
        if self._pending is not None:
            self._pending.append(data)
            return
        self.exchange.sent += len(data)
        self.exchange.sink.send_data(data)

    def ended(self, trailers: Fields = NO_FIELDS, *, reusable: bool) -> None:
        """Take the end of the answer, and let the connection serve others if it can."""
        if self._over:
            return  # whoever took the last part of it has given up
        self._let_go(reusable=reusable)
        if self._pending is not None:
            self._pending.append(trailers)
            return
        self.exchange.sink.send_end(trailers)

    def _let_go(self, *, reusable: bool) -> None:
        """Count this try as over, and let the connection serve others if it can."""
        connection, upload = self._connection, self.exchange.upload
        assert connection is not None  # the answer came on it
        self._connection = None
        self._settle()
        if upload is not None:
            upload.detach()
            reusable = reusable and upload.over
        if reusable and self._status != _BROKEN:
            self.forwarder.give_back(self.pool, connection)
        else:
            connection.close()

    def flush(self) -> None:
        """Let what has been passed on go to the client."""
        self.exchange.origin.flush()

    def lost(self, error: GatewayError) -> None:
        """Take the end of the connection, or of patience, before the end of the answer."""
        if self._over:
            return
        connection, self._connection = self._connection, None
        assert connection is not None  # it is the one that was lost
        connection.close()
        self._fail(error)

    # The end of a try

    def _fail(self, error: GatewayError) -> None:
        """Try again where that is safe and allowed, else answer with the fault."""
        exchange, upload = self.exchange, self.exchange.upload
        if upload is not None:
            upload.detach()
        self._settle(keep_active=True)
        if self._answered:
            self.upstream.active -= 1
            self._pending = None
            exchange.error = error
            exchange.sink.abort()
            return
        if self._repeatable(error):
            self._repeat(error)
            return
        self.upstream.active -= 1
        exchange.error = error
        self.forwarder.runner.respond(exchange, answer_of(error.problem, error.detail))
        exchange.origin.flush()

    def _repeatable(self, error: GatewayError) -> bool:
        exchange = self.exchange
        if self._begun or error.problem in _FINAL:
            return False
        if exchange.deadline <= self.forwarder.clock():
            return False
        if not may_repeat(self._method, reached=self._reached, body_held=self._is_held(error)):
            return False
        if self._is_stale(error):
            return True
        return exchange.tries < self.route.tries and within_budget(
            retrying=self.upstream.retrying, active=self.upstream.active
        )

    def _is_held(self, error: GatewayError) -> bool:
        """Tell whether all of the body is here, or all that a dead connection has been given."""
        upload = self.exchange.upload
        if upload is None or not self._reached:
            return True
        return upload.replayable or (self._is_stale(error) and upload.received <= upload.keep)

    def _is_stale(self, error: GatewayError) -> bool:
        """Tell whether an idle connection had died before this try could use it."""
        return self._reused and error.problem is UPSTREAM_RESET

    def _repeat(self, error: GatewayError) -> None:
        exchange, upstream = self.exchange, self.upstream
        if self._is_stale(error):
            again = Attempt(self.forwarder, exchange, self.route, upstream, self.pool, self._tried)
            again._open_fresh()
            return
        tried = self._tried | {self.pool.name}
        self.forwarder.try_once(exchange, self.route, upstream, tried=tried)

    def _open_fresh(self) -> None:
        """Open a connection even if one is idle: another idle one may be as dead as the last."""
        if self.pool.open < self.pool.limits.connections:
            self.open_now()
        else:
            self.start()

    def _settle(self, *, keep_active: bool = False) -> None:
        """Count this try as over."""
        self._over = True
        self.pool.in_flight -= 1
        if self._tried:
            self.upstream.retrying -= 1
        if not keep_active:
            self.upstream.active -= 1

    # What the client's side asks

    def cancel(self) -> None:
        """Give up: the client has gone, or has another answer."""
        self._pending = None
        if self._over:
            return
        if self.exchange.upload is not None:
            self.exchange.upload.detach()
        self._settle()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        elif self in self.pool.waiting:
            self.pool.waiting.remove(self)

    def pause_answer(self) -> None:
        """Stop reading the answer: the client cannot keep up."""
        self._paused = True
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_answer(self) -> None:
        """Go on: the client keeps up again, or the head has left at last."""
        if self._pending is None or self.exchange.suspended:
            self._paused = False
        if self.exchange.suspended:
            return
        if self._connection is not None and not self._paused:
            self._connection.resume_reading()
        if self._pending is not None:
            self._release(self._pending)

    def _release(self, pending: list[bytes | Fields]) -> None:
        """Pass on what has come behind a head that has just left."""
        self._pending = None
        response = self.exchange.response
        assert response is not None  # its head has left
        client = self._tunnel() if response.status == 101 else None
        for piece in pending:
            if client is not None:
                assert isinstance(piece, bytes)  # a tunnel has no trailers
                client.write(piece)
            elif isinstance(piece, bytes):
                self.exchange.sent += len(piece)
                self.exchange.sink.send_data(piece)
            else:
                self.exchange.sink.send_end(piece)

    # What the upload asks

    def pause_upload(self) -> None:
        """Let the client wait: the service does not keep up."""
        if self.exchange.upload is not None:
            self.exchange.upload.pause()

    def resume_upload(self) -> None:
        """Let the client go on."""
        if self.exchange.upload is not None:
            self.exchange.upload.resume()


# Many frameworks close the connection behind an error that nobody caught, without saying so: the
# next request on it would be lost, and not every one can be sent again.
_BROKEN = 500
_BODYLESS: frozenset[bytes] = frozenset((b"GET", b"HEAD", b"DELETE", b"OPTIONS"))
_EXPECT_BODY: frozenset[bytes] = frozenset((b"POST", b"PUT", b"PATCH"))
_WITH_LOCATION: frozenset[int] = frozenset((201, 301, 302, 303, 307, 308))
