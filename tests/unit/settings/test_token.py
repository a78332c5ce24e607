"""What services are shown of who is asking, as operators write it."""

import json
from typing import Final

import msgspec
import pytest
from joserfc.jwk import OctKey, OKPKey

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.token_relay.bound import Relay, TokenRelayBound
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.show import show

SECRET: Final = "k" * 32
PRIVATE: Final = json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True))
ENVIRON: Final = {
    "SECRET": SECRET,
    "SHORT": "k" * 31,
    "KEY": PRIVATE,
    "PUBLIC": json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)),
    "OTHER": json.dumps(OctKey.import_key(SECRET).as_dict(private=True)),
    "NO_JSON": "key",
}


def services(*tokens: str, beside: str = "") -> str:
    lines = [
        f"  s{at}: {{endpoints: ['http://127.0.0.1:90{at:02}'], {token}{'' if at else beside}}}"
        for at, token in enumerate(tokens)
    ]
    routes = "routes: [{path: /, service: s0, auth: none}]"
    return "\n".join(["services:", *lines, routes, ""])


def compiled(token: str) -> dict[str, Relay]:
    snapshot = compile_snapshot(loaded(services(token), ENVIRON).settings, 1)
    return msgspec.msgpack.decode(snapshot.features["token_relay"], type=TokenRelayBound).services


def test_what_is_left_out_is_passed_on_and_needs_nothing_said() -> None:
    assert compiled("") == {}
    assert compiled("token: pass") == {}


def test_a_word_says_the_rest() -> None:
    assert compiled("token: strip") == {"s0": Relay(mode="strip")}


def test_with_a_secret_tokens_are_as_today_s_services_want_them() -> None:
    found = compiled("token: {mode: mint, secret: {env: SECRET}, query: token, lifetime: 1m}")["s0"]
    assert (found.mode, found.audience, found.query, found.lifetime) == ("mint", "", "token", 60.0)


def test_with_a_key_they_are_for_one_service_alone() -> None:
    assert compiled("token: {mode: mint, key: {env: KEY}}")["s0"].audience == "s0"
    assert compiled("token: {mode: mint, key: {env: KEY}, audience: x}")["s0"].audience == "x"


def test_no_secret_is_shown() -> None:
    text = services("token: {mode: mint, key: {env: KEY}}")
    one = loaded(text, ENVIRON)
    shown = show(one.settings, one.document)
    assert json.loads(PRIVATE)["d"] not in shown


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("token: mint", "needs one of the two"),
        ("token: {mode: mint}", "needs one of the two"),
        ("token: {mode: mint, secret: {env: SECRET}, key: {env: KEY}}", "needs one of the two"),
        ("token: {secret: {env: SECRET}}", "mints nothing"),
        ("token: {mode: strip, query: token}", "no effect"),
        ("token: {mode: mint, secret: {env: SHORT}}", "shorter than 32 bytes"),
        ("token: {mode: mint, key: {env: PUBLIC}}", "signs nothing"),
        ("token: {mode: mint, key: {env: OTHER}}", "private JWK of Ed25519"),
        ("token: {mode: mint, key: {env: NO_JSON}}", "JWK in JSON"),
        ("token: {mode: mint, key: {env: KEY}, lifetime: 2h}", "an hour is the most"),
        ("token: {query: 'a b'}", "query"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(token: str, why: str) -> None:
    found = complaints(services(token), ENVIRON)
    assert why in found[0]
    assert SECRET not in str(found)


@pytest.mark.parametrize("where", ["fallback", "route's fallback", "mirror"])
def test_nobody_is_shown_what_is_meant_for_another(where: str) -> None:
    two = ("token: strip", "token: pass")
    text = services(*two, beside=", fallback: s1" if where == "fallback" else "")
    beside = {
        "fallback": "",
        "route's fallback": ", fallback: s1",
        "mirror": ", mirror: {service: s1}",
    }
    text = text.replace("auth: none", f"auth: none{beside[where]}")
    assert "is shown another `token`" in complaints(text, ENVIRON)[0]
    assert complaints(text.replace("token: pass", "token: {mode: strip}"), ENVIRON) == []
