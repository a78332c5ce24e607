"""Breakers for tests: closed ones, ones that have just opened, and one in the attempt loop."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from tests.helpers.builders import a_head, a_plan, a_route, an_endpoint, an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_connection import FakeConnection, FakeConnector
from tests.helpers.fake_origin import FakeOrigin
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Breaker as Settings
from tta_gateway.kernel.route import EndpointLimits, Fallback, Panic, Service
from tta_gateway.pipeline.run import Runner
from tta_gateway.upstream.attempt import EndpointPool, Upstream
from tta_gateway.upstream.breaker import Breaker, Chance, Change, State
from tta_gateway.upstream.breakers import News
from tta_gateway.upstream.forward import Forwarder, retire

Broken: TypeAlias = tuple[Breaker, list[Change]]


def a_breaker(settings: Settings, *, patience: float = 61.0) -> Broken:
    """A breaker of the route `/a`, and what it tells."""
    changes: list[Change] = []
    return Breaker("/a", settings, patience=patience, changes=changes), changes


def tripped(settings: Settings, now: float) -> Broken:
    """One that has had as many failures as it takes."""
    breaker, changes = a_breaker(settings)
    for _ in range(settings.failures):
        breaker.record(breaker.ticket, failed=True, elapsed=0.1, now=now)
    assert breaker.state is State.OPEN
    return breaker, changes


def admitted(breaker: Breaker, now: float, chance: Chance) -> bool:
    """Whether a request is let through."""
    return breaker.admit(now, chance) > 0


class Rigged:
    """A worker's way upstream: the service `players`, whose route has this breaker, and `other`."""

    def __init__(
        self,
        breaker: Settings | None,
        *,
        fallback: Fallback | None = None,
        tries: int = 3,
        limits: EndpointLimits | None = None,
        panic: Panic | None = None,
    ) -> None:
        self.route = msgspec.structs.replace(
            a_route(), breaker=breaker, fallback=fallback, tries=tries
        )
        self.name = self.route.service
        self.clock = FakeClock()
        self.runner = Runner(lambda _: None, _raise)
        self.connector = FakeConnector()
        self.news: list[tuple[str, News]] = []
        self.forgets = False
        """Whether breakers are forgotten while an exchange is under way."""
        self._services = {
            self.name: Service(
                name=self.name,
                endpoints=(an_endpoint(9001),),
                limits=limits or EndpointLimits(),
                panic=panic or Panic(),
            ),
            "other": Service(name="other", endpoints=(an_endpoint(9099),)),
        }
        self.forwarder = Forwarder(
            self._services,
            connector=self.connector,
            runner=self.runner,
            chance=lambda: 0.5,
            clock=self.clock.monotonic,
        )
        self.forwarder.told = lambda service, news: self.news.append((service, news))
        self.plan = a_plan((), route=self.route, forward=self.forwarder.forward)

    @property
    def upstream(self) -> Upstream:
        """The service at work."""
        return self.forwarder.upstreams[self.name]

    @property
    def pool(self) -> EndpointPool:
        """Its only endpoint."""
        return self.upstream.pools[0]

    @property
    def breaker(self) -> Breaker:
        """The route's."""
        return self.upstream.breakers.of(self.route, self.clock.monotonic())

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """What must be zero when nothing is under way."""
        upstream = self.upstream
        return (
            self.pool.in_flight,
            len(self.pool.waiting),
            upstream.active,
            upstream.retrying,
        )

    def ask(self, change: Callable[[Exchange], None] = lambda _: None) -> FakeOrigin:
        """Let a client ask."""
        origin = FakeOrigin(self.runner)
        exchange = origin.exchange = an_exchange(
            a_head("GET", "/a"), origin=origin, plan=self.plan, started=self.clock.monotonic()
        )
        change(exchange)
        self.runner.begin(exchange)
        if self.forgets:
            self.upstream.breakers.by_route.clear()
        return origin

    def asked(
        self, change: Callable[[Exchange], None] = lambda _: None
    ) -> tuple[FakeOrigin, FakeConnection]:
        """Let a client ask, and have the connection that serves it."""
        origin = self.ask(change)
        if self.connector.opening:
            return origin, self.connector.succeed()
        return origin, self.connector.made[-1]

    def idle(self) -> FakeConnection:
        """Return a connection that has served a request, and is kept."""
        _, connection = self.asked()
        connection.answer()
        return connection

    def reconfigure(self) -> None:
        """Have the service changed."""
        changed = msgspec.structs.replace(self._services[self.name], slow_start=3.0)
        reconfigured(self.forwarder, {**self._services, self.name: changed})


def reconfigured(forwarder: Forwarder, services: Mapping[str, Service]) -> None:
    """Have a forwarder forward to these services from now on."""
    for gone in forwarder.adopt({name: forwarder.beside(one) for name, one in services.items()}):
        for _ in retire(gone):
            pass


def exchange_of(origin: FakeOrigin) -> Exchange:
    """The exchange that it asked for."""
    assert origin.exchange is not None
    return origin.exchange


def _raise(_: Exchange, error: BaseException) -> None:
    raise error
