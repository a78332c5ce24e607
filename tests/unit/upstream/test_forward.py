"""The attempt loop where a route has several services: each by its own breaker and fallback."""

from collections.abc import Sequence
from typing import Final

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.breaking import reconfigured
from tests.helpers.builders import a_head, a_plan, a_route, an_endpoint, an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_connection import FakeConnection, FakeConnector
from tests.helpers.fake_origin import FakeOrigin
from tta_gateway.features.split.bound import Canary, SplitBound
from tta_gateway.features.split.policy import Split
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.route import Breaker, Fallback, Part, Respond, Service
from tta_gateway.kernel.standing import Stand, Standing
from tta_gateway.pipeline.run import Runner
from tta_gateway.upstream.breaker import State
from tta_gateway.upstream.breakers import News
from tta_gateway.upstream.forward import Forwarder, retire

SOON: Final = Breaker(failures=2, open=10.0)
LATE: Final = Breaker(failures=5, open=60.0)
PORTS: Final = {"v1": 9001, "v2": 9002, "v3": 9003, "other": 9099}
CANARY: Final = Canary(header="X-Canary", service="v3")


class Shared:
    """A worker's way upstream, with a route that `v1` and `v2` share, and `v3` its canary."""

    def __init__(self, parts: Sequence[Part], *, draws: Sequence[float] = (0.75,)) -> None:
        """`draws` are the lots, the last of them again and again."""
        self.clock = FakeClock()
        self.connector = FakeConnector()
        self.news: list[tuple[str, News]] = []
        self.lots = list(draws)
        runner = Runner(lambda _: None, _raise)
        self.forwarder = Forwarder(
            {
                name: Service(name=name, endpoints=(an_endpoint(port),))
                for name, port in PORTS.items()
            },
            connector=self.connector,
            runner=runner,
            chance=self.draw,
            clock=self.clock.monotonic,
        )
        self.forwarder.told = lambda service, news: self.news.append((service, news))
        weighed = tuple((one.service, one.weight) for one in parts if one.weight)
        bound = SplitBound(parts=weighed, canary=CANARY)
        self.route = msgspec.structs.replace(
            a_route(),
            service=parts[0].service,
            breaker=parts[0].breaker,
            fallback=parts[0].fallback,
            parts=tuple(parts),
            features={"split": msgspec.Raw(msgspec.msgpack.encode(bound))},
            tries=1,
        )
        policy = Split(self.draw, self.forwarder)
        self.plan = a_plan([policy], route=self.route, forward=self.forwarder.forward)
        self.runner = runner

    def draw(self) -> float:
        """The next lot."""
        return self.lots.pop(0) if len(self.lots) > 1 else self.lots[0]

    def ask(self, *, canary: bool = False) -> FakeOrigin:
        """Let a client ask."""
        origin = FakeOrigin(self.runner)
        head = a_head("GET", "/a", fields=[(b"x-canary", b"1")] if canary else [])
        exchange = origin.exchange = an_exchange(
            head, origin=origin, plan=self.plan, started=self.clock.monotonic()
        )
        self.runner.begin(exchange)
        return origin

    def answered(self, status: int = 200, *, canary: bool = False) -> tuple[str, Response]:
        """Let a client ask and who is asked answer; return who that was, and what came of it."""
        origin = self.ask(canary=canary)
        asked = ""
        if self.connector.opening:
            connection = self.connector.succeed()
            (asked,) = (name for name, at in PORTS.items() if at == connection.pool.endpoint.port)
            attempt = connection.attempt
            assert attempt is not None
            attempt.answered_whole(_response(status), b"", reusable=False)
        exchange = origin.exchange
        assert exchange is not None
        assert exchange.response is not None
        return asked, exchange.response

    def who(self, status: int = 200, *, canary: bool = False) -> str:
        """Return who is asked."""
        return self.answered(status, canary=canary)[0]

    def state(self, name: str) -> State:
        """How a service's breaker is."""
        return self.forwarder.upstreams[name].breakers.by_route[self.route.name].state


