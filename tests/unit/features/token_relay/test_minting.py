"""Tokens that are minted: good ones, by another library, and no more of them than needed."""

import json
from typing import Final

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from joserfc.jws import JWSRegistry

from tta_gateway.features.token_relay import minting
from tta_gateway.features.token_relay.bound import Relay
from tta_gateway.features.token_relay.minting import Mint, UnusableKey
from tta_gateway.kernel.principal import Principal

NOW = 1_800_000_000.0
WHO = Principal(subject="p1", issuer="home")
SHARED: Final = OctKey.import_key("a secret of the platform as it is today")
OWN: Final = OKPKey.generate_key("Ed25519", {"kid": "k1"})


def jwk(key: OctKey | OKPKey) -> bytes:
    return json.dumps(key.as_dict(private=True)).encode()


def mint(key: OctKey | OKPKey = SHARED) -> Mint:
    return Mint(Relay(mode="mint", key=jwk(key)))


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # many services know no other name
@pytest.mark.parametrize(
    ("key", "algorithm"), [(SHARED, "HS256"), (OWN, "EdDSA")], ids=["HS256", "EdDSA"]
)
def test_another_library_believes_it(key: OctKey | OKPKey, algorithm: str) -> None:
    token = mint(key).token(WHO, NOW).decode()
    registry = JWSRegistry(algorithms=[algorithm])
    told = jwt.decode(token, key, registry=registry)
    assert told.claims["sub"] == "p1"
    assert told.header["alg"] == algorithm
    assert told.header.get("kid") == (key.as_dict().get("kid") if key is OWN else None)


def test_one_serves_until_half_of_its_life_is_over() -> None:
    made = mint()
    first = made.token(WHO, NOW)
    assert made.token(WHO, NOW + 149) == first
    assert made.token(WHO, NOW + 150) != first


def test_it_is_not_shown_when_what_was_proved_is_over() -> None:
    made = mint()
    short = Principal(subject="p1", issuer="home", expires=NOW + 10)
    first = made.token(short, NOW)
    assert made.token(short, NOW + 9) == first
    assert made.token(short, NOW + 10) != first


@pytest.mark.parametrize(
    "changed",
    [
        {"scopes": frozenset(("a",)), "is_narrow": True},
        {"subject": "p2"},
        {"session": "s1"},
        {"roles": frozenset(("admin",))},
        {"expires": NOW + 99},
    ],
)
def test_nobody_is_shown_with_another_s(changed: dict[str, object]) -> None:
    made = mint()
    other = Principal(**{"subject": "p1", "issuer": "home", **changed})  # type: ignore[arg-type]
    assert made.token(WHO, NOW) != made.token(other, NOW)


def test_not_all_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minting, "_MOST", 2)
    made = mint()
    first = made.token(WHO, NOW)
    for number in range(2):
        made.token(Principal(subject=f"other{number}", issuer="home"), NOW)
    assert made.token(WHO, NOW + 1) == first  # of the older generation
    for number in range(9):
        made.token(Principal(subject=f"other{number}", issuer="home"), NOW)
    assert made.token(WHO, NOW + 1) != first


@pytest.mark.parametrize(
    "key",
    [
        b"no JWK",
        b'{"kty": "RSA", "d": "AAAA"}',
        json.dumps(OWN.as_dict(private=False)).encode(),
        b'{"kty": "OKP", "crv": "Ed25519", "d": "AAAA"}',
        b'{"kty": "OKP", "crv": "Ed25519", "d": "A"}',
    ],
    ids=["no JSON", "RSA", "public", "short", "no base64url"],
)
def test_what_signs_nothing_is_refused(key: bytes) -> None:
    with pytest.raises(UnusableKey):
        Mint(Relay(mode="mint", key=key))
