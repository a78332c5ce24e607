"""What a service says of who has logged in there, and what of it counts."""

import json

import pytest

from tests.unit.features.identity.issuing import NOW
from tta_gateway.features.identity.bound import Delegated, Issuing
from tta_gateway.features.identity.delegated import (
    Found,
    NotUnderstood,
    SecondFactor,
    found_in,
    plain,
    provider_of,
    standing,
)
from tta_gateway.features.identity.jws import encoded
from tta_gateway.features.identity.store import ACTIVE, User

HOME = Delegated(name="home", service="accounts", prefix="home:", roles=("player", "researcher"))
MIRA = {"user_id": "u-1", "username": "mira", "email": "m@example.org", "role": "player"}


def found(told: object, status: int = 200) -> Found | None:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return found_in(status, body, HOME, name="typed")


def token(**claims: object) -> str:
    parts = (json.dumps({"alg": "HS256"}), json.dumps(claims), "signature")
    return b".".join(encoded(one.encode()) for one in parts).decode()


def test_the_platforms_answer_says_who_it_is() -> None:
    assert found({"user_info": MIRA}) == Found("u-1", "mira", frozenset({"player"}))


@pytest.mark.parametrize("role", ["admin", "therapist", "nonsense", ""])
def test_a_role_that_is_not_on_the_list_does_not_count(role: str) -> None:
    told = found({"user_info": {**MIRA, "role": role}, "access_token": token(role="player")})
    assert told is not None
    assert told.roles <= {"player"} - {role}
    assert told.roles == frozenset()


def test_of_several_those_that_are_on_it_do() -> None:
    told = found({"user_info": {**MIRA, "roles": ["admin", "researcher", 7]}})
    assert told is not None
    assert told.roles == {"researcher"}


def test_what_is_not_there_is_looked_for_in_the_token() -> None:
    claims = {"player_id": "u-2", "username": "ada", "role": "player"}
    assert found({"access_token": token(**claims)}) == Found("u-2", "ada", frozenset({"player"}))
    mixed = {"user_info": {"user_id": "u-1"}, "access_token": token(**claims)}
    assert found(mixed) == Found("u-1", "ada", frozenset({"player"}))


def test_a_number_is_a_subject_and_who_is_not_called_anything_is_called_as_typed() -> None:
    assert found({"user": {"user_id": 17}}) == Found("17", "typed", frozenset())


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "n" * 513])
def test_a_name_that_cannot_be_shown_is_none(name: str) -> None:
    told = {"user_info": {**MIRA, "username": name}}
    assert found(told) == Found("u-1", "typed", frozenset({"player"}))
    body = json.dumps(told).encode()
    assert found_in(200, body, HOME, name=name) == Found("u-1", "u-1", frozenset({"player"}))


@pytest.mark.parametrize("status", [400, 401, 403, 422, 423])
def test_a_refusal_is_one_whatever_it_says(status: int) -> None:
    assert found({"user_info": MIRA}, status) is None


@pytest.mark.parametrize("status", [201, 307, 404, 405, 429, 500, 503])
def test_what_is_neither_is_for_operators(status: int) -> None:
    with pytest.raises(NotUnderstood, match=f"answers {status} to /api/v1/auth/login"):
        found({"user_info": MIRA}, status)


@pytest.mark.parametrize(
    "told",
    [
        b"<html>",
        b"[]",
        b'{"a": 1, "a": 2}',
        {},
        {"user_info": []},
        {"user_info": {"user_id": True}},
        {"user_info": {"user_id": "clinic:t1"}},
        {"user_info": {"user_id": "a/b"}},
        {"user_info": {"user_id": "a" * 257}},
        {"access_token": "no token"},
    ],
)
def test_an_answer_that_names_nobody_is_not_understood(told: object) -> None:
    with pytest.raises(NotUnderstood):
        found(told)


def test_nobody_is_called_as_a_client_is() -> None:
    """Red without that: tokens of somebody who is called so would be the client's."""
    body = json.dumps({"user_info": {**MIRA, "user_id": "client-1"}}).encode()
    bare = Delegated(name="home", service="accounts", prefix="", roles=("player",))
    with pytest.raises(NotUnderstood, match="as clients of the gateway are called"):
        found_in(200, body, bare, name="typed")
    told = found_in(200, body, HOME, name="typed")
    assert told is not None
    assert told.subject == "client-1"


def test_a_second_factor_that_is_asked_for_is_said() -> None:
    with pytest.raises(SecondFactor):
        found({"mfa_required": True, "user_info": MIRA})


def test_what_is_lent_counts_as_long_as_the_configuration_lets_it() -> None:
    roles, lent = frozenset({"player", "admin", "researcher"}), frozenset({"player", "researcher"})
    user = User("home:u-1", "u-1", ACTIVE, NOW, NOW, roles, provider="home", lent=lent)
    issuing = Issuing(url="https://home", delegated=(HOME,))
    assert standing(user, issuing) == user
    narrower = Issuing(
        url="https://home", delegated=(Delegated(name="home", service="a", prefix=""),)
    )
    assert standing(user, narrower).roles == {"player", "admin"}
    gone = Issuing(url="https://home")
    assert standing(user, gone).roles == {"admin"}
    assert (provider_of(user, issuing), provider_of(user, gone)) == (HOME, None)
    own = User("u", "ada", ACTIVE, NOW, NOW, roles)
    assert standing(own, gone) is own


def test_nobody_registers_with_a_role() -> None:
    told = {"username": "mira", "role": "admin", "ROLES": ["admin"], "permissions": [], "age": 7}
    assert json.loads(plain(json.dumps(told).encode())) == {"username": "mira", "age": 7}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"role": "player", "role": "admin"}', b"\xff"])
def test_what_is_no_object_is_not_sent_on(body: bytes) -> None:
    with pytest.raises(ValueError, match="The body"):
        plain(body)
