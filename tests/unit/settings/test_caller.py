"""Services that are known by their certificates: what agrees, and what is complained about."""

from pathlib import Path

import msgspec
import pytest

from tests.helpers.certificates import Folder
from tests.helpers.configuration import PLAYERS as SERVICES
from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.callers.bound import CallersBound, RouteCallers
from tta_gateway.features.registration.bound import Caller, RegistrationBound
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.snapshot.model import Snapshot

PLAYERS = "spiffe://tta/players"
KNOWN = f"services: [{PLAYERS}, {{id: spiffe://tta/stories, roles: [service]}}]"
ROUTE = f"path: /inside/x, service: players, auth: none, internal: true, callers: [{PLAYERS}]"
CLAIM = f"registration: {{callers: [{{id: {PLAYERS}, services: [players]}}]}}\n"
ENVIRON = {"SECRET": "0123456789abcdef" * 4}


@pytest.fixture
def listen(tmp_path: Path) -> str:
    """Listeners for clients, and for services that show certificates."""
    folder = Folder(tmp_path)
    made = folder.issue("localhost")
    tls = f"{{certificates: [{{certificate: {made['certificate']}, key: {made['key']}}}]"
    return (
        "listen: [127.0.0.1:8080, {address: 127.0.0.1:8083, internal: true, "
        f"tls: {tls}, client_ca: {folder.ca}}}}}]\n"
    )


def text(
    listen: str, route: str = ROUTE, known: str = KNOWN, more: str = "", services: str = SERVICES
) -> str:
    public = "{path: /, service: players, auth: none}"
    return f"{listen}{services}identity: {{{known}}}\n{more}routes: [{public}, {{{route}}}]\n"


def compiled(written: str) -> Snapshot:
    return compile_snapshot(loaded(written, ENVIRON).settings, 1)


def wrong(written: str) -> str:
    return "\n".join(complaints(written, ENVIRON))


def test_services_and_who_may_call_become_what_workers_need(listen: str) -> None:
    snapshot = compiled(text(listen))
    known = msgspec.msgpack.decode(snapshot.features["callers"], type=CallersBound)
    assert known.services == {PLAYERS: (), "spiffe://tta/stories": ("service",)}
    assert known.withdrawn == ()
    route = snapshot.routes[1]
    assert (route.internal, route.name) == (True, "/inside/x (internal)")
    assert msgspec.msgpack.decode(route.features["callers"], type=RouteCallers) == RouteCallers(
        ids=(PLAYERS,)
    )
    public, inside = (one.tls for one in snapshot.listeners)
    assert public is None
    assert inside is not None
    assert inside.proves


def test_a_path_may_be_for_clients_and_for_services_by_routes_of_their_own(listen: str) -> None:
    both = text(listen, ROUTE.replace("/inside/x", "/"))
    assert [one.name for one in compiled(both).routes[:2]] == ["/", "/ (internal)"]
    twice = f"{ROUTE}}}, {{{ROUTE}"
    assert "takes GET /inside/x, and so does the route" in wrong(text(listen, twice))


def test_registration_may_be_claimed_by_a_certificate(listen: str) -> None:
    snapshot = compiled(text(listen, more=CLAIM))
    bound = msgspec.msgpack.decode(snapshot.features["registration"], type=RegistrationBound)
    assert bound.callers == (Caller(id=PLAYERS, services=("players",)),)
    assert bound.claims == bound.callers
    own = [one for one in snapshot.routes if one.path.startswith("/internal/v1/services")]
    told = [msgspec.msgpack.decode(one.features["callers"], type=RouteCallers) for one in own]
    assert told == [RouteCallers(optional=True)] * 3


def test_a_service_alone_may_ask_for_roles_where_no_token_is_wanted(listen: str) -> None:
    assert wrong(text(listen, f"{ROUTE}, roles: [service]")) == ""


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (ROUTE.replace("internal: true, ", ""), "callers: services show certificates at internal"),
        (ROUTE.replace("tta/players", "tta/player"), "callers[0]: `spiffe://tta/player` is not in"),
        (ROUTE.replace("[spiffe", "[SPIFFE"), "is not a SPIFFE id"),
        (ROUTE.replace("tta/players", "tta:1/players"), "is not a trust domain"),
        (ROUTE.replace("[spiffe://tta/players]", "[]"), "callers"),
        (ROUTE.replace("auth: none, ", ""), "or leave it to the certificate: `auth: none`"),
    ],
)
def test_a_route_that_no_service_could_call_is_refused(listen: str, route: str, words: str) -> None:
    assert words in wrong(text(listen, route))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (f"services: [{PLAYERS}, {PLAYERS}]", "twice: keep one of them"),
        (f"services: [{{id: {PLAYERS}, roles: [servce]}}]", "there is no role `servce`"),
        ("services: [https://tta/players]", "is not a SPIFFE id"),
        (f"services: [{PLAYERS}], issuers: [{{name: mtls, secret: {{env: SECRET}}}}]", "speak of"),
        (
            f"services: [{PLAYERS}], issuers: [{{name: spiffe, secret: {{env: SECRET}}}}]",
            "speak of",
        ),
    ],
)
def test_services_that_cannot_be_are_refused(listen: str, known: str, words: str) -> None:
    assert words in wrong(text(listen, known=known))


