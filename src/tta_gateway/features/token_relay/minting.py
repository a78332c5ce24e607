"""Mint tokens: compact JWS by one key (RFC 7515), each kept until half of its life is over."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from tta_gateway.features.token_relay.algorithm import claims
from tta_gateway.features.token_relay.bound import Relay
from tta_gateway.kernel.principal import Principal

_MOST: Final = 4096  # tokens of a generation
_json: Final = msgspec.json.Encoder().encode
Sign = Callable[[bytes], bytes]


class _Jwk(msgspec.Struct):
    """A key that signs."""

    kty: str
    k: str = ""
    d: str = ""
    kid: str = ""


class UnusableKey(ValueError):
    """Signs nothing here; the words, which go on from "the key", are for the operator."""


class Mint:
    """Mints the tokens of one service.

    They are remembered in two generations, as those that were proved are.
    """

    def __init__(self, relay: Relay) -> None:
        """Mint by this key; UnusableKey if it signs nothing."""
        header, self._sign = _signer(relay.key)
        self._head = _encoded(_json(header)) + b"."
        self._relay = relay
        self._young: dict[tuple[object, ...], tuple[bytes, float]] = {}
        self._old: dict[tuple[object, ...], tuple[bytes, float]] = {}

    def token(self, principal: Principal, now: float) -> bytes:
        """Return a token that says who is asking, good for a while at this time of the epoch."""
        place = (
            principal.subject,
            principal.session,
            principal.roles,
            principal.level,
            principal.expires,
            principal.scopes if principal.is_narrow else None,
        )
        found = self._young.get(place) or self._old.get(place)
        if found is None or found[1] <= now:
            found = self._made(principal, now)
            if len(self._young) >= _MOST:
                self._old, self._young = self._young, {}
            self._young[place] = found
        return found[0]

    def _made(self, principal: Principal, now: float) -> tuple[bytes, float]:
        said = self._head + _encoded(_json(claims(principal, self._relay, now)))
        renewed = min(now + self._relay.lifetime / 2, principal.expires)
        return said + b"." + _encoded(self._sign(said)), renewed


def _signer(key: bytes) -> tuple[dict[str, str], Sign]:
    try:
        jwk = msgspec.json.decode(key, type=_Jwk)
    except msgspec.DecodeError as error:
        raise UnusableKey("is no JWK in JSON (RFC 7517)") from error
    named = {"kid": jwk.kid} if jwk.kid else {}
    if jwk.kty == "oct":
        return {"alg": "HS256", "typ": "JWT", **named}, _shared(_decoded(jwk.k))
    if jwk.kty == "OKP" and jwk.d:
        try:
            private = Ed25519PrivateKey.from_private_bytes(_decoded(jwk.d))
        except ValueError as error:
            raise UnusableKey("is no private key of Ed25519 (`d`, 32 bytes)") from error
        return {"alg": "EdDSA", "typ": "JWT", **named}, private.sign
    raise UnusableKey("signs nothing: it must be private, of Ed25519 (`kty: OKP`, with `d`)")


def _shared(value: bytes) -> Sign:
    def sign(data: bytes) -> bytes:
        made = hmac.HMAC(value, SHA256())
        made.update(data)
        return made.finalize()

    return sign


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise UnusableKey("is not written in base64url") from error
