"""Tokens for the gateway alone: good ones; the bad stand in tests/contract/identity."""

import hashlib
import json

import pytest

from tests.unit.features.identity.issuing import NOW, a_key, a_signer, a_token
from tta_gateway.features.identity.bound import External
from tta_gateway.features.identity.external_token import (
    LOGOUT,
    Keys,
    LogoutToken,
    NotBelieved,
    Tokens,
    id_token,
    logout_token,
    told_in,
)
from tta_gateway.features.identity.jws import encoded

CLINIC = External(name="clinic", issuer="https://home", client_id="api")
SIGNER = a_signer()


def shown(*, provider: External = CLINIC, keys: Keys | None = None, **changed: object) -> object:
    token = a_token(SIGNER, {"typ": "JWT"}, **{"nonce": "n", **changed}).decode()
    known = keys or Keys((a_key(SIGNER),))
    return id_token(token, provider, known, nonce="n", access_token="at", now=NOW)["sub"]


def test_a_good_one_says_who_it_is() -> None:
    assert shown() == "p1"
    assert shown(azp="api", aud=["api"]) == "p1"


def test_the_access_token_beside_it_is_held_against_it() -> None:
    half = encoded(hashlib.sha512(b"at").digest()[:32]).decode()
    assert shown(at_hash=half) == "p1"
    with pytest.raises(NotBelieved, match="at_hash"):
        shown(at_hash=half[:-1])


def test_how_long_ago_may_count() -> None:
    strict = External(name="clinic", issuer="https://home", client_id="api", max_age=60.0)
    assert shown(provider=strict, auth_time=NOW - 80) == "p1"
    for wrong in (NOW - 91, None, True, "1", -5):
        with pytest.raises(NotBelieved):
            shown(provider=strict, auth_time=wrong)


def test_a_key_that_is_missing_is_missed() -> None:
    missed: list[bool] = []
    keys = Keys((a_key(a_signer("k2")),), lambda: missed.append(True))
    with pytest.raises(NotBelieved, match="identity_token_unproved"):
        shown(keys=keys)
    assert missed == [True]


def logout(**changed: object) -> LogoutToken:
    said = {"events": {LOGOUT: {}}, "jti": "j", "sub": "p1", "sid": "s", "role": None, **changed}
    token = a_token(SIGNER, {"typ": "logout+jwt"}, **said).decode()
    return logout_token(token, CLINIC, Keys((a_key(SIGNER),)), now=NOW)


def test_whom_a_logout_is_about() -> None:
    assert logout() == LogoutToken("j", "p1", "s", NOW + 620)
    assert logout(sid=None).session == ""
    assert logout(sub=None).subject == ""
    assert logout(exp=NOW + 100_000).until == NOW + 630


@pytest.mark.parametrize(
    "changed",
    [
        {"events": None},
        {"nonce": "n"},
        {"sub": None, "sid": None},
        {"jti": None},
        {"sid": 1},
        {"iat": NOW - 700},
        {"iat": None},
    ],
)
def test_what_is_no_logout(changed: dict[str, object]) -> None:
    with pytest.raises(NotBelieved):
        logout(**changed)


def test_the_answer_with_the_tokens() -> None:
    assert told_in(b'{"id_token": "i", "access_token": "a"}') == Tokens("i", "a")
    for wrong in (b"", b"[]", json.dumps({"id_token": "i"}).encode(), b'{"id_token": 1}'):
        with pytest.raises(ValueError, match="its answer"):
            told_in(wrong)
