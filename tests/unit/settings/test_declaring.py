"""Whether routes that instances may declare could let anybody in at all."""

from collections.abc import Callable

import pytest

from tests.helpers.configuration import ROUTES, complaints, loaded
from tta_gateway.settings.declaring import declarers

ENVIRON = {"TOKEN": "a-token-of-the-players", "SECRET": "0123456789abcdef" * 4}
ISSUERS = "identity: {issuers: [{name: home, secret: {env: SECRET}}]}\n"
INSIDE = "listen: [127.0.0.1:8080, {address: 127.0.0.1:8083, internal: true}]\n"


def registering(allowed: str) -> str:
    """A token whose services may declare what is allowed."""
    token = f"{{token: {{env: TOKEN}}, services: [players], {allowed}}}"
    return f"{INSIDE}registration: {{tokens: [{token}]}}\nservices: {{players: {{}}}}\n{ROUTES}"


def found(allowed: str) -> str:
    """A registry whose instances may declare what is allowed."""
    return f"services: {{players: {{discover: {{etcd: players, {allowed}}}}}}}\n{ROUTES}"


WAYS = pytest.mark.parametrize("way", [registering, found])


@WAYS
@pytest.mark.parametrize(
    "rest",
    [
        "routes: [/live/]",
        "routes: [/live/], auth_none: false",
    ],
)
def test_prefixes_are_no_good_where_no_token_is_believed_and_none_must_be_shown(
    way: Callable[[str], str], rest: str
) -> None:
    (said,) = complaints(way(rest), ENVIRON)
    place = "registration.tokens[0]" if way is registering else "services.players.discover"
    assert f"{place}.routes: no route can be declared" in said
    assert "write `identity: {issuers: […]}`" in said
    assert complaints(way(rest) + ISSUERS, ENVIRON) == []


@WAYS
@pytest.mark.parametrize("issuers", ["", ISSUERS])
def test_whoever_lets_everybody_in_needs_no_issuer(way: Callable[[str], str], issuers: str) -> None:
    assert complaints(way("routes: [/live/], auth_none: true") + issuers, ENVIRON) == []


def test_what_is_of_another_kind_is_left_to_others() -> None:
    text = f"registration: {{tokens: x}}\nservices: {{players: x}}\n{ROUTES}"
    assert not [one for one in complaints(text, ENVIRON) if "can be declared" in one]


@WAYS
def test_who_may_declare_routes_is_known_by_name(way: Callable[[str], str]) -> None:
    def known(rest: str) -> tuple[str, ...]:
        return declarers(loaded(way(rest), ENVIRON).settings)

    assert known("routes: [/live/], auth_none: true") == ("players",)
    assert known("") == ()
