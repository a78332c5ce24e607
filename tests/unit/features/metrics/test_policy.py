import pytest

from tests.helpers.builders import a_head, a_route, an_exchange, answered, from_upstream
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.metrics.bound import MetricsBound
from tta_gateway.features.metrics.policy import Metrics
from tta_gateway.kernel.errors import UpstreamFault
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import answer_of
from tta_gateway.kernel.problem import NOT_FOUND, UPSTREAM_RESET
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.upload import Upload
from tta_gateway.support.metrics import Registry

ROUTE = a_route("/players/{id}")
PLACE = "/players/{id}"
Seen = dict[tuple[str, tuple[str, ...]], list[float]]


class Nobody:
    """A source of bodies that is never told to wait."""

    def pause_upload(self) -> None:
        raise AssertionError

    def resume_upload(self) -> None:
        raise AssertionError


class Counts:
    """A registry, and the policy of one route that counts into it."""

    def __init__(self, route: Route | None = ROUTE) -> None:
        self.registry = Registry()
        self.clock = FakeClock()
        bound = MetricsBound(buckets=(0.1, 1.0))
        policy = Metrics(bound, registry=self.registry, clock=self.clock.monotonic)
        self.policy = policy.for_route(route)

    def __getitem__(self, key: tuple[str, ...]) -> list[float]:
        """Return the cells of a metric by its name and label values; none is nothing counted."""
        seen = {(metric.name, *values): cells for metric, values, cells in self.registry.collect()}
        return seen.get(key, [])

    def run(self, *exchanges: Exchange, took: float = 0.0) -> "Counts":
        for exchange in exchanges:
            self.policy.on_request(exchange)
            exchange.started = self.clock.monotonic() - took
            self.policy.on_finish(exchange)
        return self


def over(method: str = "GET", status: int = 200) -> Exchange:
    return answered(an_exchange(a_head(method)), from_upstream(status))


def requests(method: str, status: str) -> tuple[str, ...]:
    return ("tta_http_requests_total", method, PLACE, status, "api-gateway")


def test_an_exchange_is_counted_by_route_method_and_status() -> None:
    assert Counts().run(over("PUT", 201))[requests("PUT", "201")] == [1.0]


def test_exchanges_of_a_kind_are_counted_together() -> None:
    assert Counts().run(over(), over())[requests("GET", "200")] == [2.0]


def test_exchanges_of_other_kinds_are_counted_apart() -> None:
    assert Counts().run(over(), over(status=404))[requests("GET", "200")] == [1.0]


def test_a_request_that_no_route_takes_is_counted_under_no_place() -> None:
    counts = Counts(None).run(over(status=404))
    assert counts["tta_http_requests_total", "GET", "", "404", "api-gateway"] == [1.0]


def test_durations_fall_into_their_buckets() -> None:
    counts = Counts().run(over(), took=0.5)
    key = ("tta_http_request_duration_seconds", "GET", PLACE, "api-gateway")
    assert counts[key] == [0.0, 1.0, 0.0, 0.5]


def test_what_is_under_way_is_seen() -> None:
    counts = Counts()
    counts.policy.on_request(an_exchange())
    assert counts["tta_gateway_requests_in_flight", PLACE] == [1.0]


def test_what_is_over_is_under_way_no_longer() -> None:
    assert Counts().run(over(), over())["tta_gateway_requests_in_flight", PLACE] == [0.0]


def test_bytes_of_answers_are_counted() -> None:
    exchange = over()
    exchange.sent = 42
    assert Counts().run(exchange)["tta_gateway_sent_bytes_total", PLACE] == [42.0]


def test_bytes_of_requests_are_counted() -> None:
    exchange = over("POST")
    exchange.upload = Upload(Nobody(), limit=100, keep=0)
    exchange.upload.feed(b"seven b")
    assert Counts().run(exchange)["tta_gateway_received_bytes_total", PLACE] == [7.0]


@pytest.mark.parametrize(("tries", "cells"), [(0, []), (1, []), (3, [2.0])])
def test_tries_beyond_the_first_are_counted(tries: int, cells: list[float]) -> None:
    exchange = over()
    exchange.tries = tries
    assert Counts().run(exchange)["tta_gateway_upstream_retries_total", "players"] == cells


def test_an_error_of_ours_is_counted_by_its_code() -> None:
    counts = Counts().run(answered(an_exchange(), answer_of(NOT_FOUND)))
    assert counts["tta_gateway_errors_total", "routing_not_found", "players"] == [1.0]


def test_a_service_s_fault_is_counted_by_its_code_once() -> None:
    exchange = answered(an_exchange(), answer_of(UPSTREAM_RESET))
    exchange.error = UpstreamFault(UPSTREAM_RESET)
    counts = Counts().run(exchange)
    key = ("tta_gateway_errors_total", "upstream_connection_terminated", "players")
    assert counts[key] == [1.0]


def test_a_client_that_left_is_counted_as_499() -> None:
    exchange = over()
    exchange.aborted = True
    assert Counts().run(exchange)[requests("GET", "499")] == [1.0]


def test_an_exchange_without_an_answer_is_counted_as_499() -> None:
    assert Counts().run(an_exchange())[requests("GET", "499")] == [1.0]


def test_an_answer_that_a_service_broke_off_is_not_the_client_s_doing() -> None:
    exchange = over()
    exchange.error, exchange.aborted = UpstreamFault(UPSTREAM_RESET), True
    assert Counts().run(exchange)[requests("GET", "200")] == [1.0]


def test_no_label_is_of_the_client_s_making() -> None:
    head = a_head("GET", "/players/stranger?x=stranger", host="stranger")
    head.fields = [(b"x", b"stranger")]
    counts = Counts().run(answered(an_exchange(head), from_upstream()))
    labels = {label for _, values, _ in counts.registry.collect() for label in values}
    assert "stranger" not in "".join(labels)


def test_it_says_where_it_counts() -> None:
    assert Counts().policy.explain() == "counts under endpoint `/players/{id}`"
