"""Messages: heads of requests and answers as the path carries them.

Plain slotted classes, not frozen dataclasses: one of each is made for every request, and a frozen
one costs several times as much to make (bench/paper.py).  Nobody changes a head after its phase.
Names of fields are lower case; values are as they arrived, without surrounding white space.
"""

from typing import Final, TypeAlias

from tta_gateway.kernel.problem import Problem

Field: TypeAlias = tuple[bytes, bytes]
Fields: TypeAlias = list[Field]

# Values of `length` beside a number of bytes.
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2


UNREAD: Final = b"-"
"""The method of a request whose head could not be read."""


class RequestHead:
    """A request up to the end of its header section (RFC 9112 2.1).

    `target` is the origin-form as it came, `path` its part before the query (normalised by
    routing), `query` what follows the `?` or None.  `length` is the number of body bytes, or
    CHUNKED. `forwarding` holds the fields about the way here (X-Forwarded-*, Forwarded,
    traceparent), kept apart from `fields` because only a trusted peer's are believed.  `upgrade`
    is the protocol that the client asks for, lower case, or None.
    """

    __slots__ = (
        "expects_continue",
        "fields",
        "forwarding",
        "host",
        "http_1_1",
        "index",
        "keep_alive",
        "length",
        "method",
        "path",
        "query",
        "rendered",
        "stream_id",
        "target",
        "upgrade",
    )

    def __init__(self, stream_id: int = 0, method: bytes = UNREAD, target: bytes = b"/") -> None:
        """Make the head of a request without fields and without a body."""
        self.stream_id = stream_id
        self.method = method
        self.target = target
        path, mark, query = target.partition(b"?")
        self.path = path
        self.query: bytes | None = query if mark else None
        self.fields: Fields = []
        self.forwarding = NO_FIELDS
        self.host = b""
        self.http_1_1 = True
        self.keep_alive = True
        self.length = 0
        self.expects_continue = False
        self.upgrade: bytes | None = None
        self.index: dict[bytes, bytes] | None = None
        self.rendered: bytes | None = None

    def again(self, stream_id: int, target: bytes) -> "RequestHead":
        """Return a head that differs in its target alone: the client sent the same fields again."""
        # Each attribute set once, not first by __init__: bench/paper.py, a microsecond.
        head = RequestHead.__new__(RequestHead)
        head.stream_id = stream_id
        head.method = self.method
        head.target = target
        path, mark, query = target.partition(b"?")
        head.path = path
        head.query = query if mark else None
        head.fields = self.fields
        head.forwarding = self.forwarding
        head.host = self.host
        head.http_1_1 = self.http_1_1
        head.keep_alive = self.keep_alive
        head.length = self.length
        head.expects_continue = self.expects_continue
        head.upgrade = self.upgrade
        head.index = self.index
        head.rendered = self.rendered
        return head

    def lines(self) -> bytes:
        """Return the fields as lines, each with its end."""
        lines = self.rendered
        if lines is None:
            lines = self.rendered = lines_of(self.fields)
        return lines

    def get(self, name: bytes) -> bytes | None:
        """Return the value of a field (the last, where it is repeated), or None."""
        index = self.index
        if index is None:
            index = self.index = dict(self.fields)
        return index.get(name)

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Tell whether there is a field of one of these names."""
        index = self.index
        if index is None:
            index = self.index = dict(self.fields)
        return not names.isdisjoint(index)

    def __repr__(self) -> str:
        """Say what is asked, without the query: it may hold a secret."""
        return f"<{self.method.decode('latin-1')} {self.path.decode('latin-1')} #{self.stream_id}>"


NO_FIELDS: Final[Fields] = []


def lines_of(fields: Fields) -> bytes:
    """Return fields as lines, each with its end."""
    return b"".join([name + b": " + value + b"\r\n" for name, value in fields])


class Response:
    """An answer's head; made here (then `body` or `problem` is set) or read from an upstream.

    `length` is the number of body bytes, CHUNKED or UNTIL_CLOSE; `body` is None while the body
    streams.  `local` tells whether the answer is the gateway's own.  `problem` marks an error of
    the gateway's own, which gets its body when it leaves; `members` stand in it beside the usual
    ones (RFC 9457 3.2).  `rote`: it is a problem that is told again and again, and nothing is said
    but that (kernel/rote.py); then `lines` may be its fields as they are sent.  `farewell` is a
    text for a client whose WebSocket is refused, before the Close that says so.
    """

    __slots__ = (
        "body",
        "detail",
        "farewell",
        "fields",
        "keep_alive",
        "length",
        "lines",
        "local",
        "members",
        "problem",
        "reason",
        "rote",
        "status",
        "stream_id",
    )

    def __init__(
        self,
        status: int,
        fields: Fields | None = None,
        body: bytes | None = b"",
        *,
        problem: Problem | None = None,
        detail: str | None = None,
    ) -> None:
        """Make an answer of the gateway's own."""
        self.status = status
        self.fields = fields if fields is not None else []
        self.body = body
        self.problem = problem
        self.detail = detail
        self.members: dict[str, object] | None = None
        self.reason = self.farewell = b""
        self.lines: bytes | None = None
        self.rote = False
        self.length = len(body) if body is not None else CHUNKED
        self.keep_alive = True
        self.stream_id = 0
        self.local = True

    def get(self, name: bytes) -> bytes | None:
        """Return the value of the first field of that name, or None."""
        for field, value in self.fields:
            if field == name:
                return value
        return None

    def add(self, name: bytes, value: bytes) -> None:
        """Add a field, last."""
        self.fields.append((name, value))
        if self.lines is not None:
            self.lines += b"%b: %b\r\n" % (name, value)

    def drop(self, name: bytes) -> None:
        """Remove every field of that name."""
        self.fields = [field for field in self.fields if field[0] != name]

    def __repr__(self) -> str:
        """Say the status, and the code of an error of ours."""
        code = f" {self.problem.code}" if self.problem else ""
        return f"<answer {self.status}{code}>"


def is_of_events(response: Response) -> bool:
    """Tell whether an answer goes on as events come (the HTML standard, server-sent events)."""
    kind = response.get(b"content-type")
    return kind is not None and kind[:17].lower() == b"text/event-stream"


def answer_of(problem: Problem, detail: str | None = None) -> Response:
    """Return an answer that reports a problem; `detail` replaces the problem's general one."""
    return Response(problem.status, problem=problem, detail=detail)


class Refusal:
    """A policy's no.  A deferrable one waits for the safety scan, where there is one."""

    __slots__ = ("deferrable", "response")

    def __init__(self, response: Response, *, deferrable: bool = False) -> None:
        """Keep the answer that stands if nobody in need is behind the request."""
        self.response = response
        self.deferrable = deferrable
