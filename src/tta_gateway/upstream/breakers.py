"""The breakers of one service: one for each route that leads to it, made when it is first used."""

from collections.abc import Container, Iterator, Mapping

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Breaker as Settings
from tta_gateway.kernel.route import Fallback, Route
from tta_gateway.upstream.breaker import Breaker, Change

_GRACE = 1.0  # second: an exchange is over by then, whatever has become of it


class News:
    """What has happened since the last look: changes, and how often each route was refused.

    `fell_back` counts, by route, who was served in the service's place.
    """

    __slots__ = ("changes", "fell_back", "refused")

    def __init__(
        self, changes: list[Change], refused: dict[str, int], fell_back: dict[str, int]
    ) -> None:
        """Keep what there is to say."""
        self.changes = changes
        self.refused = refused
        self.fell_back = fell_back


class Breakers:
    """Every breaker of a service, by the name of its route."""

    def __init__(self) -> None:
        """Begin without any."""
        self.by_route: dict[str, Breaker] = {}
        self._changes: list[Change] = []
        self._refused: dict[str, int] = {}
        self._fell_back: dict[str, int] = {}
        self._told: dict[str, float] = {}

    def of(self, route: Route, now: float) -> Breaker:
        """Return the breaker of a route that has one."""
        settings = route.breaker
        assert settings is not None  # the caller has looked
        breaker = self.by_route.get(route.name)
        if breaker is None:
            patience = route.timeouts.total + _GRACE
            breaker = Breaker(route.name, settings, patience=patience, changes=self._changes)
            self.by_route[route.name] = breaker
            breaker.told(self._told.get(route.name, now), now)
        elif breaker.settings is not settings:  # of another configuration, or of one read anew
            if breaker.settings == settings:
                breaker.settings = settings
            else:
                breaker.adopt(settings, patience=route.timeouts.total + _GRACE)
        return breaker

    # Exchanges that have been let through; a breaker may have been forgotten meanwhile

    def record(
        self, exchange: Exchange, route: str, *, failed: bool, elapsed: float, now: float
    ) -> None:
        """Count how an exchange has ended, once; `elapsed` below 0: its time tells nothing."""
        breaker = self.by_route.get(route)
        if breaker is not None:
            breaker.record(exchange.ticket, failed=failed, elapsed=elapsed, now=now)
        exchange.ticket = 0

    def release(self, exchange: Exchange, route: str, *, now: float, elapsed: float = -1.0) -> None:
        """Take back the ticket, if it has one, of an exchange that tells nothing of its service."""
        ticket, exchange.ticket = exchange.ticket, 0
        breaker = self.by_route.get(route)
        if ticket and breaker is not None:
            breaker.release(ticket, elapsed=elapsed, now=now)

    def goes_on(self, exchange: Exchange, route: str) -> bool:
        """Tell whether the breaker is as it was when it let the exchange through, if it did."""
        breaker = self.by_route.get(route)
        return not exchange.ticket or breaker is None or breaker.goes_on(exchange.ticket)

    # What is told

    def refused(self, route: str) -> None:
        """Count a request that a breaker has refused."""
        self._refused[route] = self._refused.get(route, 0) + 1

    def fell_back(self, route: str) -> None:
        """Count a request that is answered in the service's place."""
        self._fell_back[route] = self._fell_back.get(route, 0) + 1

    def told(self, until: Mapping[str, float], now: float) -> None:
        """Open those that other workers have opened, each until then."""
        self._told = dict(until)
        for route, breaker in self.by_route.items():
            breaker.told(until.get(route, now), now)

    def retain(self, routes: Container[str]) -> None:
        """Forget all others: their routes are gone, or lead here no more.

        One that is not closed is told as such: nobody would ever close it.
        """
        self._told = {route: until for route, until in self._told.items() if route in routes}
        for gone in [one for one in self.by_route.values() if one.route not in routes]:
            del self.by_route[gone.route]
            if not gone.is_closed:
                self._changes.append(Change(gone.route, "closed", "its route is gone", 0.0))

    def tick(self, now: float) -> News | None:
        """Do what is due; return what has happened, if anything has."""
        for breaker in self.by_route.values():
            if not breaker.is_closed:
                breaker.tick(now)
        if not (self._changes or self._refused or self._fell_back):
            return None
        news = News(list(self._changes), self._refused, self._fell_back)
        self._changes.clear()  # the list is the breakers' too
        self._refused, self._fell_back = {}, {}
        return news


def guarded(route: Route) -> Iterator[str]:
    """Yield the services that a route may lead to, by way of a breaker, fallbacks among them."""
    yield from _behind(route.service, route.breaker, route.fallback)
    for one in route.parts:
        yield from _behind(one.service, one.breaker, one.fallback)


def _behind(service: str, breaker: Settings | None, fallback: Fallback | None) -> Iterator[str]:
    if breaker is not None:
        yield service
    if fallback is not None:
        yield from _behind(fallback.service, fallback.breaker, fallback.fallback)
