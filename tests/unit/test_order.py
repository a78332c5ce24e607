from tests.helpers.builders import a_route
from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.policy import Policy
from tta_gateway.node.policies import policies
from tta_gateway.order import ORDER
from tta_gateway.pipeline.check import complaints
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import LineFile
from tta_gateway.support.metrics import Registry

SNAPSHOT = Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=())


def the_policies() -> list[Policy]:
    lines = LineFile("/dev/null")
    try:
        return policies(SNAPSHOT, registry=Registry(), lines=lines, clock=FakeClock())
    finally:
        lines.close()


def test_every_place_in_the_order_has_a_reason() -> None:
    assert [kind.__name__ for kind, reason in ORDER if not reason.strip()] == []


def test_no_policy_stands_in_the_order_twice() -> None:
    assert len({kind for kind, _ in ORDER}) == len(ORDER)


def test_the_order_is_possible() -> None:
    assert complaints(the_policies()) == []


def test_the_policies_of_a_worker_stand_in_the_order() -> None:
    assert [type(policy) for policy in the_policies()] == [kind for kind, _ in ORDER]


def test_every_policy_of_a_route_says_what_it_does_there() -> None:
    bound = [policy.for_route(a_route()) for policy in the_policies()]
    assert all(one.explain() for one in bound if one is not None)
