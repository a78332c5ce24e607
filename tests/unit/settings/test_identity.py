"""Whose tokens are believed: read, compiled, and refused with what to write instead."""

import json
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.helpers.certificates import Folder
from tests.helpers.configuration import complaints, loaded
from tests.unit.features.identity.issuing import ISSUER, a_signer, a_token
from tta_gateway.features.identity.bound import CookieBound, IdentityBound, KeySource
from tta_gateway.features.identity.verifier import verifier
from tta_gateway.kernel.principal import Principal
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.show import show

SIGNER: Final = a_signer()
SECRET: Final = "k" * 32
SET: Final = json.dumps({"keys": [SIGNER.as_dict(private=False), {"kty": "EC", "use": "enc"}]})
ENVIRON: Final = {
    "SECRET": SECRET,
    "KEYS": SET,
    "SHORT": "k" * 31,
    "DEFAULT": "your-secret-key-change-in-production",
    "NO_SET": '{"keys": 1}',
    "NO_JSON": "keys",
    "EMPTY": '{"keys": []}',
    "USELESS": '{"keys": [{"kty": "OKP", "crv": "X25519"}]}',
}


def issuer(text: str) -> str:
    return f"identity: {{issuers: [{{name: home, {text}}}]}}\n"


def compiled(text: str) -> IdentityBound:
    snapshot = compile_snapshot(loaded(issuer(text), ENVIRON).settings, 1)
    return msgspec.msgpack.decode(snapshot.features["identity"], type=IdentityBound)


def test_what_is_written_is_what_is_believed() -> None:
    bound = compiled("issuer: https://home, audience: [api], keys: {env: KEYS}, own_subjects: true")
    found = verifier(bound).prove(a_token(SIGNER), ISSUER.leeway + 1_800_000_000.0)
    assert isinstance(found, Principal)
    assert (found.subject, found.issuer) == ("p1", "home")


def test_subjects_of_others_are_told_apart() -> None:
    (found,) = compiled("secret: {env: SECRET}").issuers
    assert found.prefix == "home:"


def test_what_is_left_out_is_as_strict_as_can_be() -> None:
    (found,) = compiled("secret: {env: SECRET}").issuers
    assert (found.needs_expiry, found.roles, found.leeway) == (True, ("player",), 30.0)


def test_everything_can_be_set() -> None:
    (found,) = compiled(
        "secret: {env: SECRET}, roles: [player, researcher], role_claim: groups, "
        "subject_claim: player_id, expiry: optional, longest: 1h, clock_skew: 0"
    ).issuers
    assert (found.roles, found.role_claim) == (("player", "researcher"), "groups")
    assert (found.subject_claim, found.needs_expiry) == ("player_id", False)
    assert (found.longest, found.leeway) == (3600.0, 0.0)


def test_keys_may_be_published_at_a_url(tmp_path: Path) -> None:
    (found,) = compiled("keys_url: 'https://id.example/jwks?a=b'").issuers
    assert (found.keys, found.source) == ((), KeySource(url="https://id.example/jwks?a=b"))
    ca = Folder(tmp_path).ca
    (found,) = compiled(f"issuer: 'https://id.example/a', discover: true, ca: {ca}").issuers
    pem = ca.read_text()
    assert found.source == KeySource(url="https://id.example/a", discovers=True, ca=pem)


def test_authorities_are_for_who_is_asked(tmp_path: Path) -> None:
    found = complaints(issuer(f"secret: {{env: SECRET}}, ca: {Folder(tmp_path).ca}"), ENVIRON)
    assert "`ca` has no effect" in found[0]


@pytest.mark.parametrize("key", ["keys_url: 'https://a/b'", "issuer: 'https://a', discover: true"])
def test_without_control_nobody_would_fetch_keys(key: str) -> None:
    assert "that `admin: off` leaves out" in complaints("admin: off\n" + issuer(key))[0]
    assert complaints("admin: off\n" + issuer("secret: {env: SECRET}"), ENVIRON) == []


