"""The policies of a worker."""

from dataclasses import replace
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import a_head, a_peer, a_route, an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_origin import FakeOrigin
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.features.mirror.policy import Mirror
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.safety.bound import RouteSafety
from tta_gateway.features.security_headers.bound import SecurityHeadersBound
from tta_gateway.kernel.message import Response, answer_of, lines_of
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.problem import Problem
from tta_gateway.kernel.traffic import CRISIS, STANDARD, THERAPEUTIC
from tta_gateway.node import policies
from tta_gateway.order import ORDER
from tta_gateway.pipeline.plan import bind
from tta_gateway.pipeline.run import Runner
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.metrics import Registry

HEADERS = SecurityHeadersBound(
    add=(("x-frame-options", "DENY"), ("strict-transport-security", "max-age=1")),
    remove=("server",),
)
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


# --- what is told by rote ------------------------------------------------------------------------

SHED = Problem("admission_shed", 503, "Too much.", "Later.", "connection_limit_reached", 2)
PAGES = (None, b"https://app.example", b"https://evil.example")


@pytest.fixture(scope="module", params=[(), ("https://app.example",), ("*",)])
def plan(request: pytest.FixtureRequest) -> Plan:
    """The plan of a standard route that asks who it is, with all policies that look at refusals."""
    features = {"cors": CorsBound(origins=request.param), "security_headers": HEADERS}
    told = msgspec.structs.replace(SNAPSHOT, features={k: _raw(v) for k, v in features.items()})
    route = a_route(
        auth="optional",
        features={
            "admission": _raw(RouteAdmission(traffic="standard")),
            "safety": _raw(RouteSafety(mode="off", helps=False)),
        },
    )
    made = policies.policies(told, registry=Registry(), lines=None, clock=FakeClock())
    return bind(made, route, forward=lambda _: None)


def _raw(struct: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(struct))


def test_refusals_of_a_standard_route_are_told_by_rote(plan: Plan) -> None:
    names = [type(one).__name__ for one in plan.policies]
    assert plan.rote is not None
    assert plan.rote.least <= names.index("BoundTrafficClass") + 1 <= plan.rote.most
    assert plan.traffic == STANDARD


@given(page=st.sampled_from(PAGES), scheme=st.sampled_from((b"http", b"https")), id=st.uuids())
def test_what_is_told_by_rote_is_what_the_policies_say(
    plan: Plan, page: bytes | None, scheme: bytes, id: UUID
) -> None:
    """Red where a policy is said to word alike, and does not."""
    runner = Runner(lambda _: None, lambda _, error: pytest.fail(str(error)))
    for problem in (SHED, replace(SHED, code="admission_overloaded", retry_after=7)):
        by_hand, first, again = (
            _told(runner, plan, problem, page, scheme, str(id).encode(), rote)
            for rote in (False, True, True)
        )
        for one in (first, again):
            assert (one.fields, one.body) == (by_hand.fields, by_hand.body)
            assert (one.length, one.status) == (by_hand.length, by_hand.status)
            assert one.lines == lines_of(by_hand.fields)
        assert by_hand.lines is None


def _told(
    runner: Runner,
    plan: Plan,
    problem: Problem,
    page: bytes | None,
    scheme: bytes,
    id: bytes,
    rote: bool,
) -> Response:
    head = a_head(fields=[] if page is None else [(b"origin", page)])
    origin = FakeOrigin(runner)
    exchange = origin.exchange = an_exchange(
        head, origin=origin, plan=plan, peer=a_peer(scheme=scheme)
    )
    exchange.request_id = id
    assert plan.rote is not None
    exchange.entered = plan.rote.most
    response = answer_of(problem)
    response.rote = rote
    runner.respond(exchange, response)
    return response
