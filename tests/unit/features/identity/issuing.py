"""Tokens for tests, issued by another library than the one that looks at them."""

from typing import Final

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tta_gateway.features.identity.bound import Issuer
from tta_gateway.features.identity.key import Key, key_of
from tta_gateway.kernel.principal import Principal

NOW: Final = 1_800_000_000.0
ISSUER: Final = Issuer(name="home", issuer="https://home", audiences=("api",))
Signer = OKPKey | ECKey | RSAKey | OctKey


def somebody(subject: str, expires: float = NOW + 600) -> Principal:
    """Return somebody."""
    return Principal(subject=subject, issuer="home", expires=expires)


def a_signer(key_id: str = "k1") -> OKPKey:
    """Return a key that signs."""
    return OKPKey.generate_key("Ed25519", {"kid": key_id})


def a_key(signer: Signer) -> Key:
    """Return what proves its signatures."""
    return key_of(dict(signer.as_dict(private=isinstance(signer, OctKey))))


def a_token(signer: Signer, header: dict[str, object] | None = None, **changed: object) -> bytes:
    """Return a good token of `ISSUER`, with changed claims; one that is None is left out."""
    algorithm = {"OKP": "Ed25519", "EC": "ES256", "RSA": "RS256", "oct": "HS256"}[signer.key_type]
    key_id = signer.as_dict().get("kid")
    made = {"alg": algorithm, "typ": "at+jwt", **({"kid": key_id} if key_id else {})}
    claims = {
        "iss": "https://home",
        "aud": "api",
        "sub": "p1",
        "iat": NOW - 10,
        "exp": NOW + 590,
        "role": "player",
        **changed,
    }
    told = {name: one for name, one in claims.items() if one is not None}
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    return jwt.encode({**made, **(header or {})}, told, signer, registry=registry).encode()
