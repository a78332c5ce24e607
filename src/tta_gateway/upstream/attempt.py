"""An attempt: one try of one exchange at one of a service's endpoints, again where that is safe.

The edge opens connections and calls the attempt when something happens on one (`connected`,
`connect_failed`, `answered`, `data`, `ended`, `lost`); the attempt answers the exchange, tries
again, or gives up.  A connection that was idle and turns out to be dead costs no try: the request
goes to a fresh one unseen, where it may be repeated at all.
"""

from collections.abc import Callable
from typing import Final

from tta_gateway.kernel.errors import ConnectFailed, GatewayError, UpstreamFault
from tta_gateway.kernel.exchange import Exchange, Tunnel
from tta_gateway.kernel.message import NO_FIELDS, Fields, Response, answer_of
from tta_gateway.kernel.plan import Runner
from tta_gateway.kernel.problem import (
    INTERNAL,
    OUT_OF_SOCKETS,
    UPSTREAM_BUSY,
    UPSTREAM_GARBAGE,
    UPSTREAM_RESET,
    UPSTREAM_TOTAL_TIMEOUT,
    UPSTREAM_UNAVAILABLE,
)
from tta_gateway.kernel.route import Route
from tta_gateway.upstream import outgoing, own, port, service
from tta_gateway.upstream.balance import Chance
from tta_gateway.upstream.held_answer import HeldAnswer, end_preview
from tta_gateway.upstream.outlier import is_failure
from tta_gateway.upstream.pool import Decision, Pool
from tta_gateway.upstream.redirect import WITH_LOCATION, publish_location
from tta_gateway.upstream.retry import FINAL, IDEMPOTENT, may_repeat

# What the ports and the choices are about, here: connections and attempts.
Connection = port.Connection["Attempt"]
Connector = port.Connector["Attempt"]
EndpointPool = Pool[Connection, "Attempt"]
Upstream = service.Upstream[Connection, "Attempt"]
Unserved = Callable[[Exchange, Route, Upstream, Response], None]
"""Answers for a service that nobody can be asked of, by its fallback or with this."""
# Many frameworks close the connection behind an error that nobody caught, without saying so: the
# next request on it would be lost, and not every one can be sent again.
_BROKEN: Final = 500
_NEVER: Final = 0.0
_MOST_TOLD: Final = 16  # tries that are remembered of an exchange
# Of ours, not of the endpoint: no socket is left, something broke, or no TLS context is there.
_OURS: Final = (OUT_OF_SOCKETS, INTERNAL, UPSTREAM_UNAVAILABLE)


class Attempts:
    """The attempts of one worker: what they are made with."""

    def __init__(
        self,
        *,
        via: bytes,
        connector: Connector,
        runner: Runner,
        chance: Chance,
        clock: Callable[[], float],
        unserved: Unserved,
    ) -> None:
        """Keep what an attempt needs; `clock` is monotonic, in seconds."""
        self.via = via
        self.connector = connector
        self.runner = runner
        self.clock = clock
        self._chance = chance
        self._unserved = unserved

    def make(
        self,
        exchange: Exchange,
        route: Route,
        upstream: Upstream,
        *,
        tried: frozenset[str],
        failed: bool = False,
    ) -> None:
        """Make one try at an endpoint that the balancer chooses.

        `failed` says that the try before has shown that the service is unwell: where nobody is left
        to be asked, that is how the exchange has ended.
        """
        safe = exchange.request.method in IDEMPOTENT and not exchange.request.upgrade
        if exchange.key:
            pool = upstream.choose_for(exchange.key, tried, self._chance)
        else:
            pool = upstream.choose(tried, self._chance, safe=safe)
        if pool is None:
            upstream.active -= 1
            breakers, now = upstream.breakers, self.clock()
            if failed and exchange.ticket:
                breakers.record(exchange, route.name, failed=True, elapsed=-1.0, now=now)
            else:
                breakers.release(exchange, route.name, now=now)
            answer = answer_of(UPSTREAM_UNAVAILABLE, upstream.why_nobody)
            self._unserved(exchange, route, upstream, answer)
            return
        exchange.tries += 1
        exchange.endpoint = pool.name
        if exchange.key:
            exchange.key = upstream.marked(exchange.key, pool)
        Attempt(self, exchange, route, upstream, pool, tried).start()


