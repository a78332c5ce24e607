"""The attempt loop and the breaker of its route: what counts, what does not, and who answers."""

from collections.abc import Callable

import pytest

from tests.helpers.breaking import Rigged, exchange_of
from tests.helpers.builders import an_endpoint
from tests.helpers.fake_origin import FakeOrigin
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.problem import (
    INTERNAL,
    OUT_OF_SOCKETS,
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_GARBAGE,
    UPSTREAM_INCOMPLETE,
    UPSTREAM_REFUSED,
    UPSTREAM_TOTAL_TIMEOUT,
    UPSTREAM_UNAVAILABLE,
    Problem,
)
from tta_gateway.kernel.route import Breaker, EndpointLimits, Fallback, Panic, Respond
from tta_gateway.kernel.standing import Stand, Standing
from tta_gateway.upstream.breaker import State

TWICE = Breaker(failures=2, open=10.0)


# --- what counts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "failed"),
    [(200, 0), (404, 0), (429, 0), (499, 0), (500, 1), (501, 0), (502, 1), (503, 1), (505, 0)],
)
@pytest.mark.parametrize("whole", [True, False])
def test_what_the_service_answers_counts_and_only_its_own_faults_against_it(
    status: int, failed: int, *, whole: bool
) -> None:
    rig = Rigged(TWICE)
    _, connection = rig.asked()
    if whole:
        connection.answer_whole(status)
    else:
        connection.answer(status)
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (1, failed)


@pytest.mark.parametrize("problem", [UPSTREAM_REFUSED, UPSTREAM_CONNECT_TIMEOUT])
def test_a_service_that_cannot_be_reached_counts_once_however_often_it_was_tried(
    problem: Problem,
) -> None:
    rig = Rigged(TWICE, tries=3)
    rig.ask()
    for _ in range(3):
        rig.connector.fail(problem)
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (1, 1)


@pytest.mark.parametrize(
    "problem", [UPSTREAM_FIRST_BYTE_TIMEOUT, UPSTREAM_GARBAGE, UPSTREAM_TOTAL_TIMEOUT]
)
def test_silence_and_garbage_count(problem: Problem) -> None:
    rig = Rigged(TWICE, tries=1)
    _, connection = rig.asked()
    connection.fault(problem)
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (1, 1)


def test_a_try_that_another_makes_up_for_counts_as_the_answer_that_came() -> None:
    rig = Rigged(TWICE)
    rig.ask()
    rig.connector.fail()
    rig.connector.succeed().answer(200)
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (1, 0)


def test_a_connection_that_a_service_closes_after_its_500_counts_once() -> None:
    rig = Rigged(TWICE)
    _, connection = rig.asked()
    connection.begin_answer(500)
    connection.lose()
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (1, 1)


def test_a_stale_connection_behind_a_500_counts_as_what_came_of_the_next_try() -> None:
    rig = Rigged(TWICE)
    connection = rig.idle()
    rig.ask()
    connection.lose()
    rig.connector.succeed().answer(200)
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (2, 0)


def test_an_answer_that_breaks_off_has_counted_with_its_head() -> None:
    rig = Rigged(TWICE)
    _, connection = rig.asked()
    connection.begin_answer(200)
    connection.fault(UPSTREAM_INCOMPLETE)
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (1, 0)


def _goes_down(rig: Rigged) -> None:
    stands = tuple(Stand(endpoint=pool.endpoint, state="down") for pool in rig.upstream.pools)
    standing = Standing(endpoints=stands)
    rig.forwarder.adopt_standings({rig.name: standing}, now=0.0, wall=0.0)


def test_a_try_that_failed_counts_where_nobody_is_left_for_the_next() -> None:
    rig = Rigged(TWICE, panic=Panic(then="fail"))
    origin = rig.ask()
    _goes_down(rig)
    rig.connector.fail()
    assert (origin.code, exchange_of(origin).tries) == ("upstream_unavailable", 1)
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (1, 1)
    assert (rig.counts, exchange_of(origin).ticket) == ((0, 0, 0, 0), 0)


