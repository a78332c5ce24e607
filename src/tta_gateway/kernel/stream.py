"""Answers that the gateway's own parts give, at once or over time: the ports between both sides.

A feature offers a `StreamService` under a name; a route that bears the name (`Route.stream`) leads
there.  A request that has passed all policies is handed over with its body, whole.  All calls are
plain ones, in the turn of the loop in which something has happened; nobody need lock or await.
"""

from typing import Protocol

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response


class Stream(Protocol):
    """The answer to one request, as whoever gives it may use it: one of `answer` and `begin`, once.

    Once it is over, or the client has gone, nothing of this does anything.
    """

    exchange: Exchange

    def answer(self, response: Response) -> None:
        """Give it whole."""

    def begin(self, response: Response, hearer: "StreamHearer") -> None:
        """Begin one that goes on; `hearer` is told when its head has left."""

    def send(self, data: bytes) -> None:
        """Send a part of it."""

    def end(self) -> None:
        """Send its end, behind what was sent."""


class StreamHearer(Protocol):
    """What hears how an answer fares; `closed` comes once, behind `opened` and all else."""

    def opened(self) -> None:
        """Begin: the head has left."""

    def may_write(self, *, may: bool) -> None:
        """Take note that the client does not keep up, or does again.

        Whatever is sent meanwhile piles up in memory: better is to wait, or to end.
        """

    def leave(self) -> None:
        """Take note that the gateway goes: end soon."""

    def closed(self) -> None:
        """Take note of the end: the answer's, or the client has gone."""


class StreamService(Protocol):
    """What a route of the gateway's own leads to."""

    def asked(self, stream: Stream, body: bytes) -> None:
        """Answer this request, at once or later."""