def give_back(pool: EndpointPool, connection: Connection) -> None:
    """Let a connection serve whoever has waited longest, or keep it."""
    if pool.waiting:
        pool.waiting.popleft().reuse(connection)
    elif pool.retired:
        connection.close()
    else:
        pool.idle.append(connection)


def gone(pool: EndpointPool, connection: Connection) -> None:
    """Take note that a connection has ended; somebody may have waited for its place."""
    pool.forget(connection)
    open_for_waiting(pool)


def open_for_waiting(pool: EndpointPool) -> None:
    """Open connections for those who have waited longest, while there is room for one."""
    while pool.waiting and pool.open < pool.limits.connections:
        pool.waiting.popleft().open_now()


class Attempt:
    """One try of one exchange at one endpoint."""

    __slots__ = (
        "_answered",
        "_begun",
        "_behind",
        "_connection",
        "_held",
        "_method",
        "_over",
        "_paused",
        "_reached",
        "_reused",
        "_sent_at",
        "_status",
        "_tried",
        "attempts",
        "exchange",
        "pool",
        "route",
        "upstream",
    )

    def __init__(
        self,
        attempts: Attempts,
        exchange: Exchange,
        route: Route,
        upstream: Upstream,
        pool: EndpointPool,
        tried: frozenset[str],
    ) -> None:
        """Bind a try to everything it touches; `start` begins it."""
        self.attempts = attempts
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
        self._sent_at = _NEVER
        self._status = 0  # the service's own, whatever a policy makes of it
        self._over = False
        self._paused = self._behind = False
        self._held: HeldAnswer | None = None  # while a policy holds its head
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
            self._release_ticket()
            detail = f"`{self.upstream.service.name}` has as much as it may have in flight."
            self.attempts.runner.respond(self.exchange, answer_of(UPSTREAM_BUSY, detail))

    def open_now(self) -> None:
        """Open a connection for this try."""
        left = self.exchange.deadline - self.attempts.clock()
        if left <= 0:
            self._fail(UpstreamFault(UPSTREAM_TOTAL_TIMEOUT))
            return
        self.pool.open += 1
        self.attempts.connector.open(self, timeout=min(self.route.timeouts.connect, left))

    def connected(self, connection: Connection) -> None:
        """Use the connection that has been opened, or leave it to the pool if nobody wants it."""
        if self._over:
            give_back(self.pool, connection)
            return
        self._send(connection)

    def reuse(self, connection: Connection) -> None:
        """Use a connection that has served others."""
        self._reused = True
        self._send(connection)

    def connect_failed(self, error: ConnectFailed) -> None:
        """Try elsewhere: nothing has been sent."""
        self.pool.open -= 1
        open_for_waiting(self.pool)
        if not self._over:
            self._fail(error)

    def go_elsewhere(self) -> None:
        """Wait no longer for a connection to an endpoint that has gone: this was no try."""
        self.exchange.tries -= 1
        self._settle(keep_active=True)
        self.attempts.make(self.exchange, self.route, self.upstream, tried=self._tried)
        self.flush()

    def expired(self) -> None:
        """Wait no longer for a connection: the exchange's time is over."""
        self.pool.waiting.remove(self)
        self._fail(UpstreamFault(UPSTREAM_TOTAL_TIMEOUT))

    # Sending

    def _send(self, connection: Connection) -> None:
        exchange = self.exchange
        request = exchange.request
        self._connection = connection
        self._sent_at = self.attempts.clock()
        line = outgoing.line(exchange, self._method)
        fields = outgoing.lines(
            exchange, self.upstream.host, authority=self.pool.authority, via=self.attempts.via
        )
        framing = outgoing.framing(request, self._method, upgrades=self.route.upgrade)
        connection.begin(self, line, fields, framing, stream_id=request.stream_id)
        self._reached = True
        if exchange.upload is not None:
            exchange.upload.attach(connection)

    # What comes back

    @property
    def may_be_answered(self) -> bool:
        """Tell whether what has come on a connection that then broke can be an answer to this.

        On one that had died while idle, a request without a body was refused whole: it cannot.
        """
        return not self._reused or self.exchange.upload is not None

    def answered(self, response: Response) -> None:
        """Take the head of an answer, interim or final."""
        exchange = self.exchange
        if response.status < 200:
            if response.status != 101:
                self._begun = True
                exchange.origin.send_interim(response)
                return
            if not outgoing.may_switch(exchange.request.upgrade, self.route.upgrade):
                detail = "It changed to a protocol that it had not been asked for."
                self.lost(UpstreamFault(UPSTREAM_GARBAGE, detail))
                return
        self._answered = True
        self._status = response.status
        self._learn(response.status)
        if self.upstream.degraded or exchange.degraded:
            self._tell_what_is_missing(response)
        if response.status in WITH_LOCATION:
            self._publish(response)
        if not self.attempts.runner.respond(exchange, response):
            self._hold()
        elif response.status == 101 and not self._over:
            self._tunnel()

    def answered_whole(self, response: Response, body: bytes, *, reusable: bool) -> None:
        """Take an answer that has come in one piece: the connection is free before it leaves."""
        if self._over:
            return  # whoever took the head of it has given up
        exchange = self.exchange
        self._status = response.status
        self._learn(response.status)
        self._let_go(reusable=reusable)
        exchange.attempt = None
        if self.upstream.degraded or exchange.degraded:
            self._tell_what_is_missing(response)
        if response.status in WITH_LOCATION:
            self._publish(response)
        response.body = body
        self.attempts.runner.respond(exchange, response)

    def _tell_what_is_missing(self, response: Response) -> None:
        """Name the services in whose place this one answers, and those that it does without."""
        told = [name.encode() for name in self.upstream.degraded]
        if self.exchange.degraded:
            told.insert(0, self.exchange.degraded)
        response.fields.append((b"x-degraded", b", ".join(told)))

    def _learn(self, status: int) -> None:
        """Take note of when an answer began, and of how the endpoint does."""
        exchange = self.exchange
        now = exchange.first_byte_at = self.attempts.clock()
        upload = exchange.upload
        # How long an upload takes is the client's doing.
        elapsed = now - self._sent_at if upload is None or upload.over else -1.0
        self.upstream.answered(self.pool, self.route.name, status, elapsed, now)
        if status >= _BROKEN or exchange.trail is not None:
            self._remember("answered", now)
        if exchange.ticket:
            failed = is_failure(status)
            self.upstream.breakers.record(
                exchange, self.route.name, failed=failed, elapsed=elapsed, now=now
            )

    def _remember(self, outcome: str, now: float) -> None:
        """Have the exchange tell of this try: of one that went well alone nothing is kept."""
        exchange = self.exchange
        if exchange.trail is None:
            exchange.trail = []
        if len(exchange.trail) < _MOST_TOLD:
            tried = (self.pool.name, outcome, self._status, now - exchange.started)
            exchange.trail.append(tried)

    def _hold(self) -> None:
        """Keep what comes of the answer until its head has left: a policy is waiting."""
        assert self._connection is not None  # the answer came on it
        self._held = HeldAnswer()
        if self.exchange.preview is None:
            self._connection.pause_reading()

    def _publish(self, response: Response) -> None:
        prefix = self.route.rewrite.strip_prefix.encode()
        publish_location(response, self.exchange, own=self.upstream.own, prefix=prefix)

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
        if self._held is not None:
            if not self._held.take(data, self.exchange) and self._connection is not None:
                self._connection.pause_reading()
            return
        self.exchange.sent += len(data)
        self.exchange.sink.send_data(data)

    def ended(self, trailers: Fields = NO_FIELDS, *, reusable: bool) -> None:
        """Take the end of the answer, and let the connection serve others if it can."""
        if self._over:
            return  # whoever took the last part of it has given up
        self._let_go(reusable=reusable)
        if self._held is not None:
            self._held.end(trailers, self.exchange)
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
            give_back(self.pool, connection)
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
        self._remember(error.problem.code, self.attempts.clock())
        its_fault = self._is_its_fault(error)
        has_counted = self._answered and is_failure(self._status)
        if its_fault and not has_counted:
            self.upstream.failed(self.pool, error.problem.code, self.attempts.clock())
        if self._answered:
            self.upstream.active -= 1
            self._break_off(error)
            return
        if self._repeatable(error):
            self._repeat(error, failed=its_fault)
            return
        self.upstream.active -= 1
        if not its_fault:
            self._release_ticket()
        elif exchange.ticket:
            now = self.attempts.clock()
            self.upstream.breakers.record(
                exchange, self.route.name, failed=True, elapsed=-1.0, now=now
            )
        error = own.told(
            error, self.upstream.service.name, method=self._method, reached=self._reached
        )
        exchange.error = error
        self.attempts.runner.respond(exchange, answer_of(error.problem, error.detail))
        exchange.origin.flush()

    def _break_off(self, error: GatewayError) -> None:
        """Cut an answer that has begun; while its head is held, an error stands in its place.

        Who holds it goes on with that: a client that has been sent nothing is not left with that.
        """
        exchange = self.exchange
        exchange.error = error
        if self._held is None:
            end_preview(exchange)
            exchange.sink.abort()
            return
        self._held = None
        exchange.response = answer_of(error.problem, error.detail)
        end_preview(exchange)

    def _repeatable(self, error: GatewayError) -> bool:
        exchange = self.exchange
        if self._begun or error.problem in FINAL:
            return False
        if exchange.deadline <= self.attempts.clock():
            return False
        if not self.upstream.breakers.goes_on(exchange, self.route.name):
            return False
        if not may_repeat(self._method, reached=self._reached, body_held=self._is_held(error)):
            return False
        if self._is_stale(error):
            return True
        return exchange.tries < self.route.tries and self.upstream.may_repeat(
            self._tried | {self.pool.name}, reached=self._reached
        )

    def _is_held(self, error: GatewayError) -> bool:
        """Tell whether all of the body is here, or all that a dead connection has been given."""
        upload = self.exchange.upload
        if upload is None or not self._reached:
            return True
        return upload.replayable or (self._is_stale(error) and upload.received <= upload.keep)

    def _is_its_fault(self, error: GatewayError) -> bool:
        """Tell whether the endpoint is to blame.

        It is not where the fault is ours, where time was over before its turn, or where a
        connection had gone idle for too long.
        """
        problem = error.problem
        if problem in _OURS or self._is_stale(error):
            return False
        return self._reached or problem is not UPSTREAM_TOTAL_TIMEOUT

    def _is_stale(self, error: GatewayError) -> bool:
        """Tell whether an idle connection had died before this try could use it."""
        return self._reused and error.problem is UPSTREAM_RESET

    def _repeat(self, error: GatewayError, *, failed: bool) -> None:
        exchange, upstream = self.exchange, self.upstream
        if self._is_stale(error) and not self.pool.retired:
            again = Attempt(self.attempts, exchange, self.route, upstream, self.pool, self._tried)
            again._open_fresh()
            return
        tried = self._tried | {self.pool.name}
        self.attempts.make(exchange, self.route, upstream, tried=tried, failed=failed)

    def _open_fresh(self) -> None:
        """Open a connection even if one is idle: another idle one may be as dead as the last."""
        if self.pool.open < self.pool.limits.connections:
            self.open_now()
        else:
            self.start()

    def _release_ticket(self, elapsed: float = -1.0) -> None:
        """Have the route's breaker take back the ticket: this tells nothing of the service."""
        now = self.attempts.clock()
        self.upstream.breakers.release(self.exchange, self.route.name, elapsed=elapsed, now=now)

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
        self._held = None
        end_preview(self.exchange)
        if self._over:
            return
        if self.exchange.upload is not None:
            self.exchange.upload.detach()
        self._settle()
        elapsed = self.attempts.clock() - self._sent_at if self._reached else -1.0
        self._release_ticket(elapsed)
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
        if self._held is None or self.exchange.suspended:
            self._paused = False
        if self.exchange.suspended:
            return
        if self._connection is not None and not self._paused and not self._behind:
            self._connection.resume_reading()
        if self._held is not None:
            self._release(self._held)

    def fall_behind(self) -> None:
        """Stop reading the answer: a policy that takes its body first cannot keep up."""
        self._behind = True
        if self._connection is not None:
            self._connection.pause_reading()

    def catch_up(self) -> None:
        """Go on, if the client keeps up too."""
        self._behind = False
        if self._connection is not None and not self._paused:
            self._connection.resume_reading()

    def _release(self, held: HeldAnswer) -> None:
        """Pass on what has come behind a head that has just left."""
        self._held = None
        response = self.exchange.response
        assert response is not None  # its head has left
        client = self._tunnel() if response.status == 101 else None
        held.pass_on(self.exchange, client)

    # What the upload asks

    def pause_upload(self) -> None:
        """Let the client wait: the service does not keep up."""
        if self.exchange.upload is not None:
            self.exchange.upload.pause()

    def resume_upload(self) -> None:
        """Let the client go on."""
        if self.exchange.upload is not None:
            self.exchange.upload.resume()
