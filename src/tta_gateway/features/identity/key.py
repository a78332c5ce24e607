"""Keys that prove signatures, each for one algorithm (RFC 7517, 7518, 8037; RFC 8725 3.1).

The algorithm belongs to the key and not to the token: a public key never serves as a secret, and
`none` proves nothing, because no key is for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tta_gateway.features.identity.jws import Malformed, decoded

LEAST_SECRET: Final = 32  # bytes of a key for HS256 (RFC 7518 3.2)
LEAST_MODULUS: Final = 2048  # bits of an RSA key (RFC 7518 3.3)
_P256_BYTES: Final = 32
_WIDELY_KNOWN: Final = frozenset((b"your-secret-key-change-in-production",))
"""secrets that stand in somebody's source"""

Proof: TypeAlias = Callable[[bytes, bytes], None]
"""Takes the signature and what is signed; InvalidSignature if they do not belong together."""


class UnusableKey(ValueError):
    """Proves nothing here; the words, which go on from "the key", are for the operator."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key and what it is for."""

    id: str
    algorithms: frozenset[str]
    """The names of its one algorithm."""
    prove: Proof

    def __repr__(self) -> str:
        """Say which it is, and nothing that is secret."""
        return f"<key {self.id or '-'} {'/'.join(sorted(self.algorithms))}>"

    def has_signed(self, signature: bytes, data: bytes) -> bool:
        """Tell whether the signature is this key's over the data."""
        try:
            self.prove(signature, data)
        except InvalidSignature:
            return False
        return True


def key_of(jwk: Mapping[str, object]) -> Key:
    """Return the key that a JWK is; UnusableKey if it proves no signatures, or too weakly."""
    kind = jwk.get("kty")
    make = _KINDS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise UnusableKey("is of a kind (`kty`) that is not taken: OKP, EC, RSA or oct")
    if jwk.get("use", "sig") != "sig":
        raise UnusableKey("is not for signatures (`use`)")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or not {"verify", "sign"} & {*map(str, operations)}:
        raise UnusableKey("is not for signatures (`key_ops`)")
    names, prove = make(jwk)
    stated = jwk.get("alg")
    if stated is not None and (not isinstance(stated, str) or stated not in names):
        raise UnusableKey(f"is for another algorithm than {' or '.join(sorted(names))} (`alg`)")
    key_id = jwk.get("kid", "")
    return Key(key_id if isinstance(key_id, str) else "", names, prove)


def secret(value: bytes, key_id: str = "") -> Key:
    """Return the key that a shared secret is; UnusableKey if it is short, or known to anybody."""
    if value in _WIDELY_KNOWN:
        raise UnusableKey("is the default of a program, which anybody can read")
    if len(value) < LEAST_SECRET:
        raise UnusableKey(f"is shorter than {LEAST_SECRET} bytes, so that it can be guessed")
    names, prove = _shared(value)
    return Key(key_id, names, prove)


def _octets(jwk: Mapping[str, object]) -> tuple[frozenset[str], Proof]:
    value = _bytes(jwk, "k")
    secret(value)
    return _shared(value)


def _shared(value: bytes) -> tuple[frozenset[str], Proof]:
    def prove(signature: bytes, data: bytes) -> None:
        made = hmac.HMAC(value, SHA256())
        made.update(data)
        made.verify(signature)

    return frozenset(("HS256",)), prove


def _edwards(jwk: Mapping[str, object]) -> tuple[frozenset[str], Proof]:
    if jwk.get("crv") != "Ed25519":
        raise UnusableKey("is on a curve (`crv`) that is not taken: Ed25519")
    point = _bytes(jwk, "x")
    try:
        public = ed25519.Ed25519PublicKey.from_public_bytes(point)
    except ValueError as error:
        raise UnusableKey("holds no point of its curve (`x`)") from error
    # EdDSA is its older name (RFC 8037), Ed25519 the one of RFC 9864.
    return frozenset(("EdDSA", "Ed25519")), public.verify


def _elliptic(jwk: Mapping[str, object]) -> tuple[frozenset[str], Proof]:
    if jwk.get("crv") != "P-256":
        raise UnusableKey("is on a curve (`crv`) that is not taken: P-256")
    x, y = (int.from_bytes(_bytes(jwk, name)) for name in ("x", "y"))
    try:
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError as error:
        raise UnusableKey("holds no point of its curve (`x`, `y`)") from error

    def prove(signature: bytes, data: bytes) -> None:
        if len(signature) != 2 * _P256_BYTES:  # RFC 7518 3.4
            raise InvalidSignature
        r, s = signature[:_P256_BYTES], signature[_P256_BYTES:]
        whole = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
        public.verify(whole, data, ec.ECDSA(SHA256()))

    return frozenset(("ES256",)), prove


def _rsa(jwk: Mapping[str, object]) -> tuple[frozenset[str], Proof]:
    modulus, exponent = (int.from_bytes(_bytes(jwk, name)) for name in ("n", "e"))
    try:
        public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError as error:
        raise UnusableKey("holds no RSA key (`n`, `e`)") from error
    if public.key_size < LEAST_MODULUS:
        raise UnusableKey(f"has a modulus of less than {LEAST_MODULUS} bits (`n`)")

    def prove(signature: bytes, data: bytes) -> None:
        public.verify(signature, data, padding.PKCS1v15(), SHA256())

    return frozenset(("RS256",)), prove


def _bytes(jwk: Mapping[str, object], name: str) -> bytes:
    told = jwk.get(name)
    try:
        return decoded(told.encode("ascii") if isinstance(told, str) else b"=")
    except (Malformed, UnicodeEncodeError) as error:
        raise UnusableKey(f"has no `{name}` in base64url") from error


_KINDS: Final[Mapping[str, Callable[[Mapping[str, object]], tuple[frozenset[str], Proof]]]] = {
    "OKP": _edwards,
    "EC": _elliptic,
    "RSA": _rsa,
    "oct": _octets,
}