def _response(status: int) -> Response:
    response = Response(status, [], None)
    response.local = False
    return response


def _raise(_: Exchange, error: BaseException) -> None:
    raise error


def two(
    one: Breaker | None = LATE, other: Breaker | None = SOON, **more: object
) -> tuple[Part, ...]:
    return (
        Part(service="v1", weight=50, breaker=one),
        msgspec.structs.replace(Part(service="v2", weight=50, breaker=other), **more),
        Part(service="v3", breaker=SOON),
    )


def test_each_service_goes_by_its_own_breaker() -> None:
    shared = Shared(two())
    assert [shared.who(500) for _ in range(2)] == ["v2", "v2"]
    assert shared.state("v2") is State.OPEN
    shared.lots = [0.25]
    assert [shared.who(500) for _ in range(4)] == ["v1"] * 4
    assert shared.state("v1") is State.CLOSED
    shared.who(500)
    assert shared.state("v1") is State.OPEN


def test_one_without_a_breaker_is_always_asked() -> None:
    shared = Shared(two(SOON, None))
    assert [shared.who(500) for _ in range(9)] == ["v2"] * 9


def test_one_has_a_breaker_though_the_first_has_none() -> None:
    shared = Shared(two(None, SOON))
    assert [shared.who(500) for _ in range(3)] == ["v2", "v2", "v1"]


def test_the_share_of_one_that_is_open_is_the_others_and_nobody_hears_of_it() -> None:
    shared = Shared(two())
    for _ in range(2):
        shared.who(500)
    found = [shared.answered() for _ in range(9)]
    assert {(name, answer.status, answer.get(b"x-degraded")) for name, answer in found} == {
        ("v1", 200, None)
    }
    shared.forwarder.tick(shared.clock.monotonic())
    counted = {name: (news.refused, news.fell_back) for name, news in shared.news}
    assert counted == {"v2": ({}, {shared.route.name: 9})}


def test_it_is_probed_by_one_at_a_time_while_the_others_answer() -> None:
    shared = Shared(two())
    for _ in range(2):
        shared.who(500)
    shared.clock.advance(10.0)
    shared.ask()
    shared.ask()
    endpoints = [attempt.pool.endpoint.port for attempt in shared.connector.opening]
    assert (endpoints, shared.state("v2")) == ([9002, 9001], State.HALF_OPEN)


def test_a_probe_that_is_well_begins_a_ramp_that_draws_once() -> None:
    shared = Shared(two())
    for _ in range(2):
        shared.who(500)
    shared.clock.advance(10.0)
    assert shared.who() == "v2"
    assert shared.state("v2") is State.RAMP
    shared.clock.advance(5.0)
    # Drawn for: who is chosen, and whether the ramp lets it through; then nothing any more.
    shared.lots = [0.75, 0.49, 0.99]
    assert (shared.who(), shared.lots) == ("v2", [0.99])
    shared.lots = [0.75, 0.51, 0.99]
    assert (shared.who(), shared.lots) == ("v1", [0.99])


def test_what_the_ramp_let_through_counts() -> None:
    shared = Shared(two())
    for _ in range(2):
        shared.who(500)
    shared.clock.advance(10.0)
    shared.who()
    shared.clock.advance(9.0)
    assert [shared.who(500) for _ in range(2)] == ["v2", "v2"]
    assert shared.state("v2") is State.OPEN


def test_its_own_fallback_answers_for_it_if_it_has_one() -> None:
    shared = Shared(two(fallback=Fallback(respond=Respond(status=203, body="later"))))
    for _ in range(2):
        shared.who(500)
    name, answer = shared.answered()
    assert (name, answer.status, answer.get(b"x-degraded")) == ("", 203, b"v2")
    shared.lots = [0.25]
    assert shared.who() == "v1"


def test_who_asked_for_the_canary_hears_that_it_is_not_there() -> None:
    shared = Shared(two())
    assert [shared.who(500, canary=True) for _ in range(2)] == ["v3", "v3"]
    name, answer = shared.answered(canary=True)
    assert (name, answer.status, answer.problem and answer.problem.code) == (
        "",
        503,
        "breaker_open",
    )


