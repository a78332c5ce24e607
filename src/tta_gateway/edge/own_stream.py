"""Streams of the gateway's own: answers that no service gives, but a part of itself, over time.

To the client's connection one stands in the place of an attempt, so that flow, limits, times, the
log and the end are the same as for every answer.  To whoever gives it, it is the port of
`kernel/stream.py`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from tta_gateway.edge.departures import Departures
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Response, answer_of
from tta_gateway.kernel.plan import Runner
from tta_gateway.kernel.problem import INTERNAL, OWN_UNAVAILABLE
from tta_gateway.kernel.stream import StreamHearer, StreamService

_CONTINUE: Final = 100
Report = Callable[[Exchange, BaseException], None]


class OwnStreams:
    """Hands the requests of one worker over, each to the service that its route names."""

    def __init__(self, loop: asyncio.AbstractEventLoop, runner: Runner, report: Report) -> None:
        """Serve nothing yet; `report` hears of faults of those who answer."""
        self.runner = runner
        self.report = report
        self.departures = Departures(loop)
        self.is_leaving: Callable[[], bool] = _stays
        """tells whether the gateway goes"""
        self._services: dict[str, StreamService] = {}

    def serve(self, name: str, service: StreamService) -> None:
        """Have this service answer the requests of routes with this name."""
        self._services[name] = service

    def open(self, exchange: Exchange) -> None:
        """Stand at the end of a plan: hand the request over as soon as its body has come."""
        route = exchange.plan.route
        service = None if route is None else self._services.get(route.stream)
        if service is None:
            self.runner.respond(exchange, answer_of(OWN_UNAVAILABLE))
            return
        stream = OwnStream(self, service, exchange)
        exchange.attempt = stream
        if exchange.upload is None:
            stream.end_body([])
        else:
            if exchange.request.expects_continue and not exchange.upload.received:
                # No service is asked that would say it (RFC 9110 10.1.1).
                exchange.origin.send_interim(Response(_CONTINUE))
                exchange.origin.flush()
            exchange.upload.attach(stream)


class OwnStream:
    """One of them: takes the request's body, is the `Stream` of who answers, and an attempt."""

    __slots__ = (
        "_body",
        "_hearer",
        "_is_leaving",
        "_is_open",
        "_is_over",
        "_service",
        "_streams",
        "_waits",
        "exchange",
    )

    def __init__(self, streams: OwnStreams, service: StreamService, exchange: Exchange) -> None:
        """Wait for the body."""
        self.exchange = exchange
        self._streams = streams
        self._service = service
        self._body: list[bytes] = []
        self._hearer: StreamHearer | None = None
        self._waits = False  # a policy thinks about the answer
        self._is_open = False
        self._is_leaving = False
        self._is_over = False

    def __repr__(self) -> str:
        """Say how far it has come."""
        state = "over" if self._is_over else "open" if self._is_open else "not open yet"
        return f"<own stream {state}>"

    # The request's body

    def send_body(self, data: bytes) -> None:
        """Keep a part of the body: it is as large as its route allows, at most."""
        self._body.append(data)

    def end_body(self, trailers: Fields) -> None:  # noqa: ARG002 - the port's
        """Hand the request over."""
        if self._is_over:
            return
        body, self._body = b"".join(self._body), []
        self._detach()
        try:
            self._service.asked(self, body)
        except Exception as error:  # noqa: BLE001 - the client hears that it is our fault
            self._fault(error)

    # In the place of an attempt

    def cancel(self) -> None:
        """Give up: the client has gone, or hears something else."""
        if not self._is_over:
            self._is_over = True
            self._detach()
            self._depart()

    def pause_answer(self) -> None:
        """Pass on that the client does not keep up."""
        self._may_write(may=False)

    def fall_behind(self) -> None:
        """Wait: no policy takes what is said here first."""

    def catch_up(self) -> None:
        """Go on: nothing has waited."""

    def resume_answer(self) -> None:
        """Pass on that it does again, or that the head has left at last."""
        if self._waits:
            self._waits = False
            self._open()
            self.exchange.origin.flush()
            return
        self._may_write(may=True)

    # What the client's connection asks of it

    def leave(self) -> None:
        """Pass on that the gateway goes."""
        self._is_leaving = True
        hearer = self._hearer
        if hearer is not None and self._is_open:
            try:
                hearer.leave()
            except Exception as error:  # noqa: BLE001 - the client sees that it breaks off
                self._fault(error)

    # What whoever answers asks of it

    def answer(self, response: Response) -> None:
        """Give the answer whole."""
        if not self._is_over:
            self._streams.runner.respond(self.exchange, response)
            self.exchange.origin.flush()

    def begin(self, response: Response, hearer: StreamHearer) -> None:
        """Send the head of an answer that goes on."""
        if self._is_over:
            return
        self._hearer = hearer
        if self._streams.runner.respond(self.exchange, response):
            self._open()
            self.exchange.origin.flush()
        else:
            self._waits = True

    def send(self, data: bytes) -> None:
        """Send a part of the answer."""
        if self._is_over:
            return
        exchange = self.exchange
        exchange.sent += len(data)
        exchange.sink.send_data(data)
        exchange.origin.flush()

    def end(self) -> None:
        """Send the end of the answer."""
        if self._is_over:
            return
        self._is_over = True
        exchange = self.exchange
        exchange.sink.send_end()
        exchange.origin.flush()
        self._depart()

    # In between

    def _detach(self) -> None:
        """Take no more of the body: no cycle is left for the collector."""
        upload = self.exchange.upload
        if upload is not None:
            upload.detach()

    def _open(self) -> None:
        """Tell that the head has left, unless a policy has put something in its place."""
        hearer = self._hearer
        if hearer is None or self.exchange.finished:
            return
        self._is_open = True
        try:
            hearer.opened()
            if self._is_leaving or self._streams.is_leaving():
                hearer.leave()
        except Exception as error:  # noqa: BLE001 - the client sees that it breaks off
            self._fault(error)

    def _may_write(self, *, may: bool) -> None:
        hearer = self._hearer
        if hearer is not None and self._is_open and not self._is_over:
            try:
                hearer.may_write(may=may)
            except Exception as error:  # noqa: BLE001 - the client sees that it breaks off
                self._fault(error)

    def _fault(self, error: BaseException) -> None:
        """Report a fault of whoever answers; what has been sent of it is cut."""
        self._streams.report(self.exchange, error)
        if self._is_over:
            return
        if self.exchange.response is None:
            self.exchange.error = GatewayError(INTERNAL)
            self._streams.runner.respond(self.exchange, answer_of(INTERNAL))
            self.exchange.origin.flush()
        else:
            self.exchange.origin.abort()

    def _depart(self) -> None:
        """Have the hearer told in a turn of its own: thousands may go in one moment."""
        if self._is_open:
            self._streams.departures.see_out(self)
        else:
            self._hearer = None

    def give_way(self) -> None:
        """Tell of the end, once."""
        hearer, self._hearer = self._hearer, None
        if hearer is not None:
            try:
                hearer.closed()
            except Exception as error:  # noqa: BLE001 - there is nobody left to tell
                self._streams.report(self.exchange, error)


def _stays() -> bool:
    """Say that the gateway stays."""
    return False
