"""A check of a connection."""

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_endpoint import FakeEndpoints
from tta_gateway.features.health.bound import Check
from tta_gateway.features.health.target import Failed, Target
from tta_gateway.features.health.tcp_check import look

ONE = Target(an_endpoint(9001), Check(kind="tcp"))


def test_a_connection_is_enough(endpoints: FakeEndpoints) -> None:
    assert endpoints.outcome(look(ONE)) is None
    assert endpoints.opened[0].take() == b""


def test_none_is_not(endpoints: FakeEndpoints) -> None:
    endpoints.says[9001] = ConnectionRefusedError()
    assert isinstance(endpoints.outcome(look(ONE)), Failed)
