"""A gateway on paper: the edge with all that is below it, over a fake loop and fake transports.

One listener, and one service behind the one route, which has the test's policies.  Clients and
services are the other ends of transports; every exchange that is over is in `finished`, as often as
it was told.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import msgspec

from tests.helpers.builders import Bound, a_route, an_endpoint
from tests.helpers.fake_hangups import FakeHangups
from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport
from tta_gateway.edge.arrivals import Arrivals
from tta_gateway.edge.client_connection import ClientConnection
from tta_gateway.edge.credentials import service_context
from tta_gateway.edge.departures import Departures
from tta_gateway.edge.doorway import Doorway
from tta_gateway.edge.entrance import Entrance, Guests, Rules
from tta_gateway.edge.handshakes import Handshakes
from tta_gateway.edge.own_socket import OwnSockets
from tta_gateway.edge.own_stream import OwnStreams
from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.edge.upstream_connection import SocketConnector
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Endpoint, EndpointLimits, Service, ServiceTls
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.pipeline.plan import bind
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.table import Table
from tta_gateway.support.tasks import spawn
from tta_gateway.upstream.attempt import EndpointPool
from tta_gateway.upstream.forward import Forwarder
from tta_gateway.wire.limits import Limits

DATE = b"Mon, 23 Nov 2026 19:00:00 GMT"
GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def statuses(sent: bytes) -> list[int]:
    """Return the status of every answer in these bytes."""
    return [int(status) for status in _STATUS.findall(sent)]


def post(body: bytes, *, length: int | None = None) -> bytes:
    """Return a POST with this body, or the beginning of one that is longer."""
    stated = len(body) if length is None else length
    return b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (stated, body)


class PaperGateway:
    """Everything between two transports."""

    def __init__(
        self,
        loop: FakeLoop,
        *,
        policies: Sequence[Bound] = (),
        elsewhere: Sequence[Bound] = (),
        endpoint: Endpoint | None = None,
        limits: ConnectionLimits | None = None,
        trusted: tuple[str, ...] = (),
        context: ssl.SSLContext | None = None,
        proxy_protocol: bool = False,
        authorities_of_services: frozenset[bytes] | None = None,
        tls: ServiceTls | None = None,
        authorities: Mapping[str, bytes] | None = None,
        capacity: EndpointLimits | None = None,
        **route: object,
    ) -> None:
        """Build it, `policies` on the route and `elsewhere`; nobody is connected yet."""
        self.loop = loop
        self.reported: list[BaseException] = []
        self.finished: list[Exchange] = []
        self.clients: list[FakeTransport] = []
        self.sweeper = Sweeper(loop.real, loop.time)
        self.runner = Runner(
            lambda work: spawn(work, name="exchange", died=self._died),
            lambda _, error: self.reported.append(error),
        )
        self.refused: list[tuple[str, str, str]] = []
        self.connector = connector = SocketConnector(
            loop.real,
            sweeper=self.sweeper,
            limits=Limits(),
            died=self._died,
            refused=lambda *told: self.refused.append(told),
        )
        if tls is not None:
            connector.adopt({tls: service_context(tls, authorities or {})})
        service = Service(
            name="players",
            endpoints=(endpoint or an_endpoint(),),
            limits=capacity or EndpointLimits(),
            tls=tls,
        )
        self.forwarder = Forwarder(
            {"players": service},
            connector=connector,
            runner=self.runner,
            chance=lambda: 0.0,
            clock=loop.time,
        )
        self.sweeper.each_tick.append(lambda: self.forwarder.expire(self.sweeper.now))
        self.sockets = OwnSockets(
            self.sweeper, self.runner, lambda _, error: self.reported.append(error)
        )
        self.answers = OwnStreams(
            loop.real, self.runner, lambda _, error: self.reported.append(error)
        )
        self.outcomes: list[str] = []
        most = (limits or ConnectionLimits()).handshakes
        self.handshakes = Handshakes(loop.real, most, now=self.sweeper.now)
        self.sweeper.each_tick.append(lambda: self.handshakes.tick(self.sweeper.now))
        self.hangups = FakeHangups()
        self.guests = Guests(
            limits or ConnectionLimits(),
            changed=self._changed,
            hangups=self.hangups,
            arrivals=Arrivals(loop.real),
            departures=Departures(loop.real),
        )
        self.connected = 0.0
        self.entrance = Entrance(
            sweeper=self.sweeper,
            date=lambda: DATE,
            runner=self.runner,
            directory=self._table(policies, elsewhere, route),
            guests=self.guests,
            rules=Rules(
                limits=Limits(),
                timeouts=ClientTimeouts(),
                trusted=trusted,
                context=context,
                proxy_protocol=proxy_protocol,
                authorities=authorities_of_services,
            ),
        )
        self.sweeper.start()

    def _table(
        self, policies: Sequence[Bound], elsewhere: Sequence[Bound], route: dict[str, object]
    ) -> Table:
        finished = Bound(on_finish=self.finished.append)
        taken = msgspec.structs.replace(a_route(), **route)
        forward = self.forwarder.forward
        end = self.sockets.open if taken.socket else forward
        if taken.stream:
            end = self.answers.open
        return Table(
            [(taken, bind([finished, *policies], taken, forward=end))],
            nowhere=bind([finished, *elsewhere], None, forward=forward),
            answer=self.runner.respond,
        )

    def _died(self, _: str, error: BaseException) -> None:
        self.reported.append(error)

    def _changed(self, by: float) -> None:
        self.connected += by

    # Who takes part

    def client(self, peername: object = ("192.0.2.7", 40000), **transport: int) -> FakeTransport:
        """Let a client connect; return its end."""
        made = FakeTransport(self.loop, peername=peername, **transport)
        made.connect(cast("asyncio.Protocol", ClientConnection(self.entrance)))
        self.clients.append(made)
        return made

    def door(self, *, peername: object = ("192.0.2.7", 40000)) -> FakeTransport:
        """Let a client come by the doorway; return its end."""
        made = FakeTransport(self.loop, peername=peername)
        door = Doorway(self.entrance, self.handshakes, self.outcomes.append)
        made.connect(cast("asyncio.Protocol", door))
        self.clients.append(made)
        return made

    def asking(self, request: bytes = GET) -> tuple[FakeTransport, FakeTransport]:
        """Let a client ask; return its end, and the service's as soon as it has the request."""
        client = self.client()
        client.feed(request)
        self.loop.run_ready()
        return client, self.service

    @property
    def service(self) -> FakeTransport:
        """Return the service's end of the connection that was opened last."""
        return self.loop.opened[-1]

    @property
    def pool(self) -> EndpointPool:
        """Return the only endpoint's pool."""
        return self.forwarder.upstreams["players"].pools[0]

    @property
    def codes(self) -> list[str]:
        """Return what went wrong, of every exchange that is over."""
        errors = [exchange.error for exchange in self.finished if exchange.error is not None]
        return [error.problem.code for error in errors]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.advance(seconds)

    # The end

    def outlast(self, seconds: float) -> None:
        """Let time pass until every connection has gone, but no more than this."""
        until = self.loop.time() + seconds
        while self.loop.time() < until and not self.is_deserted:
            self.wait(10.0)

    @property
    def is_deserted(self) -> bool:
        """Tell whether every connection has gone."""
        return all(end.lost for end in [*self.clients, *self.loop.opened])

    def leave(self) -> None:
        """Cut every connection, and look for deadlines no more."""
        self.loop.run_ready()  # what is just being opened is there then, and is cut too
        for end in [*self.clients, *self.loop.opened]:
            end.abort()
        self.loop.run_ready()
        self.sweeper.stop()

    @property
    def left_over(self) -> tuple[object, ...]:
        """Return what must be nothing once everybody has gone."""
        upstream = self.forwarder.upstreams["players"]
        again = len(self.finished) - len({id(one) for one in self.finished})
        pool = self.pool
        counts = (upstream.active, upstream.retrying, pool.in_flight, pool.open, len(pool.idle))
        watched = len(self.sweeper._watched)
        return self.connected, watched, again, *counts, *self.reported, *self.loop.faults


NOTHING = (0.0, 0, 0, 0, 0, 0, 0, 0)
Open = Callable[..., PaperGateway]


@contextmanager
def paper_gateways() -> Iterator[Open]:
    """Give what makes a gateway; behind the test, all of it must have come to its end."""
    with FakeLoop() as loop:
        made: list[PaperGateway] = []

        def build(**parts: Any) -> PaperGateway:  # noqa: ANN401 - as the gateway takes them
            made.append(PaperGateway(loop, **parts))
            return made[-1]

        yield build
        for gateway in made:
            gateway.leave()
        loop.advance(2.0)  # connections that never come about are given up
        for gateway in made:
            assert gateway.left_over == NOTHING


class Gate:
    """A policy's question that takes its time: `answer` ends it."""

    def __init__(self) -> None:
        """Begin unanswered."""
        self._open = asyncio.Event()

    async def ask(self, _: Exchange) -> None:
        """Ask: a step of a policy, which lets the exchange pass in the end."""
        await self._open.wait()

    def answer(self) -> None:
        """Let every step that waits go on."""
        self._open.set()
