"""What a minted token says."""

import pytest

from tta_gateway.features.token_relay.algorithm import CLAIMED, claims, role_of
from tta_gateway.features.token_relay.bound import Relay
from tta_gateway.kernel.principal import Principal

NOW = 1_800_000_000.0
WHO = Principal(
    subject="p1",
    issuer="home",
    roles=frozenset(("player", "therapist")),
    session="s1",
    methods=frozenset(("pwd", "mfa")),
    level=2,
)


def test_it_says_what_the_platform_reads_and_marks_itself() -> None:
    assert claims(WHO, Relay(mode="mint"), NOW) == {
        "sub": "p1",
        "player_id": "p1",
        "username": "p1",
        "role": "therapist",
        "roles": ["player", "therapist"],
        "mfa_verified": True,
        "session_id": "s1",
        "iat": 1_800_000_000,
        "exp": 1_800_000_300,
        "tta_gateway_inner": True,
    }


def test_nothing_else_of_the_token_that_was_shown_goes_on() -> None:
    told = Principal(subject="p1", issuer="home", claims={"email": "a@example.org", "x": 1})
    said = claims(told, Relay(mode="mint", audience="players"), NOW)
    assert "email" not in said
    assert "x" not in said
    assert "session_id" not in said
    assert said["aud"] == "players"


def test_it_ends_no_later_than_what_was_proved() -> None:
    told = Principal(subject="p1", issuer="home", expires=NOW + 9.5)
    assert claims(told, Relay(mode="mint"), NOW)["exp"] == int(NOW) + 9


def test_a_service_sees_what_a_program_was_let_do() -> None:
    told = Principal(subject="p1", issuer="gateway", scopes=frozenset(("b", "a")), is_narrow=True)
    assert claims(told, Relay(mode="mint"), NOW)["scope"] == "a b"


@pytest.mark.parametrize(
    ("roles", "one"),
    [
        ((), ""),
        (("player",), "player"),
        (("player", "admin"), "admin"),
        (("researcher", "moderator"), "moderator"),
        (("b", "a"), "a"),
        (("a", "player"), "player"),
    ],
)
def test_one_role_stands_for_all(roles: tuple[str, ...], one: str) -> None:
    assert role_of(frozenset(roles)) == one


def test_fields_are_named_as_they_come() -> None:
    assert all(name == name.lower().strip() for name in CLAIMED)
