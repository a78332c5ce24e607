"""The policies of a worker."""

import msgspec
import pytest

from tests.helpers.builders import an_exchange
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.mirror.policy import Mirror
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.traffic import CRISIS, THERAPEUTIC
from tta_gateway.node import policies
from tta_gateway.order import ORDER
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.metrics import Registry

SNAPSHOT = Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=())


def test_all_of_the_order_are_made_in_their_order() -> None:
    made = policies.policies(SNAPSHOT, registry=Registry(), lines=None, clock=FakeClock())
    assert [type(one) for one in made] == [kind for kind, _ in ORDER]


def test_an_order_that_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "ORDER", ORDER[::-1])
    with pytest.raises(AssertionError, match="needs `request_id`"):
        policies.policies(SNAPSHOT, registry=Registry(), lines=None, clock=FakeClock())


def test_a_feature_that_the_operator_did_not_name_has_its_defaults() -> None:
    assert policies.bound(SNAPSHOT, "problem", ProblemBound) == ProblemBound()


def test_a_feature_has_what_the_operator_wrote() -> None:
    written = ProblemBound(message=True)
    raw = msgspec.Raw(msgspec.msgpack.encode(written))
    told = msgspec.structs.replace(SNAPSHOT, features={"problem": raw})
    assert policies.bound(told, "problem", ProblemBound) == written


@pytest.mark.parametrize(("traffic", "spared"), [(CRISIS, True), (THERAPEUTIC, False)])
def test_nobody_but_its_service_sees_a_crisis(traffic: int, spared: bool) -> None:
    made = policies.policies(SNAPSHOT, registry=Registry(), lines=None, clock=FakeClock())
    mirror = next(one for one in made if isinstance(one, Mirror))
    exchange = an_exchange()
    exchange.traffic = traffic
    assert mirror._spares(exchange) is spared
