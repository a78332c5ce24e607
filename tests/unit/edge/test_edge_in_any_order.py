"""The edge, whatever happens in whatever order: nothing is lost, and nobody stays for ever."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import Bound
from tests.helpers.happenings import STEPS, Step
from tests.helpers.paper_gateway import paper_gateways
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.route import EndpointLimits


def echo(_: Exchange) -> Response:
    return Response(200, [], b"here")


POLICIES: Final = st.sampled_from(((), (Bound(on_request=echo),)))


@given(st.lists(STEPS, max_size=25), POLICIES)
def test_whatever_happens_everybody_is_gone_in_the_end(
    steps: list[Step], policies: tuple[Bound, ...]
) -> None:
    with paper_gateways() as build:
        gateway = build(policies=policies, capacity=EndpointLimits(connections=2, pending=1))
        gateway.client()
        gateway.client()
        for step in steps:
            step(gateway)
        gateway.outlast(1000.0)
        assert gateway.is_deserted
