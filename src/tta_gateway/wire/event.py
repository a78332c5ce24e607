"""Events: what a codec reads, beside the heads themselves (kernel.message)."""

from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.message import NO_FIELDS, Fields


class Data:
    """Bytes of a body; `end` when they are its last and no trailers follow."""

    __slots__ = ("data", "end", "stream_id")

    def __init__(self, stream_id: int, data: bytes, *, end: bool) -> None:
        """Keep one piece of a stream's body."""
        self.stream_id = stream_id
        self.data = data
        self.end = end


class End:
    """The end of a body; trailers are kept apart and never become header fields (RFC 9110 6.5)."""

    __slots__ = ("stream_id", "trailers")

    def __init__(self, stream_id: int, trailers: Fields = NO_FIELDS) -> None:
        """Keep the trailers of a stream."""
        self.stream_id = stream_id
        self.trailers = trailers


class Reset:
    """The stream cannot go on: the peer broke a rule, or what it sends cannot be relied on.

    `origin` is the Origin of a request whose head was refused, where one could be made out: a
    browser shows a page no error that does not name its origin.
    """

    __slots__ = ("error", "origin", "stream_id")

    def __init__(self, stream_id: int, error: GatewayError, origin: bytes | None = None) -> None:
        """Keep what went wrong; in HTTP/1.1 the connection goes with the stream."""
        self.stream_id = stream_id
        self.error = error
        self.origin = origin