def test_a_stale_connection_to_an_endpoint_that_has_gone_says_nothing() -> None:
    rig = Rigged(TWICE)
    connection = rig.idle()
    origin = rig.ask()
    rig.forwarder.adopt_standings({rig.name: Standing(endpoints=())}, now=0.0, wall=0.0)
    connection.lose()
    assert origin.code == "upstream_unavailable"
    assert (rig.breaker.window.asked, rig.breaker.window.failed) == (1, 0)


def test_a_try_that_failed_is_missed_by_nobody_where_its_route_is_gone() -> None:
    rig = Rigged(TWICE, panic=Panic(then="fail"))
    rig.forgets = True
    origin = rig.ask()
    _goes_down(rig)
    rig.connector.fail()
    assert (origin.code, rig.upstream.breakers.by_route) == ("upstream_unavailable", {})


def test_a_request_that_nobody_was_asked_for_says_nothing() -> None:
    rig = Rigged(TWICE, panic=Panic(then="fail"))
    _goes_down(rig)
    assert rig.ask().code == "upstream_unavailable"
    assert (rig.breaker.window.asked, rig.breaker.is_closed) == (0, True)


def _out_of_sockets(rig: Rigged) -> None:
    rig.ask()
    rig.connector.fail(OUT_OF_SOCKETS)


def _client_goes(rig: Rigged) -> None:
    origin, _ = rig.asked()
    attempt = exchange_of(origin).attempt
    assert attempt is not None
    attempt.cancel()


def _time_is_over(rig: Rigged) -> None:
    rig.ask(change=lambda exchange: setattr(exchange, "started", rig.clock.monotonic() - 99.0))


def _answers(rig: Rigged) -> None:
    _, connection = rig.asked()
    connection.answer(500)


def _fails(rig: Rigged) -> None:
    rig.ask()
    rig.connector.fail()


def _internal(rig: Rigged) -> None:
    rig.ask()
    rig.connector.fail(INTERNAL)


def _no_context(rig: Rigged) -> None:
    rig.ask()
    rig.connector.fail(UPSTREAM_UNAVAILABLE)


@pytest.mark.parametrize(
    "fate", [_out_of_sockets, _internal, _no_context, _client_goes, _time_is_over]
)
def test_what_is_not_the_service_s_fault_does_not_count(fate: Callable[[Rigged], None]) -> None:
    rig = Rigged(TWICE, tries=1)
    fate(rig)
    assert (rig.breaker.window.asked, rig.pool.record.failed) == (0, 0)


def test_who_goes_after_a_long_wait_tells_that_the_service_is_slow() -> None:
    rig = Rigged(Breaker(slow=2.0))
    origin, _ = rig.asked()
    rig.clock.advance(3.0)
    attempt = exchange_of(origin).attempt
    assert attempt is not None
    attempt.cancel()
    assert rig.breaker.window.slow == 1


def test_a_route_without_a_breaker_has_none() -> None:
    rig = Rigged(None)
    for _ in range(9):
        _, connection = rig.asked()
        connection.answer(500)
    assert rig.upstream.breakers.by_route == {}


@pytest.mark.parametrize("fate", [_client_goes, _answers, _out_of_sockets, _fails])
def test_what_a_reload_has_forgotten_meanwhile_is_missed_by_nobody(
    fate: Callable[[Rigged], None],
) -> None:
    rig = Rigged(TWICE, tries=1)
    rig.forgets = True
    fate(rig)
    assert (rig.upstream.breakers.by_route, rig.counts) == ({}, (0, 0, 0, 0))


# --- open ----------------------------------------------------------------------------------------


def x_degraded(origin: FakeOrigin) -> bytes | None:
    response = exchange_of(origin).response
    assert response is not None
    return response.get(b"x-degraded")


