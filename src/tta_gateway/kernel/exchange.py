"""The exchange: one client request and its fate, as every policy sees it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.message import NO_FIELDS, Fields, RequestHead, Response
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.traffic import THERAPEUTIC

if TYPE_CHECKING:
    from tta_gateway.kernel.drill import Drill
    from tta_gateway.kernel.plan import Plan
    from tta_gateway.kernel.principal import Principal
    from tta_gateway.kernel.upload import Upload
    from tta_gateway.kernel.verdict import Verdict

Tried: TypeAlias = tuple[str, str, int, float]
"""A try: at which endpoint, how it ended, with which status, and after how many seconds."""
NO_PARAMS: Final[dict[str, str]] = {}


class Sink(Protocol):
    """Where an answer's body goes: the client, or a policy that wraps the way to it."""

    def send_data(self, data: bytes) -> None:
        """Take a part of the body."""

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        """Take the end of the body."""

    def abort(self) -> None:
        """Break off, so that nobody takes what has been sent for the whole."""


class Origin(Sink, Protocol):
    """Where a request came from: a client's connection, or a piece of the gateway itself.

    `send_head` comes once, then `send_data` any number of times and `send_end` once, unless the
    exchange is aborted.  Nothing need reach the client before `flush`.
    """

    def send_interim(self, response: Response) -> None:
        """Pass on a 1xx answer."""

    def send_head(self, response: Response) -> None:
        """Send the answer's head, and its body where the answer has one of its own."""

    def flush(self) -> None:
        """Let what has been sent go."""

    def dismiss(self, code: int, reason: bytes) -> None:
        """End an answer that goes on, or a tunnel: a WebSocket by a Close that says why."""

    def open_tunnel(self, other: "Spliced") -> "Tunnel":
        """Splice this side's bytes with the other's, from now on; return this side's end."""

    def pause_upload(self) -> None:
        """Stop reading the request's body."""

    def resume_upload(self) -> None:
        """Go on reading the request's body."""


class Tunnel(Protocol):
    """One end of a connection whose bytes are passed on unread."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def write_eof(self) -> None:
        """Say that no more bytes follow."""

    def pause_reading(self) -> None:
        """Stop reading: the other end cannot keep up."""

    def resume_reading(self) -> None:
        """Go on reading."""

    def abort(self) -> None:
        """Break off."""


class Spliced(Tunnel, Protocol):
    """The upstream's end of a tunnel, which is told the client's."""

    def splice(self, other: Tunnel) -> None:
        """Pass on to the client's end from now on."""

    def let_go(self) -> None:
        """End this side by itself, behind what is still to be sent; the client's has gone."""


class Try(Protocol):
    """The attempt under way: what the client's side may ask of it."""

    def cancel(self) -> None:
        """Give up: the client has gone, or the answer is no longer wanted."""

    def pause_answer(self) -> None:
        """Stop reading the answer: the client cannot keep up."""

    def resume_answer(self) -> None:
        """Go on reading the answer."""

    def fall_behind(self) -> None:
        """Stop reading the answer: a policy that takes its body first cannot keep up."""

    def catch_up(self) -> None:
        """Go on, if the client keeps up too."""


class Preview(Protocol):
    """Who reads an answer's body while its head is held: a policy that waits for what it says."""

    def take(self, data: bytes) -> bool:
        """Take a part of it; False says that this was enough."""

    def end(self) -> None:
        """Take its end, or that there will be none."""


class Exchange:
    """One request on its way.

    What belongs to the request is set by the edge; facts are given by policies, and are None (or
    empty) until then; what became of it is set by the attempt loop.  It holds no socket.
    `admitted` is since when it takes up room at its service; below 0 says that it waits for it.
    `lapsed` is whose token has expired of late, who is not let in by it; `drill` says that nobody
    is in need, whatever is written; `safety` is what was found
    in the request's body; `preview` reads the answer's before its head leaves.  `trail` are tries
    that went wrong, and what followed; `acted` is what was done for somebody's safety, and
    `withheld` what was not shown.
    """

    __slots__ = (
        "aborted",
        "acted",
        "admitted",
        "attempt",
        "client",
        "deadline",
        "degraded",
        "drill",
        "endpoint",
        "entered",
        "error",
        "extra",
        "finished",
        "first_byte_at",
        "key",
        "lane",
        "lapsed",
        "limited",
        "origin",
        "params",
        "peer",
        "plan",
        "preview",
        "principal",
        "received",
        "refusal",
        "request",
        "request_id",
        "response",
        "safety",
        "sent",
        "service",
        "shadowed",
        "side",
        "sink",
        "socket_id",
        "started",
        "suspected",
        "suspended",
        "ticket",
        "token",
        "traceparent",
        "traffic",
        "trail",
        "tries",
        "upload",
        "upstream_fields",
        "upstream_path",
        "upstream_query",
        "withheld",
        "wraps",
    )

    principal: "Principal | None"
    lapsed: "Principal | None"
    drill: "Drill | None"
    safety: "Verdict | None"
    preview: "Preview | None"
    endpoint: str | None
    trail: list[Tried] | None
    error: GatewayError | None
    upstream_path: bytes | None
    upstream_query: bytes | None

    def __init__(
        self, request: RequestHead, *, origin: Origin, peer: Peer, plan: "Plan", started: float
    ) -> None:
        """Begin: nothing has been asked of any policy."""
        # Of the request; times are seconds of the monotonic clock
        self.request = request
        self.origin = origin
        self.peer = peer
        self.client = peer.address
        self.plan = plan
        self.params = NO_PARAMS
        self.started = started
        self.deadline = self.first_byte_at = self.admitted = 0.0
        self.upload: Upload | None = None
        # Facts
        self.request_id = self.traceparent = b""
        self.principal = self.lapsed = self.safety = self.preview = self.drill = None
        self.traffic = self.lane = THERAPEUTIC  # its class, and that in which it takes up room
        # The service of several; the code by which a rule in shadow would refuse; its socket's name
        self.service = self.shadowed = self.socket_id = self.acted = self.withheld = ""
        self.limited: list[object] | None = None  # what limits know of it, in the route's order
        # What sticks to an endpoint; what a split knows a client by; the token that was shown
        self.key = self.side = self.token = b""
        # What goes upstream beyond the request's own fields, or in place of what it says
        self.extra: Fields = []
        self.upstream_fields: Fields | None = None
        self.upstream_path = self.upstream_query = None  # an empty query: none
        # The fate
        self.refusal: Response | None = None
        self.response: Response | None = None
        self.sink: Sink = origin
        self.wraps: list[Callable[[Sink], Sink]] | None = None  # added in the response phase
        self.attempt: Try | None = None
        self.endpoint = self.trail = self.error = None
        self.degraded = b""  # the services in whose place another answers
        # The ticket: of its route's breaker, until it has counted; received: through a tunnel
        self.entered = self.tries = self.ticket = self.sent = self.received = self.suspected = 0
        self.suspended = self.aborted = self.finished = False

    def __repr__(self) -> str:
        """Say what is asked and how far it has come."""
        return f"<exchange {self.request!r} tries={self.tries} {self.response!r}>"
