"""Login providers, as operators write them; the rest stands in the golden files."""

import json

import msgspec
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.identity.bound import External, IdentityBound, Issuing
from tta_gateway.settings.compile import compile_snapshot

PLACE = "identity.issuing.providers"
CLINIC = "name: clinic, issuer: 'https://id.example', client_id: tta"
SECRET = "0123456789abcdef" * 4


def written(*told: str, more: str = "") -> str:
    each = ", ".join(f"{{{one}}}" for one in told)
    return f"identity: {{issuing: {{url: 'https://gate', providers: [{each}]{more}}}}}\n"


def bound(text: str, **environ: str) -> Issuing:
    raw = compile_snapshot(loaded(text, environ).settings, 1).features["identity"]
    issuing = msgspec.msgpack.decode(raw, type=IdentityBound).issuing
    assert issuing is not None
    return issuing


def test_little_is_enough() -> None:
    (found,) = bound(written(CLINIC)).providers
    assert found == External(name="clinic", issuer="https://id.example", client_id="tta")
    assert repr(found) == "<provider clinic>"


def test_by_what_the_gateway_is_known_there() -> None:
    text = written(f"{CLINIC}, client_secret: {{env: SECRET}}", more=", pseudonyms: {env: OTHER}")
    issuing = bound(text, SECRET="s3cret", OTHER=SECRET)
    assert issuing.providers[0].secret == "s3cret"
    assert len(issuing.pseudonyms) == 32
    for key in (OKPKey.generate_key("Ed25519"), ECKey.generate_key("P-256"), RSAKey.generate_key()):
        jwk = json.dumps(key.as_dict(private=True))
        (found,) = bound(written(f"{CLINIC}, key: {{env: KEY}}"), KEY=jwk).providers
        assert found.key == jwk.encode()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (OKPKey.generate_key("Ed25519").as_dict(private=False), "must be a private JWK"),
        (OctKey.generate_key(256).as_dict(private=True), "must be a private JWK"),
        ({"kty": "EC", "crv": "P-384"}, "is on a curve"),
        ("", "must be a JWK in JSON"),
        ({**OKPKey.generate_key("Ed25519").as_dict(private=True), "d": 1}, "must be a private JWK"),
    ],
)
def test_what_is_no_key(key: object, words: str) -> None:
    text = written(f"{CLINIC}, key: {{env: KEY}}")
    (told,) = complaints(text, {"KEY": json.dumps(key)})
    assert f"{PLACE}[0].key" in told
    assert words in told


def test_two_ways_of_being_known_are_one_too_many() -> None:
    text = written(f"{CLINIC}, client_secret: {{env: A}}, key: {{env: B}}")
    key = json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True))
    (told,) = complaints(text, {"A": SECRET, "B": key})
    assert "take one of the two out" in told


def test_names_tell_people_apart() -> None:
    (told,) = complaints(written(CLINIC, CLINIC))
    assert "two of them have one name" in told
    (told,) = complaints(written(CLINIC.replace("clinic", "gateway")))
    assert "is the gateway itself" in told