def opened(rig: Rigged) -> Rigged:
    for _ in range(2):
        _, connection = rig.asked()
        connection.answer(500)
    return rig


def test_while_it_is_open_the_service_is_not_asked() -> None:
    rig = opened(Rigged(TWICE))
    made = len(rig.connector.made)
    origin = rig.ask()
    assert (origin.status, origin.code) == (503, "breaker_open")
    assert (len(rig.connector.made), rig.connector.opening) == (made, [])
    assert rig.counts == (0, 0, 0, 0)
    assert exchange_of(origin).tries == 0


def test_who_is_refused_is_told_when_to_come_again() -> None:
    rig = opened(Rigged(TWICE))
    rig.clock.advance(2.5)
    problem = exchange_of(rig.ask()).response
    assert problem is not None
    assert problem.problem is not None
    assert (problem.problem.retry_after, problem.problem.proxy_error) == (
        8,
        "destination_unavailable",
    )
    assert problem.detail == "`players` fails too often to be asked: it is given time to recover."


def test_an_exchange_under_way_is_not_tried_again_once_it_has_opened() -> None:
    rig = Rigged(TWICE)
    waiting, _, _ = rig.ask(), rig.ask(), rig.ask()
    rig.connector.opening.append(rig.connector.opening.pop(0))
    for _ in range(2):
        rig.connector.succeed().answer(500)
    rig.connector.fail()
    assert (waiting.status, waiting.code, rig.connector.opening) == (
        502,
        "upstream_connection_refused",
        [],
    )


def test_a_probe_that_is_answered_begins_the_ramp() -> None:
    rig = opened(Rigged(TWICE))
    rig.clock.advance(10.0)
    _, connection = rig.asked()
    refused = rig.ask()
    connection.answer(200)
    assert (refused.code, rig.breaker.state) == ("breaker_open", State.RAMP)


def _busy(rig: Rigged) -> None:
    rig.pool.in_flight += 99
    rig.ask()
    rig.pool.in_flight -= 99


def _nobody(rig: Rigged) -> None:
    pools, rig.upstream.open = rig.upstream.open, []
    rig.ask()
    rig.upstream.open = pools


@pytest.mark.parametrize("fate", [_busy, _nobody, _client_goes, _out_of_sockets, _time_is_over])
def test_a_probe_that_never_came_to_the_service_is_free_for_another(
    fate: Callable[[Rigged], None],
) -> None:
    rig = opened(Rigged(TWICE, limits=EndpointLimits(in_flight=9), tries=1))
    rig.clock.advance(10.0)
    fate(rig)
    states = [rig.breaker.state]
    _, connection = rig.asked()
    connection.answer(200)
    states.append(rig.breaker.state)
    assert states == [State.HALF_OPEN, State.RAMP]


def test_another_worker_s_opens_this_one_s_too() -> None:
    rig = Rigged(TWICE)
    wall = 1_700_000_000.0
    endpoints = tuple(Stand(endpoint=one) for one in rig.upstream.service.endpoints)
    standing = Standing(endpoints=endpoints, open={rig.route.name: wall + 7.0})
    now = rig.clock.monotonic()
    rig.forwarder.adopt_standings({rig.name: standing}, now=now, wall=wall)
    assert rig.ask().code == "breaker_open"
    assert rig.breaker.until == pytest.approx(now + 7.0)


def test_what_has_happened_is_told() -> None:
    rig = opened(Rigged(TWICE))
    rig.ask()
    rig.forwarder.tick(rig.clock.monotonic())
    ((service, news),) = rig.news
    assert (service, [one.state for one in news.changes]) == ("players", ["open"])
    assert news.refused == {rig.route.name: 1}


def test_a_service_that_has_changed_keeps_its_breakers() -> None:
    rig = opened(Rigged(TWICE))
    rig.reconfigure()
    assert rig.ask().code == "breaker_open"


# --- what answers instead ------------------------------------------------------------------------


