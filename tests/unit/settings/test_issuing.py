"""Issuing, as operators write it: compiled, and refused with what to write instead."""

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, complaints, loaded
from tta_gateway.features.identity.bound import IdentityBound, Issuing, Limits
from tta_gateway.kernel.route import Route
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load_text
from tta_gateway.settings.show import show
from tta_gateway.snapshot.model import Snapshot

URL = "url: https://gate.example/"
ENVIRON = {"SEAL": "kanarie" * 5, "SHORT": "kanarie"}
HOUR = 3600.0


def issuing(text: str = "") -> str:
    return f"identity: {{issuing: {{{URL}{', ' if text else ''}{text}}}}}\n"


def compiled(text: str) -> Snapshot:
    return compile_snapshot(loaded(text, ENVIRON).settings, 1)


def bound(text: str) -> IdentityBound:
    raw = compiled(text).features["identity"]
    return msgspec.msgpack.decode(raw, type=IdentityBound)


def of_control(text: str) -> Issuing:
    found = bound(text).issuing
    assert found is not None
    return found


def own_routes(text: str) -> list[Route]:
    return [one for one in compiled(text).routes if one.service == "gateway"]


def test_without_it_nothing_is_issued() -> None:
    assert (bound("").own, bound("").issuing) == (None, None)
    assert [one.path for one in own_routes("")] == ["/v1/drills", "/api/v1/openapi.json"]


def test_what_is_left_out_is_as_usual() -> None:
    found = of_control(issuing())
    assert (found.url, found.audiences, found.algorithm) == (
        "https://gate.example",
        ("tta",),
        "EdDSA",
    )
    assert (found.access, found.grace, found.same_site, found.secure) == (600, 30, "strict", True)
    assert found.seal == b""
    assert found.role_limits["therapist"] == Limits(idle=HOUR / 2, absolute=12 * HOUR)
    assert "player" not in found.role_limits


def test_workers_believe_it_as_the_issuer_that_it_is() -> None:
    own = bound(issuing("audience: [a, b], access: 5m")).own
    assert own is not None
    assert (own.name, own.prefix, own.issuer, own.audiences) == (
        "gateway",
        "",
        "https://gate.example",
        ("a", "b"),
    )
    assert (own.types, own.role_claim, own.longest, own.keys) == (("at+jwt",), "roles", 300.0, ())


def test_everything_can_be_set() -> None:
    found = of_control(
        "cors: {origins: ['https://app.example']}\n"
        "access: {roles: {nurse: {permissions: [notes:read:care]}}}\n"
        + issuing(
            "algorithm: ES256, access: 5m, refresh_grace: 10s, key: {env: SEAL}, "
            "sessions: {idle: 1h, absolute: 2h, roles: "
            "{nurse: {idle: 10m, absolute: 1h}}}, rotation: {every: 48h, ahead: 2h}, "
            "cookie: {same_site: lax, secure: false}, lockout: {account: 3, address: 9, "
            "first: 1s, longest: 2s, forgotten: 3s}"
        )
    )
    assert (found.algorithm, found.access, found.grace, len(found.seal)) == ("ES256", 300, 10, 32)
    assert found.roles["nurse"] == ("notes:read:care",)
    assert found.limits == Limits(idle=HOUR, absolute=7200)
    assert found.role_limits == {"nurse": Limits(idle=600, absolute=HOUR)}
    assert (found.rotate_every, found.rotate_ahead) == (48 * HOUR, 2 * HOUR)
    assert (found.same_site, found.secure, found.origins) == (
        "lax",
        False,
        ("https://app.example",),
    )
    lockout = found.lockout
    assert (lockout.account, lockout.address, lockout.first) == (3, 9, 1.0)
    assert (lockout.longest, lockout.forgotten) == (2.0, 3.0)


def test_its_endpoints_are_in_every_table() -> None:
    paths = {one.path for one in own_routes(issuing())}
    assert {"/api/v1/auth/login", "/.well-known/jwks.json"} <= paths


def test_routes_may_ask_for_a_token_then() -> None:
    guarded = "routes: [{path: /, service: players}]\n"
    assert complaints(issuing() + guarded) == []
    (complaint,) = complaints(guarded)
    assert "`identity: {issuing: …}`" in complaint


def test_a_route_that_takes_one_of_them_is_refused() -> None:
    taken = "routes: [{path: /api/v1/auth/login, service: players, auth: none}]\n"
    (complaint,) = complaints(issuing() + taken)
    assert "write no `identity: {issuing: …}`" in complaint


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("identity: {issuing: {url: gate.example}}\n", "issuing.url", "must be the URL"),
        ("identity: {issuing: {url: 'http://[x'}}\n", "issuing.url", "must be the URL"),
        ("identity: {issuing: {}}\n", "issuing.url", "is missing"),
        (issuing("access: 1s"), "issuing.access", ""),
        (issuing("access: 25h"), "issuing.access", ""),
        (issuing("algorithm: HS256"), "issuing.algorithm", "`EdDSA`, `ES256`, `RS256`"),
        (issuing("key: {env: SHORT}"), "issuing.key", "is shorter than 32 characters"),
        (issuing("key: kanarie"), "issuing.key", "does not stand in the configuration itself"),
        (issuing("rotation: {every: 1h, ahead: 1h}"), "issuing.rotation", "must be shorter"),
        (
            issuing("sessions: {roles: {king: {idle: 1m, absolute: 1m}}}"),
            "identity.issuing.sessions.roles.king",
            "there is no role `king`",
        ),
        ("admin: off\n" + issuing(), "identity.issuing", "`admin: off` leaves out"),
        (
            "database_url: postgresql://me@127.0.0.1/x\n" + issuing(),
            "identity.issuing",
            "must say `key: {file: …}` beside `database_url`",
        ),
        (
            "identity: {issuers: [{name: gateway, secret: {env: SEAL}}]}\n",
            "identity.issuers",
            "`gateway` is the gateway itself",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_words(text: str, place: str, why: str) -> None:
    (complaint,) = complaints(text, ENVIRON)
    assert place in complaint
    assert why in complaint
    assert "kanarie" not in complaint


def test_what_is_shown_can_be_read_again_and_holds_no_secret() -> None:
    first = loaded(issuing("key: {env: SEAL}"), ENVIRON)
    text = show(first.settings, first.document)
    assert "kanarie" not in text
    again = load_text(text, "again", environ=ENVIRON)
    assert compile_snapshot(again.settings, 1) == compile_snapshot(first.settings, 1)


def test_people_register_in_one_place() -> None:
    text = (
        PLAYERS + "identity: {issuing: {url: 'https://gate', registration: open, "
        "delegated: [{name: home, service: players}]}}\n"
    )
    assert "people register there; take one of the two out" in "\n".join(complaints(text))
