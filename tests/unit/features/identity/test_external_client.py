"""How a provider knows the gateway; the asking itself is in tests/contract/identity."""

import json
from base64 import b64decode
from urllib.parse import parse_qsl

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tta_gateway.features.identity.bound import External
from tta_gateway.features.identity.external_client import ASSERTION, token_request
from tta_gateway.features.identity.external_metadata import Metadata
from tta_gateway.support.http_client import Request

BASIC = Metadata("https://i/a", "https://i/t", "https://i/k")
POST = Metadata("https://i/a", "https://i/t", "https://i/k", takes_basic=False)
FORM = {"grant_type": "authorization_code", "code": "c"}


def asked(found: Metadata, **more: object) -> tuple[Request, dict[str, str], dict[str, str]]:
    provider = External(name="c", issuer="https://i", client_id="a b", **more)  # type: ignore[arg-type]
    request = token_request(provider, found, FORM, now=1000.5, unique="u")
    return request, dict(request.fields), dict(parse_qsl(request.body.decode()))


def test_a_secret_stands_in_authorization() -> None:
    request, fields, form = asked(BASIC, secret="s:ö")
    assert (request.method, form) == ("POST", FORM)
    assert fields["content-type"] == "application/x-www-form-urlencoded"
    assert b64decode(fields["authorization"].removeprefix("Basic ")) == b"a+b:s%3A%C3%B6"


def test_or_in_the_form() -> None:
    _, fields, form = asked(POST, secret="s")
    assert "authorization" not in fields
    assert form == {**FORM, "client_id": "a b", "client_secret": "s"}


def test_a_public_client_says_its_name_alone() -> None:
    _, fields, form = asked(BASIC)
    assert "authorization" not in fields
    assert form == {**FORM, "client_id": "a b"}


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (OKPKey.generate_key("Ed25519", {"kid": "k1"}), "EdDSA"),
        (ECKey.generate_key("P-256"), "ES256"),
        (RSAKey.generate_key(2048), "RS256"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*EdDSA")
def test_a_key_signs_an_assertion(key: OKPKey | ECKey | RSAKey, algorithm: str) -> None:
    private = json.dumps(key.as_dict(private=True)).encode()
    _, _, form = asked(BASIC, key=private)
    assert form["client_assertion_type"] == ASSERTION
    read = jwt.decode(form["client_assertion"], key, algorithms=[algorithm])
    assert read.header.get("kid") == key.as_dict().get("kid")
    assert read.claims == {
        "iss": "a b",
        "sub": "a b",
        "aud": "https://i",
        "jti": "u",
        "iat": 1000,
        "exp": 1060,
    }
