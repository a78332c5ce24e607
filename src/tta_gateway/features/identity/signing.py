"""Keys that sign: made, sealed, and used (RFC 7515, 7517, 7638, 9068)."""

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry

from tta_gateway.features.identity.jws import encoded
from tta_gateway.features.identity.keyring import StoredKey
from tta_gateway.support.crypto.sealing import NotSealed, seal, unseal

TYPE: Final = "at+jwt"
"""What the header's `typ` says (RFC 9068 2.1)."""
_PURPOSE: Final = b"tta-gateway signing key 1 "
_MODULUS: Final = 2048  # bits
Key = OKPKey | ECKey | RSAKey


def made(algorithm: str, sealing: bytes, *, signs_from: float) -> StoredKey:
    """Return a new key for an algorithm, its private part sealed."""
    key = _generated(algorithm)
    name = key.thumbprint()
    public = {**key.as_dict(private=False), "kid": name, "alg": algorithm, "use": "sig"}
    private = json.dumps(key.as_dict(private=True)).encode()
    return StoredKey(
        id=name,
        algorithm=algorithm,
        public=json.dumps(public),
        private=seal(private, key=sealing, purpose=_PURPOSE + name.encode()),
        signs_from=signs_from,
    )


def _generated(algorithm: str) -> Key:
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519")
    if algorithm == "ES256":
        return ECKey.generate_key("P-256")
    return RSAKey.generate_key(_MODULUS)


class Signer:
    """Signs with one key."""

    def __init__(self, key: StoredKey, sealing: bytes) -> None:
        """Unseal it; NotSealed if it was sealed with another key."""
        private = unseal(key.private, key=sealing, purpose=_PURPOSE + key.id.encode())
        self.id = key.id
        self._key = import_key(json.loads(private))
        self._header = {"alg": key.algorithm, "typ": TYPE, "kid": key.id}
        with warnings.catch_warnings():
            # The name of RFC 9864 for it, `Ed25519`, is not known to many who verify.
            warnings.simplefilter("ignore", SecurityWarning)
            self._algorithm = JWSRegistry(algorithms=[key.algorithm]).get_alg(key.algorithm)
        self._algorithm.check_key(self._key)
        self._signature = self._signing()
        self._heads: dict[str, bytes] = {}

    def _signing(self) -> Callable[[bytes], bytes]:
        """Return what signs; Ed25519's key itself, without the looks at it before each time."""
        key = self._key.private_key
        if isinstance(key, Ed25519PrivateKey):
            return key.sign
        return partial(self._algorithm.sign, key=self._key)

    def __repr__(self) -> str:
        """Say which it is, and nothing that is secret."""
        return f"<signer {self.id}>"

    def sign(self, claims: Mapping[str, object], *, kind: str = TYPE) -> str:
        """Return a token of that type that says this (RFC 7515 7.1)."""
        head = self._heads.get(kind)
        if head is None:
            head = encoded(msgspec.json.encode({**self._header, "typ": kind})) + b"."
            self._heads[kind] = head
        signed = head + encoded(msgspec.json.encode(claims))
        return (signed + b"." + encoded(self._signature(signed))).decode()


def is_sealed_with(key: StoredKey, sealing: bytes) -> bool:
    """Tell whether this node can sign with a key."""
    try:
        unseal(key.private, key=sealing, purpose=_PURPOSE + key.id.encode())
    except NotSealed:
        return False
    return True


def key_set(keys: Iterable[StoredKey]) -> dict[str, list[dict[str, object]]]:
    """Return the public parts as a JWK set (RFC 7517 5)."""
    return {"keys": [json.loads(one.public) for one in keys]}