def test_one_whose_endpoints_are_all_down_is_passed_over() -> None:
    shared = Shared(two())
    stands = (Stand(endpoint=an_endpoint(9002), state="down"),)
    shared.forwarder.adopt_standings({"v2": Standing(endpoints=stands)}, now=0.0, wall=0.0)
    assert shared.who() == "v1"


def test_where_all_are_down_the_chosen_one_is_asked_all_the_same() -> None:
    shared = Shared(two())
    standings = {
        name: Standing(endpoints=(Stand(endpoint=an_endpoint(port), state="down"),))
        for name, port in PORTS.items()
    }
    shared.forwarder.adopt_standings(standings, now=0.0, wall=0.0)
    assert shared.who() == "v2"


def test_where_all_are_open_clients_hear_when_to_come_again() -> None:
    shared = Shared(two(SOON, SOON))
    for draw in (0.25, 0.75):
        shared.lots = [draw]
        for _ in range(2):
            shared.who(500)
    _, answer = shared.answered()
    assert answer.problem is not None
    assert (answer.problem.code, answer.problem.retry_after) == ("breaker_open", 10)


def test_a_service_that_has_left_the_configuration_takes_nothing() -> None:
    shared = Shared(two())
    services = {name: one.service for name, one in shared.forwarder.upstreams.items()}
    del services["v2"]
    reconfigured(shared.forwarder, services)
    assert shared.who() == "v1"
    shared.forwarder.passed_over(an_exchange(plan=shared.plan), "v2")  # and nothing is counted


def test_an_exchange_of_no_route_is_taken_by_nobody() -> None:
    shared = Shared(two())
    nowhere = an_exchange(plan=a_plan())
    assert not shared.forwarder.takes(nowhere, "v1")
    shared.forwarder.passed_over(nowhere, "v1")


def test_a_new_configuration_has_breakers_of_its_own_making() -> None:
    shared = Shared(two())
    shared.who(500)
    services = {name: one.service for name, one in shared.forwarder.upstreams.items()}
    reconfigured(shared.forwarder, services)
    shared.who(500)
    assert shared.state("v2") is State.OPEN


def test_what_is_made_beside_goes_on_with_the_breakers_and_is_not_asked_yet() -> None:
    shared = Shared(two())
    before = shared.forwarder.upstreams["v2"]
    made = shared.forwarder.beside(msgspec.structs.replace(before.service, slow_start=3.0))
    assert (made is before, made.breakers) == (False, before.breakers)
    assert shared.forwarder.upstreams["v2"] is before
    assert shared.forwarder.beside(before.service) is before


def test_whose_place_another_takes_is_let_go_a_step_at_a_time() -> None:
    shared = Shared(two())
    upstreams = dict(shared.forwarder.upstreams)
    last = upstreams.pop("v2")
    gone = shared.forwarder.adopt(upstreams)
    assert gone == [last]
    (pool,) = last.pools
    connections = [FakeConnection(pool) for _ in range(3)]
    pool.idle.extend(connections)
    closed = [sum(one.closed for one in connections) for _ in retire(last)]
    assert (closed, pool.retired) == ([1, 2, 3, 3], True)


@given(
    weights=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    steps=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([200, 500]), st.booleans()),
        max_size=60,
    ),
)
def test_nobody_is_refused_while_a_service_with_a_share_is_closed(
    weights: tuple[int, int], steps: list[tuple[float, int, bool]]
) -> None:
    shared = Shared(
        [
            Part(service="v1", weight=weights[0], breaker=None),
            Part(service="v2", weight=weights[1], breaker=SOON),
            Part(service="v3", breaker=SOON),
        ]
    )
    for lot, status, waits in steps:
        shared.lots = [lot]
        if waits:
            shared.clock.advance(4.0)
        name, answer = shared.answered(status)
        assert (name in ("v1", "v2"), answer.status) == (True, status)
