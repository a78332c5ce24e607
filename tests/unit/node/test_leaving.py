"""What workers tell of endpoints that are draining."""

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.events import EndpointSeen, Event
from tta_gateway.kernel.route import Service
from tta_gateway.kernel.standing import Stand, Standing
from tta_gateway.node.leaving import Leaving
from tta_gateway.upstream.forward import Upstream

ONE, OTHER = an_endpoint(9001), an_endpoint(9002)


def test_what_is_under_way_at_draining_endpoints_is_told_four_times_a_second() -> None:
    told: list[Event] = []
    clock = FakeClock()
    leaving = Leaving(tell=told.append, wall=clock.wall)
    upstream: Upstream = Upstream(Service(name="players", endpoints=(ONE, OTHER)))
    standing = Standing(endpoints=(Stand(endpoint=ONE), Stand(endpoint=OTHER, state="draining")))
    upstream.adopt(standing, now=0.0, wall=0.0)
    upstream.pools[1].in_flight = 3
    for now in (10.0, 10.2, 10.25, 10.3):
        leaving.tick(now, {"players": upstream})
    assert [type(one) for one in told] == [EndpointSeen] * 2
    (one, _) = told
    assert isinstance(one, EndpointSeen)
    assert (one.service, one.endpoint, one.in_flight) == ("players", OTHER.name, 3)
    assert (one.at, one.by.partition(" ")[0]) == (clock.wall(), "worker")


def test_a_tunnel_is_under_way() -> None:
    told: list[Event] = []
    leaving = Leaving(tell=told.append, wall=FakeClock().wall)
    upstream: Upstream = Upstream(Service(name="players", endpoints=(ONE,)))
    standing = Standing(endpoints=(Stand(endpoint=ONE, state="draining"),))
    upstream.adopt(standing, now=0.0, wall=0.0)
    upstream.pools[0].open = 1
    leaving.tick(10.0, {"players": upstream})
    assert [one.in_flight for one in told if isinstance(one, EndpointSeen)] == [1]
