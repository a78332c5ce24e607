"""Keys: each proves what it has signed, and nothing that another key or another algorithm has."""

import hmac
import json
from typing import Final

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tta_gateway.features.identity.jws import encoded, read
from tta_gateway.features.identity.key import Key, UnusableKey, key_of, secret

Signer = OKPKey | ECKey | RSAKey | OctKey
SIGNERS: Final[dict[str, Signer]] = {
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "HS256": OctKey.generate_key(256, {"kid": "oct"}),
}
ALGORITHMS: Final = sorted(SIGNERS)


def public(signer: Signer) -> dict[str, object]:
    return dict(signer.as_dict(private=isinstance(signer, OctKey)))


def signed(algorithm: str, signer: Signer | None = None) -> tuple[bytes, bytes]:
    """Return a signature of this algorithm, and what is signed."""
    registry = JWSRegistry(algorithms=[algorithm])
    header = {"alg": algorithm}
    made = jws.serialize_compact(header, b"{}", signer or SIGNERS[algorithm], registry=registry)
    found = read(made.encode())
    return found.signature, found.input


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_proves_what_it_has_signed(algorithm: str) -> None:
    key = key_of(public(SIGNERS[algorithm]))
    assert key.has_signed(*signed(algorithm))
    assert algorithm in key.algorithms


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("other", ALGORITHMS)
def test_no_key_proves_what_another_has_signed(algorithm: str, other: str) -> None:
    key = key_of(public(SIGNERS[algorithm]))
    assert key.has_signed(*signed(other)) == (algorithm == other)
    assert (other in key.algorithms) == (algorithm == other)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_changed_byte_is_seen(algorithm: str) -> None:
    key = key_of(public(SIGNERS[algorithm]))
    signature, data = signed(algorithm)
    assert not key.has_signed(bytes((signature[0] ^ 1,)) + signature[1:], data)
    assert not key.has_signed(signature, data + b"x")
    assert not key.has_signed(signature[:-1], data)
    assert not key.has_signed(b"", data)


@pytest.mark.parametrize("size", [64, 63, 65, 0])
def test_a_signature_of_noughts_proves_nothing(size: int) -> None:
    """CVE-2022-21449."""
    key = key_of(public(SIGNERS["ES256"]))
    assert not key.has_signed(bytes(size), b"data")


def test_a_public_key_is_no_secret() -> None:
    """HMAC with the text of a public key is compared with RS256, and proves nothing."""
    signer = SIGNERS["RS256"]
    assert isinstance(signer, RSAKey)
    pem = signer.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = key_of(public(signer))
    assert "HS256" not in key.algorithms
    assert not key.has_signed(hmac.digest(pem, b"data", "sha256"), b"data")


def test_an_elliptic_signature_in_der_is_refused() -> None:
    """RFC 7518 3.4: two numbers of 32 bytes."""
    signer = SIGNERS["ES256"]
    assert isinstance(signer, ECKey)
    key = key_of(public(signer))
    assert not key.has_signed(b"\x30\x06\x02\x01\x01\x02\x01\x01", b"data")


@pytest.mark.parametrize(
    ("jwk", "why"),
    [
        ({}, "kind"),
        ({"kty": "XYZ"}, "kind"),
        ({"kty": ["RSA"]}, "kind"),
        ({"kty": "OKP", "crv": "X25519", "x": "AA"}, "curve"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AA"}, "point"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "ü"}, "base64url"),
        ({"kty": "OKP", "crv": "Ed25519"}, "base64url"),
        ({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}, "curve"),
        ({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, "point"),
        ({"kty": "RSA", "n": "AA", "e": "AQAB"}, "RSA"),
        ({"kty": "oct", "k": "AA"}, "shorter"),
        ({**public(SIGNERS["Ed25519"]), "use": "enc"}, "use"),
        ({**public(SIGNERS["Ed25519"]), "key_ops": ["encrypt"]}, "key_ops"),
        ({**public(SIGNERS["Ed25519"]), "key_ops": "verify"}, "key_ops"),
        ({**public(SIGNERS["RS256"]), "alg": "HS256"}, "RS256"),
        ({**public(SIGNERS["RS256"]), "alg": "none"}, "RS256"),
        ({**public(SIGNERS["RS256"]), "alg": ["RS256"]}, "RS256"),
    ],
)
def test_what_is_no_key_for_signatures_is_refused_and_says_why(
    jwk: dict[str, object], why: str
) -> None:
    with pytest.raises(UnusableKey, match=why):
        key_of(jwk)


def test_a_small_modulus_is_refused() -> None:
    with pytest.raises(UnusableKey, match="2048"):
        key_of({"kty": "RSA", "n": encoded((1 << 1023 | 1).to_bytes(128)).decode(), "e": "AQAB"})


@pytest.mark.parametrize("value", [b"", b"k" * 31, b"your-secret-key-change-in-production"])
def test_a_secret_that_can_be_guessed_is_refused(value: bytes) -> None:
    with pytest.raises(UnusableKey):
        secret(value)


def test_a_secret_proves_what_it_has_signed() -> None:
    key = secret(b"k" * 32, "old")
    assert key.has_signed(*signed("HS256", OctKey.import_key(b"k" * 32)))


def test_a_key_says_which_it_is_and_nothing_secret() -> None:
    assert repr(secret(b"k" * 32, "old")) == "<key old HS256>"
    assert repr(Key("", frozenset(("ES256",)), lambda *_: None)) == "<key - ES256>"


def test_both_names_of_the_edwards_algorithm_are_its_own() -> None:
    assert key_of(public(SIGNERS["Ed25519"])).algorithms == {"EdDSA", "Ed25519"}


def test_a_key_without_an_id_has_none() -> None:
    jwk = {name: value for name, value in public(SIGNERS["Ed25519"]).items() if name != "kid"}
    assert key_of(jwk).id == ""
    assert key_of({**jwk, "kid": 7}).id == ""
    assert key_of(json.loads(json.dumps(public(SIGNERS["Ed25519"])))).id == "ed"
