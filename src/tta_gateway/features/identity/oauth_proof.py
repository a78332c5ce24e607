"""Which client asks, and whether it is that one (RFC 6749 2.3, RFC 7523 2.2 and 3).

A client shows who it is in one way.  An assertion is signed with a key of the client's, is for this
gateway alone, is short-lived, and counts once.  Failures are counted by client and address: a
secret is 256 bits of chance and cannot be guessed, so that nobody is let to lock out a service by
failing in its name from elsewhere.
"""

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import Final
from urllib.parse import unquote_plus

from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.jws import Malformed, encoded, objects, read
from tta_gateway.features.identity.key import Key, UnusableKey, key_of
from tta_gateway.features.identity.names import account_key, address_key
from tta_gateway.features.identity.oauth_client import OAuthClient
from tta_gateway.features.identity.oauth_problems import (
    OAUTH_CLIENT,
    OAUTH_REQUEST,
    OAUTH_WAITING,
)
from tta_gateway.features.identity.oauth_public import TOKEN
from tta_gateway.features.identity.oauth_store import OAuthClients
from tta_gateway.features.identity.store import ACTIVE, Failures
from tta_gateway.kernel.errors import ClientFault

ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
METHODS: Final = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
ALGORITHMS: Final = ("EdDSA", "ES256", "RS256")
_PREFIX: Final = "tta_cs_"
"""begins every secret, so that scanners of sources find it"""
_TYPES: Final = ("", "jwt", "client-authentication+jwt")
_LONGEST: Final = 3600.0  # seconds that an assertion may live: as long as those of libraries do
_SKEW: Final = 30.0  # seconds that its clock may differ
_LONGEST_ID: Final = 256  # characters of a `jti`


def new_secret() -> str:
    """Return a secret."""
    return _PREFIX + encoded(secrets.token_bytes(32)).decode()


