"""How long a session may last, by roles."""

import pytest

from tta_gateway.features.identity.bound import Issuing, Limits
from tta_gateway.features.identity.sessions import limits_of

ISSUING = Issuing(
    url="https://home",
    limits=Limits(idle=100.0, absolute=1_000.0),
    role_limits={
        "therapist": Limits(idle=10.0, absolute=900.0),
        "admin": Limits(idle=50.0, absolute=60.0),
        "service": Limits(idle=5_000.0, absolute=5_000.0),
    },
)


@pytest.mark.parametrize(
    ("roles", "limits"),
    [
        ((), (100.0, 1_000.0)),
        (("player",), (100.0, 1_000.0)),
        (("player", "therapist"), (10.0, 900.0)),
        (("admin", "therapist"), (10.0, 60.0)),
        (("service",), (5_000.0, 5_000.0)),
    ],
)
def test_the_shortest_of_what_the_roles_say(
    roles: tuple[str, ...], limits: tuple[float, float]
) -> None:
    found = limits_of(ISSUING, roles)
    assert (found.idle, found.absolute) == limits
