"""Which services clients have asked lately."""

from tests.helpers.builders import a_route, an_exchange
from tta_gateway.features.metrics.bound import MetricsBound
from tta_gateway.features.metrics.metrics import SENT
from tta_gateway.features.metrics.policy import Metrics
from tta_gateway.kernel.message import answer_of
from tta_gateway.kernel.problem import BREAKER_OPEN
from tta_gateway.node.traffic import Traffic
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment
from tta_gateway.upstream.timing import Timings


def answered(registry: Registry, service: str, route: str) -> None:
    Timings(service, registry).of("127.0.0.1:9001", route).observe(0.25)


def refused(registry: Registry) -> None:
    """An exchange of the route of `players` has an error of ours for an answer."""
    policy = Metrics(MetricsBound(), registry=registry, clock=lambda: 0.0, route=a_route())
    exchange = an_exchange()
    exchange.response = answer_of(BREAKER_OPEN)
    policy.on_finish(exchange)


def test_a_service_has_been_asked_if_more_was_counted_of_it() -> None:
    segments = [Segment(), Segment()]
    one, other = (Registry(segment) for segment in segments)
    traffic = Traffic(lambda: segments)
    assert list(traffic.asked()) == []
    one.child(SENT, "/a").add()
    answered(one, "players", "/a")
    answered(other, "stories", "/b")
    assert sorted(traffic.asked()) == ["players", "stories"]
    assert list(traffic.asked()) == []
    answered(other, "players", "/a")
    assert list(traffic.asked()) == ["players"]
    answered(one, "players", "/a")
    assert list(traffic.asked()) == ["players"]


def test_a_service_has_been_asked_although_the_gateway_answered() -> None:
    segments = [Segment()]
    traffic = Traffic(lambda: segments)
    refused(Registry(segments[0]))
    assert list(traffic.asked()) == ["players"]


def test_a_worker_that_comes_later_is_looked_at_too() -> None:
    segments = [Segment()]
    traffic = Traffic(lambda: segments)
    assert list(traffic.asked()) == []
    segments.append(Segment())
    answered(Registry(segments[1]), "players", "/a")
    assert list(traffic.asked()) == ["players"]
