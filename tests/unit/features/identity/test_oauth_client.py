"""What a client may do, and where its answers go."""

import pytest

from tta_gateway.features.identity.oauth_client import (
    OAuthClient,
    SecretKept,
    Terms,
    checked,
    is_id,
    is_same,
    named,
)

ROLES = ("player", "service", "auditor")
WEB = ("https://app.example.org/back",)


def a_client(terms: Terms) -> OAuthClient:
    return OAuthClient("client-1", "app", terms, "active", 0.0, "e1")


@pytest.mark.parametrize(
    ("terms", "grants", "roles"),
    [
        (Terms(kind="public", redirect_uris=WEB), ("authorization_code", "refresh_token"), ()),
        (Terms(kind="confidential"), ("client_credentials",), ("service",)),
        (Terms(kind="confidential", roles=("auditor",)), ("client_credentials",), ("auditor",)),
        (
            Terms(kind="public", redirect_uris=WEB, grants=("authorization_code",)),
            ("authorization_code",),
            (),
        ),
    ],
)
def test_what_is_left_out_is_usual(
    terms: Terms, grants: tuple[str, ...], roles: tuple[str, ...]
) -> None:
    found = checked(terms, roles=ROLES)
    assert (found.grants, found.roles) == (grants, roles)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(kind="confidential", grants=("password",)), "There is no grant `password`"),
        (Terms(kind="public"), "is for confidential ones"),
        (Terms(kind="public", redirect_uris=WEB, keys=("{}",)), "A public client has no keys"),
        (Terms(kind="confidential", grants=("refresh_token",)), "allow both"),
        (Terms(kind="confidential", grants=("authorization_code",)), "belong together"),
        (
            Terms(kind="confidential", redirect_uris=WEB, grants=("client_credentials",)),
            "belong together",
        ),
        (Terms(kind="confidential", roles=("wizard",)), "There is no role `wizard`"),
        (Terms(kind="public", redirect_uris=WEB, roles=("service",)), "Roles are for clients"),
        (Terms(kind="confidential", scopes=("a b",)), "`a b` is no scope"),
        (Terms(kind="confidential", scopes=("a",) * 21), "20 scopes"),
        (Terms(kind="public", redirect_uris=WEB * 21), "20 redirect URIs"),
    ],
)
def test_what_cannot_be_is_said(terms: Terms, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked(terms, roles=ROLES)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.org/back",
        "https://app.example.org",
        "https://app.example.org:8443/a/b?c=d",
        "http://127.0.0.1/back",
        "http://127.0.0.1:8000/back",
        "http://[::1]/back",
        "http://localhost:3000/back",
        "org.example.app:/back",
        "org.example.app://back",
    ],
)
def test_an_address_is_taken(uri: str) -> None:
    assert checked(Terms(kind="public", redirect_uris=(uri,)), roles=ROLES).redirect_uris == (uri,)


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.org/back",
        "https://app.example.org/back#part",
        "https://user@app.example.org/back",
        "https://*.example.org/back",
        "https://APP.example.org/",
        "https://app.example.org:0/",
        "https://app.example.org:65536/",
        "https://app.example.org/a b",
        "https://app.example.org\\back",
        "https://app.example.org/back\n",
        "https:///back",
        "javascript:alert(1)",
        "app:/back",
        "/back",
        "",
        "https://app.example.org/" + "a" * 1024,
    ],
)
def test_an_address_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"URI|https://|port"):
        checked(Terms(kind="public", redirect_uris=(uri,)), roles=ROLES)


def test_a_scheme_of_its_own_is_for_programs_on_devices() -> None:
    terms = Terms(kind="confidential", redirect_uris=("org.example.app:/back",))
    with pytest.raises(ValueError, match="for public clients"):
        checked(terms, roles=ROLES)


def test_the_port_of_the_machine_itself_is_free_for_public_clients() -> None:
    here = ("http://127.0.0.1/back",)
    asked = "http://127.0.0.1:4000/back"
    assert a_client(Terms(kind="public", redirect_uris=here)).answers_at(asked)
    assert not a_client(Terms(kind="confidential", redirect_uris=here)).answers_at(asked)
    assert not is_same(here[0], "http://127.0.0.1:0/back")
    assert not is_same(here[0], "http://127.0.0.1:65536/back")
    assert not is_same(WEB[0], "https://app.example.org:444/back")


def test_a_client_has_the_scopes_that_it_asks_for_and_may_have() -> None:
    client = a_client(Terms(kind="public", scopes=("openid", "read", "write")))
    assert client.scope_of("") == "read write"
    assert client.scope_of("openid read read") == "openid read"
    assert client.scope_of("read admin") is None
    assert client.scope_of("read  write") is None


def test_a_secret_has_a_name_and_shows_no_more_of_itself() -> None:
    kept = SecretKept(b"\x01" * 32, 1.0)
    assert kept.name == "AQEBAQEB"
    assert "x01" not in repr(kept)


def test_a_client_s_name_can_be_seen() -> None:
    assert named("  Story player ") == "Story player"
    for bad in ("", " ", "a\nb", "a/b", "a?b", "x" * 129):
        with pytest.raises(ValueError, match="name"):
            named(bad)


def test_an_id_is_one_that_is_made_here() -> None:
    assert is_id("client-0190aa-7")
    for bad in ("", "client-", "other-1", "client-\0", "client-\ud800", "client-" + "x" * 58):
        assert not is_id(bad)
