"""Forwarding: an exchange to its route's service, if its breaker lets it, or to the fallback.

Which services there are, and which endpoints control has found of them, is told here too.  What
happens at an endpoint is an attempt's (upstream/attempt.py).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import NO_FIELDS, Fields, Response, answer_of
from tta_gateway.kernel.plan import Runner
from tta_gateway.kernel.problem import BREAKER_OPEN, LOOP, UPSTREAM_UNAVAILABLE
from tta_gateway.kernel.route import Route, Service, leading_to
from tta_gateway.kernel.standing import Stand, Standing
from tta_gateway.support.metrics import Registry
from tta_gateway.upstream import service
from tta_gateway.upstream.attempt import Attempts, Connector, Upstream
from tta_gateway.upstream.balance import Chance
from tta_gateway.upstream.breaker import State
from tta_gateway.upstream.breakers import News

_NONE: Final[frozenset[str]] = frozenset()


class Forwarder:
    """Forwards the exchanges of one worker."""

    def __init__(
        self,
        services: Mapping[str, Service],
        *,
        connector: Connector,
        runner: Runner,
        chance: Chance,
        clock: Callable[[], float],
        registry: Registry | None = None,
    ) -> None:
        """Keep what a try needs; `clock` is monotonic, in seconds."""
        self.name = b"tta-gateway-%08x" % int(chance() * 2**32)
        self.attempts = Attempts(
            via=b"via: 1.1 %b\r\n" % self.name,
            connector=connector,
            runner=runner,
            chance=chance,
            clock=clock,
            unserved=self._answer_for,
        )
        self.upstreams: dict[str, Upstream] = {
            name: service.Upstream(each, registry) for name, each in services.items()
        }
        self._registry = registry
        self._retired: list[Upstream] = []  # of an older configuration, with something under way
        # Routes as they lead to one of several services, each with the route that it stands for: so
        # that the id, which is the key, is nobody else's.
        self._parts: dict[tuple[int, str], tuple[Route, Route]] = {}
        self.runner = runner
        self.chance = chance
        self.clock = clock
        self.noticed: Callable[[str, list[service.Notice]], None] = lambda _, __: None
        """Hears what has changed of a service."""
        self.told: Callable[[str, News], None] = lambda _, __: None  # what is to hear of breakers

    # Another configuration

    def beside(self, each: Service) -> Upstream:
        """Return what is to serve a service: what does now, if it is configured like that.

        Else it is another, which nobody asks yet; it goes by the breakers of the one before.
        """
        before = self.upstreams.get(each.name)
        if before is not None and before.service == each:
            return before
        made: Upstream = service.Upstream(each, self._registry)
        if before is not None:
            made.breakers = before.breakers
        return made

    def adopt(self, upstreams: dict[str, Upstream]) -> list[Upstream]:
        """Forward to these from now on; return those that are asked no more.

        They finish what is under way.  The connections that they keep are the caller's to `retire`.
        """
        before, self.upstreams = self.upstreams, upstreams
        self._parts.clear()
        gone = [one for name, one in before.items() if upstreams.get(name) is not one]
        self._retired += gone
        return gone

    def forward(self, exchange: Exchange) -> None:
        """Send the exchange to its route's service."""
        route = exchange.plan.route
        assert route is not None  # only plans of routes to a service end here
        said = exchange.request.forwarding
        if said is not NO_FIELDS and self._has_been_here(said):
            self.runner.respond(exchange, answer_of(LOOP))
            return
        name = exchange.service
        if not name or name == route.service:
            self._forward(exchange, route, route.service)
        else:
            self._forward(exchange, self._part(route, name), name)

    def _part(self, route: Route, name: str) -> Route:
        """Return a route as it leads to one of its services."""
        known = self._parts.get((id(route), name))
        if known is None:
            known = self._parts[id(route), name] = (route, leading_to(route, name))
        return known[1]

    # What a split asks, before the exchange is forwarded

    def takes(self, exchange: Exchange, name: str) -> bool:
        """Tell whether a service of the exchange's route takes it, by breaker and endpoints.

        Who is let through by a ramp has its ticket with that: it draws once.
        """
        route, upstream = exchange.plan.route, self.upstreams.get(name)
        if route is None or upstream is None or upstream.is_hopeless:
            return False
        route = self._part(route, name)
        if route.breaker is None:
            return True
        breaker = upstream.breakers.of(route, exchange.started)
        if breaker.is_closed:
            return True
        if not breaker.would_admit(self.clock(), self.chance):
            return False
        if breaker.state is State.RAMP:
            exchange.ticket = breaker.ticket
        return True

    def passed_over(self, exchange: Exchange, name: str) -> None:
        """Count an exchange that another service takes in the place of this one."""
        route, upstream = exchange.plan.route, self.upstreams.get(name)
        if route is not None and upstream is not None:
            upstream.breakers.fell_back(route.name)

    # The way

    def _forward(self, exchange: Exchange, route: Route, name: str) -> None:
        """Send it to the service of this name, by the route's breaker and fallback."""
        upstream = self.upstreams.get(name)
        if upstream is None:  # it went with a newer configuration while a policy was waiting
            self.runner.respond(exchange, answer_of(UPSTREAM_UNAVAILABLE))
            return
        if route.breaker is not None:
            breaker = upstream.breakers.of(route, exchange.started)
            if breaker.is_closed:
                exchange.ticket = breaker.ticket
            elif not self._is_admitted(exchange, route, upstream):
                return
        upstream.active += 1
        exchange.deadline = exchange.started + route.timeouts.total
        self.attempts.make(exchange, route, upstream, tried=_NONE)

    def _is_admitted(self, exchange: Exchange, route: Route, upstream: Upstream) -> bool:
        """Ask a breaker that is not closed; who is refused has an answer."""
        now = self.clock()
        breaker = upstream.breakers.of(route, now)
        if exchange.ticket and exchange.ticket == breaker.ticket:
            return True  # a split has asked
        exchange.ticket = breaker.admit(now, self.chance)
        if exchange.ticket:
            return True
        upstream.breakers.refused(route.name)
        name = upstream.service.name
        detail = f"`{name}` fails too often to be asked: it is given time to recover."
        kind = replace(BREAKER_OPEN, retry_after=breaker.wait(now))
        self._answer_for(exchange, route, upstream, answer_of(kind, detail))
        return False

    def _answer_for(
        self, exchange: Exchange, route: Route, upstream: Upstream, answer: Response
    ) -> None:
        """Answer in the place of a service that is not asked: with its fallback, or this."""
        fallback = route.fallback
        if fallback is None:
            self.runner.respond(exchange, answer)
            return
        upstream.breakers.fell_back(route.name)
        name = upstream.service.name.encode()
        exchange.degraded = exchange.degraded + b", " + name if exchange.degraded else name
        if fallback.respond is None:
            other = msgspec.structs.replace(
                route,
                service=fallback.service,
                breaker=fallback.breaker,
                fallback=fallback.fallback,
            )
            self._forward(exchange, other, fallback.service)
            return
        respond = fallback.respond
        fields = [
            (b"content-type", respond.content_type.encode()),
            (b"x-degraded", exchange.degraded),
        ]
        self.runner.respond(exchange, Response(respond.status, fields, respond.body.encode()))

    def adopt_standings(
        self,
        standings: Mapping[str, Standing | None],
        *,
        now: float,
        wall: float,
        beside: Mapping[str, Upstream] | None = None,
    ) -> None:
        """Forward to the endpoints of these services that control has found, as it has found them.

        None is a service of which it has found nothing, any more: the configuration knows.  `now`
        is monotonic, `wall` the time of day that standings are told in, in seconds.  The services
        are those in force, or those that are made `beside` them.
        """
        upstreams = self.upstreams if beside is None else beside
        for name, standing in standings.items():
            upstream = upstreams[name]
            if standing is None:
                standing = Standing(
                    endpoints=tuple(Stand(endpoint=one) for one in upstream.service.endpoints)
                )
            for pool in upstream.adopt(standing, now=now, wall=wall):
                for connection in list(pool.idle):
                    connection.close()
                while pool.waiting:  # nobody would look at their time any more
                    pool.waiting.popleft().go_elsewhere()
            open_until = {route: now + at - wall for route, at in standing.open.items()}
            upstream.breakers.told(open_until, now)

    def tick(self, now: float) -> None:
        """Do what is due, and tell what has changed."""
        for name, upstream in self.upstreams.items():
            upstream.tick(now)
            if upstream.notices:
                notices, upstream.notices = upstream.notices, []
                self.noticed(name, notices)
            news = upstream.breakers.tick(now)
            if news is not None:
                self.told(name, news)

    def _has_been_here(self, said: Fields) -> bool:
        """Tell whether this gateway stands on the way already (RFC 9110 7.6.3)."""
        return any(name == b"via" and self.name in value for name, value in said)

    def expire(self, now: float) -> None:
        """End the wait of those whose time is over: no connection has a deadline for them."""
        if self._retired:
            self._retired = [one for one in self._retired if one.active]
        for upstream in [*self.upstreams.values(), *self._retired]:
            for pool in upstream.pools:
                for waiting in [one for one in pool.waiting if one.exchange.deadline <= now]:
                    waiting.expired()


def retire(upstream: Upstream) -> Iterator[None]:
    """Let a service go that is asked no more: an endpoint or a connection with each step.

    What is under way there goes on; its connections are closed when it is over.
    """
    for pool in upstream.pools:
        pool.retired = True
        while pool.idle:
            pool.idle.pop().close()
            yield
        yield
