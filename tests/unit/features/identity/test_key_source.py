"""Keys by URL: which URLs are asked, what an answer says, and when to look again."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.unit.features.identity.issuing import a_signer
from tta_gateway.features.identity import key_source
from tta_gateway.features.identity.key_source import (
    LEAST,
    MOST,
    MOST_KEYS,
    USUAL,
    Place,
    keys_url_in,
    lifetime,
    metadata_url,
    place,
    redirected,
    usable_keys,
)

SIGNER: Final = a_signer()
RSA: Final = RSAKey.generate_key(2048)
EC: Final = ECKey.generate_key("P-256")
PUBLIC: Final = SIGNER.as_dict(private=False)


def a_set(*jwks: object) -> bytes:
    return json.dumps({"keys": jwks}).encode()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://id.example/jwks?a=b", Place("id.example", 443, True, "/jwks?a=b")),
        ("https://ID.example:8443", Place("id.example", 8443, True, "/")),
        ("http://127.0.0.1:8080/a", Place("127.0.0.1", 8080, False, "/a")),
        ("http://[::1]/a", Place("::1", 80, False, "/a")),
        ("http://localhost/a", Place("localhost", 80, False, "/a")),
    ],
)
def test_keys_may_be_at_such_a_url(url: str, found: Place) -> None:
    assert place(url) == found


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must be a URL"),
        ("https://a/b c", "must be a URL"),
        ("https://a/b\r\nX: y", "must be a URL"),
        ("https://[::1/a", "must be a URL with a host"),
        ("https://a:x/b", "must be a URL with a host"),
        ("ftp://a/b", "begins with `https://`"),
        ("/jwks", "begins with `https://`"),
        ("https:///jwks", "begins with `https://`"),
        ("https://a{b}/c", "begins with `https://` and a host"),
        ("https://u:p@a/b", "no user"),
        ("https://a/b#c", "no `#…`"),
        ("https://a:0/b", "no port 0"),
        ("http://id.example/jwks", "anybody between"),
        ("http://10.0.0.1/jwks", "anybody between"),
        ("http://127.0.0.1.example/jwks", "anybody between"),
    ],
)
def test_other_urls_are_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        place(url)


@pytest.mark.parametrize("issuer", ["https://a", "https://a/"])
def test_an_issuer_describes_itself_below_its_url(issuer: str) -> None:
    assert metadata_url(issuer) == "https://a/.well-known/openid-configuration"
    assert metadata_url("https://a/b") == "https://a/b/.well-known/openid-configuration"


@pytest.mark.parametrize("issuer", ["home", "https://a?b", "http://a"])
def test_an_issuer_that_is_no_such_url_cannot(issuer: str) -> None:
    with pytest.raises(ValueError, match="must"):
        metadata_url(issuer)


@pytest.mark.parametrize("location", ["/b", "b", "https://a.example:443/b"])
def test_a_redirect_on_the_same_server_is_followed(location: str) -> None:
    assert place(redirected("https://a.example/a", location)).target == "/b"


@pytest.mark.parametrize(
    "location",
    ["https://b.example/b", "//b.example/b", "https://a.example:8443/b", "http://a.example/b"],
)
def test_a_redirect_to_another_is_not(location: str) -> None:
    with pytest.raises(ValueError, match=r"another server|anybody between"):
        redirected("https://a.example/a", location)


def test_a_description_says_where_the_keys_are() -> None:
    told = {"issuer": "https://a", "jwks_uri": "https://keys.example/a"}
    assert keys_url_in(json.dumps(told).encode(), "https://a") == "https://keys.example/a"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON object"),
        (b'{"issuer": "https://a/", "jwks_uri": "https://a/b"}', "of another `issuer`"),
        (b'{"issuer": "https://A", "jwks_uri": "https://a/b"}', "of another `issuer`"),
        (b'{"jwks_uri": "https://a/b"}', "of another `issuer`"),
        (b'{"issuer": "https://a"}', "names no `jwks_uri`"),
        (b'{"issuer": "https://a", "jwks_uri": 1}', "names no `jwks_uri`"),
        (b'{"issuer": "https://a", "jwks_uri": "http://a/b"}', "its `jwks_uri` must begin with"),
    ],
)
def test_a_description_that_is_not_its_own_counts_for_nothing(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        keys_url_in(body, "https://a")


def test_only_keys_that_prove_signatures_are_taken() -> None:
    others = [{"kty": "OKP", "crv": "X25519"}, {**PUBLIC, "use": "enc"}, {"kty": "new"}]
    good = [PUBLIC, RSA.as_dict(private=False), EC.as_dict(private=False)]
    found = usable_keys(a_set(*others, *good), are_public=True)
    assert [json.loads(one)["kty"] for one in found] == ["OKP", "RSA", "EC"]


def test_what_anybody_can_read_is_no_secret() -> None:
    shared: dict[str, Any] = dict(OctKey.generate_key(256).as_dict())
    assert len(usable_keys(a_set(shared, PUBLIC), are_public=True)) == 1
    with pytest.raises(ValueError, match="anybody can read"):
        usable_keys(a_set(shared), are_public=True)
    assert json.loads(usable_keys(a_set(shared), are_public=False)[0]) == shared


def test_of_a_private_key_that_is_published_only_the_public_half_goes_on() -> None:
    (found,) = usable_keys(a_set(SIGNER.as_dict(private=True)), are_public=True)
    assert "d" in SIGNER.as_dict(private=True)
    assert json.loads(found) == {name: one for name, one in PUBLIC.items() if name != "d"}


_WHATEVER: Final = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.text(max_size=4))
)


@given(
    st.sampled_from(("kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops")), _WHATEVER
)
def test_whatever_one_key_says_the_others_are_taken(name: str, value: object) -> None:
    rsa = RSA.as_dict(private=False)
    for odd in (
        {**PUBLIC, name: value},
        {**rsa, name: value},
        {**EC.as_dict(private=False), name: value},
    ):
        found = usable_keys(a_set(odd, PUBLIC), are_public=True)
        assert json.loads(found[-1]) == PUBLIC


def test_there_are_not_more_keys_than_anybody_needs() -> None:
    assert len(usable_keys(a_set(*[PUBLIC] * 100), are_public=True)) == MOST_KEYS


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "no JWK set"),
        (b"{}", "no JWK set"),
        (b'{"keys": [1]}', "no JWK set"),
        (b'{"keys": []}', "there is none in it"),
        (a_set({"kty": "OKP", "crv": "X25519"}), "the last of them is on a curve"),
    ],
)
def test_what_holds_no_key_is_refused_with_the_reason(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        usable_keys(body, are_public=True)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, USUAL),
        ({"cache-control": "public"}, USUAL),
        ({"cache-control": "public, max-age=3600"}, 3600.0),
        ({"cache-control": 'Max-Age="3600"'}, 3600.0),
        ({"cache-control": "max-age=3600", "age": "600"}, 3000.0),
        ({"cache-control": "max-age=3600", "age": "-600"}, 3600.0),
        ({"cache-control": "max-age=3600", "age": "9999999999"}, LEAST),
        ({"cache-control": "max-age=1"}, LEAST),
        ({"cache-control": "max-age=9999999999"}, MOST),
        ({"cache-control": "no-store, max-age=3600"}, LEAST),
        ({"cache-control": "no-cache"}, LEAST),
    ],
)
def test_keys_are_good_as_long_as_is_said_within_bounds(
    fields: dict[str, str], seconds: float
) -> None:
    assert lifetime(fields) == seconds


def test_the_next_look_comes_before_they_are_old_and_not_everywhere_at_once() -> None:
    assert key_source.next_look(100.0, 1.0) == 100.0
    assert key_source.next_look(100.0, 0.0) == 90.0


def test_pauses_after_failures_grow_up_to_five_minutes() -> None:
    assert [key_source.pause(number, 1.0) for number in (1, 2, 3, 9, 10, 1000)] == [
        1.0,
        2.0,
        4.0,
        256.0,
        300.0,
        300.0,
    ]
    assert key_source.pause(1, 0.0) == 0.5
