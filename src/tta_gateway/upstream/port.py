"""The ports of the attempt loop: what it asks of connections, and of whoever opens them.

`A` is the attempt: the edge calls it when something happens (`attempt.Attempt` says what).
"""

from typing import Protocol, TypeVar

from tta_gateway.kernel.exchange import Spliced
from tta_gateway.kernel.message import Fields

A = TypeVar("A", contravariant=True)


class Connection(Protocol[A]):
    """A connection to an endpoint, as an attempt uses it."""

    def begin(
        self, attempt: A, line: bytes, fields: bytes, framing: bytes, *, stream_id: int
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


class Connector(Protocol[A]):
    """Opens connections."""

    def open(self, attempt: A, *, timeout: float) -> None:
        """Open one to the attempt's endpoint; call its `connected` or `connect_failed`."""
