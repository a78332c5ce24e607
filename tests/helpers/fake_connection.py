"""Connections to services without sockets: the test says what the service does."""

from tests.helpers.builders import from_upstream
from tta_gateway.kernel.errors import ConnectFailed, UpstreamFault
from tta_gateway.kernel.exchange import Tunnel
from tta_gateway.kernel.message import NO_FIELDS, Fields
from tta_gateway.kernel.problem import UPSTREAM_REFUSED, UPSTREAM_RESET, Problem
from tta_gateway.upstream.attempt import Attempt, EndpointPool, gone


class FakeConnection:
    """One connection; `wire` is every byte that was sent on it, request after request.

    As with a socket, what `close` begins is over only when the loop has turned (`lose`).
    """

    def __init__(self, pool: EndpointPool) -> None:
        """Begin open and unused."""
        self.pool = pool
        self.attempt: Attempt | None = None
        self.lines: list[bytes] = []
        self.fields: list[bytes] = []
        self.framing: list[bytes] = []
        self.body = b""
        self.body_ended = False
        self.trailers: Fields = []
        self.closed = False
        self.gone = False
        self.reading = True
        self.client: Tunnel | None = None
        self.written: list[bytes] = []
        self.is_tunnel = False
        self.full = False

    # What the attempt asks

    def begin(
        self, attempt: Attempt, line: bytes, fields: bytes, framing: bytes, *, stream_id: int
    ) -> None:
        """Keep a request's head."""
        assert not self.closed  # nobody may use a connection that is closed
        assert self.attempt is None  # nor one that another attempt is using
        assert stream_id >= 0
        self.attempt = attempt
        self.lines.append(line)
        self.fields.append(fields)
        self.framing.append(framing)
        self.body, self.body_ended = b"", False

    def send_body(self, data: bytes) -> None:
        """Keep a part of the body; a full connection says so at once, as transports do."""
        assert not self.body_ended
        self.body += data
        if self.full and self.attempt is not None:
            self.attempt.pause_upload()

    def end_body(self, trailers: Fields) -> None:
        """Keep the body's end."""
        assert not self.body_ended
        self.body_ended = True
        self.trailers = trailers

    def pause_reading(self) -> None:
        """Note that nothing is read."""
        self.reading = False

    def resume_reading(self) -> None:
        """Note that it goes on."""
        self.reading = True

    def tunnel(self) -> "FakeConnection":
        """Become one end of a tunnel."""
        self.is_tunnel = True
        return self

    def close(self) -> None:
        """Begin to close."""
        self.closed = True
        self.attempt = None
        if self in self.pool.idle:
            self.pool.idle.remove(self)

    # One end of a tunnel

    def splice(self, other: Tunnel) -> None:
        """Keep the client's end."""
        self.client = other

    def write(self, data: bytes) -> None:
        """Keep bytes of the tunnel."""
        self.written.append(data)

    def write_eof(self) -> None:
        """Take the end of one direction."""

    def abort(self) -> None:
        """Begin to close."""
        self.closed = True

    def let_go(self) -> None:
        """Begin to close."""
        self.closed = True

    # What the service does

    def answer(self, status: int = 200, fields: Fields | None = None, body: bytes = b"ok") -> None:
        """Answer piece by piece, and stay open."""
        self.begin_answer(status, fields)
        if body and self.attempt is not None:
            self.attempt.data(body)
        self.end_answer()

    def answer_whole(
        self,
        status: int = 200,
        fields: Fields | None = None,
        body: bytes = b"ok",
        *,
        reusable: bool = True,
    ) -> None:
        """Answer in one piece."""
        attempt, self.attempt = self.attempt, None
        assert attempt is not None  # somebody waits for it
        attempt.answered_whole(from_upstream(status, fields), body, reusable=reusable)

    def begin_answer(self, status: int = 200, fields: Fields | None = None) -> None:
        """Send a head whose body follows."""
        assert self.attempt is not None  # somebody waits for it
        self.attempt.answered(from_upstream(status, fields))

    def send(self, data: bytes) -> None:
        """Send a part of the answer's body."""
        if self.attempt is not None:
            self.attempt.data(data)

    def end_answer(self, trailers: Fields = NO_FIELDS, *, reusable: bool = True) -> None:
        """End the answer."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.ended(trailers, reusable=reusable)

    def fault(self, problem: Problem) -> None:
        """Be late, or send garbage: what the edge makes of it."""
        attempt, self.attempt = self.attempt, None
        assert attempt is not None  # only a connection in use is watched
        attempt.lost(UpstreamFault(problem))

    def lose(self) -> None:
        """End, as a socket does that was closed on either side."""
        assert not self.gone  # a socket ends once
        self.closed = self.gone = True
        gone(self.pool, self)
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.lost(UpstreamFault(UPSTREAM_RESET))


class FakeConnector:
    """Opens connections when the test says so, the longest waiting first."""

    def __init__(self) -> None:
        """Begin without any."""
        self.opening: list[Attempt] = []
        self.timeouts: list[float] = []
        self.made: list[FakeConnection] = []

    def open(self, attempt: Attempt, *, timeout: float) -> None:
        """Begin to open one."""
        self.opening.append(attempt)
        self.timeouts.append(timeout)

    def succeed(self) -> FakeConnection:
        """Let the oldest connection that is being opened come about."""
        attempt = self.opening.pop(0)
        connection = FakeConnection(attempt.pool)
        self.made.append(connection)
        attempt.connected(connection)
        return connection

    def fail(self, problem: Problem = UPSTREAM_REFUSED) -> None:
        """Let the oldest connection that is being opened fail."""
        self.opening.pop(0).connect_failed(ConnectFailed(problem))

    def turn(self) -> None:
        """Let the loop turn: what was closed ends."""
        for connection in self.made:
            if connection.closed and not connection.gone:
                connection.lose()