def test_a_fixed_answer_stands_in() -> None:
    respond = Respond(status=203, body="later", content_type="text/plain")
    rig = opened(Rigged(TWICE, fallback=Fallback(respond=respond)))
    origin = rig.ask()
    response = exchange_of(origin).response
    assert response is not None
    assert (response.status, response.body) == (203, b"later")
    assert response.fields == [(b"content-type", b"text/plain"), (b"x-degraded", b"players")]


def test_another_service_stands_in() -> None:
    rig = opened(Rigged(TWICE, fallback=Fallback(service="other")))
    for whole in (False, True):
        origin, connection = rig.asked()
        if whole:
            connection.answer_whole(201)
        else:
            connection.answer(201)
        assert (origin.status, connection.pool.endpoint.port) == (201, 9099)
        assert x_degraded(origin) == b"players"
    assert rig.breaker.window.asked == 0


def test_what_the_other_service_does_without_is_told_too() -> None:
    rig = opened(Rigged(TWICE, fallback=Fallback(service="other")))
    stands = (Stand(endpoint=an_endpoint(9099)),)
    standing = Standing(endpoints=stands, degraded=("mail",))
    rig.forwarder.adopt_standings({"other": standing}, now=0.0, wall=0.0)
    origin, connection = rig.asked()
    connection.answer()
    assert x_degraded(origin) == b"players, mail"


def test_the_other_service_s_own_breaker_and_fallback_apply() -> None:
    last = Fallback(respond=Respond(body="nobody"))
    fallback = Fallback(service="other", breaker=Breaker(failures=1), fallback=last)
    rig = opened(Rigged(TWICE, fallback=fallback))
    rig.ask()
    rig.connector.succeed().answer(500)
    response = exchange_of(rig.ask()).response
    assert response is not None
    assert (response.body, response.get(b"x-degraded")) == (b"nobody", b"players, other")


def test_the_fallback_answers_where_no_endpoint_can_be_asked() -> None:
    rig = Rigged(None, fallback=Fallback(respond=Respond(body="nobody")))
    rig.upstream.open = []
    response = exchange_of(rig.ask()).response
    assert response is not None
    assert response.body == b"nobody"
    rig.forwarder.tick(rig.clock.monotonic())
    assert [news.fell_back for _, news in rig.news] == [{rig.route.name: 1}]


def test_a_fallback_that_has_left_the_configuration_meanwhile_cannot_answer() -> None:
    rig = opened(Rigged(TWICE, fallback=Fallback(service="gone")))
    assert rig.ask().code == "upstream_unavailable"


def test_the_ticket_is_the_exchange_s_until_it_has_counted() -> None:
    rig = Rigged(TWICE)
    seen = list[int]()

    def keep(exchange: Exchange) -> None:
        seen.append(exchange.ticket)

    origin, connection = rig.asked(change=keep)
    seen.append(exchange_of(origin).ticket)
    connection.answer(200)
    seen.append(exchange_of(origin).ticket)
    assert seen == [0, 1, 0]


def test_another_service_stands_in_for_one_of_a_split() -> None:
    rig = Rigged(TWICE, fallback=Fallback(service="other"))
    rig.upstream.open = []

    def split(exchange: Exchange) -> None:
        exchange.service = rig.name

    origin = rig.ask(split)
    rig.connector.succeed().answer(201)
    assert (origin.status, rig.connector.made[-1].pool.endpoint.port) == (201, 9099)


def test_a_breaker_that_is_open_names_the_service_of_the_split() -> None:
    respond = Respond(status=203, body="later", content_type="text/plain")
    rig = Rigged(None, fallback=Fallback(respond=respond))
    rig.forwarder.upstreams["other"].open = []

    def split(exchange: Exchange) -> None:
        exchange.service = "other"

    response = exchange_of(rig.ask(split)).response
    assert response is not None
    assert response.get(b"x-degraded") == b"other"
