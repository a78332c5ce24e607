"""What is served to clinicians, and to nobody else."""

import msgspec

from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.features.access.public import ROUTES


def test_each_route_asks_for_a_clinician_who_may_break_glass() -> None:
    assert {(one.methods, one.auth) for one in ROUTES} == {
        (("POST",), "required"),
        (("GET",), "required"),
        (("DELETE",), "required"),
    }
    for one in ROUTES:
        asks = msgspec.msgpack.decode(one.features["access"], type=RouteAccess)
        assert asks == RouteAccess(default="glass:open", clinical=True)
