"""Who may register what, as operators write it."""

import hashlib

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, ROUTES, complaints, loaded
from tta_gateway.features.registration.bound import RegistrationBound, Token
from tta_gateway.kernel.route import Breaker, Maintenance, Respond, Route
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.registration import compile

ENVIRON = {"TOKEN": "a-token-of-the-players", "SAME": "a-token-of-the-players"}
GUARDED = """services:
  players:
    endpoints: ["http://127.0.0.1:9001"]
    breaker: {failures: 7}
    fallback: {respond: {status: 503, body: later}}
    sticky: {by: header, name: X-Player}
"""
INSIDE = "listen: [127.0.0.1:8080, {address: 127.0.0.1:8083, internal: true}]\n"


def text(written: str, rest: str = "") -> str:
    tokens = f"{{token: {{env: TOKEN}}, services: [players]{written}}}{rest}"
    return f"{INSIDE}{PLAYERS}{ROUTES}registration: {{tokens: [{tokens}]}}\n"


def like(service: str) -> Route:
    return Route(name="/", path="/", service=service, maintenance=Maintenance())


def bound(written: str) -> RegistrationBound:
    return compile(loaded(text(written), ENVIRON).settings.registration, like)


def wrong(written: str, rest: str = "", **environ: str) -> str:
    return "\n".join(complaints(text(written, rest), {**ENVIRON, **environ}))


def test_a_token_becomes_its_digest_and_what_it_may() -> None:
    written = ", routes: [/api/v1/players/, /own], auth_none: true"
    assert bound(written) == RegistrationBound(
        tokens=(
            Token(
                digest=hashlib.sha256(b"a-token-of-the-players").digest(),
                services=("players",),
                routes=("/api/v1/players/", "/own"),
                auth_none=True,
            ),
        ),
        likes={"players": like("players")},
    )


def test_without_a_token_nobody_registers() -> None:
    made = compile(loaded("").settings.registration, like)
    assert made == RegistrationBound()


@pytest.mark.parametrize("token", ["short", "a token with its spaces", "ein-tökchen-mit-umlaut"])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token: str) -> None:
    said = wrong("", TOKEN=token)
    assert "`openssl rand -hex 32` makes one" in said
    assert token not in said


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (", routes: [api], auth_none: true", "`api` is not how a path begins"),
        (", routes: ['/{x}/'], auth_none: true", "`/{x}/` must be literal"),
        (", routes: ['/%61/'], auth_none: true", "`/%61/` must be literal"),
        (", routes: [/a/]", "no route can be declared: it would ask for an access token"),
        (", auth_none: true", "has no effect without `routes`"),
    ],
)
def test_what_would_do_nothing_or_too_much_is_refused(written: str, sentence: str) -> None:
    assert sentence in wrong(written)


def test_two_tokens_differ() -> None:
    rest = ", {token: {env: SAME}, services: [players]}"
    assert "two of them are the same" in wrong("", rest)


def test_nothing_shows_a_token() -> None:
    settings = loaded(text(""), ENVIRON).settings
    assert ENVIRON["TOKEN"] not in repr(settings)


def test_a_route_that_a_service_declares_is_as_the_operator_s_own_would_be() -> None:
    written = text(", routes: [/api/v1/players/], auth_none: true")
    written = written.replace(PLAYERS, GUARDED)
    snapshot = compile_snapshot(loaded(written, ENVIRON).settings, 1)
    made = msgspec.msgpack.decode(snapshot.features["registration"], type=RegistrationBound)
    like = made.likes["players"]
    assert like.breaker == Breaker(failures=7)
    assert like.fallback is not None
    assert like.fallback.respond == Respond(status=503, body="later")
    assert "sticky" in like.features


SIGNED = ", safety: {secret: {env: SAME}}"


def test_a_token_may_let_its_services_be_told_of_people_in_need() -> None:
    made = bound(SIGNED)
    assert made.tokens[0].safety
    assert made.safety == {"players": ENVIRON["SAME"]}
    assert not bound("").tokens[0].safety


def test_what_one_service_is_told_is_signed_with_one_secret() -> None:
    rest = ", {token: {env: SECOND}, services: [players], safety: {secret: {env: SECOND}}}"
    found = wrong(SIGNED, rest, SECOND="another-token-of-players")
    assert "signs what `players` is told with two secrets" in found
    assert "another-token" not in found