def test_no_secret_is_shown() -> None:
    one = loaded(issuer("secret: {env: SECRET}"), ENVIRON)
    assert SECRET not in show(one.settings, one.document)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "one of these"),
        ("secret: {env: SECRET}, keys: {env: KEYS}", "one of these"),
        ("secret: {env: SECRET}, keys_url: 'https://a/b'", "one of these"),
        ("issuer: 'https://a', keys_url: 'https://a/b', discover: true", "one of these"),
        ("keys_url: 'http://a/b'", "must begin with `https://`"),
        ("discover: true", "needs `issuer: https://…`"),
        ("discover: true, issuer: home", "asks at `issuer`, which must be a URL"),
        ("discover: true, issuer: 'https://a/?b'", "must have no `?…`"),
        ("keys_url: 'https://a/b', ca: none.pem", "cannot be read"),
        ("secret: {env: SHORT}", "shorter than 32 bytes"),
        ("secret: {env: DEFAULT}", "anybody can read"),
        (f"secret: {SECRET}", "does not stand in the configuration itself"),
        ("keys: {env: NO_SET}", "JWK set"),
        ("keys: {env: NO_JSON}", "JWK set"),
        ("keys: {env: EMPTY}", "no key that proves signatures"),
        ("keys: {env: USELESS}", "no key that proves signatures"),
        ("secret: {env: SECRET}, roles: [Admin]", "roles[0]"),
        ("secret: {env: SECRET}, expiry: never", "expiry"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(text: str, why: str) -> None:
    found = complaints(issuer(text), ENVIRON)
    assert why in found[0]
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("route", "why"),
    [
        ("auth: required, auth_query: {token: token, subject: player_id}", ""),
        ("auth: optional, auth_query: token", ""),
        ("auth: none, auth_query: token", "no effect with `auth: none`"),
        ("auth: required, auth_query: token, upgrade: off", "no WebSocket is opened here"),
        ("auth: required, auth_query: 'a b'", "auth_query"),
    ],
)
def test_a_route_says_where_websockets_show_theirs(route: str, why: str) -> None:
    text = issuer("secret: {env: SECRET}") + f"routes: [{{path: /, service: players, {route}}}]\n"
    found = complaints(text, ENVIRON)
    assert (why in found[0]) if why else found == []


def test_two_of_one_name_are_refused() -> None:
    one = "{name: home, secret: {env: SECRET}}"
    text = f"identity: {{issuers: [{one}, {one}]}}\n"
    assert "two of them have one name" in complaints(text, ENVIRON)[0]


# --- the cookie of access tokens, and tickets ---------------------------------------------------

ISSUES: Final = "issuing: {url: 'https://gate'}"


def cookie(text: str) -> IdentityBound:
    cors = "cors: {origins: ['https://app'], credentials: true}\n"
    written = f"{cors}identity: {{{ISSUES}, {text}}}\n"
    snapshot = compile_snapshot(loaded(written, ENVIRON).settings, 1)
    return msgspec.msgpack.decode(snapshot.features["identity"], type=IdentityBound)


def test_the_cookie_of_access_tokens_is_off_until_it_is_written() -> None:
    bound = cookie("")
    assert bound.cookie is None
    assert bound.issuing is not None
    assert bound.issuing.access_cookie is None


def test_workers_look_for_the_cookie_that_control_sets() -> None:
    bound = cookie("cookie: {name: __Secure-a, same_site: lax}")
    wanted = CookieBound(name="__Secure-a", same_site="lax", origins=("https://app",))
    assert bound.issuing is not None
    assert bound.cookie == bound.issuing.access_cookie == wanted
    usual = cookie("cookie: {}").cookie
    assert usual is not None
    assert (usual.name, usual.same_site) == ("__Host-tta", "strict")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{ISSUES}, cookie: {{name: tta}}", "cookie.name"),
        (f"{ISSUES}, cookie: {{name: __Host-}}", "cookie.name"),
        (f"{ISSUES}, cookie: {{name: '__Host-a;b'}}", "cookie.name"),
        (f"{ISSUES}, cookie: {{same_site: none}}", "same_site"),
        ("cookie: {}", "`cookie` is set at logins"),
    ],
)
def test_a_cookie_that_browsers_would_not_hold_to_this_host_is_refused(
    text: str, words: str
) -> None:
    found = complaints(f"identity: {{{text}}}\n", ENVIRON)
    assert any(words in one for one in found), found


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("auth: required, auth_ticket: true", ""),
        ("auth: optional, auth_ticket: true, auth_query: token", ""),
        ("auth: none, auth_ticket: true", "no effect with `auth: none`"),
        ("auth: required, auth_ticket: true, auth_query: ticket", "the parameter of tickets"),
        ("auth: required, auth_ticket: true, auth_query: {token: ticket}", "of tickets"),
        ("auth: required, auth_ticket: 7", "auth_ticket"),
    ],
)
def test_what_a_ticket_opens_asks_for_a_token(route: str, words: str) -> None:
    written = f"routes: [{{path: /a, service: players, {route}}}]\nidentity: {{{ISSUES}}}\n"
    found = complaints(written, ENVIRON)
    assert any(words in one for one in found) if words else found == []
