"""The breakers of one service."""

import msgspec

from tests.helpers.builders import a_route, an_exchange
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Breaker as Settings
from tta_gateway.kernel.route import Fallback, Part, Respond, Route
from tta_gateway.upstream.breaker import Breaker, State
from tta_gateway.upstream.breakers import Breakers, guarded

NOW = 1000.0


def a_route_that_breaks(path: str = "/a", *, failures: int = 1) -> Route:
    settings = Settings(failures=failures)
    return msgspec.structs.replace(a_route(), name=path, breaker=settings)


def trip(breaker: Breaker) -> None:
    breaker.record(breaker.ticket, failed=True, elapsed=0.1, now=NOW)


def test_each_route_has_its_own() -> None:
    breakers = Breakers()
    trip(breakers.of(a_route_that_breaks("/a"), NOW))
    states = [breakers.of(a_route_that_breaks(path), NOW).state for path in ("/a", "/b")]
    assert states == [State.OPEN, State.CLOSED]


def test_a_route_meets_its_own_again() -> None:
    breakers, route = Breakers(), a_route_that_breaks()
    assert breakers.of(route, NOW) is breakers.of(route, NOW)


def test_a_route_that_is_read_anew_keeps_its_breaker() -> None:
    breakers = Breakers()
    breaker = breakers.of(a_route_that_breaks(failures=2), NOW)
    trip(breaker)
    again = breakers.of(a_route_that_breaks(failures=2), NOW)
    assert (again is breaker, again.window.failed) == (True, 1)


def test_other_settings_apply_to_an_open_one_too() -> None:
    breakers = Breakers()
    trip(breakers.of(a_route_that_breaks(), NOW))
    again = breakers.of(a_route_that_breaks(failures=7), NOW)
    assert (again.state, again.settings.failures, again.window.asked) == (State.OPEN, 7, 0)


def test_a_probe_is_lost_when_its_exchange_must_be_over() -> None:
    route = a_route_that_breaks()
    assert Breakers().of(route, NOW).patience == route.timeouts.total + 1.0


def test_what_another_worker_tells_opens_what_is_here_and_what_will_be() -> None:
    breakers = Breakers()
    here = breakers.of(a_route_that_breaks("/a"), NOW)
    breakers.told({"/a": NOW + 5.0, "/b": NOW + 6.0}, NOW)
    later = breakers.of(a_route_that_breaks("/b"), NOW + 1.0)
    assert (here.until, later.until) == (NOW + 5.0, NOW + 6.0)
    assert breakers.of(a_route_that_breaks("/c"), NOW).is_closed


def test_those_whose_routes_are_gone_are_forgotten_and_told_as_closed() -> None:
    breakers = Breakers()
    for name in ("/closed", "/stays", "/open"):
        breakers.of(a_route_that_breaks(name), NOW)
    for name in ("/stays", "/open"):
        trip(breakers.by_route[name])
    breakers.tick(NOW)
    breakers.retain({"/stays", "/other"})
    assert sorted(breakers.by_route) == ["/stays"]
    news = breakers.tick(NOW)
    assert news is not None
    assert [(one.route, one.state, one.cause) for one in news.changes] == [
        ("/open", "closed", "its route is gone")
    ]


def test_a_route_that_comes_back_is_not_open_for_what_was_told_before_it_went() -> None:
    breakers = Breakers()
    breakers.told({"/a": NOW + 5.0}, NOW)
    breakers.retain(set())
    assert breakers.of(a_route_that_breaks("/a"), NOW).is_closed


def test_a_route_is_guarded_wherever_it_may_lead_to() -> None:
    some = a_route_that_breaks("/a").breaker
    last = Fallback(service="last", breaker=some)
    route = msgspec.structs.replace(
        a_route_that_breaks("/a"),
        service="one",
        fallback=Fallback(service="bare", fallback=last),
        parts=(
            Part(service="two", breaker=some, fallback=Fallback(respond=Respond())),
            Part(service="plain"),
        ),
    )
    assert list(guarded(route)) == ["one", "last", "two"]


def test_what_has_happened_is_told_once() -> None:
    breakers = Breakers()
    assert breakers.tick(NOW) is None
    trip(breakers.of(a_route_that_breaks(), NOW))
    for _ in range(2):
        breakers.refused("/a")
    breakers.fell_back("/a")
    news = breakers.tick(NOW)
    assert news is not None
    assert [one.state for one in news.changes] == ["open"]
    assert (news.refused, news.fell_back) == ({"/a": 2}, {"/a": 1})
    assert breakers.tick(NOW) is None


def test_time_moves_them_although_nobody_asks() -> None:
    breakers = Breakers()
    trip(breakers.of(a_route_that_breaks(), NOW))
    breakers.of(a_route_that_breaks("/closed"), NOW)
    breakers.tick(NOW)
    news = breakers.tick(NOW + 10.0)
    assert news is not None
    assert [one.state for one in news.changes] == ["half_open"]


# Exchanges that have been let through


def let_through(breakers: Breakers, route: Route) -> Exchange:
    exchange = an_exchange()
    exchange.ticket = breakers.of(route, NOW).ticket
    return exchange


def test_an_exchange_counts_once_however_it_has_ended() -> None:
    breakers, route = Breakers(), a_route_that_breaks(failures=2)
    exchange = let_through(breakers, route)
    breakers.record(exchange, route.name, failed=True, elapsed=0.1, now=NOW)
    assert (exchange.ticket, breakers.of(route, NOW).window.failed) == (0, 1)
    breakers.release(exchange, route.name, now=NOW)
    assert breakers.of(route, NOW).window.failed == 1


def test_an_exchange_of_which_nothing_is_told_gives_its_ticket_back() -> None:
    breakers, route = Breakers(), a_route_that_breaks()
    exchange = let_through(breakers, route)
    breakers.release(exchange, route.name, elapsed=0.1, now=NOW)
    assert (exchange.ticket, breakers.of(route, NOW).is_closed) == (0, True)


def test_an_exchange_goes_on_while_its_breaker_is_as_it_was() -> None:
    breakers, route = Breakers(), a_route_that_breaks()
    exchange = let_through(breakers, route)
    assert breakers.goes_on(exchange, route.name)
    trip(breakers.of(route, NOW))
    assert not breakers.goes_on(exchange, route.name)
    assert breakers.goes_on(an_exchange(), route.name)  # it was let through by none


def test_a_breaker_that_is_forgotten_meanwhile_holds_nobody_up() -> None:
    breakers, route = Breakers(), a_route_that_breaks()
    exchange, other = let_through(breakers, route), let_through(breakers, route)
    breakers.retain(())
    assert breakers.goes_on(exchange, route.name)
    breakers.record(exchange, route.name, failed=True, elapsed=0.1, now=NOW)
    breakers.release(other, route.name, now=NOW)
    assert (exchange.ticket, other.ticket, breakers.by_route) == (0, 0, {})
