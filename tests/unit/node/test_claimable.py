"""What all tokens together let a service declare."""

import pytest

from tta_gateway.features.registration.bound import Token
from tta_gateway.kernel.registered import Declared
from tta_gateway.node.claimable import NOTHING, claimable
from tta_gateway.routing.declared import objection

TOKENS = (
    Token(digest=b"1", services=("players", "worlds"), routes=("/a/", "/b"), auth_none=True),
    Token(digest=b"2", services=("players",), routes=("/c/",), auth_none=True),
    Token(digest=b"3", services=("players",), routes=("/c/d/", "/e/")),
    Token(digest=b"4", services=("chat",)),
)
KNOWN = claimable(TOKENS)


def kind(service: str, path: str) -> str | None:
    """What is wrong with a route, if anything is."""
    parted = KNOWN.get(service, NOTHING).parted([Declared(path=path, auth="none")])
    ((allowed, routes),) = [(allowed, some) for allowed, some in parted.items() if some]
    found = objection(routes, allowed)
    return None if found is None else found.kind


@pytest.mark.parametrize(
    ("service", "path", "expected"),
    [
        ("players", "/a/x", None),
        ("players", "/b", None),
        ("players", "/c/x", None),
        ("players", "/c/d/x", None),  # another token may let everybody in there
        ("players", "/e/x", "open"),
        ("players", "/bc", "place"),
        ("worlds", "/a/x", None),
        ("worlds", "/c/x", "place"),
        ("chat", "/a/x", "place"),
        ("mail", "/a/x", "place"),
    ],
)
def test_a_route_is_good_that_one_token_of_the_service_may_claim(
    service: str, path: str, expected: str | None
) -> None:
    assert kind(service, path) == expected


def test_no_route_is_lost() -> None:
    routes = [Declared(path=path) for path in ("/a/x", "/e/x", "/z")]
    free, bound = KNOWN["players"].parted(routes).values()
    assert (list(free), list(bound)) == (routes[:1], routes[1:])
