"""While nobody has said lately that what is known is so, nothing clinical is served."""

import msgspec

from tests.helpers.builders import a_route, an_exchange, answered
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.nodes.bound import NodesBound, RouteNodes
from tta_gateway.features.nodes.metrics import REFUSED
from tta_gateway.features.nodes.policy import GRACE, TRY_AGAIN, BoundNodes, Hearing, Nodes
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.support.metrics import Registry

CLINICAL = a_route(features={"nodes": msgspec.Raw(msgspec.msgpack.encode(RouteNodes()))})


class Origin:
    """What is dismissed."""

    def __init__(self) -> None:
        self.dismissed: list[int] = []

    def dismiss(self, code: int, reason: bytes) -> None:
        assert reason
        self.dismissed.append(code)


class House:
    def __init__(self) -> None:
        self.clock, self.registry = FakeClock(), Registry()
        self.hearing = Hearing(self.clock.monotonic, until=self.clock.monotonic() + 1.0)
        self.policy = Nodes(NodesBound(shared=True), self.hearing, registry=self.registry)
        bound = self.policy.for_route(CLINICAL)
        assert bound is not None
        self.bound: BoundNodes = bound

    def opened(self, status: int = 101) -> tuple[Exchange, Origin]:
        origin = Origin()
        exchange = answered(an_exchange(origin=origin), Response(status, [], None))
        self.bound.on_response(exchange)
        return exchange, origin


def test_it_acts_on_clinical_routes_where_there_may_be_other_nodes() -> None:
    house = House()
    assert house.policy.for_route(None) is None
    assert house.policy.for_route(a_route()) is None
    alone = Nodes(NodesBound(), house.hearing, registry=house.registry)
    assert alone.for_route(CLINICAL) is None
    assert "refuses" in house.bound.explain()


def test_it_refuses_when_the_time_is_over_and_serves_when_another_is_told() -> None:
    house = House()
    assert house.bound.on_request(an_exchange()) is None
    house.clock.advance(1.0)
    answer = house.bound.on_request(an_exchange())
    assert answer is not None
    assert answer.problem is not None
    assert (answer.problem.code, answer.problem.status) == ("nodes_unheard", 503)
    assert answer.problem.retry_after == 1
    refused = house.registry.child(REFUSED)
    assert refused.cells[refused.at] == 1.0
    house.hearing.until += 5.0
    assert house.bound.on_request(an_exchange()) is None


def test_what_is_open_ends_a_while_later() -> None:
    house = House()
    kept, origin = house.opened()
    over, other = house.opened()
    house.bound.on_finish(over)
    house.opened(200)
    assert list(house.hearing.open) == [kept]
    house.clock.advance(1.0 + GRACE / 2)
    house.hearing.tick()
    assert origin.dismissed == []
    house.clock.advance(GRACE)
    house.hearing.tick()
    assert (origin.dismissed, other.dismissed) == ([TRY_AGAIN], [])
    assert kept.error is not None
    house.hearing.tick()
    assert origin.dismissed == [TRY_AGAIN]