def test_without_a_listener_that_asks_for_certificates_nobody_could_show_one(listen: str) -> None:
    bare = "listen: [127.0.0.1:8080, {address: 127.0.0.1:8083, internal: true}]\n"
    assert "no service could show a certificate" in wrong(text(bare))
    assert "registration.callers[0].id: no service could show" in wrong(text(bare, more=CLAIM))
    public = "listen: 127.0.0.1:8080\n"
    assert "routes[1].internal: no service could reach it" in wrong(text(public))
    assert listen


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (CLAIM.replace("tta/players", "tta/x"), "is not in `identity.services`"),
        (CLAIM.replace("[players]", "[palyers]"), "there is no service `palyers`"),
        (CLAIM.replace("]}]", "], auth_none: true}]"), "has no effect without `routes`"),
        (
            CLAIM.replace("callers: [{", f"callers: [{{id: {PLAYERS}, services: [players]}}, {{"),
            "twice",
        ),
    ],
)
def test_a_claim_that_cannot_be_is_refused(listen: str, claim: str, words: str) -> None:
    assert words in wrong(text(listen, more=claim))


def test_nobody_takes_what_the_gateway_serves_to_services_itself(listen: str) -> None:
    own = ROUTE.replace("/inside/x", "'/internal/v1/services/{name}'")
    assert "which the gateway answers itself" in wrong(text(listen, own, more=CLAIM))


def test_a_service_may_have_to_prove_an_id(listen: str, tmp_path: Path) -> None:
    players = (
        f"services: {{players: {{endpoints: ['https://10.0.0.1'], ca: {tmp_path / 'ca.pem'}, "
        f"spiffe_id: {PLAYERS}}}}}\n"
    )
    tls = compiled(text(listen, services=players)).services[0].tls
    assert tls is not None
    assert (tls.spiffe_id, tls.server_name) == (PLAYERS, "")
    bare = players.replace(f"ca: {tmp_path / 'ca.pem'}, ", "")
    assert "spiffe_id: is worth nothing by the authorities of this machine" in wrong(
        text(listen, services=bare)
    )
    off = players.replace("spiffe_id", "verification: {mode: off, reason: x}, spiffe_id")
    assert "spiffe_id: has no effect with `verification` off" in wrong(text(listen, services=off))
    plain = players.replace("https:", "http:")
    assert "spiffe_id: has no effect without an endpoint" in wrong(text(listen, services=plain))


def test_certificates_are_withdrawn_by_what_they_are_called(listen: str, tmp_path: Path) -> None:
    names = f'withdrawn: ["0A:bc", "{"AB" * 32}"]'
    proves = f"spiffe_id: '{PLAYERS}', ca: {tmp_path / 'ca.pem'}"
    asked = f"services: {{players: {{endpoints: ['https://127.0.0.1:9'], {proves}}}}}\n"
    written = text(listen, known=f"{KNOWN}, {names}", services=asked)
    snapshot = compiled(written)
    known = msgspec.msgpack.decode(snapshot.features["callers"], type=CallersBound)
    assert known.withdrawn == ("abc", "ab" * 32)
    tls = snapshot.services[0].tls
    assert tls is not None
    assert tls.withdrawn == known.withdrawn
    plain = compiled(text(listen, known=f"{KNOWN}, {names}"))
    assert plain.services[0].tls is None


@pytest.mark.parametrize("name", ["xyz", "", "a" * 41, "0x1f"])
def test_what_calls_no_certificate_is_complained_about(listen: str, name: str) -> None:
    said = wrong(text(listen, known=f'{KNOWN}, withdrawn: ["{name}"]'))
    assert f"identity.withdrawn[0]: `{name}` is neither a serial number" in said
