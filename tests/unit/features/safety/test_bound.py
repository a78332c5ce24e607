"""What a route says of safety."""

import msgspec

from tests.helpers.builders import a_route
from tta_gateway.features.safety.bound import ModeratorBound, RouteSafety, safety_of


def test_a_route_that_says_nothing_is_scanned_and_helps() -> None:
    assert safety_of(a_route()) == RouteSafety(mode="scan", helps=True)


def test_a_route_says_how_it_is_looked_at() -> None:
    says = RouteSafety(mode="off", reason="why", helps=False, region="GB")
    raw = msgspec.Raw(msgspec.msgpack.encode(says))
    assert safety_of(a_route(features={"safety": raw})) == says


def test_a_moderator_shows_no_key() -> None:
    assert repr(ModeratorBound(url="https://kanarie", key="kanarie")) == "<moderator>"
