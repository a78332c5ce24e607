"""What all tokens together let a service declare."""

import msgspec
import pytest

from tta_gateway.features.identity.bound import IdentityBound, Issuer
from tta_gateway.features.registration.bound import Token
from tta_gateway.kernel.registered import Declared
from tta_gateway.node.claimable import NOTHING, believed, claimable
from tta_gateway.routing.declared import objection
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import parted

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


@pytest.mark.parametrize("believed_here", [True, False])
def test_a_token_is_asked_for_anywhere_below_the_prefixes_where_one_is_believed(
    believed_here: bool,
) -> None:
    known = claimable(TOKENS, believed=believed_here)["players"]
    routes = [Declared(path=path) for path in ("/a/x", "/c/d/x", "/e/x")]
    found = [objection(some, allowed) for allowed, some in known.parted(routes).items()]
    assert [one if one is None else one.kind for one in found] == (
        [None, None] if believed_here else ["guarded", "guarded"]
    )


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({}, False),
        ({"identity": IdentityBound()}, False),
        ({"identity": IdentityBound(issuers=(Issuer(name="home"),))}, True),
        ({"identity": IdentityBound(own=Issuer(name="gateway"))}, True),
    ],
)
def test_tokens_are_believed_where_there_is_an_issuer(
    features: dict[str, IdentityBound], expected: bool
) -> None:
    encoded = {name: msgspec.Raw(msgspec.msgpack.encode(one)) for name, one in features.items()}
    snapshot = Snapshot(
        version=1, state_dir="", listeners=(), services=(), routes=(), features=encoded
    )
    assert believed(parted(snapshot)) is expected


def test_no_route_is_lost() -> None:
    routes = [Declared(path=path) for path in ("/a/x", "/e/x", "/z")]
    free, bound = KNOWN["players"].parted(routes).values()
    assert (list(free), list(bound)) == (routes[:1], routes[1:])
