"""Requests for authorization: read strictly; the attacks stand in tests/contract/identity."""

import pytest

from tta_gateway.features.identity.oauth_client import OAuthClient, Terms
from tta_gateway.features.identity.oauth_request import (
    NotARequest,
    Refused,
    address,
    answer,
    form,
    wish,
)

BACK = "https://app.example.org/back"
CLIENT = OAuthClient(
    "client-1",
    "app",
    Terms(
        kind="public",
        redirect_uris=(BACK,),
        grants=("authorization_code",),
        scopes=("openid", "play"),
    ),
    "active",
    0.0,
    "e1",
)
SAID = {
    "response_type": "code",
    "client_id": CLIENT.id,
    "redirect_uri": BACK,
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
}


def test_a_form_is_read() -> None:
    assert form("a=b&c=d+e%26&empty=") == {"a": "b", "c": "d e&"}
    assert form("") == {}


@pytest.mark.parametrize(
    "text",
    ["a=1&a=2", "a=1&a=", "a", "a=%ff", "a=%00", "&", "a=" + "x" * 4097, "&".join(["a=1"] * 65)],
)
def test_what_is_no_form_is_refused(text: str) -> None:
    with pytest.raises(NotARequest):
        form(text)


def test_an_address_is_of_the_client_that_asks() -> None:
    assert address(CLIENT, SAID) == BACK
    with pytest.raises(NotARequest, match="not known"):
        address(None, SAID)
    with pytest.raises(NotARequest, match="not one of the program's"):
        address(CLIENT, {**SAID, "redirect_uri": "https://evil.test"})


def test_a_wish_is_what_was_said_of_what_is_known() -> None:
    said = {**SAID, "scope": "openid play", "nonce": "n", "prompt": "login", "max_age": "60"}
    found = wish(CLIENT, {**said, "other": "x", "login_hint": "ada"})
    assert (found.scope, found.nonce) == ("openid play", "n")
    assert found.prompts == {"login"}
    assert (found.max_age, found.hint) == (60.0, "ada")
    assert "other" not in found.said
    assert wish(CLIENT, SAID).scope == "play"
    assert wish(CLIENT, {**SAID, "nonce": "n"}).nonce == ""


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"prompt": "none consent"}, "invalid_request"),
        ({"max_age": "1e3"}, "invalid_request"),
        ({"code_challenge": "c" * 42}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "x"}, "request_uri_not_supported"),
    ],
)
def test_a_wish_is_refused_in_words(changed: dict[str, str], error: str) -> None:
    with pytest.raises(Refused) as refusal:
        wish(CLIENT, {**SAID, **changed})
    assert refusal.value.error == error
    assert refusal.value.description


def test_what_must_be_there_is() -> None:
    for name in ("response_type", "code_challenge", "code_challenge_method"):
        with pytest.raises(Refused) as refusal:
            wish(CLIENT, {key: value for key, value in SAID.items() if key != name})
        assert refusal.value.error == "invalid_request"


def test_a_client_that_may_not_ask_for_codes_does_not_get_one() -> None:
    other = OAuthClient("c", "c", Terms(kind="confidential"), "active", 0.0, "e")
    with pytest.raises(Refused) as refusal:
        wish(other, SAID)
    assert refusal.value.error == "unauthorized_client"


def test_an_answer_keeps_the_query_of_its_address_and_says_who_answers() -> None:
    assert answer(BACK, "https://gate", "s t", [("code", "c&d")]) == (
        f"{BACK}?code=c%26d&state=s+t&iss=https%3A%2F%2Fgate"
    )
    assert answer(f"{BACK}?a=b", "https://gate", "", [("code", "c")]) == (
        f"{BACK}?a=b&code=c&iss=https%3A%2F%2Fgate"
    )
