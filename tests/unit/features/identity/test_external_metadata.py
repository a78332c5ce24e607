"""What a provider says of itself, and what of it nobody could log in by."""

import json

import pytest

from tta_gateway.features.identity.external_metadata import Metadata, metadata_in

ISSUER = "https://id.example"
GOOD: dict[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example/auth",
    "token_endpoint": "https://other.example/token",
    "jwks_uri": "https://id.example/keys",
}


def described(**changed: object) -> Metadata:
    told = {name: said for name, said in {**GOOD, **changed}.items() if said is not None}
    return metadata_in(json.dumps(told).encode(), ISSUER)


def test_what_must_be_there_is_enough() -> None:
    assert described() == Metadata(
        authorization="https://id.example/auth",
        token="https://other.example/token",
        keys="https://id.example/keys",
    )


def test_what_else_it_says() -> None:
    found = described(
        userinfo_endpoint="https://id.example/me",
        end_session_endpoint="https://id.example/end",
        authorization_response_iss_parameter_supported=True,
        code_challenge_methods_supported=["plain", "S256"],
    )
    assert (found.userinfo, found.end_session) == (
        "https://id.example/me",
        "https://id.example/end",
    )
    assert found.says_issuer


@pytest.mark.parametrize(
    ("said", "basic"),
    [
        (None, True),
        (["client_secret_post"], False),
        (["client_secret_post", "client_secret_basic"], True),
        (["private_key_jwt"], True),
    ],
)
def test_where_a_secret_stands(said: object, basic: bool) -> None:
    assert described(token_endpoint_auth_methods_supported=said).takes_basic is basic


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"issuer": "https://id.example/"}, "of another `issuer`"),
        ({"issuer": None}, "of another `issuer`"),
        ({"token_endpoint": None}, "names no `token_endpoint`"),
        ({"token_endpoint": 1}, "names no `token_endpoint`"),
        ({"authorization_endpoint": "http://id.example/auth"}, "`authorization_endpoint` must"),
        ({"jwks_uri": "javascript:x"}, "`jwks_uri` must"),
        ({"end_session_endpoint": "https://a@b/"}, "`end_session_endpoint` must"),
        ({"code_challenge_methods_supported": ["plain"]}, "`S256`"),
    ],
)
def test_what_nobody_could_log_in_by(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        described(**changed)


def test_what_is_no_description() -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        metadata_in(b"[]", ISSUER)
