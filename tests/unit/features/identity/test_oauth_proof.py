"""Which client asks; the attacks stand in tests/contract/identity."""

import base64
import json

import pytest
from joserfc.jwk import ECKey, OctKey

from tta_gateway.features.identity.oauth_client import OAuthClient, Terms
from tta_gateway.features.identity.oauth_proof import (
    ASSERTION,
    Said,
    _good_until,
    digest,
    keys_of,
    new_secret,
    said,
)
from tta_gateway.kernel.errors import ClientFault

NOW = 1_800_000_000.0
CLAIMS: dict[str, object] = {
    "iss": "c",
    "sub": "c",
    "aud": "https://gate",
    "jti": "1",
    "exp": NOW + 60.0,
}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def assertion(claims: object) -> str:
    parts = [json.dumps(one).encode() for one in ({"alg": "EdDSA"}, claims)]
    digits = [base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts]
    return ".".join([*digits, "c2ln"])


def test_a_client_says_who_it_is_in_one_way() -> None:
    assert said("", {"client_id": "c"}) == Said("c")
    assert said("", {"client_id": "c", "client_secret": "s"}) == Said("c", "s")
    assert said(basic("c%2Fd:s+t"), {}) == Said("c/d", "s t")
    assert said(basic("c:s:t"), {"client_id": "c"}) == Said("c", "s:t")
    assert said("Bearer x", {"client_id": "c"}) == Said("c")
    shown = assertion({"sub": "c"})
    form = {"client_assertion": shown, "client_assertion_type": ASSERTION}
    assert said("", form) == Said("c", assertion=shown)
    assert said("", {**form, "client_id": "c"}).client_id == "c"


@pytest.mark.parametrize(
    ("authorization", "form", "code"),
    [
        ("", {}, "identity_oauth_client_refused"),
        ("Basic !", {}, "identity_oauth_client_refused"),
        ("Basic /w==", {}, "identity_oauth_client_refused"),
        (basic("c"), {}, "identity_oauth_client_refused"),
        (basic("c:s"), {"client_id": "d"}, "identity_oauth_client_refused"),
        (basic("c:s"), {"client_secret": "s"}, "identity_oauth_request_invalid"),
        ("", {"client_assertion": "x"}, "identity_oauth_request_invalid"),
        (
            "",
            {"client_assertion": "x", "client_assertion_type": ASSERTION},
            "identity_oauth_client_refused",
        ),
        (
            "",
            {
                "client_assertion": assertion({"sub": "c"}),
                "client_assertion_type": ASSERTION,
                "client_id": "d",
            },
            "identity_oauth_client_refused",
        ),
        (
            "",
            {"client_assertion": assertion({"sub": 7}), "client_assertion_type": ASSERTION},
            "identity_oauth_client_refused",
        ),
    ],
)
def test_a_client_that_says_it_otherwise_is_refused(
    authorization: str, form: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientFault) as fault:
        said(authorization, form)
    assert fault.value.problem.code == code


def test_an_assertion_counts_until_it_has_expired() -> None:
    assert _good_until(CLAIMS, "c", "https://gate", now=NOW) == NOW + 90.0
    for changed in (
        {"iss": "d"},
        {"aud": "https://else"},
        {"jti": ""},
        {"exp": NOW - 31.0},
        {"exp": True},
        {"exp": 1e13},
        {"nbf": NOW + 31.0},
        {"iat": "x"},
    ):
        assert _good_until({**CLAIMS, **changed}, "c", "https://gate", now=NOW) is None


def test_secrets_are_all_chance_and_can_be_recognised() -> None:
    one = new_secret()
    assert one.startswith("tta_cs_")
    assert (len(one), one == new_secret()) == (50, False)
    assert digest(one) != digest(one + "x")


def test_a_client_s_keys_are_public_ones() -> None:
    public = json.dumps(ECKey.generate_key("P-256").as_dict(private=False))
    secret = json.dumps(OctKey.generate_key(256).as_dict())
    useless = json.dumps({"kty": "OKP", "crv": "X25519", "x": "AA"})
    terms = Terms(kind="confidential", keys=(public, secret, useless))
    client = OAuthClient("c", "c", terms, "active", 0.0, "e")
    assert [sorted(key.algorithms) for key in keys_of(client)] == [["ES256"]]
