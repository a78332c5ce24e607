"""Which services clients have asked lately."""

from tta_gateway.features.metrics.metrics import REQUESTS, SENT
from tta_gateway.node.traffic import Traffic
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment


def test_a_service_has_been_asked_if_more_exchanges_of_it_are_over() -> None:
    segments = [Segment(), Segment()]
    one, other = (Registry(segment) for segment in segments)
    traffic = Traffic(lambda: segments)
    assert list(traffic.asked()) == []
    one.child(SENT, "/a").add()
    one.child(REQUESTS, "GET", "/a", "200", "players").add()
    other.child(REQUESTS, "GET", "/b", "200", "stories").add()
    assert sorted(traffic.asked()) == ["players", "stories"]
    assert list(traffic.asked()) == []
    other.child(REQUESTS, "GET", "/a", "503", "players").add()
    assert list(traffic.asked()) == ["players"]
    one.child(REQUESTS, "GET", "/a", "200", "players").add()
    assert list(traffic.asked()) == ["players"]


def test_a_worker_that_comes_later_is_looked_at_too() -> None:
    segments = [Segment()]
    traffic = Traffic(lambda: segments)
    assert list(traffic.asked()) == []
    segments.append(Segment())
    Registry(segments[1]).child(REQUESTS, "GET", "/a", "200", "players").add()
    assert list(traffic.asked()) == ["players"]