def digest(text: str) -> bytes:
    """Return what is kept of a secret or a code.  It is all chance: no slow hash is needed."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


@dataclass(frozen=True, slots=True)
class Said:
    """What a client says of itself; at most one of the two is there."""

    client_id: str
    secret: str = ""
    assertion: str = ""


def said(authorization: str, form: Mapping[str, str]) -> Said:
    """Return what a client says of itself; ClientFault if it does in two ways, or none."""
    secret, assertion = form.get("client_secret", ""), form.get("client_assertion", "")
    kind, _, shown = authorization.partition(" ")
    is_basic = kind.lower() == "basic"
    if [is_basic, bool(secret), bool(assertion)].count(True) > 1:
        raise ClientFault(OAUTH_REQUEST, "The client shows who it is in two ways: take one.")
    if is_basic:
        return _of_basic(shown.strip(), form.get("client_id", ""))
    if assertion:
        if form.get("client_assertion_type") != ASSERTION:
            raise ClientFault(OAUTH_REQUEST, f"client_assertion_type must be `{ASSERTION}`.")
        return Said(_claimed(assertion, form.get("client_id", "")), assertion=assertion)
    if not form.get("client_id"):
        raise ClientFault(OAUTH_CLIENT, "No client has said which it is.")
    return Said(form["client_id"], secret)


def _of_basic(shown: str, beside: str) -> Said:
    """Read RFC 7617; both parts are encoded as in a form (RFC 6749 2.3.1)."""
    try:
        name, colon, secret = base64.b64decode(shown, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise ClientFault(OAUTH_CLIENT, "The Authorization field is not as Basic has it.") from None
    client_id = unquote_plus(name)
    if not colon or (beside and beside != client_id):
        raise ClientFault(OAUTH_CLIENT, "Two clients are named, or none.")
    return Said(client_id, unquote_plus(secret))


def _claimed(assertion: str, beside: str) -> str:
    """Return whose assertion it says it is: nothing of it is proved."""
    try:
        claims = objects(read(assertion.encode("ascii", "replace")).payload)
    except Malformed:
        claims = {}
    subject = claims.get("sub")
    name = subject if isinstance(subject, str) else ""
    if not name or (beside and beside != name):
        raise ClientFault(OAUTH_CLIENT, "The assertion is none, or of another client.")
    return name


class Proof:
    """Looks at what clients show."""

    def __init__(
        self,
        clients: OAuthClients,
        failures: Failures,
        *,
        issuing: Callable[[], Issuing],
        key: Callable[[], bytes],
        wall: Callable[[], float],
    ) -> None:
        """Ask these; `key` is that of the nodes, for what stands for names among failures."""
        self._clients = clients
        self._failures = failures
        self._issuing = issuing
        self._key = key
        self._wall = wall

    async def client(
        self, authorization: str, form: Mapping[str, str], *, address: str
    ) -> OAuthClient:
        """Return the client that asks; ClientFault."""
        told = said(authorization, form)
        lockout = self._issuing().lockout
        account = account_key(f"oauth {told.client_id} {address}", self._key())
        place = address_key(address, self._key())
        wait = await self._failures.waits([account, place], now=self._wall())
        if not wait:
            found = await self._clients.of(told.client_id)
            if found is not None and found.state == ACTIVE and await self._is_it(found, told):
                return found
            keys = [(account, lockout.account), (place, lockout.address)]
            wait = await self._failures.count(keys, now=self._wall())
        if wait:
            raise ClientFault(replace(OAUTH_WAITING, retry_after=int(wait) + 1))
        raise ClientFault(OAUTH_CLIENT)

    async def _is_it(self, client: OAuthClient, told: Said) -> bool:
        if client.is_public:
            return not told.secret and not told.assertion
        if told.assertion:
            return await self._has_asserted(client, told.assertion)
        shown = digest(told.secret)
        return any(compare_digest(one.digest, shown) for one in client.secrets)

    async def _has_asserted(self, client: OAuthClient, assertion: str) -> bool:
        """Tell whether an assertion is this client's, and is shown for the first time."""
        signed = read(assertion.encode("ascii", "replace"))
        if signed.type not in _TYPES or not any(
            signed.algorithm in key.algorithms
            and signed.key_id in ("", key.id)
            and key.has_signed(signed.signature, signed.input)
            for key in keys_of(client)
        ):
            return False
        try:
            claims = objects(signed.payload)
        except Malformed:
            return False
        until = _good_until(claims, client.id, self._issuing().url, now=self._wall())
        if until is None:
            return False
        shown = digest(f"{client.id}\0{claims['jti']}")
        return await self._clients.first_shown(shown, until=until)


def keys_of(client: OAuthClient) -> list[Key]:
    """Return the keys of a client; one that another version has let in and this one not is none."""
    found = []
    for one in client.terms.keys:
        try:
            found.append(key_of(json.loads(one)))
        except UnusableKey:
            continue
    return [key for key in found if not key.algorithms.isdisjoint(ALGORITHMS)]


def _good_until(
    claims: Mapping[str, object], client_id: str, issuer: str, *, now: float
) -> float | None:
    """Return until when an assertion must not be shown again; None if it counts for nothing.

    `aud` is one name, ours: what is for others too could be shown here by them (RFC 7523 3).
    """
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        return None
    audience = claims.get("aud")
    named = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    if named not in (issuer, issuer + TOKEN):
        return None
    name = claims.get("jti")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ID:
        return None
    end = _time(claims.get("exp"))
    begins = [_time(claims[one]) for one in ("nbf", "iat") if one in claims]
    if end is None or not now - _SKEW < end <= now + _LONGEST + _SKEW:
        return None
    if any(one is None or one > now + _SKEW for one in begins):
        return None
    return end + _SKEW


def _time(told: object) -> float | None:
    is_number = isinstance(told, int | float) and not isinstance(told, bool)
    return float(told) if is_number and abs(told) < 1e12 else None  # type: ignore[arg-type]
